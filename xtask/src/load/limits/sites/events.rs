//! What a simulated site tells: orders from their placing to their being collected.

use chrono::Utc;
use serde_json::{Value, json};
use sunakku_common::event::{kind, timestamp};
use sunakku_common::ids::OrderId;

/// Events of one order.
const STEPS: [&str; 3] = ["preparing", "ready", "collected"];

/// Tells event after event: an order, its steps, the next order.
#[derive(Debug, Default)]
pub(super) struct Story {
    number: u32,
    order: Option<OrderId>,
    step: usize,
}

impl Story {
    /// Kind and body of the next event.
    pub(super) fn next(&mut self) -> (String, String) {
        let Some(order) = self.order.filter(|_| self.step < STEPS.len()) else {
            let order = OrderId::new();
            (self.order, self.step) = (Some(order), 0);
            self.number += 1;
            return (
                kind::ORDER_PLACED.to_owned(),
                placed(order, self.number).to_string(),
            );
        };
        let state = STEPS[self.step];
        self.step += 1;
        let body = json!({
            "order": order, "number": self.number, "state": state, "by": by("kitchen"),
        });
        (format!("order.{state}"), body.to_string())
    }
}

fn by(who: &str) -> Value {
    json!({ "actor": who, "device": format!("{who}-1"), "cause": "request" })
}

/// An order of two lines, of which one is counted.
fn placed(order: OrderId, number: u32) -> Value {
    let line = |n: u32, item: &str, price: i64| {
        json!({
            "line": n, "item": item, "name": {"en": item, "ja": format!("{item}です")},
            "quantity": 1, "unit_price": price, "total": price, "station": "grill",
        })
    };
    let now = timestamp(Utc::now());
    json!({
        "order": order, "number": number, "key": format!("key-{order}"), "by": by("kiosk"),
        "stock": [{
            "sku": "patty", "delta": -1, "on_hand": 1_000_000 - i64::from(number), "suspended": false,
        }],
        "details": {
            "id": order, "channel": "kiosk", "service": "here",
            "lines": [line(1, "burger", 890), line(2, "cola", 250)],
            "total": 1_140, "currency": "EUR", "placed_at": now, "ready_estimate_at": now,
            "preparation_seconds": 240, "business_day": Utc::now().date_naive(), "menu_version": 1,
        },
    })
}

#[cfg(test)]
mod tests {
    use sunakku_common::event::{Event, OrderMoved, OrderPlaced};

    use super::*;

    #[test]
    fn what_is_told_is_what_edges_tell() {
        let mut story = Story::default();
        let kinds: Vec<String> = (1..=5)
            .map(|seq| {
                let (kind, body) = story.next();
                let text = Event::encode(seq, &timestamp(Utc::now()), &kind, &body);
                let event = Event::decode(&text).expect("an event");
                if kind == kind::ORDER_PLACED {
                    event.body::<OrderPlaced>().expect("an order");
                } else {
                    event.body::<OrderMoved>().expect("a step");
                }
                kind
            })
            .collect();
        assert_eq!(
            kinds,
            [
                "order.placed",
                "order.preparing",
                "order.ready",
                "order.collected",
                "order.placed"
            ]
        );
    }
}
