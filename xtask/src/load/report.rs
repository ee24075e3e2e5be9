//! What a run says at its end: one table, and the same as JSON.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::record::{Quantiles, Recording};

/// Reasons for failures that are shown of each row; the JSON has all.
const REASONS: usize = 3;

/// The figures of one run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The system.
    pub target: String,
    /// How long it counted.
    pub seconds: f64,
    /// One for each kind of work.
    pub rows: Vec<Row>,
}

/// One kind of work.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What.
    pub name: String,
    /// Over so many connections.
    pub connections: usize,
    /// The rate that was asked for; none in a closed loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted_per_second: Option<f64>,
    /// How many were done.
    pub done: u64,
    /// The same by the second.
    pub per_second: f64,
    /// Answers that said no, by status and problem.
    pub refused: BTreeMap<String, u64>,
    /// No whole answer, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Arrivals that were given up because nobody came to serve them.
    pub unserved: u64,
    /// Milliseconds of what was done; from when it was to begin.
    pub ms: Option<Quantiles>,
    /// Frames that screens heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// Screens that were dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u64>,
}

impl Row {
    pub(crate) fn new(name: &str, connections: usize, seconds: f64, recording: &Recording) -> Self {
        let done = recording.done();
        Self {
            name: name.to_owned(),
            connections,
            wanted_per_second: None,
            done,
            per_second: if 0.0 < seconds {
                done as f64 / seconds
            } else {
                0.0
            },
            refused: recording.refused().clone(),
            failed: recording.failed().clone(),
            unserved: recording.unserved(),
            ms: recording.quantiles(),
            frames: None,
            dropped: None,
        }
    }

    pub(crate) fn wanted(mut self, per_second: Option<f64>) -> Self {
        self.wanted_per_second = per_second;
        self
    }

    pub(crate) fn screens(mut self, frames: u64, dropped: u64) -> Self {
        (self.frames, self.dropped) = (Some(frames), Some(dropped));
        self
    }

    /// Whether all that was tried was done.
    pub fn is_clean(&self) -> bool {
        self.refused.is_empty()
            && self.failed.is_empty()
            && self.unserved == 0
            && self.dropped.unwrap_or(0) == 0
    }

    fn remarks(&self) -> Vec<String> {
        let counted = |word: &str, counts: &BTreeMap<String, u64>| -> Vec<String> {
            let mut counts: Vec<_> = counts.iter().collect();
            counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let shown = counts.iter().take(REASONS);
            let words = shown.map(|(why, count)| format!("{count} {word}: {why}"));
            words.collect()
        };
        let mut remarks = counted("refused", &self.refused);
        remarks.extend(counted("failed", &self.failed));
        if 0 < self.unserved {
            remarks.push(format!("{} were never begun", self.unserved));
        }
        if let Some(frames) = self.frames {
            remarks.push(format!("{frames} frames"));
        }
        if let Some(dropped @ 1..) = self.dropped {
            remarks.push(format!("{dropped} screens were dropped"));
        }
        remarks
    }
}

impl Report {
    pub(crate) fn new(target: &str, seconds: f64, rows: Vec<Row>) -> Self {
        Self {
            target: target.to_owned(),
            seconds,
            rows,
        }
    }

    /// The row of this name.
    pub fn row(&self, name: &str) -> Result<&Row> {
        let row = self.rows.iter().find(|row| row.name == name);
        row.with_context(|| format!("no row {name}"))
    }
}

/// Writes something as JSON to a file.
pub(crate) fn write_json(file: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {} s; times in ms", self.target, self.seconds)?;
        writeln!(
            f,
            "{:<16} {:>7} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8}",
            "", "conns", "wanted/s", "done", "done/s", "p50", "p90", "p99", "p99.9", "max",
        )?;
        for row in &self.rows {
            let wanted = row.wanted_per_second;
            let wanted = wanted.map_or("-".to_owned(), |rate| format!("{rate:.0}"));
            write!(
                f,
                "{:<16} {:>7} {wanted:>9} {:>9} {:>9.1}",
                row.name, row.connections, row.done, row.per_second
            )?;
            match &row.ms {
                Some(ms) => {
                    for time in [ms.p50, ms.p90, ms.p99, ms.p999, ms.max] {
                        write!(f, " {time:>8.2}")?;
                    }
                    writeln!(f)?;
                }
                None => writeln!(f)?,
            }
            for remark in row.remarks() {
                writeln!(f, "                 {remark}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::record::Outcome;
    use super::*;

    #[test]
    fn what_was_refused_stands_under_its_row() {
        let mut recording = Recording::new().expect("bounds");
        recording.note(Outcome::Ok, Duration::from_millis(5));
        recording.note(Outcome::Refused("409 out-of-stock".into()), Duration::ZERO);
        let row = Row::new("orders", 64, 2.0, &recording).wanted(Some(300.0));
        assert!(!row.is_clean());
        let report = Report::new("http://box", 2.0, vec![row]);
        let text = report.to_string();
        assert!(text.contains("1 refused: 409 out-of-stock"), "{text}");
        assert!(
            text.contains("orders                64       300         1       0.5     5.00"),
            "{text}"
        );
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!(json["rows"][0]["refused"]["409 out-of-stock"], 1);
        assert!(report.row("menus").is_err());
    }
}
