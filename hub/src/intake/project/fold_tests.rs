use chrono::TimeZone as _;
use serde_json::json;
use sunakku_common::chain::Chain;
use sunakku_common::event::Event;

use super::super::order::Sold;
use super::super::read::read;
use super::*;

/// A site whose events are folded one by one.
struct Story {
    site: SiteId,
    epoch: Epoch,
    seq: u64,
    fold: Fold,
}

impl Story {
    fn new() -> Self {
        Self {
            site: "s1".parse().expect("id"),
            epoch: Epoch::new(),
            seq: 0,
            fold: Fold::default(),
        }
    }

    fn tell(&mut self, kind: &str, body: &serde_json::Value) -> Result<Step, String> {
        self.seq += 1;
        let text = Event::encode(
            self.seq,
            "2026-11-23T10:59:59.999Z",
            kind,
            &body.to_string(),
        );
        let event = Event::decode(&text).expect("an event");
        let fact = read(&event)?;
        let chain = Chain([0; 32]);
        let entry = Entry {
            site: &self.site,
            epoch: self.epoch,
            event,
            text: &text,
            chain,
        };
        self.fold.apply(&entry, fact)
    }

    fn place(&mut self, order: OrderId, total: i64) -> Result<Step, String> {
        let at = "2026-11-23T10:30:00.000Z";
        let line = |line: u32, quantity: i64| {
            json!({"line": line, "item": "cola", "name": {"en": "Cola"}, "quantity": quantity,
                   "unit_price": total / 3, "total": total / 3 * quantity, "station": "bar"})
        };
        let body = json!({
            "order": order, "number": 7, "key": "k", "by": {"actor": "kiosk"}, "stock": [],
            "details": {
                "id": order, "channel": "kiosk", "total": total, "currency": "EUR",
                "placed_at": at, "ready_estimate_at": at, "preparation_seconds": 60,
                "business_day": "2026-11-23", "menu_version": 1, "lines": [line(1, 1), line(2, 2)],
            },
        });
        self.tell("order.placed", &body)
    }

    fn step(&mut self, order: OrderId, state: &str) -> Result<Step, String> {
        let body = json!({"order": order, "number": 7, "state": state, "by": {"actor": "kim"}});
        self.tell(&format!("order.{state}"), &body)
    }

    fn retry(&mut self, order: OrderId) -> Result<Step, String> {
        let body = json!({"order": order, "number": 7, "state": "placed", "by": {"actor": "kim"}});
        self.tell("order.retried", &body)
    }

    fn sold(&self) -> Sold {
        let hour = Utc
            .with_ymd_and_hms(2026, 11, 23, 10, 0, 0)
            .single()
            .expect("a time");
        self.fold.figures.sales[&(self.site.clone(), hour, "cola".to_owned())]
    }
}

fn sold(orders: i64) -> Sold {
    Sold {
        units: 3 * orders,
        orders,
        revenue: 300 * orders,
    }
}

#[test]
fn an_order_with_two_lines_of_an_item_is_one_order_of_it() {
    let mut story = Story::new();
    assert_eq!(story.place(OrderId::new(), 300), Ok(Step::Usual));
    assert_eq!(story.place(OrderId::new(), 300), Ok(Step::Usual));
    assert_eq!(story.sold(), sold(2));
}

#[test]
fn what_is_cancelled_leaves_the_hour_once() {
    let mut story = Story::new();
    let order = OrderId::new();
    story.place(order, 300).expect("placed");
    assert_eq!(story.step(order, "cancelled"), Ok(Step::Usual));
    assert_eq!(story.sold(), sold(0));
    assert_eq!(story.step(order, "cancelled"), Ok(Step::Odd));
    assert_eq!(story.sold(), sold(0));
    let order = &story.fold.orders[&(story.site, order)];
    assert!(order.closed_at.is_some() && order.state == OrderState::Cancelled);
}

#[test]
fn what_is_tried_again_after_its_rejection_is_open_and_counts_again() {
    let mut story = Story::new();
    let order = OrderId::new();
    story.place(order, 300).expect("placed");
    assert_eq!(story.step(order, "rejected"), Ok(Step::Usual));
    assert_eq!(story.sold(), sold(0));
    assert_eq!(story.retry(order), Ok(Step::Usual));
    assert_eq!(story.sold(), sold(1));
    let known = &story.fold.orders[&(story.site.clone(), order)];
    assert!(known.closed_at.is_none() && known.state == OrderState::Placed);
    assert_eq!(story.step(order, "cancelled"), Ok(Step::Usual));
    assert_eq!(story.retry(order), Ok(Step::Odd), "only what was rejected");
    assert_eq!(story.sold(), sold(0));
}

#[test]
fn an_order_that_is_told_again_changes_nothing() {
    let mut story = Story::new();
    let order = OrderId::new();
    for step in ["placed", "preparing", "ready", "collected"] {
        match step {
            "placed" => story.place(order, 300).expect("placed"),
            step => story.step(order, step).expect("a step"),
        };
    }
    story.epoch = Epoch::new();
    assert_eq!(story.place(order, 300), Ok(Step::Usual));
    for step in ["preparing", "ready", "cancelled"] {
        assert_eq!(story.step(order, step), Ok(Step::Odd), "{step}");
    }
    assert_eq!(story.sold(), sold(1));
    let order = &story.fold.orders[&(story.site, order)];
    assert_eq!(order.state, OrderState::Collected);
}

#[test]
fn another_order_under_a_known_id_is_told_from_it() {
    let mut story = Story::new();
    let order = OrderId::new();
    story.place(order, 300).expect("placed");
    assert!(story.place(order, 600).is_err());
    assert_eq!(story.sold(), sold(1));
}

#[test]
fn a_step_that_was_missed_does_not_stop_the_next() {
    let mut story = Story::new();
    let order = OrderId::new();
    story.place(order, 300).expect("placed");
    assert_eq!(story.step(order, "ready"), Ok(Step::Odd));
    assert_eq!(story.step(order, "preparing"), Ok(Step::Usual), "recalled");
    assert_eq!(story.step(order, "ready"), Ok(Step::Usual));
    assert_eq!(story.step(order, "collected"), Ok(Step::Usual));
    assert!(
        story.step(OrderId::new(), "ready").is_err(),
        "an unknown order"
    );
}

#[test]
fn the_last_change_of_a_sku_is_its_stock_and_each_is_in_the_ledger() {
    let mut story = Story::new();
    for on_hand in [5, 4, 9] {
        let body = json!({"stock": [{"sku": "patty", "delta": 1, "on_hand": on_hand,
                                     "suspended": false}], "by": {"actor": "kim"}});
        story.tell("stock.adjusted", &body).expect("a change");
    }
    assert_eq!(story.fold.movements.len(), 3);
    let last = story.fold.stock[&(story.site, "patty".to_owned())];
    assert_eq!(story.fold.movements[last].change.on_hand, Some(9));
}
