//! Stations that can do only so much in a quarter of an hour.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use serde_json::{Value, json};
use xtask::world::{Answer, SiteOptions};

use crate::bad_input::assert_problem;
use crate::books::open_store;
use crate::site::{TestSite, new_key, order_of, seed};

const SLOT: i64 = 900;

/// A site whose bar has so many seconds in each quarter of an hour; everything takes a minute.
async fn start(capacity_seconds: i64, full_slot: &str) -> TestSite {
    let mut options = SiteOptions::new("s1", seed());
    let bar = toml::Table::from_iter([
        ("name".to_owned(), "bar".into()),
        ("capacity_seconds".to_owned(), capacity_seconds.into()),
    ]);
    let kitchen = toml::Table::from_iter([("full_slot".to_owned(), full_slot.into())]);
    let stations = vec![toml::Value::Table(bar)];
    options.edge.insert("stations".to_owned(), stations.into());
    options.edge.insert("kitchen".to_owned(), kitchen.into());
    TestSite::start_with(options).await
}

/// The end of a quarter of an hour that many hours from now.
fn slot_in(hours: i64) -> DateTime<Utc> {
    let at = Utc::now() + TimeDelta::hours(hours);
    DateTime::from_timestamp(at.timestamp() / SLOT * SLOT, 0).unwrap()
}

async fn order_for(test: &TestSite, pickup_at: DateTime<Utc>, quantity: i64) -> Answer {
    let mut order = order_of("cola", quantity);
    order["pickup_at"] = json!(pickup_at);
    test.kiosk.order(&new_key(), &order).await.unwrap()
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// Seconds that every slot was given.
async fn used(test: &TestSite) -> BTreeMap<i64, u64> {
    let store = open_store(test).await;
    let used = store.used_slots().await.unwrap();
    used.into_iter()
        .map(|((slot, _), work)| (slot, work))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_orders_at_once_never_overfill_a_slot() {
    let at = slot_in(3);
    let test = start(600, "move").await;
    let guests = (0..100).map(|_| order_for(&test, at, 1));
    let mut ends: BTreeMap<DateTime<Utc>, u64> = BTreeMap::new();
    for answer in join_all(guests).await {
        let placed = answer.expect(201).unwrap().body;
        *ends.entry(time(&placed["ready_estimate_at"])).or_default() += 60;
    }
    let told: Vec<u64> = ends.values().copied().collect();
    assert_eq!(told, [600; 10], "all were promised for {ends:?}");
    let used: Vec<u64> = used(&test).await.into_values().collect();
    assert_eq!(used, [600; 10], "every slot is filled and none too far");
}

#[tokio::test]
async fn a_scheduled_order_is_refused_with_the_next_time_or_moved_there_by_setting() {
    let at = slot_in(3);
    let test = start(120, "refuse").await;
    for _ in 0..2 {
        let placed = order_for(&test, at, 1).await.expect(201).unwrap().body;
        assert_eq!(time(&placed["ready_estimate_at"]), at);
    }
    let refused = order_for(&test, at, 1).await;
    assert_problem(&refused, 409, "slot-full");
    let next_at = time(&refused.body["next_at"]);
    assert_eq!(next_at, at + TimeDelta::seconds(SLOT));
    let placed = order_for(&test, next_at, 1).await.expect(201).unwrap();
    assert_eq!(time(&placed.body["pickup_at"]), next_at);
    // Work is counted, not orders: this one needs a slot of its own and half of the one before.
    let large = order_for(&test, slot_in(6), 3).await.expect(201).unwrap();
    assert_eq!(time(&large.body["pickup_at"]), slot_in(6));
    let used = used(&test).await;
    let last = slot_in(6).timestamp() / SLOT - 1;
    assert_eq!((used[&last], used[&(last - 1)]), (120, 60), "{used:?}");
    // Another station has no limit.
    let burgers = join_all((0..10).map(|_| async {
        let mut order = order_of("burger", 1);
        order["pickup_at"] = json!(at);
        test.kiosk.order(&new_key(), &order).await.unwrap().status
    }));
    assert!(burgers.await.iter().all(|status| *status == 201));

    let test = start(120, "move").await;
    order_for(&test, at, 2).await.expect(201).unwrap();
    let moved = order_for(&test, at, 1).await.expect(201).unwrap().body;
    for told in ["pickup_at", "ready_estimate_at"] {
        assert_eq!(time(&moved[told]), at + TimeDelta::seconds(SLOT), "{moved}");
    }
}

#[tokio::test]
async fn room_is_given_back_once_and_kept_through_a_restart() {
    let at = slot_in(3);
    let test = start(60, "refuse").await;
    let key = new_key();
    let mut order = order_of("cola", 1);
    order["pickup_at"] = json!(at);
    let placed = test.kiosk.order(&key, &order).await.unwrap();
    let placed = placed.expect(201).unwrap().body;
    // A repetition takes nothing, and is answered though its slot is full.
    let again = test.kiosk.order(&key, &order).await.unwrap();
    assert_eq!(again.expect(201).unwrap().body["id"], placed["id"]);
    test.site.process().kill().unwrap();
    test.site.restart().await.unwrap();
    assert_problem(&order_for(&test, at, 1).await, 409, "slot-full");
    let cancel = format!("/v1/orders/{}/cancel", placed["id"].as_str().unwrap());
    test.kiosk.act(&cancel).await.unwrap().expect(200).unwrap();
    assert_eq!(used(&test).await.len(), 0);
    order_for(&test, at, 1).await.expect(201).unwrap();
    assert_problem(&order_for(&test, at, 1).await, 409, "slot-full");
}

#[tokio::test]
async fn an_order_of_many_slots_is_never_begun_before_now() {
    let test = start(60, "move").await;
    let at = Utc::now() + TimeDelta::minutes(20);
    let placed = order_for(&test, at, 8).await.expect(201).unwrap().body;
    let ready_at = time(&placed["ready_estimate_at"]);
    assert!(
        Utc::now() + TimeDelta::minutes(7 * 15) < ready_at,
        "{placed}"
    );
    assert_eq!(used(&test).await.len(), 8);
    // What needs more than a day of the station is not promised at all.
    let never = order_for(&test, at, 150).await;
    assert_problem(&never, 409, "slot-full");
    assert_eq!(never.body["next_at"], Value::Null);
}
