//! The cells of one row while it is read. What nobody asks for is a mistake: a value in the wrong
//! column must not be lost silently.

use std::collections::BTreeMap;
use std::str::FromStr;

use sunakku_common::menu::schedule::Weekday;
use sunakku_common::menu::{Consumes, Schedule};
use sunakku_common::text::Text;

use super::TableFault;

/// A row that is being read.
pub(super) struct Cells<'a> {
    pub(super) line: u64,
    /// What was not asked for yet, without the empty ones.
    values: BTreeMap<String, String>,
    faults: &'a mut Vec<TableFault>,
}

impl<'a> Cells<'a> {
    pub(super) fn new(
        line: u64,
        values: BTreeMap<String, String>,
        faults: &'a mut Vec<TableFault>,
    ) -> Self {
        Self {
            line,
            values,
            faults,
        }
    }

    pub(super) fn fault(&mut self, column: &str, what: impl Into<String>) {
        self.faults.push(TableFault {
            line: self.line,
            column: column.to_owned(),
            what: what.into(),
        });
    }

    /// The cell's text.
    pub(super) fn text(&mut self, column: &str) -> Option<String> {
        self.values.remove(column)
    }

    /// The cell's text; empty, with a fault, when there is none.
    pub(super) fn required(&mut self, column: &str) -> String {
        self.text(column).unwrap_or_else(|| {
            self.fault(column, "is missing");
            String::new()
        })
    }

    /// A whole number.
    pub(super) fn number<T: FromStr>(&mut self, column: &str) -> Option<T> {
        let text = self.text(column)?;
        let number = text.trim().parse().ok();
        if number.is_none() {
            let what = format!("\"{text}\" is no whole number that fits here");
            self.fault(column, what);
        }
        number
    }

    /// A whole number that must be there.
    pub(super) fn required_number<T: FromStr + Default>(&mut self, column: &str) -> T {
        if !self.values.contains_key(column) {
            self.fault(column, "is missing");
        }
        self.number(column).unwrap_or_default()
    }

    /// `yes` or `no`.
    pub(super) fn flag(&mut self, column: &str) -> Option<bool> {
        let text = self.text(column)?;
        match text.trim().to_ascii_lowercase().as_str() {
            "yes" | "true" | "1" => Some(true),
            "no" | "false" | "0" => Some(false),
            _ => {
                self.fault(column, format!("\"{text}\" is neither yes nor no"));
                None
            }
        }
    }

    /// Something that is written as a text.
    pub(super) fn parsed<T: TryFrom<String, Error = String>>(&mut self, column: &str) -> Option<T> {
        let text = self.text(column)?;
        match T::try_from(text.trim().to_owned()) {
            Ok(value) => Some(value),
            Err(what) => {
                self.fault(column, what);
                None
            }
        }
    }

    /// Codes, parted by spaces.
    pub(super) fn codes(&mut self, column: &str) -> Vec<String> {
        let text = self.text(column).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    }

    /// Units of SKUs: `patty=2 bun=1`.
    pub(super) fn units(&mut self, column: &str) -> Consumes {
        let mut consumes = Consumes::new();
        for part in self.codes(column) {
            let unit = part.split_once('=');
            let unit = unit.and_then(|(sku, units)| Some((sku, units.parse().ok()?)));
            match unit {
                None => self.fault(column, format!("\"{part}\" is not written as in patty=2")),
                Some((sku, units)) => {
                    if consumes.insert(sku.to_owned(), units).is_some() {
                        self.fault(column, format!("\"{sku}\" stands twice"));
                    }
                }
            }
        }
        consumes
    }

    /// A text in all its languages.
    pub(super) fn texts(&mut self, prefix: &str) -> Text {
        let is_of = |column: &&String| column.starts_with(prefix);
        let columns: Vec<String> = self.values.keys().filter(is_of).cloned().collect();
        let text = |column: String| {
            let text = self.values.remove(&column)?;
            Some((column[prefix.len()..].to_owned(), text))
        };
        Text(columns.into_iter().filter_map(text).collect())
    }

    /// When something is offered.
    pub(super) fn schedule(&mut self) -> Schedule {
        let mut weekdays = Vec::new();
        for day in self.codes("weekdays") {
            match Weekday::from_str(&day.to_ascii_lowercase()) {
                Ok(day) => weekdays.push(day),
                Err(what) => self.fault("weekdays", what),
            }
        }
        Schedule {
            dayparts: self.codes("dayparts"),
            weekdays,
            valid_from: self.parsed("valid_from"),
            valid_until: self.parsed("valid_until"),
        }
    }

    /// Ends the row: what is left belongs nowhere.
    pub(super) fn finish(mut self, kind: &str) {
        for column in std::mem::take(&mut self.values).into_keys() {
            self.fault(&column, format!("a row of kind {kind} has no such value"));
        }
    }
}
