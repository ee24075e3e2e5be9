use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;

fn daypart(id: &str, from: &str, to: &str) -> Daypart {
    Daypart {
        id: id.into(),
        name: Text::english(id),
        from: from.to_owned().try_into().expect("a time"),
        to: to.to_owned().try_into().expect("a time"),
    }
}

fn local(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, DATE_TIME).expect("a time")
}

fn schedule(json: &str) -> Schedule {
    serde_json::from_str(json).expect("a schedule")
}

#[test]
fn what_is_after_midnight_belongs_to_the_day_before() {
    let parts = [daypart("late", "22:00", "02:00")];
    let fridays = schedule(r#"{"dayparts": ["late"], "weekdays": ["fri"]}"#);
    let covers = |text: &str| fridays.covers(&parts, local(text));
    // The 27th of November 2026 is a Friday.
    assert!(!covers("2026-11-27T01:59"));
    assert!(!covers("2026-11-27T21:59"));
    assert!(covers("2026-11-27T22:00"));
    assert!(covers("2026-11-28T01:59"));
    assert!(!covers("2026-11-28T02:00"));
}

#[test]
fn a_last_day_is_offered_to_its_end_and_a_time_is_not_reached() {
    let by_date = schedule(r#"{"valid_from": "2026-11-27", "valid_until": "2026-11-27"}"#);
    let covers = |schedule: &Schedule, text: &str| schedule.covers(&[], local(text));
    assert!(!covers(&by_date, "2026-11-26T23:59"));
    assert!(covers(&by_date, "2026-11-27T00:00"));
    assert!(covers(&by_date, "2026-11-27T23:59"));
    assert!(!covers(&by_date, "2026-11-28T00:00"));
    let by_time = schedule(r#"{"valid_until": "2026-11-27T06:00"}"#);
    assert!(covers(&by_time, "2026-11-27T05:59"));
    assert!(!covers(&by_time, "2026-11-27T06:00"));
}

#[test]
fn only_what_is_written_as_it_is_read_is_a_time() {
    for bad in ["6:00", "24:00", "06:00:00", "", "06:60", " 06:00"] {
        assert!(ClockTime::try_from(bad.to_owned()).is_err(), "{bad}");
    }
    for bad in [
        "2026-2-1",
        "2026-02-30",
        "2026-11-27T06:00Z",
        "2026-11-27 06:00",
        "+12026-01-01",
    ] {
        assert!(LocalMoment::try_from(bad.to_owned()).is_err(), "{bad}");
    }
    for good in ["2026-11-27", "2026-11-27T06:00"] {
        let moment = LocalMoment::try_from(good.to_owned()).expect(good);
        assert_eq!(String::from(moment), good);
    }
}

fn clock() -> impl Strategy<Value = ClockTime> {
    (0_u32..24, 0_u32..60).prop_map(|(hour, minute)| {
        ClockTime(NaiveTime::from_hms_opt(hour, minute, 0).expect("a time"))
    })
}

proptest! {
    /// Two parts of the day overlap exactly when some minute of a day lies in both.
    #[test]
    fn parts_overlap_when_a_minute_lies_in_both(a in clock(), b in clock(), c in clock(), d in clock()) {
        prop_assume!(a != b && c != d);
        let part = |from, to| Daypart { from, to, ..daypart("x", "00:00", "00:01") };
        let (one, other) = (part(a, b), part(c, d));
        let day = local("2026-11-27T00:00");
        let shared = (0..24 * 60).any(|minute| {
            let at = day + TimeDelta::minutes(minute);
            one.day_at(at).is_some() && other.day_at(at).is_some()
        });
        prop_assert_eq!(one.overlaps(&other), shared);
        prop_assert_eq!(other.overlaps(&one), shared);
    }

    /// A part of the day has each of its minutes once a day, and all of them begin on that day.
    #[test]
    fn a_part_is_one_stretch_that_begins_on_its_day(from in clock(), to in clock()) {
        prop_assume!(from != to);
        let part = Daypart { from, to, ..daypart("x", "00:00", "00:01") };
        let day = local("2026-11-27T00:00");
        let minutes: Vec<NaiveDateTime> = (0..2 * 24 * 60)
            .map(|minute| day + TimeDelta::minutes(minute))
            .filter(|at| part.day_at(*at) == Some(day.date()))
            .collect();
        let length = (to.0 - from.0).num_minutes().rem_euclid(24 * 60);
        prop_assert_eq!(minutes.len() as i64, length);
        prop_assert_eq!(minutes[0], day.date().and_time(from.0));
        let last = *minutes.last().expect("some");
        prop_assert_eq!((last + TimeDelta::minutes(1)).time(), to.0);
    }
}
