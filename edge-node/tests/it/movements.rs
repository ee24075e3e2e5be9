//! The movement ledger explains every unit.

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

use crate::bad_input::assert_problem;
use crate::site::{TestSite, new_key, order_of};

/// Rows of the ledger of a SKU, the oldest first.
async fn ledger(test: &TestSite, sku: &str) -> Vec<Value> {
    let path = format!("/v1/stock/{sku}/movements");
    let mut rows: Vec<Value> = test.manager.all(&path).await.unwrap();
    rows.reverse();
    rows
}

async fn random_step(test: &TestSite, random: &mut StdRng, orders: &mut Vec<Value>) {
    match random.random_range(0..6) {
        0..=2 => {
            let item = ["burger", "meatball", "cake"].choose(random).unwrap();
            let order = order_of(item, random.random_range(1..4));
            let answer = test.kiosk.order(&new_key(), &order).await.unwrap();
            orders.extend((answer.status == 201).then_some(answer.body));
        }
        3 => {
            if let Some(order) = orders.pop() {
                let path = format!("/v1/orders/{}/cancel", order["id"].as_str().unwrap());
                test.kiosk.act(&path).await.unwrap().expect(200).unwrap();
            }
        }
        4 => {
            let delta = random.random_range(1..20);
            let body = json!({ "delta": delta, "reason": "delivery" });
            let adjust = test
                .manager
                .post("/v1/stock/patty/adjust", None, &body)
                .await
                .unwrap();
            adjust.expect(200).unwrap();
        }
        _ => test.set_stock("patty", random.random_range(0..40)).await,
    }
}

#[tokio::test]
async fn every_unit_that_came_or_went_is_explained() {
    let test = TestSite::start().await;
    let seed = rand::random();
    eprintln!("seed {seed}");
    let (mut random, mut orders) = (StdRng::seed_from_u64(seed), Vec::new());
    for _ in 0..250 {
        random_step(&test, &mut random, &mut orders).await;
    }
    for sku in ["patty", "cake"] {
        let rows = ledger(&test, sku).await;
        let mut on_hand = 0;
        for row in &rows {
            on_hand += row["delta"].as_i64().unwrap();
            assert_eq!(row["on_hand"], on_hand, "{row}");
            let of_order = row["kind"].as_str().unwrap().starts_with("order.");
            assert_eq!(row["order"].is_string(), of_order, "{row}");
            assert!(row["by"]["actor"].is_string(), "{row}");
        }
        assert_eq!(test.stock(sku).await, Some(on_hand), "{sku}");
        assert_eq!(rows[0]["reason"], "seed");
    }
    let rows = ledger(&test, "patty").await;
    for (kind, reason) in [
        ("order.placed", Value::Null),
        ("order.cancelled", Value::Null),
        ("stock.adjusted", json!("delivery")),
        ("stock.adjusted", json!("count")),
    ] {
        let found = rows
            .iter()
            .any(|row| row["kind"] == kind && row["reason"] == reason);
        assert!(found, "no {kind} because of {reason}");
    }
}

#[tokio::test]
async fn the_ledger_is_walked_to_its_end_past_entries_of_others() {
    let test = TestSite::start().await;
    test.set_stock("cake", 30).await;
    // More entries of other things than one look at the log reads.
    for units in 0..600 {
        test.set_stock("patty", units).await;
    }
    let mut kinds = Vec::new();
    let mut path = "/v1/stock/cake/movements?limit=1".to_owned();
    loop {
        let page = test
            .kitchen
            .get(&path)
            .await
            .unwrap()
            .expect(200)
            .unwrap()
            .body;
        kinds.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["reason"].clone()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/stock/cake/movements?limit=1&after={next}");
    }
    assert_eq!(kinds, [json!("count"), json!("seed")]);
    assert_eq!(
        test.kiosk
            .get("/v1/stock/cake/movements")
            .await
            .unwrap()
            .status,
        403
    );
    let unknown = test
        .kitchen
        .get("/v1/stock/nobody/movements")
        .await
        .unwrap();
    assert_problem(&unknown, 404, "not-found");
}
