//! Counts what events say, each once. No IO.

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_lc_rs::digest::{Context as Digest, SHA256};
use serde::{Deserialize, Serialize};
use sunakku_common::event::{Event, StockChange, kind};
use sunakku_common::ids::OrderId;
use uuid::Uuid;

/// Orders that came to be something on the day, whenever they were placed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Orders {
    /// Placed.
    pub(crate) placed: i64,
    /// Handed over.
    pub(crate) collected: i64,
    /// Called off by guest or staff.
    pub(crate) cancelled: i64,
    /// Called off because they could not be made.
    pub(crate) rejected: i64,
    /// Placed again after that.
    pub(crate) retried: i64,
    /// Never collected.
    pub(crate) expired: i64,
}

/// Money of one currency, minor units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Amounts {
    /// ISO 4217 code.
    pub(crate) currency: String,
    /// Totals of the orders that were placed.
    pub(crate) placed: i64,
    /// Totals of those that were cancelled or rejected.
    pub(crate) called_off: i64,
    /// Totals of those that were placed again.
    pub(crate) reinstated: i64,
    /// `placed - called_off + reinstated`.
    pub(crate) net: i64,
}

/// What moved of a SKU by events of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Stock {
    /// The stock unit.
    pub(crate) sku: String,
    /// The kind of the events.
    pub(crate) kind: String,
    /// Units that came.
    pub(crate) added: i64,
    /// Units that went.
    pub(crate) taken: i64,
    /// Events.
    pub(crate) movements: i64,
}

/// The sums so far.
#[derive(Debug, Default)]
pub(super) struct Count {
    orders: Orders,
    /// Currency and total by order, of those placed in what was read and of those made known.
    totals: HashMap<OrderId, (String, i64)>,
    placed: Vec<OrderId>,
    called_off: Vec<OrderId>,
    reinstated: Vec<OrderId>,
    stock: BTreeMap<(String, String), Stock>,
    /// What epochs before have told: a new one tells again what the hub may lack.
    before: HashSet<Vec<u8>>,
    now: HashSet<Vec<u8>>,
    /// Events that came again.
    pub(super) told_again: i64,
}

#[derive(Deserialize)]
struct Body {
    order: Option<OrderId>,
    #[serde(default)]
    stock: Vec<StockChange>,
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    total: i64,
    currency: String,
}

impl Count {
    /// What comes now is of another epoch.
    pub(super) fn begin_epoch(&mut self) {
        let now = std::mem::take(&mut self.now);
        self.before.extend(now);
    }

    pub(super) fn add(&mut self, event: &Event) {
        if self.is_again(event) {
            self.told_again += 1;
            return;
        }
        // What cannot be read is parked, and counts nowhere else either.
        let Ok(body) = event.body::<Body>() else {
            return;
        };
        for change in &body.stock {
            self.move_stock(event, change);
        }
        let Some(order) = body.order else { return };
        let counter = match event.kind.as_str() {
            kind::ORDER_PLACED => {
                let Some(details) = body.details else { return };
                let total = (details.currency, details.total);
                self.totals.insert(order, total);
                self.placed.push(order);
                &mut self.orders.placed
            }
            kind::ORDER_COLLECTED => &mut self.orders.collected,
            kind::ORDER_CANCELLED => {
                self.called_off.push(order);
                &mut self.orders.cancelled
            }
            kind::ORDER_REJECTED => {
                self.called_off.push(order);
                &mut self.orders.rejected
            }
            kind::ORDER_RETRIED => {
                self.reinstated.push(order);
                &mut self.orders.retried
            }
            kind::ORDER_EXPIRED => &mut self.orders.expired,
            _ => return,
        };
        *counter += 1;
    }

    /// Whether another epoch has told it. Within one, two events that are alike happened twice.
    fn is_again(&mut self, event: &Event) -> bool {
        let mut digest = Digest::new(&SHA256);
        let at = event.at.timestamp_micros().to_be_bytes();
        for part in [&at[..], event.kind.as_bytes(), event.body.get().as_bytes()] {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let digest = digest.finish().as_ref().to_vec();
        let is_again = self.before.contains(&digest);
        self.now.insert(digest);
        is_again
    }

    fn move_stock(&mut self, event: &Event, change: &StockChange) {
        if change.delta == 0 {
            return;
        }
        let (sku, kind) = (change.sku.clone(), event.kind.clone());
        let stock = self.stock.entry((sku.clone(), kind.clone()));
        let stock = stock.or_insert_with(|| Stock {
            sku,
            kind,
            ..Stock::default()
        });
        stock.added += change.delta.max(0);
        stock.taken += change.delta.min(0).saturating_neg();
        stock.movements += 1;
    }

    /// Orders of other days, whose totals are not known yet.
    pub(super) fn missing(&self) -> Vec<Uuid> {
        let moved = self.called_off.iter().chain(&self.reinstated);
        let missing = moved.filter(|order| !self.totals.contains_key(order));
        missing.map(|order| order.0).collect()
    }

    pub(super) fn know(&mut self, totals: Vec<(OrderId, (String, i64))>) {
        self.totals.extend(totals);
    }

    /// The sums, in an order that depends on nothing but what they are.
    pub(super) fn sums(self) -> (Orders, Vec<Amounts>, Vec<Stock>) {
        let mut money: BTreeMap<String, Amounts> = BTreeMap::new();
        let mut add = |orders: &[OrderId], to: fn(&mut Amounts) -> &mut i64| {
            for (currency, total) in orders.iter().filter_map(|order| self.totals.get(order)) {
                *to(money.entry(currency.clone()).or_default()) += total;
            }
        };
        add(&self.placed, |amounts| &mut amounts.placed);
        add(&self.called_off, |amounts| &mut amounts.called_off);
        add(&self.reinstated, |amounts| &mut amounts.reinstated);
        let amounts = |(currency, amounts): (String, Amounts)| Amounts {
            currency,
            net: amounts.placed - amounts.called_off + amounts.reinstated,
            ..amounts
        };
        let money = money.into_iter().map(amounts).collect();
        (self.orders, money, self.stock.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(seq: u64, at: &str, kind: &str, body: &serde_json::Value) -> Event {
        Event::decode(&Event::encode(seq, at, kind, &body.to_string())).expect("an event")
    }

    #[test]
    fn what_another_epoch_tells_again_counts_once() {
        let order = OrderId::new();
        let placed = json!({"order": order, "stock": [{"sku": "bun", "delta": -2, "on_hand": 8, "suspended": false}],
                            "details": {"total": 900, "currency": "EUR"}});
        let at = "2026-11-27T10:00:00.000Z";
        let mut count = Count::default();
        count.begin_epoch();
        count.add(&event(1, at, "order.placed", &placed));
        // The same correction twice is two.
        let waste =
            json!({"stock": [{"sku": "bun", "delta": -1, "on_hand": 7, "suspended": false}]});
        count.add(&event(2, at, "stock.adjusted", &waste));
        count.add(&event(3, at, "stock.adjusted", &waste));
        count.begin_epoch();
        count.add(&event(1, at, "order.placed", &placed));
        let moved = json!({"order": order, "state": "cancelled",
                           "stock": [{"sku": "bun", "delta": 2, "on_hand": 8, "suspended": false}]});
        count.add(&event(2, at, "order.cancelled", &moved));
        assert_eq!((count.told_again, count.missing()), (1, vec![]));
        let (orders, money, stock) = count.sums();
        assert_eq!((orders.placed, orders.cancelled), (1, 1));
        let amounts = &money[0];
        assert_eq!(
            (amounts.placed, amounts.called_off, amounts.net),
            (900, 900, 0)
        );
        let rows: Vec<_> = stock
            .iter()
            .map(|row| (&*row.kind, row.added, row.taken, row.movements))
            .collect();
        let expected = [
            ("order.cancelled", 2, 0, 1),
            ("order.placed", 0, 2, 1),
            ("stock.adjusted", 0, 2, 2),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn an_order_of_another_day_takes_its_money_back_today() {
        let order = OrderId::new();
        let mut count = Count::default();
        let body = json!({"order": order, "state": "rejected"});
        count.add(&event(
            9,
            "2026-11-27T10:00:00.000Z",
            "order.rejected",
            &body,
        ));
        assert_eq!(count.missing(), [order.0]);
        count.know(vec![(order, ("JPY".to_owned(), 500))]);
        let (orders, money, _) = count.sums();
        assert_eq!((orders.placed, orders.rejected), (0, 1));
        assert_eq!((money[0].placed, money[0].net), (0, -500));
    }
}
