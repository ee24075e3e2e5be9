//! How long something could not be sold within a range, and what would have been sold.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;
use sunakku_common::local_time::{hour, local};

/// An hour of the day, by the kind of day: guests come otherwise on weekends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) is_weekend: bool,
    /// 0 to 23.
    pub(crate) hour: u32,
}

/// What is usually sold of an item in the hours of a slot: all that was, in so many hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usual {
    pub(crate) units: i64,
    pub(crate) revenue: i64,
    pub(crate) hours: i64,
}

/// Orders in each of the 24 hours that a clock shows, by date.
pub(crate) type Days24 = HashMap<NaiveDate, Vec<i64>>;
/// Units and revenue of an item in the same.
pub(crate) type ItemDays = HashMap<NaiveDate, (Vec<i64>, Vec<i64>)>;

/// From and to.
pub(crate) type Interval = (DateTime<Utc>, DateTime<Utc>);

/// The intervals within `bounds`, in order, those that overlap as one.
pub(crate) fn merged(mut intervals: Vec<Interval>, bounds: Interval) -> Vec<Interval> {
    intervals.sort_unstable();
    let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
    for (from, to) in intervals {
        let (from, to) = (from.max(bounds.0), to.min(bounds.1));
        match merged.last_mut() {
            _ if from >= to => {}
            Some((_, end)) if from <= *end => *end = (*end).max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// Milliseconds of the intervals by slot of the site's clock.
pub(crate) fn by_slot(intervals: &[Interval], zone: Tz) -> BTreeMap<Slot, i64> {
    let mut slots = BTreeMap::new();
    for (from, to) in intervals {
        let mut at = *from;
        while at < *to {
            let end = (hour(at, zone) + TimeDelta::hours(1)).min(*to);
            *slots.entry(slot(at, zone)).or_default() += (end - at).num_milliseconds();
            at = end;
        }
    }
    slots
}

fn slot(at: DateTime<Utc>, zone: Tz) -> Slot {
    let shown = local(at, zone);
    Slot {
        is_weekend: shown.weekday().number_from_monday() > 5,
        hour: shown.hour(),
    }
}

/// The hours of the site's dates that the intervals touch.
pub(crate) fn touched(intervals: &[Interval], zone: Tz) -> HashSet<(NaiveDate, u32)> {
    let mut hours = HashSet::new();
    for (from, to) in intervals {
        let mut at = *from;
        while at < *to {
            let shown = local(at, zone);
            hours.insert((shown.date(), shown.hour()));
            at = hour(at, zone) + TimeDelta::hours(1);
        }
    }
    hours
}

/// What an item sells in each slot, of the hours in which the site took orders (`open`) and its SKU was
/// not out.
pub(crate) fn usual(
    open: &Days24,
    sold: &ItemDays,
    out: &HashSet<(NaiveDate, u32)>,
) -> BTreeMap<Slot, Usual> {
    let mut slots: BTreeMap<Slot, Usual> = BTreeMap::new();
    for (day, orders) in open {
        let is_weekend = day.weekday().number_from_monday() > 5;
        let sold = sold.get(day);
        for (hour, n) in (0_u32..).zip(0..orders.len()) {
            if orders[n] == 0 || out.contains(&(*day, hour)) {
                continue;
            }
            let of = |hours: Option<&Vec<i64>>| hours.and_then(|hours| hours.get(n)).copied();
            let slot = slots.entry(Slot { is_weekend, hour }).or_default();
            slot.hours += 1;
            slot.units += of(sold.map(|(units, _)| units)).unwrap_or(0);
            slot.revenue += of(sold.map(|(_, revenue)| revenue)).unwrap_or(0);
        }
    }
    slots
}

/// Units and revenue that were not made in so much time of each slot, at the usual rate.
pub(crate) fn lost(out: &BTreeMap<Slot, i64>, usual: &BTreeMap<Slot, Usual>) -> (f64, f64) {
    out.iter()
        .fold((0.0, 0.0), |(units, revenue), (slot, millis)| {
            let usual = usual.get(slot).copied().unwrap_or_default();
            // Hours of the slot: one without any usual hour loses nothing that is known.
            let hours = *millis as f64 / 3_600_000.0;
            let share = if usual.hours > 0 {
                hours / usual.hours as f64
            } else {
                0.0
            };
            (
                units + share * usual.units as f64,
                revenue + share * usual.revenue as f64,
            )
        })
}

/// When it first ran out on each day on which it did, by the site's clock.
pub(crate) fn first_of_days(intervals: &[Interval], zone: Tz) -> BTreeMap<NaiveDate, NaiveTime> {
    let mut days = BTreeMap::new();
    for (from, _) in intervals {
        let shown = local(*from, zone);
        days.entry(shown.date()).or_insert(shown.time());
    }
    days
}

/// The one in the middle; of two, the earlier.
pub(crate) fn median(days: &BTreeMap<NaiveDate, NaiveTime>) -> Option<NaiveTime> {
    let mut times: Vec<NaiveTime> = days.values().copied().collect();
    times.sort_unstable();
    times.get(times.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;

    use super::*;

    fn at(hour: u32, minute: u32) -> DateTime<Utc> {
        let at = Utc.with_ymd_and_hms(2026, 11, 27, hour, minute, 0);
        at.single().expect("a time")
    }

    #[test]
    fn time_counts_once_and_within_the_range() {
        let told = vec![
            (at(12, 30), at(13, 0)),
            (at(9, 0), at(10, 0)),
            (at(11, 0), at(12, 45)),
            (at(12, 0), at(12, 10)),
        ];
        assert_eq!(
            merged(told, (at(10, 0), at(12, 50))),
            [(at(11, 0), at(12, 50))]
        );
    }

    #[test]
    fn time_belongs_to_the_hours_of_the_sites_clock() {
        let zone = "Asia/Kolkata".parse().expect("a zone");
        let slots = by_slot(&[(at(6, 0), at(7, 0))], zone);
        let slot = |hour| Slot {
            is_weekend: false,
            hour,
        };
        assert_eq!(
            slots,
            BTreeMap::from([(slot(11), 1_800_000), (slot(12), 1_800_000)])
        );
    }

    #[test]
    fn what_is_lost_is_what_is_usual() {
        let slot = |hour| Slot {
            is_weekend: false,
            hour,
        };
        let out = BTreeMap::from([(slot(12), 1_800_000), (slot(13), 3_600_000)]);
        let usual = Usual {
            units: 40,
            revenue: 8_000,
            hours: 4,
        };
        assert_eq!(
            lost(&out, &BTreeMap::from([(slot(12), usual)])),
            (5.0, 1_000.0)
        );
    }

    #[test]
    fn usual_are_the_open_hours_in_which_it_was_not_out() {
        let day = |n| NaiveDate::from_ymd_opt(2026, 11, n).expect("a date");
        let at_noon = |n| {
            (0..24)
                .map(|hour| i64::from(hour == 12) * n)
                .collect::<Vec<_>>()
        };
        let open = Days24::from([
            (day(25), at_noon(9)),
            (day(26), at_noon(9)),
            (day(27), at_noon(9)),
        ]);
        let sold = ItemDays::from([
            (day(25), (at_noon(4), at_noon(800))),
            (day(27), (at_noon(1), at_noon(200))),
        ]);
        let out = touched(&[(at(12, 59), at(13, 1))], Tz::UTC);
        assert_eq!(out, HashSet::from([(day(27), 12), (day(27), 13)]));
        let noon = Slot {
            is_weekend: false,
            hour: 12,
        };
        let usual_at_noon = Usual {
            units: 4,
            revenue: 800,
            hours: 2,
        };
        let expected = BTreeMap::from([(noon, usual_at_noon)]);
        assert_eq!(usual(&open, &sold, &out), expected);
    }

    #[test]
    fn the_usual_time_is_the_middle_of_the_first_of_each_day() {
        let days = first_of_days(&[(at(12, 30), at(13, 0)), (at(14, 0), at(15, 0))], Tz::UTC);
        assert_eq!(
            median(&days).map(|time| time.to_string()),
            Some("12:30:00".to_owned())
        );
        assert_eq!(median(&BTreeMap::new()), None);
    }
}
