//! Lists over records that are partly gone: an order's record lives for 30 days, its places in
//! lists may outlive it for a while.

use serde_json::Value;
use xtask::harness::{LIMIT, wait_for};

use crate::site::{TestSite, order_of};

/// Ends the life of an order's record.
async fn expire(test: &TestSite, order: &Value) {
    let client = redis::Client::open(test.site.redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let key = format!("{{s1}}:order:{}", order["id"].as_str().unwrap());
    redis::cmd("DEL")
        .arg(key)
        .exec_async(&mut connection)
        .await
        .unwrap();
}

fn ids(rows: &[Value], name: &str) -> Vec<String> {
    rows.iter()
        .map(|row| row[name].as_str().unwrap().to_owned())
        .collect()
}

async fn page(test: &TestSite, path: &str) -> Vec<Value> {
    let answer = test.manager.get(path).await.unwrap().expect(200).unwrap();
    answer.body["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn lists_pass_over_orders_whose_records_are_gone() {
    let test = TestSite::start().await;
    let mut orders = Vec::new();
    for n in 0..6 {
        let placed = test.placed(&order_of("cola", 1)).await;
        let tickets = test.tickets_of(placed["id"].as_str().unwrap()).await;
        if n % 2 == 0 {
            test.ticket_step(&tickets[0], "bump").await;
        }
        orders.push(placed);
    }
    // In the middle, so that nobody forgets them at once.
    for order in &orders[1..4] {
        expire(&test, order).await;
    }
    let left = ids(
        &[orders[0].clone(), orders[4].clone(), orders[5].clone()],
        "id",
    );
    assert_eq!(ids(&test.all_orders().await, "id"), left);
    for (path, expected) in [
        ("/v1/orders?limit=1", &left[..1]),
        ("/v1/orders?limit=1&after=1", &left[1..2]),
        ("/v1/orders?state=ready&limit=1&after=1", &left[1..2]),
        ("/v1/orders?state=placed&limit=1", &left[2..]),
    ] {
        assert_eq!(ids(&page(&test, path).await, "id"), expected, "{path}");
    }
    let open: Vec<Value> = test.kitchen.all("/v1/tickets").await.unwrap();
    assert_eq!(ids(&open, "order"), left[2..]);
    let done = page(&test, "/v1/tickets?state=done&limit=2").await;
    assert_eq!(ids(&done, "order"), left[..2]);
}

#[tokio::test]
async fn the_oldest_orders_are_forgotten_with_their_tickets_when_their_records_are_gone() {
    let test = TestSite::start().await;
    let mut orders = Vec::new();
    for _ in 0..4 {
        let placed = test.placed(&order_of("cola", 1)).await;
        test.tickets_of(placed["id"].as_str().unwrap()).await;
        orders.push(placed);
    }
    for order in &orders[..3] {
        expire(&test, order).await;
    }
    wait_for("three orders to be forgotten", LIMIT, async || {
        let queue = test
            .manager
            .get("/v1/queue")
            .await
            .map_err(|error| error.to_string())?;
        let open = &queue.body["orders_open"];
        if open == 1 {
            Ok(())
        } else {
            Err(queue.body.to_string())
        }
    })
    .await
    .unwrap();
    let open: Vec<Value> = test.kitchen.all("/v1/tickets").await.unwrap();
    assert_eq!(ids(&open, "order"), ids(&orders[3..], "id"));
}
