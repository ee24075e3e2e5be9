//! When something is offered, by the wall clock of the site.
//!
//! All of it is about local times without a zone: the caller turns a moment into the site's local
//! time first, so that nothing here can be wrong about a change of the clocks.

use chrono::{Datelike as _, Days, NaiveDate, NaiveDateTime, NaiveTime};
use serde::{Deserialize, Serialize};

use crate::state::text_enum;
use crate::text::Text;

text_enum!(
    /// A day of the week.
    Weekday {
        /// Monday.
        Monday = "mon",
        /// Tuesday.
        Tuesday = "tue",
        /// Wednesday.
        Wednesday = "wed",
        /// Thursday.
        Thursday = "thu",
        /// Friday.
        Friday = "fri",
        /// Saturday.
        Saturday = "sat",
        /// Sunday.
        Sunday = "sun",
    }
);

/// A part of the day, such as breakfast. It contains `from` and ends before `to`; one whose end
/// is before its begin crosses midnight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Daypart {
    /// Code, unique in the menu.
    pub id: String,
    /// Name for guests.
    pub name: Text,
    /// When it begins, local time.
    pub from: ClockTime,
    /// When it is over, local time.
    pub to: ClockTime,
}

/// When something is offered; every member that is given narrows it, none means always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// In any of these parts of the day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dayparts: Vec<String>,
    /// On any of these days. What a part of the day has after midnight belongs to the day on
    /// which that part began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weekdays: Vec<Weekday>,
    /// From this local date or time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "2026-11-27T06:00")]
    pub valid_from: Option<LocalMoment>,
    /// Until the end of this local date, or before this local time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "2026-12-24")]
    pub valid_until: Option<LocalMoment>,
}

/// A time on the wall clock, to the minute: `06:30`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "06:30")]
pub struct ClockTime(NaiveTime);

/// A local date, or a local time to the minute: `2026-11-27` or `2026-11-27T06:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LocalMoment {
    /// A whole day.
    Date(NaiveDate),
    /// A minute.
    Time(NaiveDateTime),
}

const CLOCK: &str = "%H:%M";
const DATE: &str = "%Y-%m-%d";
const DATE_TIME: &str = "%Y-%m-%dT%H:%M";

impl ClockTime {
    /// The time of the day.
    pub fn time(self) -> NaiveTime {
        self.0
    }
}

impl TryFrom<String> for ClockTime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let time = NaiveTime::parse_from_str(&text, CLOCK).ok();
        let time = time.filter(|time| time.format(CLOCK).to_string() == text);
        time.map(Self)
            .ok_or_else(|| format!("\"{text}\" is no time such as 06:30"))
    }
}

impl From<ClockTime> for String {
    fn from(time: ClockTime) -> Self {
        time.0.format(CLOCK).to_string()
    }
}

impl LocalMoment {
    /// The first local time that belongs to it.
    pub fn begin(self) -> NaiveDateTime {
        match self {
            Self::Date(date) => date.and_time(NaiveTime::MIN),
            Self::Time(time) => time,
        }
    }

    /// The first local time after it, when it is the end of something: a day is over with its
    /// last minute, a time when it is reached.
    pub fn end(self) -> NaiveDateTime {
        match self {
            Self::Date(date) => {
                let next = date.checked_add_days(Days::new(1)).unwrap_or(date);
                next.and_time(NaiveTime::MIN)
            }
            Self::Time(time) => time,
        }
    }
}

impl TryFrom<String> for LocalMoment {
    type Error = String;

    /// Reads what [`String::from`] writes, and nothing else: a local time has neither zone nor
    /// seconds, and a year has four digits.
    fn try_from(text: String) -> Result<Self, String> {
        let date = NaiveDate::parse_from_str(&text, DATE).map(Self::Date);
        let moment =
            date.or_else(|_| NaiveDateTime::parse_from_str(&text, DATE_TIME).map(Self::Time));
        let moment = moment.ok().filter(|moment| {
            (1..=9_999).contains(&moment.begin().year()) && String::from(*moment) == text
        });
        moment.ok_or_else(|| {
            format!("\"{text}\" is no local date or time such as 2026-11-27 or 2026-11-27T06:00")
        })
    }
}

impl From<LocalMoment> for String {
    fn from(moment: LocalMoment) -> Self {
        match moment {
            LocalMoment::Date(date) => date.format(DATE).to_string(),
            LocalMoment::Time(time) => time.format(DATE_TIME).to_string(),
        }
    }
}

impl Weekday {
    /// The day of the week of a date.
    pub fn of(date: NaiveDate) -> Self {
        Self::ALL[date.weekday().num_days_from_monday() as usize]
    }
}

impl Daypart {
    /// The day on which the part that contains this local time began; `None` outside of it.
    pub fn day_at(&self, local: NaiveDateTime) -> Option<NaiveDate> {
        let (from, to, time) = (self.from.0, self.to.0, local.time());
        let today = local.date();
        if from < to {
            (from <= time && time < to).then_some(today)
        } else if time >= from {
            Some(today)
        } else if time < to {
            today.checked_sub_days(Days::new(1))
        } else {
            None
        }
    }

    /// Whether the two have a minute in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        // Two intervals of a circle meet when the begin of one lies in the other.
        let has = |part: &Self, time: ClockTime| {
            let day = NaiveDate::default();
            part.day_at(day.and_time(time.0)).is_some()
        };
        has(self, other.from) || has(other, self.from)
    }
}

impl Schedule {
    /// Whether it narrows nothing.
    pub fn is_always(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this local time lies in it. `dayparts` are the menu's.
    pub fn covers(&self, dayparts: &[Daypart], local: NaiveDateTime) -> bool {
        let begun = self.valid_from.is_none_or(|from| from.begin() <= local);
        let over = self.valid_until.is_some_and(|until| until.end() <= local);
        if !begun || over {
            return false;
        }
        let on_day =
            |day: NaiveDate| self.weekdays.is_empty() || self.weekdays.contains(&Weekday::of(day));
        if self.dayparts.is_empty() {
            return on_day(local.date());
        }
        dayparts
            .iter()
            .filter(|daypart| self.dayparts.contains(&daypart.id))
            .filter_map(|daypart| daypart.day_at(local))
            .any(on_day)
    }

    /// Why nothing can lie in both schedules, if so.
    pub(super) fn clash(&self, other: &Self) -> Option<&'static str> {
        if are_apart(&self.dayparts, &other.dayparts) {
            return Some("other parts of the day");
        }
        if are_apart(&self.weekdays, &other.weekdays) {
            return Some("other weekdays");
        }
        let ends_before = |a: &Self, b: &Self| match (a.valid_until, b.valid_from) {
            (Some(until), Some(from)) => until.end() <= from.begin(),
            _ => false,
        };
        (ends_before(self, other) || ends_before(other, self)).then_some("other dates")
    }
}

/// Whether both lists narrow something and have nothing in common.
fn are_apart<T: PartialEq>(a: &[T], b: &[T]) -> bool {
    !a.is_empty() && !b.is_empty() && !a.iter().any(|one| b.contains(one))
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
