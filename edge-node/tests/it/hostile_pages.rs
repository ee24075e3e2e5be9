//! What a hostile page asks a browser for, and what hostile texts are sent.

use reqwest::Method;
use serde_json::{Value, json};
use xtask::world::{Answer, Client};

use crate::bad_input::assert_problem;
use crate::hostile::site;
use crate::site::{TestSite, new_key, order_of};

#[tokio::test]
async fn a_state_change_by_a_foreign_page_is_403_and_get_changes_nothing() {
    let test = TestSite::start().await;
    let head = test.head().await;
    let body = json!({ "user": "nobody", "password": "x" });
    let own = test.site.url();
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for (method, path) in [
            (Method::POST, "/v1/session"),
            (Method::POST, "/v1/session/code"),
            (Method::POST, "/v1/session/guest"),
            (Method::POST, "/v1/session/pin"),
            (Method::POST, "/v1/pairings"),
            (Method::POST, "/v1/orders"),
            (Method::PUT, "/v1/stock/cake"),
            (Method::DELETE, "/v1/session/cookie"),
        ] {
            let request = test
                .manager
                .request(method, path)
                .header(name, value)
                .json(&body);
            let answer = test.manager.send(request).await.unwrap();
            assert_problem(&answer, 403, "cross-origin");
        }
    }
    let request = test
        .manager
        .request(Method::POST, "/v1/session")
        .json(&body);
    let request = request
        .header("origin", &own)
        .header("sec-fetch-site", "same-origin");
    assert_problem(
        &test.manager.send(request).await.unwrap(),
        401,
        "wrong-credentials",
    );
    let document = test.manager.get("/openapi.json").await.unwrap().body;
    for (path, operations) in document["paths"].as_object().unwrap() {
        if operations.get("get").is_some() && path != "/v1/live" {
            let path = path.replace("{id}", &new_key()).replace("{sku}", "cake");
            let request = test.manager.request(Method::GET, &path);
            test.manager
                .send(request.header("sec-fetch-site", "cross-site"))
                .await
                .unwrap();
        }
    }
    assert_eq!(test.head().await, head);
}

#[tokio::test]
async fn every_answer_says_what_browsers_may_do_with_it_and_personal_data_is_stored_nowhere() {
    let test = TestSite::start().await;
    let placed = test.placed(&order_of("cola", 1)).await;
    let order = format!("/v1/orders/{}", placed["id"].as_str().unwrap());
    for path in [
        "/",
        "/kitchen",
        "/pickup",
        "/ops",
        "/docs/",
        "/openapi.json",
        "/livez",
        "/metrics",
        "/nowhere",
        "/v1/session",
        "/v1/orders",
        "/v1/devices",
        "/v1/nowhere",
        order.as_str(),
    ] {
        let answer = test
            .manager
            .request(Method::GET, path)
            .send()
            .await
            .unwrap();
        let headers = answer.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"),
            "{path}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{path}: {policy}"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(headers[name], value, "{path}: {name}");
        }
        assert!(headers.contains_key("permissions-policy"), "{path}");
        if path.starts_with("/v1/") {
            let cached = headers["cache-control"].to_str().unwrap();
            assert!(cached.contains("no-store"), "{path}: {cached}");
        }
    }
}

async fn raw(test: &TestSite, path: &str, media_type: Option<&str>, body: String) -> Answer {
    let mut request = test
        .manager
        .request(Method::POST, path)
        .header("Idempotency-Key", new_key());
    if let Some(media_type) = media_type {
        request = request.header("content-type", media_type);
    }
    test.manager.send(request.body(body)).await.unwrap()
}

#[tokio::test]
async fn unknown_content_types_deep_json_and_duplicate_keys_are_refused() {
    let test = TestSite::start().await;
    let head = test.head().await;
    for path in [
        "/v1/orders",
        "/v1/site/close",
        "/v1/stock/cake/suspend",
        "/v1/queue/pause",
        "/v1/pairings",
    ] {
        for media_type in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/xml"),
        ] {
            let answer = raw(&test, path, media_type, "{\"reason\":\"x\"}".to_owned()).await;
            assert_problem(&answer, 415, "unsupported-media-type");
        }
        let deep = format!(
            "{{\"reason\":{}{}}}",
            "[".repeat(50_000),
            "]".repeat(50_000)
        );
        let answer = raw(&test, path, Some("application/json"), deep).await;
        assert!(
            [400, 422].contains(&answer.status.as_u16()),
            "{path}: {}",
            answer.body
        );
    }
    for (path, body) in [
        (
            "/v1/orders",
            r#"{"channel":"kiosk","lines":[{"item":"cola","quantity":1,"quantity":9}]}"#,
        ),
        (
            "/v1/orders",
            r#"{"channel":"kiosk","lines":[],"lines":[{"item":"cola","quantity":1}]}"#,
        ),
        ("/v1/site/close", r#"{"reason":"a","reason":"b"}"#),
        (
            "/v1/session",
            r#"{"user":"a","user":"manager","password":"b"}"#,
        ),
        (
            "/v1/orders",
            r#"{"channel":"kiosk","total":1,"lines":[{"item":"cola","quantity":1}]}"#,
        ),
        (
            "/v1/orders",
            r#"{"channel":"kiosk","site":"s2","lines":[{"item":"cola","quantity":1}]}"#,
        ),
        (
            "/v1/orders",
            r#"{"channel":"kiosk","lines":[{"item":"cola","quantity":1,"price":1}]}"#,
        ),
    ] {
        let answer = raw(&test, path, Some("application/json"), body.to_owned()).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.body);
    }
    assert_eq!(test.head().await, head);
}

/// Names that break what is built carelessly.
fn names() -> Vec<String> {
    let mut names: Vec<String> = [
        "'; DROP TABLE orders; --",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "${jndi:ldap://x}",
        "=cmd()|' /C calc'!A0",
        "@SUM(1+1)",
        "+1",
        "-1",
        "%00%0a",
        "\u{202e}txt.exe",
        "مرحبا",
        "🍜👩‍🍳",
        "日本語",
        "a\"b\\c",
        "../../etc/passwd",
        "{\"a\":1}",
        "a\tb",
        "a\u{0}b",
        "a\r\nlevel=error forged",
        "\u{1b}[31mred",
        "\u{feff}",
        "*)(uid=*",
    ]
    .map(str::to_owned)
    .into();
    names.push("x".repeat(65_536));
    names
}

#[tokio::test]
async fn hostile_names_come_back_unharmed_or_are_refused_and_each_is_one_line_of_the_log() {
    let test = site("telemetry", &[("format", "json".into())]).await;
    for name in names() {
        let mut order = order_of("cola", 1);
        order["lines"][0]["note"] = json!(name);
        let answer = test.kiosk.order(&new_key(), &order).await.unwrap();
        if name.chars().count() <= 200 && !name.chars().any(char::is_control) {
            assert_eq!(answer.status, 201, "{name:?}: {}", answer.body);
            let kept = test.order(answer.body["id"].as_str().unwrap()).await;
            assert_eq!(kept["lines"][0]["note"], json!(name));
            assert_eq!(answer.headers["content-type"], "application/json");
            let ticket = test
                .tickets_of(answer.body["id"].as_str().unwrap())
                .await
                .remove(0);
            assert_eq!(ticket["lines"][0]["note"], json!(name));
        } else if answer.status != 201 {
            assert_problem(&answer, 422, "invalid-order");
        }
        let nobody = Client::with_token(&test.site.url(), "").unwrap();
        let body = json!({ "user": name, "password": name });
        let refused = nobody.post("/v1/session", None, &body).await.unwrap();
        assert!(
            [401, 422].contains(&refused.status.as_u16()),
            "{name:?}: {}",
            refused.body
        );
    }
    let metrics = test
        .manager
        .request(Method::GET, "/metrics")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let log = std::fs::read_to_string(test.site.process().log_path()).unwrap();
    for line in log.lines() {
        let parsed: Result<Value, _> = serde_json::from_str(line);
        assert!(
            parsed.is_ok_and(|line| line["level"].is_string()),
            "no line of its own: {line}"
        );
        assert!(line.len() < 8_192, "{} bytes", line.len());
    }
    assert!(log.contains("DROP TABLE"), "the corpus was logged");
    for text in ["DROP", "script", "forged"] {
        assert!(!metrics.contains(text), "{text}");
    }
}
