//! A menu as a table (CSV, RFC 4180) for spreadsheets, there and back without loss.
//!
//! One row is one thing; `kind` says what it is, `id` names it, and `of` names what it belongs to:
//! the item of a choice, option or part, the region or site of an override. Texts have a column
//! for each language (`name:en`), lists of codes are parted by spaces (`gluten egg`), units of SKUs
//! stand behind a sign of equality (`patty=2 bun=1`). An empty cell is a value that is not given.
//!
//! A spreadsheet takes a cell that begins with one of `= + - @` for a formula, which a name on a
//! menu could use to run something on the computer of whoever opens the file. Such cells are
//! written behind an apostrophe, which reading takes away again.

mod cells;
mod read;
mod write;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use self::read::read;
pub use self::write::write;

/// The columns beside those of languages, in the order in which they are written.
const COLUMNS: [&str; 27] = [
    "kind",
    "of",
    "id",
    "group",
    "currency",
    "category",
    "price",
    "tax_rate",
    "available",
    "station",
    "consumes",
    "allergens",
    "diet",
    "energy_kj",
    "image",
    "preparation_seconds",
    "min",
    "max",
    "quantity",
    "schedule",
    "dayparts",
    "weekdays",
    "valid_from",
    "valid_until",
    "from",
    "to",
    "low_mark",
];
/// Columns of texts, each followed by a language.
const TEXTS: [&str; 2] = ["name:", "description:"];

/// A mistake in a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TableFault {
    /// The line of the file, counted from 1; the header is the first.
    pub line: u64,
    /// Name of the column; empty for the row as a whole.
    pub column: String,
    /// What is wrong.
    pub what: String,
}

/// Begins of cells that a spreadsheet would run, and the sign by which they are kept from it.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
const APOSTROPHE: char = '\'';

fn needs_escape(text: &str) -> bool {
    text.starts_with(FORMULA) || text.starts_with(APOSTROPHE)
}

fn escape(text: &str) -> String {
    if needs_escape(text) {
        format!("{APOSTROPHE}{text}")
    } else {
        text.to_owned()
    }
}

fn unescape(text: &str) -> &str {
    match text.strip_prefix(APOSTROPHE) {
        Some(rest) if needs_escape(rest) => rest,
        _ => text,
    }
}
