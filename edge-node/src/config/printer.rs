//! Settings of a kitchen printer.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use sunakku_common::ids::check_code;

pub use crate::printer::CodePage;
use crate::printer::Words;

/// A network printer in a kitchen; see `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents every key")]
pub struct Printer {
    pub name: String,
    pub address: String,
    #[serde(default)]
    pub stations: Vec<String>,
    #[serde(default)]
    pub fallback: bool,
    #[serde(default = "cp437")]
    pub code_page: CodePage,
    #[serde(default = "forty_two")]
    pub columns: usize,
    #[serde(default = "english")]
    pub language: String,
    #[serde(default = "yes")]
    pub closes: bool,
    #[serde(default = "quarter_of_an_hour")]
    pub expire_seconds: u64,
    #[serde(default = "five")]
    pub timeout_seconds: u64,
    #[serde(default = "half_a_second")]
    pub retry_min_milliseconds: u64,
    #[serde(default = "half_a_minute")]
    pub retry_max_seconds: u64,
}

fn cp437() -> CodePage {
    CodePage::Cp437
}

fn forty_two() -> usize {
    42
}

fn english() -> String {
    "en".to_owned()
}

fn yes() -> bool {
    true
}

fn quarter_of_an_hour() -> u64 {
    900
}

fn five() -> u64 {
    5
}

fn half_a_second() -> u64 {
    500
}

fn half_a_minute() -> u64 {
    30
}

impl Printer {
    pub(super) fn check(&self) -> Result<()> {
        ensure!(check_code(&self.name).is_ok(), "name: must be a code");
        let address = self.address.rsplit_once(':');
        let sound = address.is_some_and(|(host, port)| {
            !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)
        });
        ensure!(sound, "address: must be host:port, such as 10.0.0.5:9100");
        for station in &self.stations {
            ensure!(
                check_code(station).is_ok(),
                "stations: \"{station}\" is no code"
            );
        }
        ensure!(
            self.fallback || !self.stations.is_empty(),
            "stations: must name some, or fallback be true; else nothing would be printed"
        );
        ensure!(
            (20..=100).contains(&self.columns),
            "columns: must be 20 to 100"
        );
        let words = Words::of(&self.language).all();
        ensure!(
            words.iter().all(|word| self.code_page.has(word)),
            "code_page: does not have the characters of language \"{}\"",
            self.language
        );
        let positive =
            self.expire_seconds > 0 && self.timeout_seconds > 0 && self.retry_min_milliseconds > 0;
        ensure!(positive, "numbers: must be positive");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printer(more: &str) -> Printer {
        let least = "name = \"hot\"\naddress = \"10.0.0.5:9100\"\n";
        toml::from_str(&format!("{least}{more}")).expect("a printer")
    }

    #[test]
    fn a_printer_needs_a_place_and_something_to_print() {
        printer("stations = [\"grill\"]").check().expect("sound");
        printer("fallback = true").check().expect("sound");
        for (word, more) in [
            ("stations", ""),
            ("stations", "stations = [\"a b\"]"),
            ("columns", "fallback = true\ncolumns = 10"),
            ("code_page", "fallback = true\nlanguage = \"ja\""),
            ("numbers", "fallback = true\nexpire_seconds = 0"),
        ] {
            let refused = printer(more).check().expect_err(more).to_string();
            assert!(refused.starts_with(word), "{more}: {refused}");
        }
        for address in ["", "printer", ":9100", "10.0.0.5:0", "10.0.0.5:http"] {
            let wrong = Printer {
                address: address.to_owned(),
                ..printer("fallback = true")
            };
            wrong.check().expect_err(address);
        }
        let japanese = printer("fallback = true\nlanguage = \"ja\"\ncode_page = \"shift_jis\"");
        japanese.check().expect("sound");
    }
}
