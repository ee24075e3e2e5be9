use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

fn timing(version: i64, text: &str) -> Timing {
    let effect = Effect::At(at(text));
    Timing { version, effect }
}

#[test]
fn a_local_time_comes_to_each_zone_in_its_turn() {
    let local = "2026-11-27T06:00:00".parse().expect("a time");
    let versions = [
        timing(1, "2026-11-01T00:00:00Z"),
        Timing {
            version: 2,
            effect: Effect::AtLocal(local),
        },
    ];
    let now = at("2026-11-26T22:00:00Z");
    let tokyo = plan(&versions, Tz::Asia__Tokyo, now);
    assert_eq!((tokyo.now, tokyo.next), (Some(2), None));
    let berlin = plan(&versions, Tz::Europe__Berlin, now);
    assert_eq!(berlin.now, Some(1));
    assert_eq!(berlin.next, Some((2, at("2026-11-27T05:00:00Z"))));
}

#[test]
fn a_version_that_took_effect_overtakes_what_was_planned_before_it() {
    let versions = [
        timing(1, "2026-11-01T00:00:00Z"),
        timing(2, "2026-12-01T00:00:00Z"),
        timing(3, "2026-11-20T00:00:00Z"),
    ];
    let then = at("2026-11-10T00:00:00Z");
    let planned = plan(&versions, Tz::UTC, then);
    assert_eq!(
        (planned.now, planned.next),
        (Some(1), Some((3, at("2026-11-20T00:00:00Z"))))
    );
    let later = plan(&versions, Tz::UTC, at("2026-12-24T00:00:00Z"));
    assert_eq!((later.now, later.next), (Some(3), None));
    let new = Effect::At(at("2026-11-20T00:00:00Z"));
    assert_eq!(overtaken(&versions[..2], new, &[Tz::UTC], then), [2]);
    let standings = |now| [1, 2, 3].map(|version| standing(&versions, version, &[Tz::UTC], now));
    assert_eq!(
        standings(then),
        [Standing::Live, Standing::Past, Standing::Scheduled]
    );
    let after = standings(at("2026-12-24T00:00:00Z"));
    assert_eq!(after, [Standing::Past, Standing::Past, Standing::Live]);
    assert_eq!(overtaken(&[], new, &[Tz::UTC], then), [0_i64; 0]);
}

proptest! {
    /// However versions are planned: as time goes on a site's version never goes down, and what
    /// was told to come next is what then comes.
    #[test]
    fn versions_only_go_up(
        minutes in prop::collection::vec(0_i64..500, 1..8),
        local in prop::collection::vec(any::<bool>(), 8),
        steps in prop::collection::vec(1_i64..200, 1..12),
    ) {
        let begin = at("2026-10-25T00:00:00Z");
        let versions: Vec<Timing> = minutes.iter().enumerate().map(|(n, minutes)| {
            let at = begin + TimeDelta::minutes(*minutes);
            let effect = if local[n] { Effect::AtLocal(at.naive_utc()) } else { Effect::At(at) };
            Timing { version: n as i64 + 1, effect }
        }).collect();
        // The clocks go back in this night.
        let zone = Tz::Europe__Berlin;
        let mut now = begin - TimeDelta::hours(3);
        let mut before = plan(&versions, zone, now);
        for step in steps {
            if let Some((version, at)) = before.next {
                prop_assert_eq!(plan(&versions, zone, at).now, Some(version));
                prop_assert!(plan(&versions, zone, at - TimeDelta::seconds(1)).now == before.now);
            }
            now += TimeDelta::minutes(step);
            let after = plan(&versions, zone, now);
            prop_assert!(before.now <= after.now);
            before = after;
        }
    }
}
