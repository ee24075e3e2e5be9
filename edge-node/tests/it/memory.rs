//! Memory: how much an order takes, and what happens when there is none left.

use redis::aio::MultiplexedConnection;
use reqwest::Method;
use serde_json::json;
use xtask::harness::{LIMIT, wait_for};

use crate::bad_input::assert_problem;
use crate::books::{assert_balanced, assert_cooked_once, open_store};
use crate::faults::{GUESTS, START, busy};
use crate::guests::Guests;
use crate::site::{TestSite, new_key, order, order_of};

pub(crate) async fn redis_of(test: &TestSite) -> MultiplexedConnection {
    let client = redis::Client::open(test.site.redis.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// One of the figures that Redis gives of its memory, bytes.
async fn memory(test: &TestSite, figure: &str) -> i64 {
    let mut info = redis::cmd("INFO");
    let info: String = info
        .arg("memory")
        .query_async(&mut redis_of(test).await)
        .await
        .unwrap();
    let found = info
        .lines()
        .find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'));
    found.unwrap().parse().unwrap()
}

/// What Redis stores, bytes.
async fn used(test: &TestSite) -> i64 {
    memory(test, "used_memory_dataset").await
}

/// Bounds what Redis may store.
async fn set_max_memory(test: &TestSite, bytes: i64) {
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg("maxmemory").arg(bytes);
    set.exec_async(&mut redis_of(test).await).await.unwrap();
}

/// A site sells a month of orders out of Redis' memory: 1,000 a day in a gigabyte allow 33 KB.
const MAX_BYTES_OF_ORDER: i64 = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn an_order_with_all_its_steps_and_keys_takes_little_memory() {
    let test = TestSite::start().await;
    test.set_stock("patty", 10_000).await;
    let burger = json!({"item": "burger", "quantity": 2, "modifiers": ["double"], "note": "rare"});
    let request = order(&[burger, json!({"item": "cola", "quantity": 1})]);
    let keyed = async |path: String| {
        let step = test
            .kitchen
            .request(Method::POST, &path)
            .header("Idempotency-Key", new_key());
        test.kitchen.send(step).await.unwrap().expect(200).unwrap();
    };
    let before = used(&test).await;
    const ORDERS: i64 = 100;
    for _ in 0..ORDERS {
        let placed = test.placed(&request).await;
        let id = placed["id"].as_str().unwrap();
        for ticket in test.tickets_of(id).await {
            for step in ["start", "lines/1/bump"] {
                keyed(format!(
                    "/v1/tickets/{}/{step}",
                    ticket["id"].as_str().unwrap()
                ))
                .await;
            }
        }
        keyed(format!("/v1/orders/{id}/collect")).await;
    }
    let each = (used(&test).await - before) / ORDERS;
    assert!(each < MAX_BYTES_OF_ORDER, "{each} bytes an order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_without_memory_refuses_and_loses_nothing() {
    let test = TestSite::start_with(busy()).await;
    let guests = Guests::arrive(&test.kiosk, GUESTS);
    guests.buy(40).await;
    set_max_memory(&test, memory(&test, "used_memory").await).await;
    guests.suffer(GUESTS as u64).await;
    let refused = test
        .kiosk
        .order(&new_key(), &order_of("cola", 1))
        .await
        .unwrap();
    assert_problem(&refused, 503, "store-unavailable");
    assert!(
        !test.all_orders().await.is_empty(),
        "what is there can be read"
    );
    set_max_memory(&test, 1 << 30).await;
    guests.buy(40).await;
    let visit = guests.leave().await;
    assert_balanced(&test, &visit.sales, 1, &START).await;
    assert_cooked_once(&test).await;
}

#[tokio::test]
async fn a_full_log_is_told_as_such_until_the_hub_has_taken_it() {
    let options = busy().with(toml::toml! {
        [log]
        budget_bytes = 1_000_000
    });
    let test = TestSite::start_with(options).await;
    let line = json!({"item": "cola", "quantity": 1, "note": "x".repeat(200)});
    let long = order(&vec![line; 100]);
    let mut taken = Vec::new();
    let refused = loop {
        let answer = test.kiosk.order(&new_key(), &long).await.unwrap();
        if answer.status != 201 {
            break answer;
        }
        taken.push(answer.body["id"].as_str().unwrap().to_owned());
        assert!(taken.len() < 100, "the log never fills");
    };
    assert_problem(&refused, 503, "log-full");
    assert_eq!(refused.headers["retry-after"], "1");
    // What was taken goes its way.
    assert_cooked_once(&test).await;
    let cancel = format!("/v1/orders/{}/cancel", taken[0]);
    test.kiosk.act(&cancel).await.unwrap().expect(200).unwrap();
    assert_eq!(test.all_orders().await.len(), taken.len());
    let store = open_store(&test).await;
    let (epoch, mut at) = (
        store.head().await.unwrap().epoch,
        store.anchor().await.unwrap(),
    );
    for entry in store.log_from(1, 10_000).await.unwrap() {
        (at.seq, at.chain) = (entry.seq, at.chain.next(&entry.text));
    }
    store.save_hub_cursor(epoch, at).await.unwrap();
    wait_for("room for an order", LIMIT, async || {
        let answer = test
            .kiosk
            .order(&new_key(), &order_of("cola", 1))
            .await
            .unwrap();
        if answer.status == 201 {
            Ok(())
        } else {
            Err(answer.body.to_string())
        }
    })
    .await
    .unwrap();
}
