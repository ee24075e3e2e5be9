//! A measured figure, beside what is possible and what is wanted.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::super::record::median;

/// One figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// In what.
    pub unit: String,
    /// Ours: the median of the rounds.
    pub ours: f64,
    /// Each round.
    pub rounds: Vec<f64>,
    /// What it is held against, measured in turn with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// What is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// Whether it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<bool>,
    /// What else is to be known of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Where it stands on a plot over the number of sites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<Point>,
}

/// A figure that was taken with several numbers of sites.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Point {
    /// What it is, whatever the number.
    pub series: String,
    /// How many sites there were.
    pub sites: usize,
}

/// What a figure is held against.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Limit {
    /// Of what.
    pub name: String,
    /// The median of its rounds.
    pub value: f64,
    /// Each round.
    pub rounds: Vec<f64>,
    /// Median of each round's ratio of ours to it: what both have of a noisy machine drops out.
    pub share: f64,
}

/// What is wanted of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The figure itself.
    AtLeast(f64),
    /// The figure itself.
    AtMost(f64),
    /// Its ratio to the limit.
    ShareAtLeast(f64),
    /// Its ratio to the limit.
    ShareAtMost(f64),
}

impl Figure {
    /// A figure by its rounds.
    pub(crate) fn new(name: impl Into<String>, unit: &str, rounds: &[f64]) -> Self {
        Self {
            name: name.into(),
            unit: unit.to_owned(),
            ours: median(rounds),
            rounds: rounds.to_vec(),
            limit: None,
            target: None,
            reached: None,
            note: String::new(),
            point: None,
        }
    }

    /// Held against something that was measured in the same rounds.
    #[must_use]
    pub(crate) fn beside(mut self, name: &str, rounds: &[f64]) -> Self {
        let ratios: Vec<f64> = self
            .rounds
            .iter()
            .zip(rounds)
            .map(|(ours, limit)| ours / limit)
            .collect();
        self.limit = Some(Limit {
            name: name.to_owned(),
            value: median(rounds),
            rounds: rounds.to_vec(),
            share: median(&ratios),
        });
        self
    }

    /// With what is wanted of it.
    #[must_use]
    pub(crate) fn wanted(mut self, target: Target) -> Self {
        let share = self.limit.as_ref().map_or(f64::NAN, |limit| limit.share);
        self.reached = Some(match target {
            Target::AtLeast(least) => least <= self.ours,
            Target::AtMost(most) => self.ours <= most,
            Target::ShareAtLeast(least) => least <= share,
            Target::ShareAtMost(most) => share <= most,
        });
        self.target = Some(target);
        self
    }

    /// One of several with different numbers of sites.
    #[must_use]
    pub(crate) fn of_sites(mut self, sites: usize) -> Self {
        let series = std::mem::take(&mut self.name);
        self.name = format!("{sites} sites: {series}");
        self.point = Some(Point { series, sites });
        self
    }

    /// With something to know of it.
    #[must_use]
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, ">= {}", number(*least)),
            Self::AtMost(most) => write!(f, "<= {}", number(*most)),
            Self::ShareAtLeast(least) => write!(f, ">= {least:.2} x"),
            Self::ShareAtMost(most) => write!(f, "<= {most:.2} x"),
        }
    }
}

/// A number with as many digits as tell something.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        large if 100.0 <= large => format!("{value:.0}"),
        middle if 10.0 <= middle => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// The table of all figures.
pub(crate) struct Table<'a>(pub(crate) &'a [Figure]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<58} {:>9} {:<9} {:>9} {:>6}  wanted",
            "", "ours", "", "limit", "share",
        )?;
        for figure in self.0 {
            let limit = figure.limit.as_ref();
            let target = figure
                .target
                .map_or(String::new(), |target| target.to_string());
            let reached = match figure.reached {
                Some(true) => "reached",
                Some(false) => "SHORT",
                None => "",
            };
            let line = format!(
                "{:<58} {:>9} {:<9} {:>9} {:>6}  {target:<11} {reached}",
                figure.name,
                number(figure.ours),
                figure.unit,
                limit.map_or(String::new(), |limit| number(limit.value)),
                limit.map_or(String::new(), |limit| format!("{:.2}", limit.share)),
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_the_median_of_the_rounds_ratios() {
        // In the second round the machine was half as fast, for both.
        let figure =
            Figure::new("orders", "/s", &[60.0, 30.0, 80.0]).beside("bare", &[100.0, 50.0, 100.0]);
        assert_eq!(figure.ours, 60.0);
        assert_eq!(figure.limit.as_ref().map(|limit| limit.share), Some(0.6));
        let reached = |target| figure.clone().wanted(target).reached;
        assert_eq!(reached(Target::ShareAtLeast(0.6)), Some(true));
        assert_eq!(reached(Target::ShareAtMost(0.5)), Some(false));
        assert_eq!(reached(Target::AtLeast(61.0)), Some(false));
        assert_eq!(reached(Target::AtMost(60.0)), Some(true));
        let table = Table(&[figure.wanted(Target::AtLeast(61.0))]).to_string();
        assert!(
            table.contains("SHORT") && table.contains(">= 61.0"),
            "{table}"
        );
    }

    #[test]
    fn a_share_of_nothing_is_never_reached() {
        let figure = Figure::new("orders", "/s", &[60.0]).wanted(Target::ShareAtLeast(0.1));
        assert_eq!(figure.reached, Some(false));
    }
}
