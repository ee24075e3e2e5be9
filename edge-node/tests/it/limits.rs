//! Limits that keep a site alive: refused is what is too much, nothing else, and only for as long.

use serde_json::Value;
use tokio::net::TcpStream;
use xtask::world::{Answer, SiteOptions};

use crate::bad_input::assert_problem;
use crate::site::{TestSite, new_key, order_of, seed};

async fn limited(max_open: i64, max_open_of_device: i64) -> TestSite {
    let mut options = SiteOptions::new("s1", seed());
    let limits = toml::Table::from_iter([
        ("max_open_orders".to_owned(), max_open.into()),
        (
            "max_open_orders_per_device".to_owned(),
            max_open_of_device.into(),
        ),
    ]);
    options.edge.insert("limits".to_owned(), limits.into());
    TestSite::start_with(options).await
}

async fn order_cola(test: &TestSite, kiosk: bool) -> Answer {
    let caller = if kiosk { &test.kiosk } else { &test.manager };
    caller
        .order(&new_key(), &order_of("cola", 1))
        .await
        .unwrap()
}

/// So many orders at once; the answers of those that were taken and of those that were not.
async fn rush(test: &TestSite, orders: usize) -> (Vec<Value>, Vec<Answer>) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..orders {
        let kiosk = test.kiosk.clone();
        tasks.spawn(async move { kiosk.order(&new_key(), &order_of("cake", 1)).await.unwrap() });
    }
    let (taken, refused): (Vec<Answer>, Vec<Answer>) = tasks
        .join_all()
        .await
        .into_iter()
        .partition(|answer| answer.status == 201);
    (
        taken.into_iter().map(|answer| answer.body).collect(),
        refused,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn one_kiosk_cannot_hold_more_open_orders_than_it_may() {
    let test = limited(1_000, 7).await;
    let (taken, refused) = rush(&test, 40).await;
    assert_eq!((taken.len(), refused.len()), (7, 33));
    for answer in &refused {
        assert_problem(answer, 429, "too-many-open-orders");
        assert_eq!(answer.headers["retry-after"], "30");
    }
    assert_eq!(
        test.stock("cake").await,
        Some(43),
        "what was refused took nothing"
    );
    // Staff are no device, and go on.
    assert_eq!(order_cola(&test, false).await.status, 201);
    // Each way in which an order ends makes room for one more.
    let cancel = format!("/v1/orders/{}/cancel", taken[0]["id"].as_str().unwrap());
    test.kiosk.act(&cancel).await.unwrap().expect(200).unwrap();
    assert_eq!(order_cola(&test, true).await.status, 201);
    assert_eq!(order_cola(&test, true).await.status, 429);
    let id = taken[1]["id"].as_str().unwrap();
    for ticket in test.tickets_of(id).await {
        test.ticket_step(&ticket, "bump").await;
    }
    assert_eq!(
        order_cola(&test, true).await.status,
        429,
        "ready is still open"
    );
    let collect = format!("/v1/orders/{id}/collect");
    test.kitchen
        .act(&collect)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(order_cola(&test, true).await.status, 201);
    assert_eq!(order_cola(&test, true).await.status, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_takes_no_more_open_orders_than_it_may() {
    let test = limited(5, 1_000).await;
    let (taken, refused) = rush(&test, 20).await;
    assert_eq!((taken.len(), refused.len()), (5, 15));
    for answer in &refused {
        assert_problem(answer, 503, "kitchen-full");
    }
    // The same key is good once there is room.
    let key = new_key();
    let full = test
        .manager
        .order(&key, &order_of("cola", 1))
        .await
        .unwrap();
    assert_problem(&full, 503, "kitchen-full");
    let cancel = format!("/v1/orders/{}/cancel", taken[0]["id"].as_str().unwrap());
    test.kiosk.act(&cancel).await.unwrap().expect(200).unwrap();
    let now = test
        .manager
        .order(&key, &order_of("cola", 1))
        .await
        .unwrap();
    assert_eq!(now.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_stop_no_order() {
    let test = TestSite::start().await;
    let address = test.site.url().replace("http://", "");
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(TcpStream::connect(&address).await.unwrap());
    }
    for _ in 0..20 {
        assert_eq!(order_cola(&test, true).await.status, 201);
    }
    drop(idle);
}
