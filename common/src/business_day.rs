//! The business day: the day by which pickup numbers and daily figures are counted.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;

/// The business day of a moment: the site's local date, where a day begins at `starts` (a bar
/// that closes at two in the morning is still in yesterday's).
pub fn business_day(at: DateTime<Utc>, zone: Tz, starts: NaiveTime) -> NaiveDate {
    let local = at.with_timezone(&zone).naive_local();
    let date = local.date();
    if local.time() < starts {
        date.checked_sub_days(Days::new(1)).unwrap_or(date)
    } else {
        date
    }
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
}
