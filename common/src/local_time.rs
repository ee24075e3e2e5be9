//! Local times of a site and moments in time.

use chrono::{DateTime, NaiveDateTime, Offset as _, TimeZone as _, Utc};
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
}
