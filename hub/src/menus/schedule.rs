//! Which version of a menu a site is to run, and which comes next. No IO, no clock.
//!
//! Versions only go up: one that takes effect overtakes every lower one for good, also those
//! that were to take effect later.

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use sunakku_common::local_time;

/// When a version takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// At one moment everywhere.
    At(DateTime<Utc>),
    /// When each site's own clocks show this time.
    AtLocal(NaiveDateTime),
}

/// A version and when it takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The version.
    pub version: i64,
    /// When it takes effect.
    pub effect: Effect,
}

/// What a site is to run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Plan {
    /// The version of now; none before the first takes effect.
    pub now: Option<i64>,
    /// The version that takes its place, and when.
    pub next: Option<(i64, DateTime<Utc>)>,
}

impl Effect {
    /// The moment for a site in this zone.
    pub fn moment(self, zone: Tz) -> DateTime<Utc> {
        match self {
            Self::At(at) => at,
            Self::AtLocal(local) => local_time::moment(local, zone),
        }
    }

    /// The moment, if it is one everywhere.
    pub fn at(self) -> Option<DateTime<Utc>> {
        match self {
            Self::At(at) => Some(at),
            Self::AtLocal(_) => None,
        }
    }

    /// The local time, if it is by each site's clocks.
    pub fn at_local(self) -> Option<NaiveDateTime> {
        match self {
            Self::At(_) => None,
            Self::AtLocal(local) => Some(local),
        }
    }

    /// As it is stored: one of the two is set.
    pub fn of(at: Option<DateTime<Utc>>, at_local: Option<NaiveDateTime>) -> Option<Self> {
        at.map(Self::At).or(at_local.map(Self::AtLocal))
    }
}

/// Which of the versions a site in this zone is to run.
pub fn plan(versions: &[Timing], zone: Tz, now: DateTime<Utc>) -> Plan {
    let moments = versions
        .iter()
        .map(|timing| (timing.version, timing.effect.moment(zone)));
    let moments: Vec<(i64, DateTime<Utc>)> = moments.collect();
    let due = moments.iter().filter(|(_, at)| *at <= now);
    let current = due.map(|(version, _)| *version).max();
    let coming = moments
        .iter()
        .filter(|(version, at)| *at > now && current.is_none_or(|current| current < *version));
    // Of two at the same moment the higher one stands in the end.
    let next = coming.min_by_key(|(version, at)| (*at, std::cmp::Reverse(*version)));
    Plan {
        now: current,
        next: next.copied(),
    }
}

/// The lower versions that would still take effect somewhere if `new` did not overtake them.
pub fn overtaken(versions: &[Timing], new: Effect, zones: &[Tz], now: DateTime<Utc>) -> Vec<i64> {
    let is_overtaken = |timing: &&Timing| {
        zones.iter().any(|zone| {
            let at = timing.effect.moment(*zone);
            at > now && new.moment(*zone) <= at
        })
    };
    let lower = versions.iter().filter(is_overtaken);
    lower.map(|timing| timing.version).collect()
}

/// Where a version stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It is what some site is to run.
    Live,
    /// It will be, if nothing overtakes it.
    Scheduled,
    /// It was, or was overtaken before.
    Past,
}

/// Where a version of these stands for sites in these zones.
pub fn standing(versions: &[Timing], version: i64, zones: &[Tz], now: DateTime<Utc>) -> Standing {
    let is_live = |zone: &Tz| plan(versions, *zone, now).now == Some(version);
    if zones.iter().any(is_live) {
        return Standing::Live;
    }
    let own = versions.iter().find(|timing| timing.version == version);
    let is_coming = |zone: &Tz| {
        let at = own.map(|timing| timing.effect.moment(*zone));
        at.is_some_and(|at| plan(versions, *zone, at).now == Some(version) && at > now)
    };
    if zones.iter().any(is_coming) {
        Standing::Scheduled
    } else {
        Standing::Past
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
