use serde_json::json;

use super::*;

fn order(lines: &[(&str, u32)], placed_at: DateTime<Utc>, pickup_in: Option<i64>) -> OrderDetails {
    let lines: Vec<_> = (1..)
        .zip(lines)
        .map(|(n, (station, quantity))| {
            json!({
                "line": n, "item": "x", "name": {"en": "x"}, "quantity": quantity,
                "unit_price": 1, "total": quantity, "station": station,
            })
        })
        .collect();
    let order = json!({
        "id": OrderId::new(), "channel": "kiosk", "lines": lines, "total": 1, "currency": "EUR",
        "placed_at": placed_at, "ready_estimate_at": placed_at + TimeDelta::seconds(60),
        "pickup_at": pickup_in.map(|seconds| placed_at + TimeDelta::seconds(seconds)),
        "preparation_seconds": 60, "business_day": "2026-11-23", "menu_version": 1,
    });
    serde_json::from_value(order).expect("a literal")
}

fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).expect("a time")
}

fn wait(load: &Load, station: &str) -> i64 {
    (load.estimate([(station, 60)].into_iter(), start()) - start()).num_seconds()
}

#[test]
fn an_order_waits_for_the_work_before_it_shared_by_the_cooks() {
    let mut load = Load::new(HashMap::from([("grill".to_owned(), 2)]));
    assert_eq!(wait(&load, "grill"), 60);
    load.place(&order(&[("grill", 4), ("bar", 1)], start(), None), |_| 60);
    assert_eq!(wait(&load, "grill"), 4 * 60 / 2 + 60);
    assert_eq!(wait(&load, "bar"), 60 + 60);
    let both = [("grill", 60), ("bar", 60)].into_iter();
    let latest = load.estimate(both, start());
    assert_eq!(
        latest - start(),
        TimeDelta::seconds(180),
        "the slower one decides"
    );
}

#[test]
fn what_is_made_or_closed_is_no_work_any_more_and_what_is_recalled_is_again() {
    let mut load = Load::new(HashMap::new());
    let first = order(&[("grill", 1), ("grill", 2)], start(), None);
    load.place(&first, |_| 60);
    load.place(&first, |_| 60);
    assert_eq!(wait(&load, "grill"), 180 + 60, "told twice, counted once");
    load.move_ticket(first.id, "grill", TicketState::Cooking, &[1], start());
    assert_eq!(wait(&load, "grill"), 120 + 60);
    load.move_ticket(first.id, "grill", TicketState::Cooking, &[], start());
    assert_eq!(wait(&load, "grill"), 180 + 60);
    load.move_order(first.id, OrderState::Cancelled, start());
    assert_eq!(wait(&load, "grill"), 60);
    load.move_order(first.id, OrderState::Cancelled, start());
    assert_eq!(wait(&load, "grill"), 60);
}

#[test]
fn a_scheduled_order_is_work_only_when_the_kitchen_has_it() {
    let mut load = Load::new(HashMap::new());
    let later = order(&[("grill", 1)], start(), Some(3_600));
    load.place(&later, |_| 60);
    assert_eq!(wait(&load, "grill"), 60);
    load.deal(later.id);
    load.deal(later.id);
    assert_eq!(wait(&load, "grill"), 120);
}

#[test]
fn a_kitchen_that_is_slower_than_planned_is_believed_more_and_more() {
    let mut load = Load::new(HashMap::new());
    let mut waits = vec![wait(&load, "grill")];
    for _ in 0..40 {
        let next = order(&[("grill", 1)], start(), None);
        load.place(&next, |_| 60);
        let end = start() + TimeDelta::seconds(120);
        load.move_ticket(next.id, "grill", TicketState::Cooking, &[], start());
        let made = load.move_ticket(next.id, "grill", TicketState::Done, &[1], end);
        assert_eq!(made, Some(Made { seconds: 120.0 }));
        let off = load.move_order(next.id, OrderState::Ready, end);
        assert_eq!(off, Some(TimeDelta::seconds(60)), "a minute late");
        load.move_order(next.id, OrderState::Collected, end);
        waits.push(wait(&load, "grill"));
    }
    assert!(waits.is_sorted(), "{waits:?}");
    assert!((118..=120).contains(&waits[40]), "{waits:?}");
    // One ticket that was forgotten for a day moves it by no more than its weight.
    let next = order(&[("grill", 1)], start(), None);
    load.place(&next, |_| 60);
    load.move_ticket(next.id, "grill", TicketState::Cooking, &[], start());
    let end = start() + TimeDelta::days(1);
    load.move_ticket(next.id, "grill", TicketState::Done, &[1], end);
    assert!(wait(&load, "grill") <= 144, "{}", wait(&load, "grill"));
}
