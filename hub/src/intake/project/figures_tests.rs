use chrono::TimeZone as _;
use sunakku_common::ids::TicketId;

use super::*;

fn site() -> SiteId {
    "s1".parse().expect("an id")
}

/// A minute of 27 November 2026, UTC.
fn at(hour: u32, minute: u32) -> DateTime<Utc> {
    let at = Utc.with_ymd_and_hms(2026, 11, 27, hour, minute, 0);
    at.single().expect("a time")
}

fn change(delta: i64, on_hand: i64, suspended: bool) -> StockChange {
    StockChange {
        sku: "patty".to_owned(),
        delta,
        on_hand: Some(on_hand),
        suspended,
        low_mark: None,
    }
}

#[test]
fn a_sku_is_sold_out_from_its_last_unit_until_there_is_one_again() {
    let mut figures = Figures::default();
    for (minute, on_hand, suspended) in [
        (0, 2, false),
        (10, 0, false),
        (20, 0, true),
        (30, 5, true),
        (40, 5, false),
        (50, 4, false),
    ] {
        figures.see_stock(&site(), at(12, minute), &change(-1, on_hand, suspended));
    }
    let key = (site(), "patty".to_owned(), at(12, 10));
    assert_eq!(
        figures.outages,
        BTreeMap::from([(key, Outage::Until(at(12, 40)))])
    );
}

#[test]
fn what_took_no_time_by_a_clock_that_was_set_back_is_no_time() {
    let mut figures = Figures::default();
    figures.see_stock(&site(), at(12, 10), &change(-1, 0, false));
    figures.see_stock(&site(), at(12, 0), &change(1, 1, false));
    let key = (site(), "patty".to_owned(), at(12, 10));
    assert_eq!(figures.outages, BTreeMap::from([(key, Outage::Void)]));
}

#[test]
fn a_ticket_takes_from_its_coming_until_it_is_first_made() {
    let mut figures = Figures::default();
    let ticket = TicketId::new();
    figures.end_ticket(&site(), ticket, Some(at(11, 58)));
    assert!(figures.durations.is_empty(), "not known");
    for _ in 0..2 {
        figures.give_ticket(&site(), ticket, "grill".into(), Some(at(11, 59)));
        figures.end_ticket(&site(), ticket, Some(at(12, 4)));
        figures.end_ticket(&site(), ticket, Some(at(12, 9)));
    }
    let bucket = buckets::of_preparation(300_000);
    let key = (site(), at(11, 0), "preparation", "grill".to_owned(), bucket);
    assert_eq!(figures.durations, BTreeMap::from([(key, 1)]));
    assert_eq!(figures.tickets().count(), 1);
}

#[test]
fn a_correction_that_is_told_again_is_one() {
    let mut figures = Figures::default();
    for (delta, minute) in [(-3, 0), (-3, 0), (-3, 1), (0, 2)] {
        figures.correct_stock(&site(), at(12, minute), &change(delta, 9, false), "waste");
    }
    assert_eq!(figures.corrections.len(), 2);
}

#[test]
fn a_day_is_the_sites() {
    let zone = "Asia/Tokyo".parse().expect("a zone");
    let mut figures = Figures::new(Known {
        zones: BTreeMap::from([(site(), zone)]),
        ..Known::default()
    });
    let placed_at = at(16, 0).timestamp_micros();
    figures.use_stock(&site(), placed_at, &change(-2, 7, false));
    figures.see_stock(&site(), at(14, 59), &change(-2, 7, false));
    let days: Vec<_> = figures
        .stock
        .iter()
        .map(|(key, day)| (key.1.to_string(), *day))
        .collect();
    let (used, seen) = (
        StockDay {
            used: 2,
            on_hand: None,
        },
        StockDay {
            used: 0,
            on_hand: Some(7),
        },
    );
    assert_eq!(
        days,
        [
            ("2026-11-27".to_owned(), seen),
            ("2026-11-28".to_owned(), used)
        ]
    );
}
