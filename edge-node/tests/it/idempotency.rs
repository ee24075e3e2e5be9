//! The same request under the same key takes effect once, and is always answered the same.

use std::collections::BTreeSet;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use xtask::harness::Server;
use xtask::world::{Answer, Client};

use crate::site::{TestSite, new_key, order, order_of};

/// Sends a body byte by byte as it stands.
async fn order_text(client: &Client, key: &str, body: &str) -> Answer {
    let request = client
        .request(Method::POST, "/v1/orders")
        .body(body.to_owned());
    let request = request
        .header("Idempotency-Key", key)
        .header("content-type", "application/json");
    client.send(request).await.unwrap()
}

/// A step without a body, under a key.
async fn act(client: &Client, path: &str, key: &str) -> Answer {
    let request = client
        .request(Method::POST, path)
        .header("Idempotency-Key", key);
    client.send(request).await.unwrap()
}

fn is_replayed(answer: &Answer) -> bool {
    answer
        .headers
        .get("idempotency-replayed")
        .is_some_and(|value| value == "true")
}

/// The answer is the first one again: status, body, and word that it is.
fn assert_again(answer: &Answer, first: &Answer) {
    assert_eq!((answer.status, &answer.body), (first.status, &first.body));
    assert!(is_replayed(answer), "{:?}", answer.headers);
    assert!(!is_replayed(first), "{:?}", first.headers);
}

fn assert_reused(answer: &Answer) {
    assert_eq!(
        (answer.status.as_u16(), answer.problem()),
        (422, "idempotency-key-reused")
    );
}

#[tokio::test]
async fn an_order_sent_again_is_answered_again_and_taken_once() {
    let test = TestSite::start().await;
    let (key, request) = (new_key(), order_of("meatball", 2));
    let first = test
        .kiosk
        .order(&key, &request)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    let head = test.head().await;
    assert_again(&test.kiosk.order(&key, &request).await.unwrap(), &first);
    assert_eq!(test.stock("patty").await, Some(96));
    assert_eq!(test.all_orders().await.len(), 1);
    // Its ticket may have come meanwhile, an order has not.
    assert!(test.head().await <= head + 1);
    assert_eq!(
        first.headers["location"].to_str().unwrap(),
        location(&first.body)
    );
}

fn location(order: &Value) -> String {
    format!("/v1/orders/{}", order["id"].as_str().unwrap())
}

#[tokio::test]
async fn fifty_at_the_same_moment_make_one_order_and_all_are_told_so() {
    let test = TestSite::start().await;
    let (key, request) = (new_key(), order_of("cake", 1));
    let sent = (0..50).map(|_| test.kiosk.order(&key, &request));
    let answers: Vec<Answer> = join_all(sent)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let bodies: BTreeSet<String> = answers
        .iter()
        .map(|answer| answer.body.to_string())
        .collect();
    assert!(answers.iter().all(|answer| answer.status == 201));
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(
        answers.iter().filter(|answer| !is_replayed(answer)).count(),
        1
    );
    assert_eq!(
        (test.stock("cake").await, test.all_orders().await.len()),
        (Some(49), 1)
    );
}

#[tokio::test]
async fn the_first_answer_outlives_the_edge_and_redis() {
    let test = TestSite::start().await;
    let (key, request) = (new_key(), order_of("cake", 2));
    let first = test
        .kiosk
        .order(&key, &request)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    test.site.restart().await.unwrap();
    assert_again(&test.kiosk.order(&key, &request).await.unwrap(), &first);
    test.site.redis.restart().await.unwrap();
    test.site.wait_ready().await.unwrap();
    assert_again(&test.kiosk.order(&key, &request).await.unwrap(), &first);
    assert_eq!(test.stock("cake").await, Some(48));
}

#[tokio::test]
async fn a_request_is_the_same_however_its_json_is_written() {
    let test = TestSite::start().await;
    let plain = r#"{"channel":"kiosk","lines":[{"item":"burger","quantity":1,"modifiers":["double","onion"]}]}"#;
    let first = order_text(&test.kiosk, "k", plain)
        .await
        .expect(201)
        .unwrap();
    for other in [
        r#" { "lines" : [ {"modifiers":["double","onion"], "quantity":1, "item":"burger"} ],
              "channel" : "kiosk" } "#,
        r#"{"channel":"kiosk","service":null,"avoid":[],"expected_total":null,"pickup_at":null,
            "lines":[{"item":"burger","quantity":1,"modifiers":["double","onion"],"note":null}]}"#,
        r#"{"channel":"kiosk","lines":[{"item":"b\u0075rger","quantity":1,"modifiers":["double","onion"]}]}"#,
    ] {
        assert_again(&order_text(&test.kiosk, "k", other).await, &first);
    }
    assert_eq!(test.all_orders().await.len(), 1);
}

#[tokio::test]
async fn another_request_under_a_used_key_is_refused() {
    let test = TestSite::start().await;
    let key = new_key();
    let first = test
        .kiosk
        .order(&key, &order_of("cake", 1))
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    for other in [
        order_of("cake", 2),
        order_of("cola", 1),
        json!({"channel": "phone", "lines": [{"item": "cake", "quantity": 1}]}),
        json!({"channel": "kiosk", "lines": [{"item": "cake", "quantity": 1, "note": "x"}]}),
        // Even one that could not be taken under any key.
        order_of("cake", 1_000_000),
        json!({"channel": "kiosk", "lines": [{"item": "cake", "quantity": 1}], "expected_total": 1}),
    ] {
        assert_reused(&test.kiosk.order(&key, &other).await.unwrap());
    }
    let cancel = format!("{}/cancel", location(&first.body));
    assert_reused(&act(&test.kiosk, &cancel, &key).await);
    assert_eq!(
        (test.stock("cake").await, test.all_orders().await.len()),
        (Some(49), 1)
    );
}

#[tokio::test]
async fn an_order_needs_a_key_that_can_be_one() {
    let test = TestSite::start().await;
    let request = order_of("cake", 1);
    let missing = test.kiosk.post("/v1/orders", None, &request).await.unwrap();
    assert_eq!(
        (missing.status.as_u16(), missing.problem()),
        (400, "idempotency-key-missing")
    );
    let long = "x".repeat(256);
    for key in ["", "a b", "ключ", "a\tb", &long] {
        let request = test
            .kiosk
            .request(Method::POST, "/v1/orders")
            .json(&request);
        let key = reqwest::header::HeaderValue::from_bytes(key.as_bytes()).unwrap();
        let answer = test
            .kiosk
            .send(request.header("Idempotency-Key", key))
            .await
            .unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.problem()),
            (400, "idempotency-key-invalid")
        );
    }
    assert_eq!(test.stock("cake").await, Some(50));
    let longest = "x".repeat(255);
    test.kiosk
        .order(&longest, &request)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
}

#[tokio::test]
async fn a_refused_order_leaves_its_key_free() {
    let test = TestSite::start().await;
    test.set_stock("cake", 0).await;
    let (key, request) = (new_key(), order_of("cake", 1));
    let refused = test
        .kiosk
        .order(&key, &request)
        .await
        .unwrap()
        .expect(409)
        .unwrap();
    assert_eq!(refused.problem(), "out-of-stock");
    test.set_stock("cake", 1).await;
    let placed = test
        .kiosk
        .order(&key, &request)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    assert!(!is_replayed(&placed));
    let (key, mut request) = (new_key(), order_of("cola", 2));
    request["expected_total"] = json!(499);
    let refused = test
        .kiosk
        .order(&key, &request)
        .await
        .unwrap()
        .expect(409)
        .unwrap();
    assert_eq!(
        (refused.problem(), &refused.body["total"]),
        ("price-changed", &json!(500))
    );
    // The guest agrees to the new total: another request, and still the first under this key.
    request["expected_total"] = json!(500);
    let placed = test
        .kiosk
        .order(&key, &request)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    assert!(!is_replayed(&placed));
}

#[tokio::test]
async fn an_order_is_answered_again_though_it_could_no_longer_be_taken() {
    let test = TestSite::start().await;
    test.set_stock("cake", 1).await;
    let later = chrono::Utc::now() + chrono::TimeDelta::hours(2);
    let mut request = order_of("cake", 1);
    (request["expected_total"], request["pickup_at"]) = (json!(350), json!(later));
    let key = new_key();
    let first = test
        .kiosk
        .order(&key, &request)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    assert_again(&test.kiosk.order(&key, &request).await.unwrap(), &first);
    let again = async |what: &str| {
        test.site.restart().await.unwrap();
        let new = test.kiosk.order(&new_key(), &request).await.unwrap();
        assert_eq!(new.problem(), what);
        assert_again(&test.kiosk.order(&key, &request).await.unwrap(), &first);
    };
    again("out-of-stock").await;
    let folder = test.site.data.join("edge");
    let text = std::fs::read_to_string(folder.join("seed.json")).unwrap();
    let mut seed: Value = serde_json::from_str(&text).unwrap();
    seed["menu"]["items"][2]["price"] = json!(400);
    std::fs::write(folder.join("seed.json"), seed.to_string()).unwrap();
    again("price-changed").await;
    seed["menu"]["items"].as_array_mut().unwrap().remove(2);
    std::fs::write(folder.join("seed.json"), seed.to_string()).unwrap();
    again("invalid-order").await;
    std::fs::write(folder.join("seed.json"), text).unwrap();
    let config = std::fs::read_to_string(folder.join("s1-edge.toml")).unwrap();
    let narrower = format!("{config}\n[orders]\nmax_pickup_hours = 1\n");
    std::fs::write(folder.join("s1-edge.toml"), narrower).unwrap();
    again("invalid-order").await;
}

#[tokio::test]
async fn calling_off_and_handing_over_under_a_key_is_answered_again() {
    let test = TestSite::start().await;
    let placed = test.placed(&order_of("cake", 3)).await;
    let cancel = format!("{}/cancel", location(&placed));
    let first = act(&test.kiosk, &cancel, "c").await.expect(200).unwrap();
    assert_again(&act(&test.kiosk, &cancel, "c").await, &first);
    assert_eq!(first.body["state"], "cancelled");
    assert_eq!(test.stock("cake").await, Some(50), "given back once");
    let reason = json!({"reason": "changed my mind"});
    assert_reused(&test.kiosk.post(&cancel, Some("c"), &reason).await.unwrap());

    let placed = test.placed(&order_of("cola", 1)).await;
    let tickets = test.tickets_of(placed["id"].as_str().unwrap()).await;
    test.ticket_step(&tickets[0], "bump").await;
    let collect = format!("{}/collect", location(&placed));
    let first = act(&test.kitchen, &collect, "h").await.expect(200).unwrap();
    assert_again(&act(&test.kitchen, &collect, "h").await, &first);
    let without = test.kitchen.act(&collect).await.unwrap();
    assert_eq!(
        (without.status.as_u16(), without.problem()),
        (409, "illegal-transition")
    );
    assert_reused(&act(&test.kitchen, &cancel, "h").await);
}

#[tokio::test]
async fn a_cooks_step_under_a_key_is_answered_again_even_after_the_next_one() {
    let test = TestSite::start().await;
    let cakes = json!({"item": "cake", "quantity": 1});
    let placed = test.placed(&order(&[cakes.clone(), cakes])).await;
    let ticket = &test.tickets_of(placed["id"].as_str().unwrap()).await[0];
    let path = |step: &str| format!("/v1/tickets/{}/{step}", ticket["id"].as_str().unwrap());
    let steps = [
        ("start", "s"),
        ("lines/1/bump", "l"),
        ("bump", "b"),
        ("recall", "r"),
    ];
    let mut firsts = Vec::new();
    for (step, key) in steps {
        let first = act(&test.kitchen, &path(step), key)
            .await
            .expect(200)
            .unwrap();
        assert_again(&act(&test.kitchen, &path(step), key).await, &first);
        firsts.push(first);
    }
    let head = test.head().await;
    for ((step, key), first) in steps.iter().zip(&firsts) {
        assert_again(&act(&test.kitchen, &path(step), key).await, first);
    }
    assert_reused(&act(&test.kitchen, &path("bump"), "s").await);
    assert_reused(&act(&test.kitchen, &path("lines/2/bump"), "l").await);
    assert_eq!(test.head().await, head);
    let states: Vec<&Value> = firsts.iter().map(|first| &first.body["state"]).collect();
    assert_eq!(states, ["cooking", "cooking", "done", "cooking"]);
}

#[tokio::test]
async fn a_change_of_stock_under_a_key_is_made_once() {
    let test = TestSite::start().await;
    let adjust = json!({"delta": -7, "reason": "waste"});
    let path = "/v1/stock/cake/adjust";
    let sent = (0..20).map(|_| test.manager.post(path, Some("a"), &adjust));
    let answers: Vec<Answer> = join_all(sent)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    for answer in &answers {
        assert_eq!(
            (answer.status.as_u16(), &answer.body["on_hand"]),
            (200, &json!(43))
        );
    }
    assert_eq!(
        answers.iter().filter(|answer| !is_replayed(answer)).count(),
        1
    );
    let more = json!({"delta": -8, "reason": "waste"});
    assert_reused(&test.manager.post(path, Some("a"), &more).await.unwrap());
    assert_reused(
        &test
            .manager
            .post("/v1/stock/patty/adjust", Some("a"), &adjust)
            .await
            .unwrap(),
    );
    assert_reused(&act(&test.manager, "/v1/stock/cake/suspend", "a").await);
    // Without a key each request is one of its own.
    test.manager
        .post(path, None, &adjust)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(test.stock("cake").await, Some(36));
}
