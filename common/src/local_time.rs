//! Local times of a site and moments in time.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Offset as _, TimeZone as _, Utc};
use chrono::{LocalResult, TimeDelta};
use chrono_tz::Tz;

/// The moment at which a site's clocks show this local time. When they show it twice (clocks go
/// back), it is the first; when they never do (clocks go forward), it is counted by the offset
/// before the gap (RFC 5545 §3.3.5).
pub fn moment(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc(),
        LocalResult::None => {
            // A day before a gap no other change of the clocks is near in any zone.
            let before = local
                .checked_sub_signed(TimeDelta::days(1))
                .unwrap_or(local);
            let offset = zone.offset_from_utc_datetime(&before).fix();
            (local - offset).and_utc()
        }
    }
}

/// What a site's clocks show at a moment.
pub fn local(at: DateTime<Utc>, zone: Tz) -> NaiveDateTime {
    at.with_timezone(&zone).naive_local()
}

/// When the hour of a site's clock began that a moment is in.
pub fn hour(at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let offset = zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let shown = at.timestamp() + i64::from(offset.local_minus_utc());
    DateTime::from_timestamp(at.timestamp() - shown.rem_euclid(3_600), 0).unwrap_or(at)
}

/// The site's own date at a moment.
pub fn day(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    local(at, zone).date()
}

/// When a site's date begins.
pub fn midnight(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    moment(day.and_time(NaiveTime::MIN), zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(local: &str, zone: &str) -> String {
        let local = NaiveDateTime::parse_from_str(local, "%Y-%m-%dT%H:%M").expect("a time");
        moment(local, zone.parse().expect("a zone")).to_rfc3339()
    }

    #[test]
    fn a_local_time_is_a_moment_also_when_the_clocks_change() {
        let berlin = |local| at(local, "Europe/Berlin");
        assert_eq!(berlin("2026-11-27T06:00"), "2026-11-27T05:00:00+00:00");
        assert_eq!(
            at("2026-11-27T06:00", "Asia/Tokyo"),
            "2026-11-26T21:00:00+00:00"
        );
        // Forward: 02:30 is not shown; by the offset before it is what is shown as 03:30.
        assert_eq!(berlin("2026-03-29T02:30"), "2026-03-29T01:30:00+00:00");
        assert_eq!(berlin("2026-03-29T03:30"), "2026-03-29T01:30:00+00:00");
        // Back: 02:30 is shown twice.
        assert_eq!(berlin("2026-10-25T02:30"), "2026-10-25T00:30:00+00:00");
        // A zone that left out a whole day when it moved across the date line.
        assert_eq!(
            at("2011-12-30T12:00", "Pacific/Apia"),
            "2011-12-30T22:00:00+00:00"
        );
    }

    #[test]
    fn an_hour_is_one_of_the_sites_clock() {
        let hour = |at: &str, zone: &str| {
            let at = DateTime::parse_from_rfc3339(at).expect("a time").to_utc();
            super::hour(at, zone.parse().expect("a zone")).to_rfc3339()
        };
        for (at, zone, begin) in [
            (
                "2026-11-27T06:59:59Z",
                "Europe/Berlin",
                "2026-11-27T06:00:00+00:00",
            ),
            (
                "2026-11-27T06:29:59Z",
                "Asia/Kolkata",
                "2026-11-27T05:30:00+00:00",
            ),
            (
                "2026-11-27T06:30:00Z",
                "Asia/Kolkata",
                "2026-11-27T06:30:00+00:00",
            ),
            // 02:30 comes twice: the two hours stay apart.
            (
                "2026-10-25T00:30:00Z",
                "Europe/Berlin",
                "2026-10-25T00:00:00+00:00",
            ),
            (
                "2026-10-25T01:30:00Z",
                "Europe/Berlin",
                "2026-10-25T01:00:00+00:00",
            ),
            ("1969-12-31T23:59:59Z", "UTC", "1969-12-31T23:00:00+00:00"),
        ] {
            assert_eq!(hour(at, zone), begin, "{at} {zone}");
        }
    }

    #[test]
    fn a_day_is_as_long_as_the_clocks_make_it() {
        let zone: Tz = "Europe/Berlin".parse().expect("a zone");
        let hours = |y, m, d| {
            let day = NaiveDate::from_ymd_opt(y, m, d).expect("a day");
            let next = day.succ_opt().expect("a day");
            (midnight(next, zone) - midnight(day, zone)).num_hours()
        };
        assert_eq!(hours(2026, 3, 29), 23);
        assert_eq!(hours(2026, 10, 25), 25);
        assert_eq!(hours(2026, 11, 27), 24);
    }
}
