//! A site's settings, which the hub owns, and its opening hours.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::ids::SiteId;
use crate::keys::PublicKey;
use crate::local_time::moment;
use crate::money::Currency;
use crate::staff::{Revocation, StaffMember};

/// What the hub has set for a site. Members that are not known here are passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Whose they are: a site takes nothing that names another one.
    pub site: SiteId,
    /// Counts up with every change.
    pub revision: u64,
    /// What people call the site.
    pub name: String,
    /// Where its day is counted.
    pub time_zone: Tz,
    /// What it sells in.
    pub currency: Currency,
    /// When it is open.
    #[serde(default)]
    pub opening_hours: OpeningHours,
    /// Orders that may be open at a time; the site's own setting when absent.
    #[serde(default)]
    pub max_open_orders: Option<u64>,
    /// The same for orders of one device.
    #[serde(default)]
    pub max_open_orders_per_device: Option<u64>,
    /// Every key by which the hub's tokens are believed now; none when the hub is older than this
    /// member, and the site goes by the key of its own configuration.
    #[serde(default)]
    pub keys: Vec<PublicKey>,
    /// The people who may work here and have a PIN, by their names.
    #[serde(default)]
    pub staff: Vec<StaffMember>,
    /// Whose tokens are void before their end. What is older than any token's life is not told.
    #[serde(default)]
    pub revoked: Vec<Revocation>,
}

/// When a site is open, by its local time. Without any day in `week` it always is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpeningHours {
    /// `mon` to `sun`; on a day that is not named the site is closed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub week: BTreeMap<String, Vec<Hours>>,
    /// Days that differ from the week, such as holidays; none means closed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exceptions: BTreeMap<NaiveDate, Vec<Hours>>,
}

/// From one local time to another; to the same or an earlier one means into the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Open from here.
    #[schema(value_type = String, example = "07:30:00")]
    pub from: NaiveTime,
    /// Closed from here.
    #[schema(value_type = String, example = "18:00:00")]
    pub to: NaiveTime,
}

/// Names of weekdays, Monday first.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// How far ahead the next opening is looked for, days.
const LOOK_AHEAD: u64 = 14;
/// Ranges of one day, and exceptions, at most.
const MAX_ENTRIES: usize = 400;

impl OpeningHours {
    /// What is wrong with them, if anything is.
    pub fn fault(&self) -> Option<String> {
        if let Some(odd) = self.week.keys().find(|day| !DAYS.contains(&day.as_str())) {
            return Some(format!("week: \"{odd}\" is none of {}", DAYS.join(", ")));
        }
        let ranges = self.week.values().chain(self.exceptions.values());
        let longest = ranges.map(Vec::len).max().unwrap_or(0);
        (MAX_ENTRIES < longest.max(self.exceptions.len()))
            .then(|| format!("at most {MAX_ENTRIES} ranges a day and exceptions"))
    }

    /// Whether the site is open at a moment.
    pub fn is_open(&self, at: DateTime<Utc>, zone: Tz) -> bool {
        if self.week.is_empty() && self.exceptions.is_empty() {
            return true;
        }
        let today = at.with_timezone(&zone).date_naive();
        // A range of yesterday may reach into today.
        let days = [today.checked_sub_days(Days::new(1)), Some(today)];
        let mut ranges = days
            .into_iter()
            .flatten()
            .flat_map(|day| self.on(day, zone));
        ranges.any(|(from, to)| from <= at && at < to)
    }

    /// When it opens next after a moment; `None` when that is not within two weeks.
    pub fn opens_after(&self, at: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        if self.week.is_empty() && self.exceptions.is_empty() {
            return Some(at);
        }
        let today = at.with_timezone(&zone).date_naive();
        let days = (0..=LOOK_AHEAD).filter_map(|n| today.checked_add_days(Days::new(n)));
        let openings = days.flat_map(|day| self.on(day, zone));
        openings
            .map(|(from, _)| from)
            .filter(|from| at < *from)
            .min()
    }

    /// The ranges that begin on a local day, as absolute times.
    fn on(&self, day: NaiveDate, zone: Tz) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let name = DAYS[day.weekday().num_days_from_monday() as usize];
        let hours = match self.exceptions.get(&day) {
            Some(hours) => hours,
            // With exceptions alone, all other days are open.
            None if self.week.is_empty() => &vec![Hours {
                from: NaiveTime::MIN,
                to: NaiveTime::MIN,
            }],
            None => match self.week.get(name) {
                Some(hours) => hours,
                None => return Vec::new(),
            },
        };
        let range = |hours: &Hours| {
            let last = match hours.to <= hours.from {
                true => day.checked_add_days(Days::new(1))?,
                false => day,
            };
            let (from, to) = (day.and_time(hours.from), last.and_time(hours.to));
            let (from, to) = (moment(from, zone), moment(to, zone));
            // Clocks may leap over all of it.
            (from < to).then_some((from, to))
        };
        hours.iter().filter_map(range).collect()
    }
}

/// Begin of the business day after that of a moment.
pub fn next_business_day(at: DateTime<Utc>, zone: Tz, starts: NaiveTime) -> Option<DateTime<Utc>> {
    let day = crate::business_day::business_day(at, zone, starts);
    let next = day.checked_add_days(Days::new(1))?;
    Some(moment(next.and_time(starts), zone))
}

#[cfg(test)]
#[path = "site_tests.rs"]
mod tests;
