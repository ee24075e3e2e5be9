//! Screens that sign in by a code, and the cookie that they call by.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::bad_input::assert_problem;
use crate::screen::{Screen, request};
use crate::site::{TestSite, new_key};
use xtask::world::{Answer, Client};

/// A code for a screen of this role.
async fn code(test: &TestSite, role: &str) -> String {
    let body = json!({ "role": role, "name": "tablet-7" });
    let made = test
        .manager
        .post("/v1/session/codes", None, &body)
        .await
        .unwrap();
    let made = made.expect(201).unwrap().body;
    assert_eq!(
        (&made["role"], &made["name"]),
        (&json!(role), &json!("tablet-7"))
    );
    made["code"].as_str().unwrap().to_owned()
}

fn nobody(test: &TestSite) -> Client {
    Client::with_token(&test.site.url(), "").unwrap()
}

async fn redeem(test: &TestSite, code: &str, screen: &str) -> Answer {
    let body = json!({ "code": code, "screen": screen });
    nobody(test)
        .post("/v1/session/code", None, &body)
        .await
        .unwrap()
}

/// `name=value` of the cookie that an answer sets.
fn cookie(headers: &HeaderMap) -> String {
    let text = headers["set-cookie"].to_str().unwrap();
    for flag in ["; Path=/", "; HttpOnly", "; SameSite=Strict", "; Secure"] {
        assert!(text.contains(flag), "{text}");
    }
    assert!(
        text.starts_with("__Host-") && !text.contains("Domain"),
        "{text}"
    );
    text.split(';').next().unwrap().to_owned()
}

/// A call with a cookie and more headers, as a page makes it.
async fn by_cookie(
    test: &TestSite,
    (method, path, body): (Method, &str, Option<&Value>),
    cookie: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let client = nobody(test);
    let mut request = client.request(method, path).header("cookie", cookie);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    client.send(request).await.unwrap()
}

#[tokio::test]
async fn a_code_signs_one_screen_in_once_and_over_a_restart_of_the_edge() {
    let test = TestSite::start().await;
    let code = code(&test, "kitchen").await;
    test.site.restart().await.unwrap();
    let signed_in = redeem(&test, &code.to_lowercase().replace('-', " "), "kitchen").await;
    let signed_in = signed_in.expect(200).unwrap();
    assert_eq!(signed_in.body["role"], "kitchen");
    let cookie = cookie(&signed_in.headers);
    assert_problem(&redeem(&test, &code, "kitchen").await, 401, "unknown-code");
    for wrong in ["", "AAAA-AAAA-AAAA-AAAA", "' OR 1=1", &"9".repeat(5_000)] {
        assert_problem(&redeem(&test, wrong, "kitchen").await, 401, "unknown-code");
    }
    let screen = [("x-sunakku-screen", "kitchen")];
    let who = by_cookie(&test, (Method::GET, "/v1/session", None), &cookie, &screen).await;
    let who = who.expect(200).unwrap().body;
    assert_eq!(
        (&who["name"], &who["role"]),
        (&json!("tablet-7"), &json!("kitchen"))
    );
    assert_eq!(who["site"]["id"], "s1");
    let tickets = (Method::GET, "/v1/tickets", None);
    by_cookie(&test, tickets, &cookie, &screen)
        .await
        .expect(200)
        .unwrap();
}

#[tokio::test]
async fn at_the_same_moment_a_code_works_for_one_alone() {
    let test = TestSite::start().await;
    let code = code(&test, "kiosk").await;
    let tries = (0..8).map(|_| redeem(&test, &code, "kiosk"));
    let answers = futures::future::join_all(tries).await;
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(served, 1, "{answers:?}");
}

#[tokio::test]
async fn only_managers_make_codes_and_only_for_screens() {
    let test = TestSite::start().await;
    let make = async |client: &Client, body: &Value| {
        client.post("/v1/session/codes", None, body).await.unwrap()
    };
    let body = json!({ "role": "kiosk", "name": "k" });
    assert_problem(&make(&test.kiosk, &body).await, 403, "forbidden");
    assert_problem(&make(&test.kitchen, &body).await, 403, "forbidden");
    for wrong in [
        json!({ "role": "admin", "name": "k" }),
        json!({ "role": "sre", "name": "k" }),
        json!({ "role": "kiosk", "name": "" }),
        json!({ "role": "kiosk", "name": "a b" }),
        json!({ "role": "kiosk" }),
    ] {
        assert_problem(&make(&test.manager, &wrong).await, 422, "invalid-body");
    }
    let screen = redeem(&test, "x", "../kiosk").await;
    assert_problem(&screen, 422, "invalid-body");
}

#[tokio::test]
async fn a_foreign_page_can_do_nothing_with_a_screens_cookie() {
    let test = TestSite::start().await;
    let code = code(&test, "kiosk").await;
    let cookie = cookie(
        &redeem(&test, &code, "kiosk")
            .await
            .expect(200)
            .unwrap()
            .headers,
    );
    let (origin, key) = (test.site.url(), new_key());
    let order = json!({ "channel": "kiosk", "lines": [{ "item": "cola", "quantity": 1 }] });
    let place = (Method::POST, "/v1/orders", Some(&order));
    let head = test.head().await;
    let screen = ("x-sunakku-screen", "kiosk");
    let refused = [
        (vec![("origin", "https://evil.example")], 403),
        (vec![screen, ("origin", "https://evil.example")], 403),
        (vec![screen, ("origin", "null")], 403),
        (vec![screen], 403),
        (vec![("origin", origin.as_str())], 401),
        (
            vec![("x-sunakku-screen", "kitchen"), ("origin", &origin)],
            401,
        ),
    ];
    for (headers, status) in refused {
        let headers = [headers, vec![("idempotency-key", &key)]].concat();
        let answer = by_cookie(&test, place.clone(), &cookie, &headers).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{headers:?}: {}",
            answer.body
        );
    }
    assert_eq!(test.head().await, head);
    let own = [screen, ("origin", &origin), ("idempotency-key", &key)];
    let placed = by_cookie(&test, place, &cookie, &own).await;
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.body);
}

#[tokio::test]
async fn a_websocket_takes_the_cookie_of_its_own_host_alone_and_is_listed() {
    let test = TestSite::start().await;
    let code = code(&test, "kitchen").await;
    let cookie = cookie(
        &redeem(&test, &code, "kitchen")
            .await
            .expect(200)
            .unwrap()
            .headers,
    );
    let open = async |origin: Option<&str>| {
        let mut request = request(&test, "topics=tickets,stock", "");
        let headers = request.headers_mut();
        headers.insert("cookie", cookie.parse().unwrap());
        let protocols = "sunakku.v1, screen.kitchen".parse().unwrap();
        headers.insert("sec-websocket-protocol", protocols);
        if let Some(origin) = origin {
            headers.insert("origin", origin.parse().unwrap());
        }
        Screen::open(request).await
    };
    for foreign in [None, Some("https://evil.example"), Some("null")] {
        let refused = open(foreign).await.err();
        assert_eq!(refused.map(|(status, _)| status), Some(403), "{foreign:?}");
    }
    let mut screen = open(Some(&test.site.url())).await.unwrap();
    assert_eq!(screen.next().await.unwrap()["type"], "snapshot");
    let devices = test.manager.get("/v1/devices").await.unwrap();
    let devices = devices.expect(200).unwrap().body;
    let row = &devices["items"][0];
    assert_eq!(row["name"], "tablet-7");
    assert_eq!(row["screen"], "kitchen");
    assert_eq!(row["topics"], json!(["tickets", "stock"]));
}

#[tokio::test]
async fn a_screen_in_use_stays_signed_in_and_one_that_signs_out_does_not() {
    let test = TestSite::start().await;
    let code = code(&test, "kiosk").await;
    let old = cookie(
        &redeem(&test, &code, "kiosk")
            .await
            .expect(200)
            .unwrap()
            .headers,
    );
    let origin = test.site.url();
    let headers = [("x-sunakku-screen", "kiosk"), ("origin", origin.as_str())];
    let body = json!({ "screen": "kiosk" });
    let renew = (Method::POST, "/v1/session/cookie", Some(&body));
    let renewed = by_cookie(&test, renew, &old, &headers)
        .await
        .expect(200)
        .unwrap();
    assert_eq!(renewed.body["name"], "tablet-7");
    assert!(2_591_000 < renewed.body["expires_in"].as_i64().unwrap());
    let out = (Method::DELETE, "/v1/session/cookie", None);
    let out = by_cookie(&test, out, &cookie(&renewed.headers), &headers).await;
    let out = out.expect(204).unwrap();
    assert!(
        out.headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    // A token becomes a cookie for as long as it was made for, and no longer.
    let kept = test
        .manager
        .post("/v1/session/cookie", None, &json!({ "screen": "ops" }))
        .await;
    let kept = kept.unwrap().expect(200).unwrap();
    assert_eq!(kept.body["expires_in"], 604_800);
}
