//! Whatever is sent, the answer is a problem that says what to do, and nothing has changed.

use reqwest::Method;
use serde_json::{Value, json};
use xtask::world::{Answer, Client};

use crate::site::{TestSite, new_key, order, order_of};

/// The answer is this problem, whole and by the right media type.
#[track_caller]
pub(crate) fn assert_problem(answer: &Answer, status: u16, slug: &str) {
    let body = &answer.body;
    assert_eq!(
        (answer.status.as_u16(), answer.problem()),
        (status, slug),
        "{body}"
    );
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(body["type"], format!("urn:sunakku:problem:{slug}"));
    assert_eq!(body["status"], status);
    for member in ["title", "detail"] {
        assert!(
            body[member].as_str().is_some_and(|text| !text.is_empty()),
            "{body}"
        );
    }
}

/// Sends a body to `POST /v1/orders` as it stands.
async fn send(client: &Client, body: impl Into<reqwest::Body>, media_type: &str) -> Answer {
    let request = client
        .request(Method::POST, "/v1/orders")
        .header("Idempotency-Key", new_key());
    client
        .send(request.header("content-type", media_type).body(body))
        .await
        .unwrap()
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused_with_its_place() {
    let test = TestSite::start().await;
    let head = test.head().await;
    let line = |fields: Value| {
        let mut line = json!({"item": "burger", "quantity": 1});
        line.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        order(&[line])
    };
    let with = |name: &str, value: Value| {
        let mut order = order_of("cola", 1);
        order[name] = value;
        order
    };
    let hours = |hours: i64| json!(chrono::Utc::now() + chrono::TimeDelta::hours(hours));
    for (request, path) in [
        (order_of("pizza", 1), "lines[0].item"),
        (order_of(&"x".repeat(5_000), 1), "lines[0].item"),
        (order_of("cola", 0), "lines[0].quantity"),
        (order_of("cola", -1), "lines[0].quantity"),
        (order_of("cola", 1_000), "lines[0].quantity"),
        (order_of("cola", i64::MAX), "lines[0].quantity"),
        (order_of("cola", i64::MIN), "lines[0].quantity"),
        (
            line(json!({"modifiers": ["huge"]})),
            "lines[0].modifiers[0]",
        ),
        (
            line(json!({"modifiers": ["double", "double"]})),
            "lines[0].modifiers[1]",
        ),
        (
            line(json!({"modifiers": vec!["double"; 31]})),
            "lines[0].modifiers",
        ),
        (line(json!({"note": "x".repeat(201)})), "lines[0].note"),
        (line(json!({"note": "a\u{0}b"})), "lines[0].note"),
        (order(&[]), "lines"),
        (
            order(&vec![json!({"item": "cola", "quantity": 1}); 10_000]),
            "lines",
        ),
        (with("avoid", json!(vec!["nuts"; 31])), "avoid"),
        (with("avoid", json!(["x".repeat(41)])), "avoid"),
        (with("avoid", json!([""])), "avoid"),
        (with("avoid", json!(["nu\u{0}ts"])), "avoid"),
        (with("pickup_at", hours(-1)), "pickup_at"),
        (with("pickup_at", hours(337)), "pickup_at"),
        (
            with("pickup_at", json!("9999-12-31T23:59:59Z")),
            "pickup_at",
        ),
    ] {
        let answer = test.kiosk.order(&new_key(), &request).await.unwrap();
        assert_problem(&answer, 422, "invalid-order");
        assert_eq!(answer.body["path"], path, "{}", answer.body);
        assert!(
            answer.body.to_string().len() < 1_000,
            "a stranger fills our answer"
        );
    }
    let dearer = test
        .kiosk
        .order(&new_key(), &with("expected_total", json!(1)))
        .await
        .unwrap();
    assert_problem(&dearer, 409, "price-changed");
    assert_eq!(dearer.body["total"], 250);
    assert_eq!(
        (test.head().await, test.stock("patty").await),
        (head, Some(100))
    );
}

#[tokio::test]
async fn an_order_of_another_shape_is_refused() {
    let test = TestSite::start().await;
    let head = test.head().await;
    for body in [
        r#"{"lines":[{"item":"cola","quantity":1}]}"#,
        r#"{"channel":"drone","lines":[{"item":"cola","quantity":1}]}"#,
        r#"{"channel":"kiosk"}"#,
        r#"{"channel":"kiosk","lines":{}}"#,
        r#"{"channel":"kiosk","channel":"kiosk","lines":[{"item":"cola","quantity":1}]}"#,
        r#"{"channel":"kiosk","lines":[{"item":"cola","quantity":1,"quantity":2}]}"#,
        r#"{"channel":"kiosk","lines":[{"item":"cola","quantity":1}],"total":1}"#,
        r#"{"channel":"kiosk","lines":[{"item":"cola","quantity":1,"price":1}]}"#,
        r#"{"channel":"kiosk","lines":[{"item":"cola","quantity":"1"}]}"#,
        r#"{"channel":"kiosk","lines":[{"item":"cola","quantity":1e30}]}"#,
        r#"{"channel":"kiosk","lines":[{"item":"cola","quantity":1.5}]}"#,
        r#"{"channel":"kiosk","lines":[{"item":"cola","quantity":99999999999999999999}]}"#,
        r#"{"channel":"kiosk","lines":[{"item":"cola","quantity":null}]}"#,
        r#"{"channel":"kiosk","lines":[{"item":7,"quantity":1}]}"#,
        r#"{"channel":"kiosk","lines":[{"item":"cola","quantity":1}],"pickup_at":"soon"}"#,
        r#"{"channel":"kiosk","lines":[{"item":"cola","quantity":1}],"expected_total":"2"}"#,
        "[]",
        "null",
        "7",
    ] {
        let answer = send(&test.kiosk, body, "application/json").await;
        assert_eq!(answer.problem(), "invalid-order", "{body}");
        assert_problem(&answer, 422, "invalid-order");
    }
    assert_eq!(test.head().await, head);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let test = TestSite::start().await;
    let head = test.head().await;
    let deep = format!("{{\"lines\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
    for body in [
        b"".to_vec(),
        b"{".to_vec(),
        br#"{"channel":"kiosk","lines":[}"#.to_vec(),
        br#"{"channel":"kiosk","lines":[{"item":"cola","quantity":1}]} trailing"#.to_vec(),
        br#"{"channel":"kiosk","lines":[{"item":"cola","quantity":1e999}]}"#.to_vec(),
        b"{\"channel\":\"kiosk\",\"lines\":[{\"item\":\"co\xff\xfela\",\"quantity\":1}]}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        deep.into_bytes(),
    ] {
        let text = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let answer = send(&test.kiosk, body, "application/json").await;
        assert!(
            matches!(answer.problem(), "malformed-json" | "invalid-order"),
            "{text}"
        );
        let status = if answer.problem() == "malformed-json" {
            400
        } else {
            422
        };
        assert_problem(&answer, status, answer.problem());
    }
    let sound = order_of("cola", 1).to_string();
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "image/png",
    ] {
        let answer = send(&test.kiosk, sound.clone(), media_type).await;
        assert_problem(&answer, 415, "unsupported-media-type");
    }
    let huge = send(&test.kiosk, vec![b' '; 10_000_000], "application/json").await;
    assert_problem(&huge, 413, "body-too-large");
    assert_eq!(test.head().await, head);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_cannot_be_asked_is_said() {
    let test = TestSite::start().await;
    let head = test.head().await;
    let nobody = uuid::Uuid::now_v7();
    for path in [
        "/v1/orders/7".to_owned(),
        "/v1/orders/..%2f..%2fetc".to_owned(),
        format!("/v1/orders/{nobody}"),
        "/v1/tickets/x".to_owned(),
        format!("/v1/tickets/{nobody}"),
        "/v1/nothing".to_owned(),
        "/v2/orders".to_owned(),
        "/".repeat(200),
    ] {
        assert_problem(&test.manager.get(&path).await.unwrap(), 404, "not-found");
    }
    for path in [
        format!("/v1/orders/{nobody}/cancel"),
        format!("/v1/orders/{nobody}/collect"),
        format!("/v1/tickets/{nobody}/start"),
        format!("/v1/tickets/{nobody}/lines/1/bump"),
        format!("/v1/tickets/{nobody}/lines/x/bump"),
        format!("/v1/tickets/{nobody}/lines/-1/bump"),
        "/v1/orders/x/cancel".to_owned(),
        "/v1/stock/nothing/suspend".to_owned(),
        "/v1/stock/%00/suspend".to_owned(),
    ] {
        assert_problem(&test.manager.act(&path).await.unwrap(), 404, "not-found");
    }
    for query in [
        "/v1/orders?state=cooked",
        "/v1/orders?limit=many",
        "/v1/orders?limit=-1",
        "/v1/tickets?state=ready",
        "/v1/live?topics=weather",
        "/v1/live?topics=stock&from=x",
        "/v1/live",
    ] {
        assert_problem(
            &test.manager.get(query).await.unwrap(),
            400,
            "invalid-query",
        );
    }
    for query in ["/v1/orders?after=x", "/v1/tickets?after=1.5"] {
        assert_problem(
            &test.manager.get(query).await.unwrap(),
            400,
            "invalid-cursor",
        );
    }
    for (method, path) in [
        (Method::DELETE, "/v1/orders"),
        (Method::PUT, "/v1/orders"),
        (Method::PATCH, "/v1/menu"),
        (Method::DELETE, "/v1/session"),
    ] {
        let answer = test
            .manager
            .send(test.manager.request(method, path))
            .await
            .unwrap();
        assert_problem(&answer, 405, "method-not-allowed");
    }
    let plain = test.manager.get("/v1/live?topics=stock").await.unwrap();
    assert_problem(&plain, 400, "websocket-expected");
    assert_eq!(test.head().await, head);
}

#[tokio::test]
async fn a_cancellation_or_a_change_of_stock_that_makes_no_sense_changes_nothing() {
    let test = TestSite::start().await;
    let placed = test.placed(&order_of("cake", 1)).await;
    let id = placed["id"].as_str().unwrap();
    test.tickets_of(id).await;
    let head = test.head().await;
    let cancel = format!("/v1/orders/{id}/cancel");
    let send = async |method: Method, path: &str, body: String| {
        let request = test
            .manager
            .request(method, path)
            .header("content-type", "application/json");
        test.manager.send(request.body(body)).await.unwrap()
    };
    for (body, status, slug) in [
        ("{".to_owned(), 400, "malformed-json"),
        (r#"{"why":"x"}"#.to_owned(), 422, "invalid-body"),
        (r#"{"reason":7}"#.to_owned(), 422, "invalid-body"),
        (
            json!({"reason": "x".repeat(201)}).to_string(),
            422,
            "invalid-body",
        ),
        (" ".repeat(2_000_000), 413, "body-too-large"),
    ] {
        assert_problem(&send(Method::POST, &cancel, body).await, status, slug);
    }
    for body in [
        r#"{"delta":0,"reason":"x"}"#,
        r#"{"delta":1}"#,
        r#"{"delta":1,"reason":""}"#,
        r#"{"delta":1.5,"reason":"x"}"#,
        r#"{"delta":1000001,"reason":"x"}"#,
        r#"{"delta":1,"reason":"x","sku":"y"}"#,
    ] {
        let answer = send(Method::POST, "/v1/stock/cake/adjust", body.to_owned()).await;
        assert_problem(&answer, 422, "invalid-body");
    }
    for body in [
        r#"{"on_hand":-1}"#,
        "{}",
        r#"{"on_hand":1000001}"#,
        r#"{"on_hand":"7"}"#,
    ] {
        let answer = send(Method::PUT, "/v1/stock/cake", body.to_owned()).await;
        assert_problem(&answer, 422, "invalid-body");
    }
    assert_eq!(
        (test.head().await, test.stock("cake").await),
        (head, Some(49))
    );
}

#[tokio::test]
async fn an_order_outlives_its_items_place_on_the_menu() {
    let test = TestSite::start().await;
    let placed = test.placed(&order_of("cake", 2)).await;
    let id = placed["id"].as_str().unwrap();
    let file = test.site.data.join("edge/seed.json");
    let mut seed: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    seed["menu"]["version"] = json!(2);
    seed["menu"]["items"]
        .as_array_mut()
        .unwrap()
        .retain(|item| item["id"] != "cake");
    std::fs::write(&file, seed.to_string()).unwrap();
    test.site.restart().await.unwrap();
    let gone = test
        .kiosk
        .order(&new_key(), &order_of("cake", 1))
        .await
        .unwrap();
    assert_problem(&gone, 422, "invalid-order");
    let kept = test.order(id).await;
    assert_eq!(
        (&kept["lines"], &kept["total"]),
        (&placed["lines"], &placed["total"])
    );
    let ticket = &test.tickets_of(id).await[0];
    assert_eq!(ticket["lines"][0]["name"], "cake");
    test.ticket_step(ticket, "bump").await;
    assert_eq!(test.order(id).await["state"], "ready");
}
