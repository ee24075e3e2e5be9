//! Guests' own phones: in without a code, good for their own orders and for nothing else.

use reqwest::Method;
use serde_json::{Value, json};
use xtask::world::{Answer, Client, SiteOptions};

use crate::bad_input::assert_problem;
use crate::screen::{Screen, request};
use crate::site::{TestSite, new_key, order_of, seed};

/// A site whose `[screens]` differ from the defaults.
async fn site_with(settings: toml::Table) -> TestSite {
    TestSite::start_with(SiteOptions::new("s1", seed()).with(settings)).await
}

/// Comes in as a page does, with more headers.
async fn enter(test: &TestSite, headers: &[(&str, &str)]) -> Answer {
    let nobody = Client::with_token(&test.site.url(), "").unwrap();
    let mut request = nobody.request(Method::POST, "/v1/session/guest");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    nobody.send(request).await.unwrap()
}

/// A phone that is in.
pub(crate) async fn guest(test: &TestSite) -> Client {
    let session = enter(test, &[]).await.expect(200).unwrap();
    assert!(!session.headers.contains_key("set-cookie"));
    let body = session.body;
    assert_eq!(
        (&body["token_type"], &body["expires_in"]),
        (&json!("Bearer"), &json!(7_200))
    );
    test.kiosk.as_token(body["access_token"].as_str().unwrap())
}

async fn placed(guest: &Client, order: &Value) -> Value {
    let answer = guest.order(&new_key(), order).await.unwrap();
    answer.expect(201).unwrap().body
}

fn path(order: &Value, step: &str) -> String {
    format!("/v1/orders/{}{step}", order["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_guest_orders_by_phone_and_sees_and_calls_off_nothing_but_its_own() {
    let test = TestSite::start().await;
    let (ann, bob) = (guest(&test).await, guest(&test).await);
    let menu = ann.get("/v1/menu").await.unwrap().expect(200).unwrap();
    assert_eq!(menu.body["items"][0]["id"], "burger");
    test.manager
        .act("/v1/queue/pause")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    // Whatever it says: a staff order would overtake others.
    let mut order = order_of("cake", 1);
    order["channel"] = json!("staff");
    let of_ann = placed(&ann, &order).await;
    assert_eq!(
        test.order(of_ann["id"].as_str().unwrap()).await["channel"],
        "phone"
    );
    let of_kiosk = test.placed(&order_of("cake", 1)).await;
    let own = ann
        .get(&path(&of_ann, ""))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(own.body["number"], of_ann["number"]);
    for (stranger, order) in [(&bob, &of_ann), (&ann, &of_kiosk), (&test.kiosk, &of_ann)] {
        assert_problem(
            &stranger.get(&path(order, "")).await.unwrap(),
            404,
            "not-found",
        );
        let cancel = stranger.act(&path(order, "/cancel")).await.unwrap();
        assert_problem(&cancel, 404, "not-found");
    }
    let cancelled = ann.act(&path(&of_ann, "/cancel")).await.unwrap();
    assert_eq!(cancelled.expect(200).unwrap().body["state"], "cancelled");
}

#[tokio::test]
async fn a_guest_calls_nothing_off_that_is_being_made_with_a_reason_either() {
    let test = TestSite::start().await;
    let ann = guest(&test).await;
    let order = placed(&ann, &order_of("cake", 1)).await;
    let ticket = &test.tickets_of(order["id"].as_str().unwrap()).await[0];
    test.ticket_step(ticket, "start").await;
    let reason = json!({ "reason": "no more hunger" });
    let cancel = ann
        .post(&path(&order, "/cancel"), None, &reason)
        .await
        .unwrap();
    assert_problem(&cancel, 409, "illegal-transition");
}

#[tokio::test]
async fn a_phone_hears_live_of_its_own_orders_alone() {
    let test = TestSite::start().await;
    let (ann, bob) = (guest(&test).await, guest(&test).await);
    let first = placed(&ann, &order_of("cake", 1)).await;
    placed(&bob, &order_of("cola", 1)).await;
    // What it has seen before does not matter: it gets how its orders stand now.
    let topics = "topics=orders,stock,menu&from=1";
    let mut phone = Screen::open(request(&test, topics, &ann.token))
        .await
        .unwrap();
    let snapshot = phone.news().await;
    assert_eq!(snapshot["type"], "snapshot");
    let known: Vec<&Value> = snapshot["data"]["orders"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert_eq!(known.len(), 1, "{known:?}");
    assert_eq!(known[0]["id"], first["id"]);
    let second = placed(&ann, &order_of("cake", 1)).await;
    let others = [
        placed(&bob, &order_of("cake", 1)).await,
        test.placed(&order_of("cake", 1)).await,
    ];
    for order in [&first, &second, &others[0], &others[1]] {
        for ticket in test.tickets_of(order["id"].as_str().unwrap()).await {
            test.ticket_step(&ticket, "bump").await;
        }
    }
    let frames = phone.until(test.head().await).await;
    let of = |order: &Value| -> Vec<String> {
        let mine = frames
            .iter()
            .filter(|frame| frame["type"] == "order" && frame["data"]["id"] == order["id"]);
        mine.map(|frame| frame["data"]["state"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(of(&first).last().unwrap(), "ready");
    assert_eq!(
        (
            of(&second)[0].as_str(),
            of(&second).last().unwrap().as_str()
        ),
        ("placed", "ready")
    );
    for order in &others {
        assert!(of(order).is_empty(), "{frames:?}");
    }
    // Stock is everybody's.
    assert!(frames.iter().any(|frame| frame["type"] == "stock"));
    for topic in ["tickets", "calls", "sync", "orders,calls"] {
        let refused = Screen::open(request(&test, &format!("topics={topic}"), &ann.token)).await;
        assert_eq!(refused.err().unwrap().0, 403, "{topic}");
    }
}

#[tokio::test]
async fn a_page_of_the_site_gets_a_cookie_and_a_foreign_one_nothing() {
    let test = TestSite::start().await;
    let (origin, kiosk) = (test.site.url(), ("x-sunakku-screen", "kiosk"));
    let own = [kiosk, ("origin", origin.as_str())];
    let session = enter(&test, &own).await.expect(200).unwrap();
    let set = session.headers["set-cookie"].to_str().unwrap();
    for part in [
        "__Host-sunakku-site-s1-kiosk=",
        "; Max-Age=7200",
        "; HttpOnly",
        "; SameSite=Strict",
    ] {
        assert!(set.contains(part), "{set}");
    }
    let cookie = set.split(';').next().unwrap();
    let nobody = Client::with_token(&origin, "").unwrap();
    let page = |method: Method, path: &str| {
        let request = nobody.request(method, path).header("cookie", cookie);
        own.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        })
    };
    let who = nobody
        .send(page(Method::GET, "/v1/session"))
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .body;
    assert_eq!(who["role"], "guest");
    assert!(who["name"].as_str().unwrap().starts_with("guest:"), "{who}");
    // In use it stays in, as the same guest.
    let renewal = page(Method::POST, "/v1/session/cookie").json(&json!({ "screen": "kiosk" }));
    let renewed = nobody
        .send(renewal)
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .body;
    assert_eq!(
        (&renewed["name"], &renewed["expires_in"]),
        (&who["name"], &json!(7_200))
    );
    for foreign in [
        &[kiosk][..],
        &[kiosk, ("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        let refused = enter(&test, foreign).await;
        assert_problem(&refused, 403, "cross-origin");
        assert!(!refused.headers.contains_key("set-cookie"));
    }
    let misnamed = [
        ("x-sunakku-screen", "../kiosk"),
        ("origin", origin.as_str()),
    ];
    assert_problem(&enter(&test, &misnamed).await, 422, "invalid-body");
}

#[tokio::test]
async fn new_guests_of_one_address_are_let_in_at_a_bounded_rate() {
    let test = site_with(toml::toml! {
        [screens]
        guests_per_minute_of_address = 1
    })
    .await;
    let ann = guest(&test).await;
    let refused = enter(&test, &[]).await;
    // A minute passes only on a machine that is stuck; then one more comes in.
    assert_problem(&refused, 429, "too-many-guests");
    let wait: u32 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // Who is in is not held up.
    placed(&ann, &order_of("cola", 1)).await;
}

#[tokio::test]
async fn a_site_that_wants_no_phones_lets_none_in() {
    let test = site_with(toml::toml! {
        [screens]
        guests = false
    })
    .await;
    assert_problem(&enter(&test, &[]).await, 403, "guests-off");
}
