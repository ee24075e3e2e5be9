//! What a site must be able to prove: its orders, stock and log against what guests saw.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sunakku_common::event::{Event, OrderPlaced, StockChange, TicketCreated, kind};
use sunakku_common::ids::OrderId;
use sunakku_edge::store::Store;
use xtask::harness::{LIMIT, wait_for};

use crate::guests::Sale;
use crate::site::{TestSite, seed};

/// The site's store, beside its edge.
pub(crate) async fn open_store(test: &TestSite) -> Store {
    let site = test.site.id.parse().unwrap();
    Store::open(&test.site.redis.edge_url(), &site, &seed().stock, 1 << 40)
        .await
        .unwrap()
}

/// The whole log of the present epoch, without a gap.
pub(crate) async fn read_log(test: &TestSite) -> Vec<Event> {
    let store = open_store(test).await;
    let mut events: Vec<Event> = Vec::new();
    loop {
        let from = events.len() as u64 + 1;
        let part = store.log_from(from, 1_000).await.unwrap();
        if part.is_empty() {
            return events;
        }
        for (seq, entry) in (from..).zip(part) {
            let event = Event::decode(&entry.text).unwrap();
            assert_eq!((entry.seq, event.seq), (seq, seq), "a gap in the log");
            assert_ne!(event.kind, kind::LOG_CORRUPT);
            events.push(event);
        }
    }
}

/// What an event did to stock.
pub(crate) fn stock_of(event: &Event) -> Vec<StockChange> {
    #[derive(serde::Deserialize)]
    struct MovesStock {
        #[serde(default)]
        stock: Vec<StockChange>,
    }
    event.body::<MovesStock>().unwrap().stock
}

/// Counts by the log alone. Each change adds up to the count that it tells, none is below zero.
pub(crate) fn counted(events: &[Event]) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for (event, change) in events.iter().flat_map(|event| {
        stock_of(event)
            .into_iter()
            .map(move |change| (event, change))
    }) {
        let count: &mut i64 = counts.entry(change.sku.clone()).or_default();
        // An epoch begins with what was at hand before the first event that it tells.
        let begin = event.kind == kind::EPOCH_STARTED;
        *count = if begin {
            change.on_hand.unwrap_or(0)
        } else {
            *count + change.delta
        };
        assert_eq!(change.on_hand.unwrap_or(0), *count, "{change:?}");
        assert!(0 <= *count, "{change:?}");
    }
    counts
}

/// Waits until every order was dealt to its stations, and checks that it was dealt once. Answers
/// the longest time that a ticket took from its order.
pub(crate) async fn assert_cooked_once(test: &TestSite) -> Duration {
    wait_for("tickets for all orders", LIMIT, async || {
        let orders = test.all_orders().await;
        let without = orders.iter().filter(|order| order["tickets"] == json!([]));
        match without.count() {
            0 => Ok(()),
            some => Err(format!("{some} of {} have none", orders.len())),
        }
    })
    .await
    .unwrap();
    let (mut tickets, mut parts, mut slowest) =
        (BTreeSet::new(), BTreeSet::new(), TimeDelta::zero());
    let mut wanted: BTreeMap<(OrderId, String), DateTime<Utc>> = BTreeMap::new();
    for event in read_log(test).await {
        if event.kind == kind::TICKET_CREATED {
            let created: TicketCreated = event.body().unwrap();
            assert!(tickets.insert(created.ticket), "told twice: {created:?}");
            let part = (created.order, created.details.station);
            assert!(parts.insert(part.clone()), "two tickets for {part:?}");
            slowest = slowest.max(event.at - wanted[&part]);
        } else if event.kind == kind::ORDER_PLACED {
            let placed: OrderPlaced = event.body().unwrap();
            let lines = placed.details.lines.into_iter();
            wanted.extend(lines.map(|line| ((placed.order, line.station), event.at)));
        }
    }
    assert_eq!(parts, wanted.into_keys().collect());
    slowest.to_std().unwrap()
}

/// Every sale is there exactly once, with its number and total, and nothing else is; stock and
/// log agree with it. Numbers count up from `first`; `start` is what was at hand before it.
pub(crate) async fn assert_balanced(
    test: &TestSite,
    sales: &[Sale],
    first: u64,
    start: &[(&str, i64)],
) {
    let numbers: BTreeSet<u64> = sales.iter().map(|sale| sale.number).collect();
    assert_eq!(numbers, (first..).take(sales.len()).collect());
    assert_there(test, sales, start).await;
}

/// The same, whatever the numbers are.
pub(crate) async fn assert_there(test: &TestSite, sales: &[Sale], start: &[(&str, i64)]) {
    let orders = test.all_orders().await;
    let text = |order: &Value, name: &str| order[name].as_str().unwrap().to_owned();
    let by_id: HashMap<String, &Value> = orders
        .iter()
        .map(|order| (text(order, "id"), order))
        .collect();
    for sale in sales {
        let order = by_id
            .get(&sale.id)
            .unwrap_or_else(|| panic!("lost: {sale:?}"));
        assert_eq!(order["number"], sale.number, "{sale:?}");
        assert_eq!(order["total"], sale.total, "{sale:?}");
    }
    let sold: BTreeSet<&String> = sales.iter().map(|sale| &sale.id).collect();
    assert_eq!(
        (sold.len(), orders.len()),
        (sales.len(), sales.len()),
        "nothing twice, nothing more"
    );
    let events = read_log(test).await;
    let told: Vec<OrderId> = events
        .iter()
        .filter(|event| event.kind == kind::ORDER_PLACED)
        .map(|event| event.body::<OrderPlaced>().unwrap().order)
        .collect();
    let distinct: BTreeSet<String> = told.iter().map(OrderId::to_string).collect();
    assert_eq!((told.len(), distinct.iter().collect()), (sales.len(), sold));
    let counts = counted(&events);
    for (sku, units) in start {
        let claimed: i64 = sales.iter().filter_map(|sale| sale.claims.get(*sku)).sum();
        assert_eq!(test.stock(sku).await, Some(units - claimed), "{sku}");
        assert_eq!(
            counts.get(*sku),
            Some(&(units - claimed)),
            "{sku} by the log"
        );
    }
}
