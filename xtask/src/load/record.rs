//! What a run has seen: how long answers took, and what became of each request.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest time that is told apart; what takes longer counts as so long.
const LONGEST: Duration = Duration::from_secs(600);
/// Decimal digits to which times are kept.
const DIGITS: u8 = 3;

/// What became of one piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done.
    Ok,
    /// Answered, but not done: status and problem in a word, such as `409 out-of-stock`.
    Refused(String),
    /// No whole answer came, and why.
    Failed(String),
}

/// Times in microseconds and counts of outcomes.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    times: Histogram<u64>,
    refused: BTreeMap<String, u64>,
    failed: BTreeMap<String, u64>,
    /// Arrivals that nobody had begun when the run was given up.
    unserved: u64,
}

/// Times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    /// Half of all took at most as long.
    pub p50: f64,
    /// 90 %.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
    /// All.
    pub max: f64,
}

impl Recording {
    /// An empty one.
    pub(crate) fn new() -> Result<Self> {
        let longest = u64::try_from(LONGEST.as_micros())?;
        Ok(Self {
            times: Histogram::new_with_bounds(1, longest, DIGITS)?,
            refused: BTreeMap::new(),
            failed: BTreeMap::new(),
            unserved: 0,
        })
    }

    /// Notes one piece of work. The time counts for what was done only: refusals are quick.
    pub(crate) fn note(&mut self, outcome: Outcome, took: Duration) {
        match outcome {
            Outcome::Ok => self.time(took),
            Outcome::Refused(why) => *self.refused.entry(why).or_default() += 1,
            Outcome::Failed(why) => *self.failed.entry(why).or_default() += 1,
        }
    }

    /// Notes a time alone.
    pub(crate) fn time(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.times.saturating_record(micros.max(1));
    }

    /// Notes arrivals that came too late to be served at all.
    pub(crate) fn leave(&mut self, unserved: u64) {
        self.unserved += unserved;
    }

    /// Adds what another one has seen.
    pub(crate) fn add(&mut self, other: &Self) {
        // Both have the same bounds, so nothing is out of range.
        let added = self.times.add(&other.times);
        debug_assert!(added.is_ok());
        for (all, more) in [
            (&mut self.refused, &other.refused),
            (&mut self.failed, &other.failed),
        ] {
            for (why, count) in more {
                *all.entry(why.clone()).or_default() += count;
            }
        }
        self.unserved += other.unserved;
    }

    /// How many were done.
    pub(crate) fn done(&self) -> u64 {
        self.times.len()
    }

    /// Refusals by word.
    pub(crate) fn refused(&self) -> &BTreeMap<String, u64> {
        &self.refused
    }

    /// Failures by reason.
    pub(crate) fn failed(&self) -> &BTreeMap<String, u64> {
        &self.failed
    }

    /// Arrivals that were not begun.
    pub(crate) fn unserved(&self) -> u64 {
        self.unserved
    }

    /// The times, unless nothing was done.
    pub(crate) fn quantiles(&self) -> Option<Quantiles> {
        let ms = |micros: u64| micros as f64 / 1_000.0;
        let at = |quantile| ms(self.times.value_at_quantile(quantile));
        (!self.times.is_empty()).then(|| Quantiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: ms(self.times.max()),
        })
    }
}

/// The middle one; of an even number the mean of the two in the middle. 0 of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_times_of_what_was_done() {
        let mut recording = Recording::new().expect("bounds");
        assert_eq!(recording.quantiles(), None);
        for ms in 1..=1_000 {
            recording.note(Outcome::Ok, Duration::from_millis(ms));
        }
        recording.note(Outcome::Refused("409".into()), Duration::from_secs(90));
        recording.note(Outcome::Failed("timeout".into()), Duration::from_secs(90));
        let seen = recording.quantiles().expect("times");
        let near = |found: f64, wanted: f64| (found - wanted).abs() <= wanted / 500.0;
        assert!(near(seen.p50, 500.0) && near(seen.p90, 900.0), "{seen:?}");
        assert!(near(seen.p99, 990.0) && near(seen.p999, 999.0), "{seen:?}");
        assert!(near(seen.max, 1_000.0), "{seen:?}");
        assert_eq!(recording.done(), 1_000);
    }

    #[test]
    fn what_several_have_seen_adds_up_and_nothing_is_too_long() {
        let (mut one, mut two) = (
            Recording::new().expect("bounds"),
            Recording::new().expect("bounds"),
        );
        one.note(Outcome::Refused("429".into()), Duration::ZERO);
        two.note(Outcome::Refused("429".into()), Duration::ZERO);
        two.note(Outcome::Ok, Duration::from_secs(10_000));
        two.leave(3);
        one.add(&two);
        assert_eq!(one.refused()["429"], 2);
        assert_eq!((one.done(), one.unserved()), (1, 3));
        let max = one.quantiles().expect("a time").max;
        assert!((599_000.0..602_000.0).contains(&max), "{max}");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
    }
}
