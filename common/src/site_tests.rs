use proptest::prelude::*;

use chrono::TimeDelta;

use super::*;

fn berlin() -> Tz {
    Tz::Europe__Berlin
}

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("a time").to_utc()
}

fn hours(json: serde_json::Value) -> OpeningHours {
    serde_json::from_value(json).expect("opening hours")
}

#[test]
fn a_site_without_hours_is_always_open() {
    let none = OpeningHours::default();
    let now = at("2026-11-23T03:00:00Z");
    assert!(none.is_open(now, berlin()));
    assert_eq!(none.opens_after(now, berlin()), Some(now));
}

#[test]
fn hours_are_local_and_may_reach_into_the_next_day() {
    let bar = hours(serde_json::json!({
        "week": {"mon": [{"from": "07:30", "to": "14:00"}, {"from": "18:00", "to": "02:00"}]},
        "exceptions": {"2026-11-30": []},
    }));
    // 2026-11-23 is a Monday; Berlin is an hour ahead of UTC.
    for (when, open) in [
        ("2026-11-23T06:29:59Z", false),
        ("2026-11-23T06:30:00Z", true),
        ("2026-11-23T13:00:00Z", false),
        ("2026-11-23T17:00:00Z", true),
        ("2026-11-24T00:59:59Z", true),
        ("2026-11-24T01:00:00Z", false),
        ("2026-11-30T08:00:00Z", false),
        ("2026-12-07T08:00:00Z", true),
    ] {
        assert_eq!(bar.is_open(at(when), berlin()), open, "{when}");
    }
    assert_eq!(
        bar.opens_after(at("2026-11-24T01:00:00Z"), berlin()),
        Some(at("2026-12-07T06:30:00Z")),
        "the Monday between is a holiday"
    );
}

#[test]
fn local_times_follow_the_clocks_when_they_change() {
    let open = hours(serde_json::json!({
        "week": {"sun": [{"from": "02:30", "to": "09:00"}]},
    }));
    // On 2026-03-29 clocks leap from 02:00 to 03:00, on 2026-10-25 back from 03:00 to 02:00.
    let spring = open.opens_after(at("2026-03-28T12:00:00Z"), berlin());
    assert_eq!(
        spring,
        Some(at("2026-03-29T01:30:00Z")),
        "02:30, by the clocks before they leap"
    );
    let autumn = open.opens_after(at("2026-10-24T12:00:00Z"), berlin());
    assert_eq!(autumn, Some(at("2026-10-25T00:30:00Z")), "the first 02:30");
    let starts = NaiveTime::from_hms_opt(4, 0, 0).expect("a time");
    assert_eq!(
        next_business_day(at("2026-10-24T12:00:00Z"), berlin(), starts),
        Some(at("2026-10-25T03:00:00Z"))
    );
}

#[test]
fn days_that_nobody_knows_are_a_fault() {
    let odd = hours(serde_json::json!({"week": {"funday": []}}));
    assert!(odd.fault().is_some_and(|fault| fault.contains("funday")));
    assert_eq!(OpeningHours::default().fault(), None);
}

fn ranges() -> impl Strategy<Value = Vec<Hours>> {
    let time = (0_u32..24, 0_u32..4)
        .prop_map(|(hour, quarter)| NaiveTime::from_hms_opt(hour, 15 * quarter, 0).expect("one"));
    let range = (time.clone(), time).prop_map(|(from, to)| Hours { from, to });
    prop::collection::vec(range, 0..3)
}

proptest! {
    /// Whatever the hours, the zone and the season: the site is open at the moment at which it is
    /// said to open next, and closed at every moment between.
    #[test]
    fn a_closed_site_opens_when_it_says(
        week in prop::collection::btree_map(prop::sample::select(&DAYS[..]), ranges(), 1..8),
        zone in prop::sample::select(vec![
            Tz::Europe__Berlin, Tz::America__New_York, Tz::Asia__Tokyo, Tz::Australia__Lord_Howe,
            Tz::UTC,
        ]),
        minute in 0_i64..527_040,
    ) {
        let week = week.into_iter().map(|(day, hours)| (day.to_owned(), hours)).collect();
        let open = OpeningHours { week, exceptions: BTreeMap::new() };
        let now = at("2026-01-01T00:00:00Z") + TimeDelta::minutes(minute);
        if open.is_open(now, zone) {
            return Ok(());
        }
        if let Some(opens) = open.opens_after(now, zone) {
            prop_assert!(open.is_open(opens, zone));
            let between = (1..100).map(|n| now + (opens - now) * n / 100);
            for moment in between.filter(|moment| *moment < opens) {
                prop_assert!(!open.is_open(moment, zone), "{moment}");
            }
        }
    }
}
