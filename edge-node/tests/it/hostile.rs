//! A hostile lunch room: whoever asks for too much, slowly, or through somebody else's page stops nobody.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use xtask::harness::LIMIT;
use xtask::world::{Client, SiteOptions};

use crate::access::Hub;
use crate::bad_input::assert_problem;
use crate::screen::{Screen, request};
use crate::site::{TestSite, new_key, order_of, seed};

pub(crate) async fn site(section: &str, values: &[(&str, toml::Value)]) -> TestSite {
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
