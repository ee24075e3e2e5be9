//! A content as a file: JSON, or a table.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::table::{self, TableFault};

/// How a content is written.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    clap::ValueEnum,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Everything as it is.
    #[default]
    Json,
    /// For spreadsheets.
    Csv,
}

impl Format {
    /// The name, which is also what files end with.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }

    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    /// The format of a file by its name.
    pub fn of(file: &Path) -> Self {
        match file.extension() {
            Some(end) if end.eq_ignore_ascii_case("csv") => Self::Csv,
            _ => Self::Json,
        }
    }
}

/// Why a file is no content.
#[derive(Debug)]
pub enum Unreadable {
    /// It is not the JSON that is expected; where and why.
    Json(String),
    /// Every mistake of a table.
    Table(Vec<TableFault>),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => f.write_str(error),
            Self::Table(faults) => {
                let Some(first) = faults.first() else {
                    return f.write_str("it is no table");
                };
                let TableFault { line, column, what } = first;
                write!(f, "line {line}, column {column}: {what}")?;
                match faults.len() {
                    1 => Ok(()),
                    count => write!(f, ", and {} more", count - 1),
                }
            }
        }
    }
}

/// Why a content is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritable {
    /// Read again it would be another: it has faults that a table cannot say.
    Loses,
    /// A defect of ours.
    Failed,
}

/// Reads a content.
///
/// # Errors
/// When it is none.
pub fn read(text: &str, format: Format) -> Result<Content, Unreadable> {
    match format {
        Format::Json => {
            serde_json::from_str(text).map_err(|error| Unreadable::Json(error.to_string()))
        }
        Format::Csv => table::read(text).map_err(Unreadable::Table),
    }
}

/// Writes a content.
///
/// # Errors
/// When the format cannot say it without loss.
pub fn write(content: &Content, format: Format) -> Result<String, Unwritable> {
    match format {
        Format::Json => serde_json::to_string_pretty(content).map_err(|_| Unwritable::Failed),
        Format::Csv => {
            let text = table::write(content).map_err(|_| Unwritable::Failed)?;
            match table::read(&text) {
                Ok(again) if again == *content => Ok(text),
                _ => Err(Unwritable::Loses),
            }
        }
    }
}
