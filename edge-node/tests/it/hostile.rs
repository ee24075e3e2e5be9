//! A hostile lunch room: whoever asks for too much, slowly, or through somebody else's page stops nobody.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use xtask::harness::LIMIT;
use xtask::world::{Answer, Client, SiteOptions};

use crate::access::Hub;
use crate::bad_input::assert_problem;
use crate::screen::{Screen, request};
use crate::site::{TestSite, new_key, order_of, seed};

async fn site(section: &str, values: &[(&str, toml::Value)]) -> TestSite {
    let values = values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    let table = toml::Table::from_iter(values);
    let edge = toml::Table::from_iter([(section.to_owned(), table.into())]);
    TestSite::start_with(SiteOptions::new("s1", seed()).with(edge)).await
}

async fn orders_go_on(test: &TestSite, count: usize) {
    for _ in 0..count {
        test.placed(&order_of("cola", 1)).await;
    }
}

async fn connect(test: &TestSite) -> TcpStream {
    TcpStream::connect(test.site.url().replace("http://", ""))
        .await
        .unwrap()
}

/// Everything that comes until the other side closes.
async fn until_closed(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    // A reset is an end as well.
    let _ended = timeout(LIMIT, stream.read_to_end(&mut all)).await.unwrap();
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_request_heads_and_bodies_are_cut_and_a_thousand_idle_sockets_stop_no_order() {
    let test = site(
        "http",
        &[
            ("head_timeout_seconds", 2.into()),
            ("request_timeout_seconds", 3.into()),
        ],
    )
    .await;
    let mut idle = Vec::new();
    for _ in 0..1_000 {
        idle.push(connect(&test).await);
    }
    let mut head = connect(&test).await;
    head.write_all(b"POST /v1/orders HTTP/1.1\r\nHost: x\r\n")
        .await
        .unwrap();
    let mut body = connect(&test).await;
    let slow = format!(
        "POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {}\r\n\
         Content-Type: application/json\r\nContent-Length: 500\r\n\r\n{{",
        test.kiosk.token,
        new_key()
    );
    body.write_all(slow.as_bytes()).await.unwrap();
    orders_go_on(&test, 20).await;
    until_closed(head).await;
    let answer = until_closed(body).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    for stream in idle {
        assert_eq!(until_closed(stream).await, "", "an idle one is closed");
    }
    orders_go_on(&test, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_are_taken_than_may_be_and_places_come_back() {
    let test = site("http", &[("max_connections_of_address", 40.into())]).await;
    let mut held = Vec::new();
    for _ in 0..60 {
        held.push(connect(&test).await);
    }
    // Those that found no place are closed at once, the others are not.
    let mut refused = 0;
    for stream in &mut held {
        let mut byte = [0];
        let read = timeout(Duration::from_millis(100), stream.read(&mut byte)).await;
        refused += usize::from(matches!(read, Ok(Ok(0) | Err(_))));
    }
    assert!((20..60).contains(&refused), "{refused}");
    drop(held);
    orders_go_on(&test, 3).await;
}

#[tokio::test]
async fn a_head_that_is_too_long_or_has_too_many_fields_is_refused() {
    let test = TestSite::start().await;
    for head in [
        format!("X-Long: {}\r\n", "x".repeat(64_000)),
        (0..100).map(|n| format!("X-{n}: 1\r\n")).collect(),
    ] {
        let mut stream = connect(&test).await;
        let text = format!("GET /livez HTTP/1.1\r\nHost: x\r\n{head}\r\n");
        let _cut = stream.write_all(text.as_bytes()).await;
        let answer = until_closed(stream).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
            "{answer}"
        );
    }
    orders_go_on(&test, 1).await;
}

#[tokio::test]
async fn a_caller_over_its_rate_gets_429_with_retry_after_and_others_of_its_address_do_not() {
    let hub = Hub::new();
    let test = hub
        .site_with(toml::toml! {
            [http]
            requests_per_minute_of_caller = 30
        })
        .await;
    let menu = async |client: &Client| client.get("/v1/menu").await.unwrap();
    let mut served = 0;
    let refused = loop {
        let answer = menu(&test.kiosk).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            break answer;
        }
        served += 1;
        assert!(served < 200, "never refused");
    };
    assert!(25 <= served, "{served}");
    assert_problem(&refused, 429, "too-many-requests");
    let wait: u64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    for other in [
        &test.manager,
        &test.kitchen,
        &crate::guest_sessions::guest(&test).await,
    ] {
        assert_eq!(
            menu(other).await.status,
            200,
            "another kiosk behind the same address"
        );
    }
}

#[tokio::test]
async fn tries_without_a_good_token_are_limited_by_address_and_signed_in_callers_are_not() {
    let test = site(
        "http",
        &[
            ("anonymous_per_minute_of_address", 40.into()),
            ("trusted_proxies", vec!["127.0.0.1"].into()),
        ],
    )
    .await;
    let forged = test.manager.as_token("forged");
    let from = async |address: &str| {
        let request = forged.request(Method::GET, "/v1/menu");
        let answer = forged
            .send(request.header("x-forwarded-for", address))
            .await
            .unwrap();
        answer.status.as_u16()
    };
    let mut seen = Vec::new();
    for _ in 0..60 {
        seen.push(from("192.0.2.7").await);
    }
    assert!(
        30 <= seen.iter().filter(|status| **status == 401).count(),
        "{seen:?}"
    );
    assert_eq!(seen.last(), Some(&429));
    assert_eq!(from("192.0.2.8").await, 401, "another address has its own");
    assert_eq!(
        from("192.0.2.8, 192.0.2.7").await,
        429,
        "what stands before can be made up"
    );
    orders_go_on(&test, 3).await;
}

#[tokio::test]
async fn a_state_change_by_a_foreign_page_is_403_and_get_changes_nothing() {
    let test = TestSite::start().await;
    let head = test.head().await;
    let body = json!({ "user": "manager", "password": "x" });
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

#[tokio::test]
async fn a_screen_that_sends_message_after_message_or_a_huge_one_is_cut_off() {
    let test = TestSite::start().await;
    let open = async || {
        Screen::open(request(&test, "topics=stock", &test.kiosk.token))
            .await
            .unwrap()
    };
    let mut noisy = open().await;
    for _ in 0..200 {
        noisy.say("hello").await;
    }
    while noisy.next().await.is_some() {}
    let mut huge = open().await;
    huge.say(&"x".repeat(1_000_000)).await;
    while huge.next().await.is_some() {}
    let mut quiet = open().await;
    quiet.say("hello").await;
    assert_eq!(quiet.news().await["type"], "snapshot");
    orders_go_on(&test, 1).await;
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
