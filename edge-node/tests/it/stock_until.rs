//! What is off sale for a time is on sale again when it is over, once, and not before.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use sunakku_common::event::{StockMoved, kind};
use xtask::harness::{LIMIT, wait_for};

use crate::bad_input::assert_problem;
use crate::books::read_log;
use crate::site::{TestSite, new_key, order_of};

async fn suspend(test: &TestSite, seconds: i64) -> Value {
    let body = json!({ "until": Utc::now() + TimeDelta::seconds(seconds), "reason": "oven" });
    let answer = test
        .kitchen
        .post("/v1/stock/cake/suspend", None, &body)
        .await;
    answer.unwrap().expect(200).unwrap().body
}

async fn wait_until_on_sale(test: &TestSite) {
    wait_for("cake to be on sale", LIMIT, async || {
        let answer = test
            .kiosk
            .order(&new_key(), &order_of("cake", 1))
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

/// Who put cake on sale again, in turn.
async fn resumed_by(test: &TestSite) -> Vec<String> {
    let events = read_log(test).await;
    let resumed = events
        .iter()
        .filter(|event| event.kind == kind::STOCK_RESUMED);
    resumed
        .map(|event| event.body::<StockMoved>().unwrap().by.actor)
        .collect()
}

#[tokio::test]
async fn a_suspension_ends_by_itself_also_when_its_time_passed_while_the_edge_was_down() {
    let test = TestSite::start().await;
    let row = suspend(&test, 3_600).await;
    assert_eq!(
        (&row["suspended"], row["suspended_until"].is_string()),
        (&json!(true), true)
    );
    let refused = test
        .kiosk
        .order(&new_key(), &order_of("cake", 1))
        .await
        .unwrap();
    assert_problem(&refused, 409, "out-of-stock");
    suspend(&test, 3).await;
    wait_until_on_sale(&test).await;
    suspend(&test, 3).await;
    test.site.process().kill().unwrap();
    test.site.restart().await.unwrap();
    wait_until_on_sale(&test).await;
    assert_eq!(resumed_by(&test).await, ["timer", "timer"]);
}

#[tokio::test]
async fn whoever_suspends_anew_or_resumes_has_the_last_word() {
    let test = TestSite::start().await;
    suspend(&test, 8).await;
    // Anew, without an end.
    test.kitchen
        .act("/v1/stock/cake/suspend")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    suspend(&test, 3_600).await;
    let rows: Vec<Value> = test.kiosk.all("/v1/stock").await.unwrap();
    let row = rows.into_iter().find(|row| row["sku"] == "cake").unwrap();
    assert!(row["suspended_until"].is_string(), "{row}");
    test.kitchen
        .act("/v1/stock/cake/suspend")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    suspend(&test, 8).await;
    let why = json!({ "reason": "mended" });
    let resumed = test
        .kitchen
        .post("/v1/stock/cake/resume", None, &why)
        .await
        .unwrap();
    let row = resumed.expect(200).unwrap().body;
    assert_eq!(
        (&row["suspended"], &row["suspended_until"]),
        (&json!(false), &Value::Null)
    );
    // Another SKU's time that is over shows that the timer has looked since.
    let body = json!({ "until": Utc::now() + TimeDelta::seconds(10) });
    let patty = test
        .kitchen
        .post("/v1/stock/patty/suspend", None, &body)
        .await
        .unwrap();
    patty.expect(200).unwrap();
    wait_for("the timer", LIMIT, async || {
        let by = resumed_by(&test).await;
        if by.len() == 2 {
            Ok(())
        } else {
            Err(format!("{by:?}"))
        }
    })
    .await
    .unwrap();
    assert_eq!(resumed_by(&test).await, ["kitchen", "timer"]);
}

#[tokio::test]
async fn a_time_that_is_past_or_far_away_is_refused() {
    let test = TestSite::start().await;
    for seconds in [-5, 8 * 86_400] {
        let body = json!({ "until": Utc::now() + TimeDelta::seconds(seconds) });
        let refused = test
            .kitchen
            .post("/v1/stock/cake/suspend", None, &body)
            .await
            .unwrap();
        assert_problem(&refused, 422, "invalid-body");
    }
    let odd = test
        .kitchen
        .post("/v1/stock/cake/suspend", None, &json!({"til": 1}))
        .await
        .unwrap();
    assert_eq!(odd.status, 422);
    wait_until_on_sale(&test).await;
}
