//! How much work each station may be given in each quarter of an hour. No IO, no clock.
//!
//! Work is counted in seconds of preparation, so one large order fills what ten small ones would.
//! An order that is more than a whole slot takes as many slots in a row as it needs.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use crate::store::{SlotClaim, Used};

/// A quarter of an hour, seconds. The same on every clock, as all time zones keep to it.
pub(crate) const SLOT_SECONDS: i64 = 900;
/// How many slots ahead one with room is looked for: a day.
const LOOK_AHEAD: i64 = 96;

/// Work that is wanted of a station that has a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) station: String,
    /// Seconds.
    pub(crate) work: u64,
    /// Seconds of work that the station can do in a slot; at least 1.
    pub(crate) capacity: u64,
}

/// When an order's work is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) claims: Vec<SlotClaim>,
    /// The slot in which the last of it is made.
    pub(crate) slot: i64,
}

/// The slot in which something is made that is to be ready at a time.
pub(crate) fn slot_until(time: DateTime<Utc>) -> i64 {
    (time.timestamp() - 1).div_euclid(SLOT_SECONDS)
}

/// The slot that has begun and not ended at a time.
pub(crate) fn slot_of(time: DateTime<Utc>) -> i64 {
    time.timestamp().div_euclid(SLOT_SECONDS)
}

/// When a slot begins and ends.
pub(crate) fn slot_times(slot: i64) -> (DateTime<Utc>, DateTime<Utc>) {
    let at = |slot: i64| DateTime::from_timestamp(slot * SLOT_SECONDS, 0).unwrap_or_default();
    (at(slot), at(slot + 1))
}

/// Finds room for work that is to be made in `wanted`, or in the first slot after it with room
/// for all of it, but never before `first`. `None` when a day has none.
pub(crate) fn plan(demands: &[Demand], used: &Used, first: i64, wanted: i64) -> Option<Plan> {
    (wanted.max(first)..=wanted.max(first) + LOOK_AHEAD).find_map(|slot| {
        let claims = demands.iter().map(|demand| fit(demand, used, first, slot));
        let claims: Option<Vec<Vec<SlotClaim>>> = claims.collect();
        let claims = claims?.concat();
        Some(Plan { claims, slot })
    })
}

/// The slots that a station's work takes when the last of it is made in `last`.
fn fit(demand: &Demand, used: &Used, first: i64, last: i64) -> Option<Vec<SlotClaim>> {
    let (mut left, mut claims) = (demand.work, Vec::new());
    let slots = i64::try_from(demand.work.div_ceil(demand.capacity)).ok()?;
    for slot in (first.max(last - slots + 1)..=last).rev() {
        let taken = used.get(&(slot, demand.station.clone())).copied();
        let room = demand.capacity.saturating_sub(taken.unwrap_or(0));
        let work = room.min(left);
        left -= work;
        if work > 0 {
            claims.push(SlotClaim {
                slot,
                station: demand.station.clone(),
                work,
                capacity: demand.capacity,
            });
        }
    }
    (left == 0).then_some(claims)
}

/// The work of lines at the stations that have a limit.
pub(crate) fn demands<'a>(
    lines: impl Iterator<Item = (&'a str, u64)>,
    capacity: &HashMap<String, u64>,
) -> Vec<Demand> {
    let mut works: BTreeMap<&str, u64> = BTreeMap::new();
    for (station, work) in lines {
        *works.entry(station).or_default() += work;
    }
    let demand = |(station, work): (&str, u64)| {
        Some(Demand {
            station: station.to_owned(),
            work,
            capacity: *capacity.get(station)?,
        })
    };
    works.into_iter().filter_map(demand).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn demand(station: &str, work: u64, capacity: u64) -> Demand {
        Demand {
            station: station.to_owned(),
            work,
            capacity,
        }
    }

    fn take(used: &mut Used, plan: &Plan) {
        for claim in &plan.claims {
            *used.entry((claim.slot, claim.station.clone())).or_default() += claim.work;
        }
    }

    #[test]
    fn a_full_slot_moves_work_to_the_next_one_with_room() {
        let (mut used, grill) = (Used::new(), demand("grill", 60, 100));
        let mut slots = Vec::new();
        for _ in 0..3 {
            let plan = plan(std::slice::from_ref(&grill), &used, 10, 10).expect("room");
            take(&mut used, &plan);
            slots.push(plan.slot);
        }
        assert_eq!(slots, [10, 11, 12], "two of them are more than a slot");
        let small = plan(&[demand("grill", 40, 100)], &used, 10, 10).expect("room");
        assert_eq!(small.slot, 10, "what is left of a slot is used");
    }

    #[test]
    fn an_order_waits_for_a_slot_in_which_all_its_stations_have_room() {
        let used = Used::from([((5, "grill".to_owned()), 100), ((6, "bar".to_owned()), 90)]);
        let both = [demand("grill", 10, 100), demand("bar", 20, 100)];
        assert_eq!(plan(&both, &used, 5, 5).expect("room").slot, 7);
    }

    #[test]
    fn more_than_a_whole_slot_takes_several_in_a_row() {
        let large = plan(&[demand("grill", 250, 100)], &Used::new(), 3, 3).expect("room");
        let slots: Vec<(i64, u64)> = large.claims.iter().map(|c| (c.slot, c.work)).collect();
        assert_eq!((large.slot, slots), (5, vec![(5, 100), (4, 100), (3, 50)]));
    }

    #[test]
    fn a_day_without_room_has_none() {
        let grill = [demand("grill", 1, 1)];
        let used = (0..=LOOK_AHEAD).map(|slot| ((slot, "grill".to_owned()), 1));
        assert_eq!(plan(&grill, &used.collect(), 0, 0), None);
        assert_eq!(plan(&[], &Used::new(), 4, 2).expect("no limit").slot, 4);
    }

    #[test]
    fn a_slot_is_the_quarter_of_an_hour_before_a_time() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("a literal");
        let noon = at("2026-11-23T12:00:00Z");
        let (begin, end) = slot_times(slot_until(noon));
        assert_eq!((begin, end), (at("2026-11-23T11:45:00Z"), noon));
        assert_eq!(slot_until(at("2026-11-23T12:00:01Z")), slot_until(noon) + 1);
    }

    proptest! {
        #[test]
        fn no_slot_is_ever_overfilled_and_no_work_is_lost(
            orders in prop::collection::vec((0_i64..20, prop::collection::btree_map(0_usize..3, 1_u64..400, 1..3)), 1..80),
            capacities in prop::array::uniform3(1_u64..300),
        ) {
            let mut used = Used::new();
            let mut wanted_work = 0;
            for (wanted, works) in orders {
                let demands: Vec<Demand> = works
                    .into_iter()
                    .map(|(n, work)| demand(["grill", "bar", "oven"][n], work, capacities[n]))
                    .collect();
                let Some(plan) = plan(&demands, &used, 0, wanted) else { continue };
                prop_assert!(wanted <= plan.slot);
                prop_assert!(plan.claims.iter().all(|claim| (0..=plan.slot).contains(&claim.slot)));
                wanted_work += demands.iter().map(|demand| demand.work).sum::<u64>();
                take(&mut used, &plan);
            }
            for ((_, station), work) in &used {
                let n = ["grill", "bar", "oven"].iter().position(|known| known == station);
                prop_assert!(*work <= capacities[n.expect("one of three")]);
            }
            prop_assert_eq!(used.values().sum::<u64>(), wanted_work);
        }
    }
}
