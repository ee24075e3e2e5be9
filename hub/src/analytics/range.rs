//! Which hours and days are asked for, by each site's own clock.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use sunakku_common::local_time::{day, hour, midnight};

/// The longest range, days: five years.
const MAX_DAYS: i64 = 1_830;

/// One end of a range: a date of every site's own calendar, or a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The begin of the date.
    Day(NaiveDate),
    /// The hour that it is in.
    Moment(DateTime<Utc>),
}

impl End {
    /// Reads `2026-11-27` or an RFC 3339 time.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return is_usual(day).then_some(Self::Day(day));
        }
        // A plus sign that was not escaped arrives as a space.
        let at = DateTime::parse_from_rfc3339(&text.replace(' ', "+")).ok()?;
        let at = at.to_utc();
        is_usual(at.date_naive()).then_some(Self::Moment(at))
    }

    fn date(self) -> NaiveDate {
        match self {
            Self::Day(day) => day,
            Self::Moment(at) => at.date_naive(),
        }
    }
}

fn is_usual(day: NaiveDate) -> bool {
    use chrono::Datelike as _;
    (2_000..2_200).contains(&day.year())
}

/// From one end up to, but without, the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) from: End,
    pub(crate) to: End,
}

/// The range at one site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// Hours that begin within these are in it.
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
    /// The dates that it touches, the last one excluded.
    pub(crate) first_day: NaiveDate,
    pub(crate) end_day: NaiveDate,
}

impl Range {
    /// Checks that there is something between the ends, and not too much.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub(crate) fn check(self) -> Result<Self, String> {
        let is_forward = match (self.from, self.to) {
            (End::Day(from), End::Day(to)) => from < to,
            (End::Moment(from), End::Moment(to)) => from < to,
            (from, to) => from.date() <= to.date(),
        };
        if !is_forward {
            return Err(
                "`to` must be after `from`; it is the first day or hour that is not in \
                        the range any more."
                    .to_owned(),
            );
        }
        if (self.to.date() - self.from.date()).num_days() > MAX_DAYS {
            return Err(format!(
                "The range must not be longer than {MAX_DAYS} days."
            ));
        }
        Ok(self)
    }

    /// Whether it is of whole days, so that figures by day can answer it.
    pub(crate) fn is_whole_days(self) -> bool {
        matches!((self.from, self.to), (End::Day(_), End::Day(_)))
    }

    /// The one of the same length right before it.
    pub(crate) fn before(self) -> Self {
        let from = match (self.from, self.to) {
            (End::Moment(from), End::Moment(to)) => End::Moment(from - (to - from)),
            (from, to) => {
                let days = (to.date() - from.date()).num_days().max(1);
                match from {
                    End::Day(day) => End::Day(day - TimeDelta::days(days)),
                    End::Moment(at) => End::Moment(at - TimeDelta::days(days)),
                }
            }
        };
        Self {
            from,
            to: self.from,
        }
    }

    /// The range by a site's clock.
    pub(crate) fn at(self, zone: Tz) -> Span {
        let begin = |end| match end {
            End::Day(day) => midnight(day, zone),
            End::Moment(at) => hour(at, zone),
        };
        // An hour that the range touches is in it as a whole.
        let to = match self.to {
            End::Moment(at) if hour(at, zone) < at => hour(at, zone) + TimeDelta::hours(1),
            end => begin(end),
        };
        let from = begin(self.from);
        let last = day(to - TimeDelta::microseconds(1), zone);
        Span {
            from,
            to,
            first_day: day(from, zone),
            end_day: last.checked_add_days(Days::new(1)).unwrap_or(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: &str, to: &str) -> Range {
        Range {
            from: End::parse(from).expect("an end"),
            to: End::parse(to).expect("an end"),
        }
    }

    fn span(from: &str, to: &str, zone: &str) -> (String, String, String, String) {
        let span = range(from, to).at(zone.parse().expect("a zone"));
        (
            span.from.to_rfc3339(),
            span.to.to_rfc3339(),
            span.first_day.to_string(),
            span.end_day.to_string(),
        )
    }

    fn is(of: (String, String, String, String), expected: [&str; 4]) {
        assert_eq!([&*of.0, &*of.1, &*of.2, &*of.3], expected);
    }

    #[test]
    fn days_are_those_of_each_site() {
        let (from, to) = ("2026-10-25", "2026-10-26");
        is(
            span(from, to, "Europe/Berlin"),
            [
                "2026-10-24T22:00:00+00:00",
                "2026-10-25T23:00:00+00:00",
                from,
                to,
            ],
        );
        is(
            span(from, to, "Asia/Tokyo"),
            [
                "2026-10-24T15:00:00+00:00",
                "2026-10-25T15:00:00+00:00",
                from,
                to,
            ],
        );
        let (from, to) = ("2026-03-29", "2026-03-30");
        is(
            span(from, to, "Europe/Berlin"),
            [
                "2026-03-28T23:00:00+00:00",
                "2026-03-29T22:00:00+00:00",
                from,
                to,
            ],
        );
    }

    #[test]
    fn hours_that_are_touched_are_in_it() {
        is(
            span(
                "2026-11-27T10:59:00Z",
                "2026-11-27T12:00:01 01:00",
                "Asia/Kolkata",
            ),
            [
                "2026-11-27T10:30:00+00:00",
                "2026-11-27T11:30:00+00:00",
                "2026-11-27",
                "2026-11-28",
            ],
        );
        is(
            span("2026-11-27", "2026-11-27T11:00:00Z", "UTC"),
            [
                "2026-11-27T00:00:00+00:00",
                "2026-11-27T11:00:00+00:00",
                "2026-11-27",
                "2026-11-28",
            ],
        );
    }

    #[test]
    fn what_is_no_range_is_told() {
        for (from, to) in [
            ("2026-11-27", "2026-11-27"),
            ("2026-11-28", "2026-11-27"),
            ("2026-11-27T10:00:00Z", "2026-11-27T10:00:00Z"),
            ("2020-01-01", "2026-01-01"),
        ] {
            assert!(range(from, to).check().is_err(), "{from} {to}");
        }
        for text in [
            "",
            "yesterday",
            "2026-02-30",
            "1999-12-31",
            "2026-11-27T25:00:00Z",
        ] {
            assert_eq!(End::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_range_before_is_as_long_and_ends_where_it_begins() {
        assert_eq!(
            range("2026-11-20", "2026-11-27").before(),
            range("2026-11-13", "2026-11-20")
        );
        assert_eq!(
            range("2026-11-20T10:00:00Z", "2026-11-20T12:00:00Z").before(),
            range("2026-11-20T08:00:00Z", "2026-11-20T10:00:00Z")
        );
    }
}
