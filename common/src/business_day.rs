//! The business day: the day by which pickup numbers and daily figures are counted.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

/// The business day of a moment: the site's local date, where a day begins at `starts` (a bar
/// that closes at two in the morning is still in yesterday's).
///
/// When clocks change, a local time may come twice or not at all: a day begins when its time first
/// comes, or right after the gap, and never comes back.
pub fn business_day(at: DateTime<Utc>, zone: Tz, starts: NaiveTime) -> NaiveDate {
    let date = at.with_timezone(&zone).date_naive();
    if begin(date, zone, starts).is_some_and(|begin| at < begin) {
        date.checked_sub_days(Days::new(1)).unwrap_or(date)
    } else {
        date
    }
}

/// When a business day begins.
fn begin(date: NaiveDate, zone: Tz, starts: NaiveTime) -> Option<DateTime<Utc>> {
    // Clocks were never put forward by more than a few hours.
    let mut tries = (0..=8).map(|n| date.and_time(starts) + TimeDelta::minutes(30 * n));
    let begin = tries.find_map(|local| zone.from_local_datetime(&local).earliest());
    begin.map(|begin| begin.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_the_sites_own_hour() {
        let day = |at: &str, zone: &str| {
            let at = DateTime::parse_from_rfc3339(at).expect("time").to_utc();
            let starts = NaiveTime::from_hms_opt(4, 0, 0).expect("time");
            business_day(at, zone.parse().expect("zone"), starts).to_string()
        };
        assert_eq!(day("2026-11-23T02:59:00Z", "Europe/Berlin"), "2026-11-22");
        assert_eq!(day("2026-11-23T03:00:00Z", "Europe/Berlin"), "2026-11-23");
        assert_eq!(day("2026-11-22T20:00:00Z", "Asia/Tokyo"), "2026-11-23");
    }

    #[test]
    fn clock_changes_neither_skip_nor_double_a_day() {
        let zone: Tz = "Europe/Berlin".parse().expect("zone");
        // Around the hour that is skipped in March, the one that comes twice in October, and a
        // day that begins in either.
        for (from, hours) in [("2026-03-28T00:00:00Z", 72), ("2026-10-24T00:00:00Z", 72)] {
            let from = DateTime::parse_from_rfc3339(from).expect("time").to_utc();
            for starts in [0, 2, 4] {
                let starts = NaiveTime::from_hms_opt(starts, 30, 0).expect("time");
                let minutes = (0..hours * 60).map(|n| from + TimeDelta::minutes(n));
                let mut days: Vec<NaiveDate> =
                    minutes.map(|at| business_day(at, zone, starts)).collect();
                days.dedup();
                assert!(
                    days.is_sorted(),
                    "a day came back, begin at {starts}: {days:?}"
                );
                let gaps = days.windows(2).all(|two| two[0].succ_opt() == Some(two[1]));
                assert!(gaps, "a day was skipped: {days:?}");
            }
        }
    }
}
