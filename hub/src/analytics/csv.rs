//! Rows as a table that a spreadsheet opens (RFC 4180) and in which it runs nothing.

use serde::Serialize;

/// The rows with a line of names, by the members of the row; empty without rows.
///
/// # Errors
/// When a row has a member that is no plain value.
pub(crate) fn table<R: Serialize>(rows: &[R]) -> Result<Vec<u8>, csv::Error> {
    let mut plain = csv::Writer::from_writer(Vec::new());
    for row in rows {
        plain.serialize(row)?;
    }
    let plain = plain.into_inner().map_err(|error| error.into_error())?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(&plain[..]);
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for record in reader.records() {
        writer.write_record(record?.iter().map(guarded))?;
    }
    Ok(writer.into_inner().map_err(|error| error.into_error())?)
}

/// A cell that begins like a formula gets an apostrophe in front; numbers stay numbers.
fn guarded(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']);
    if is_formula && cell.parse::<i64>().is_err() && !is_decimal(cell) {
        return format!("'{cell}");
    }
    cell.to_owned()
}

fn is_decimal(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let is_plain = |c: char| c.is_ascii_digit() || c == '.';
    digits.chars().all(is_plain) && digits.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row {
        name: &'static str,
        change: Option<f64>,
        units: i64,
    }

    #[test]
    fn a_table_holds_what_it_is_given_and_nothing_runs() {
        let row = |name, change, units| Row {
            name,
            change,
            units,
        };
        let rows = [
            row("Fries, \"big\"\nones", Some(-1.5), -2),
            row("=1+1", None, 3),
            row("-2+3", None, 0),
            row("\0x", None, 0),
        ];
        let table = String::from_utf8(table(&rows).expect("a table")).expect("text");
        let expected = "name,change,units\r\n\"Fries, \"\"big\"\"\nones\",-1.5,-2\r\n\
                        '=1+1,,3\r\n'-2+3,,0\r\n'\0x,,0\r\n";
        assert_eq!(table, expected);
        for start in ["+a", "@a", "\ta", "\ra", "-", "+1e"] {
            assert!(guarded(start).starts_with('\''), "{start:?}");
        }
    }
}
