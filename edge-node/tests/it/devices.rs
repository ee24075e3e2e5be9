//! Devices: let in by the code that they show, listed, and shut out.

use reqwest::Method;
use serde_json::{Value, json};
use sunakku_common::event::kind;
use xtask::harness::{LIMIT, wait_for};
use xtask::world::{Answer, Client};

use crate::bad_input::assert_problem;
use crate::screen::{Screen, request};
use crate::site::{TestSite, new_key, order_of};

fn nobody(test: &TestSite) -> Client {
    Client::with_token(&test.site.url(), "").unwrap()
}

async fn ask(test: &TestSite, screen: &str) -> Answer {
    let body = json!({ "screen": screen });
    nobody(test)
        .post("/v1/pairings", None, &body)
        .await
        .unwrap()
}

async fn claim(test: &TestSite, asked: &Value) -> Answer {
    let body = json!({ "secret": asked["secret"] });
    nobody(test)
        .post("/v1/pairings/claim", None, &body)
        .await
        .unwrap()
}

async fn confirm(client: &Client, code: &Value, name: &str, kind: &str) -> Answer {
    let body = json!({ "code": code, "name": name, "kind": kind });
    client.post("/v1/devices", None, &body).await.unwrap()
}

/// A device that was paired: its id, and a caller with its token.
async fn paired(test: &TestSite, screen: &str, name: &str, kind: &str) -> (String, Client) {
    let asked = ask(test, screen).await.expect(201).unwrap().body;
    let device = confirm(&test.manager, &asked["code"], name, kind)
        .await
        .expect(201)
        .unwrap()
        .body;
    let claimed = claim(test, &asked).await.expect(200).unwrap();
    assert_eq!(
        (&claimed.body["name"], &claimed.body["role"]),
        (&json!(name), &json!(kind))
    );
    let cookie = claimed.headers["set-cookie"].to_str().unwrap();
    let token = cookie.split(['=', ';']).nth(1).unwrap();
    let id = device["id"].as_str().unwrap().to_owned();
    (id, test.manager.as_token(token))
}

async fn list(test: &TestSite) -> Vec<Value> {
    let listed = test
        .manager
        .get("/v1/devices")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    listed.body["paired"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_device_is_paired_by_its_code_used_listed_and_revoked_over_restarts() {
    let test = TestSite::start().await;
    let asked = ask(&test, "kiosk").await.expect(201).unwrap().body;
    let code = asked["code"].as_str().unwrap();
    assert!(
        code.len() == 8 && code.chars().all(|c| c.is_ascii_digit()),
        "{code}"
    );
    assert_eq!(
        claim(&test, &asked).await.status,
        202,
        "nobody has confirmed it"
    );
    assert_problem(
        &claim(&test, &json!({ "secret": code })).await,
        401,
        "unknown-pairing",
    );
    let shown = json!(format!("{} {}", &code[..4], &code[4..]));
    assert_problem(
        &confirm(&test.kiosk, &shown, "kiosk-2", "kiosk").await,
        403,
        "forbidden",
    );
    assert_problem(
        &confirm(&test.kitchen, &shown, "kiosk-2", "kiosk").await,
        403,
        "forbidden",
    );
    assert_problem(
        &confirm(&test.manager, &shown, "kiosk-2", "kitchen").await,
        409,
        "other-kind",
    );
    assert_problem(
        &confirm(&test.manager, &shown, "a b", "kiosk").await,
        422,
        "invalid-body",
    );
    assert_problem(
        &confirm(&test.manager, &json!("1"), "kiosk-2", "kiosk").await,
        404,
        "unknown-pairing",
    );
    let device = confirm(&test.manager, &shown, "kiosk-2", "kiosk")
        .await
        .expect(201)
        .unwrap()
        .body;
    let again = confirm(&test.manager, &shown, "kiosk-2", "kiosk")
        .await
        .expect(201)
        .unwrap()
        .body;
    assert_eq!(device, again, "typed twice is paired once");
    assert_problem(
        &confirm(&test.manager, &shown, "other", "kiosk").await,
        404,
        "unknown-pairing",
    );
    let claimed = claim(&test, &asked).await.expect(200).unwrap();
    let cookie = claimed.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-") && cookie.contains("HttpOnly"),
        "{cookie}"
    );
    let kiosk = test
        .manager
        .as_token(cookie.split(['=', ';']).nth(1).unwrap());
    kiosk
        .order(&new_key(), &order_of("cola", 1))
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    assert_problem(&kiosk.get("/v1/tickets").await.unwrap(), 403, "forbidden");

    test.site.restart().await.unwrap();
    kiosk.get("/v1/menu").await.unwrap().expect(200).unwrap();
    let listed = list(&test).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0]["name"], &listed[0]["paired_by"]),
        (&json!("kiosk-2"), &json!("manager"))
    );
    assert!(
        listed[0]["paired_at"].as_str() <= listed[0]["last_seen"].as_str(),
        "{listed:?}"
    );

    let revoke = format!("/v1/devices/{}/revoke", device["id"].as_str().unwrap());
    let (key, why) = (new_key(), json!({ "reason": "stolen" }));
    for _ in 0..2 {
        let revoked = test.manager.post(&revoke, Some(&key), &why).await.unwrap();
        assert_eq!(
            revoked.status, 204,
            "the same answer again: {}",
            revoked.body
        );
    }
    assert_problem(&test.manager.act(&revoke).await.unwrap(), 404, "not-found");
    assert_problem(&kiosk.get("/v1/menu").await.unwrap(), 401, "unauthorized");
    test.site.restart().await.unwrap();
    assert_problem(&kiosk.get("/v1/menu").await.unwrap(), 401, "unauthorized");
    assert_problem(&claim(&test, &asked).await, 401, "unknown-pairing");
    assert!(list(&test).await.is_empty());
    for (kind, reason) in [
        (kind::DEVICE_PAIRED, None),
        (kind::DEVICE_REVOKED, Some("stolen")),
    ] {
        let told = test.told(kind).await;
        assert_eq!(told.len(), 1, "{kind}");
        let body: Value = told[0].body().unwrap();
        assert_eq!(
            (&body["name"], &body["by"]["actor"]),
            (&json!("kiosk-2"), &json!("manager"))
        );
        assert_eq!(body["reason"].as_str(), reason);
        assert_eq!(body["device"], device["id"]);
    }
}

#[tokio::test]
async fn each_kind_of_device_does_what_its_kind_does() {
    let test = TestSite::start().await;
    let (_, kitchen) = paired(&test, "kitchen", "kitchen-1", "kitchen").await;
    let (_, board) = paired(&test, "pickup", "board-1", "board").await;
    kitchen
        .get("/v1/tickets")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    board.get("/v1/board").await.unwrap().expect(200).unwrap();
    for path in ["/v1/orders", "/v1/menu", "/v1/tickets"] {
        assert_problem(&board.get(path).await.unwrap(), 403, "forbidden");
    }
    for screen in ["ops", "", "../kiosk"] {
        assert_problem(&ask(&test, screen).await, 422, "invalid-body");
    }
    let asked = ask(&test, "kitchen").await.expect(201).unwrap().body;
    let taken = confirm(&test.manager, &asked["code"], "kitchen-1", "kitchen").await;
    assert_problem(&taken, 409, "name-taken");
}

#[tokio::test]
async fn a_board_hears_numbers_and_a_kiosk_its_own_orders_alone() {
    let test = TestSite::start().await;
    let (_, board) = paired(&test, "pickup", "board-1", "board").await;
    let (_, kiosk) = paired(&test, "kiosk", "kiosk-2", "kiosk").await;
    let mut by_board = Screen::open(request(&test, "topics=orders", &board.token))
        .await
        .unwrap();
    let mut by_kiosk = Screen::open(request(&test, "topics=orders", &kiosk.token))
        .await
        .unwrap();
    by_board.news().await;
    by_kiosk.news().await;
    let foreign = test.placed(&order_of("cola", 1)).await;
    let own = kiosk
        .order(&new_key(), &order_of("cake", 1))
        .await
        .unwrap()
        .expect(201)
        .unwrap()
        .body;
    let frame = by_board.news().await;
    assert_eq!(
        frame["data"],
        json!({ "number": foreign["number"], "state": "placed" })
    );
    assert_eq!(by_kiosk.news().await["data"]["number"], own["number"]);
    for topics in ["tickets", "stock", "calls", "orders,sync"] {
        let refused = Screen::open(request(&test, &format!("topics={topics}"), &board.token)).await;
        assert_eq!(
            refused.err().map(|(status, _)| status),
            Some(403),
            "{topics}"
        );
    }
}

#[tokio::test]
async fn the_live_connection_of_a_revoked_device_is_cut() {
    let test = TestSite::start().await;
    let (id, kitchen) = paired(&test, "kitchen", "kitchen-1", "kitchen").await;
    let (_, other) = paired(&test, "kitchen", "kitchen-2", "kitchen").await;
    let mut screen = Screen::open(request(&test, "topics=tickets", &kitchen.token))
        .await
        .unwrap();
    let mut stays = Screen::open(request(&test, "topics=tickets", &other.token))
        .await
        .unwrap();
    screen.news().await;
    stays.news().await;
    let row = list(&test)
        .await
        .into_iter()
        .find(|row| row["id"] == id.as_str())
        .unwrap();
    assert_eq!(row["connected"], true);
    test.manager
        .act(&format!("/v1/devices/{id}/revoke"))
        .await
        .unwrap()
        .expect(204)
        .unwrap();
    let close = screen.close_frame().await.unwrap();
    assert_eq!(u16::from(close.code), 1008, "{close:?}");
    let back = Screen::open(request(&test, "topics=tickets", &kitchen.token)).await;
    assert_eq!(back.err().map(|(status, _)| status), Some(401));
    assert_eq!(stays.next().await.unwrap()["type"], "beat");
}

#[tokio::test]
async fn signing_out_ends_the_session_at_the_edge_and_its_live_connection() {
    let test = TestSite::start().await;
    let leaving = test
        .site
        .client(sunakku_common::claims::Role::Kitchen)
        .await
        .unwrap();
    let mut screen = Screen::open(request(&test, "topics=tickets", &leaving.token))
        .await
        .unwrap();
    screen.news().await;
    let out = leaving.request(Method::DELETE, "/v1/session/cookie");
    assert_eq!(leaving.send(out).await.unwrap().status, 204);
    assert_problem(
        &leaving.get("/v1/tickets").await.unwrap(),
        401,
        "unauthorized",
    );
    assert_eq!(
        screen
            .close_frame()
            .await
            .map(|close| u16::from(close.code)),
        Some(1008)
    );
    test.site.restart().await.unwrap();
    assert_problem(
        &leaving.get("/v1/tickets").await.unwrap(),
        401,
        "unauthorized",
    );
    test.kitchen
        .get("/v1/tickets")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(test.told(kind::SESSION_SIGNED_OUT).await.len(), 1);
}

#[tokio::test]
async fn a_session_however_busy_ends_at_its_absolute_limit_and_a_device_does_not() {
    let mut options = xtask::world::SiteOptions::new("s1", crate::site::seed());
    options = options.with(toml::toml! {
        [identity]
        max_session_seconds = 60
    });
    let test = TestSite::start_with(options).await;
    let renew = async |client: &Client| {
        let body = json!({ "screen": "kitchen" });
        let kept = client
            .post("/v1/session/cookie", None, &body)
            .await
            .unwrap();
        kept.expect(200).unwrap().body["expires_in"]
            .as_i64()
            .unwrap()
    };
    for _ in 0..2 {
        assert!(renew(&test.kitchen).await <= 60);
    }
    let (_, device) = paired(&test, "kitchen", "kitchen-1", "kitchen").await;
    assert!(2_500_000 < renew(&device).await);
}

#[tokio::test]
async fn a_devices_pairing_outlives_a_wiped_store() {
    let test = TestSite::start().await;
    let (id, kiosk) = paired(&test, "kiosk", "kiosk-2", "kiosk").await;
    let (stolen, gone) = paired(&test, "kiosk", "kiosk-3", "kiosk").await;
    test.manager
        .act(&format!("/v1/devices/{stolen}/revoke"))
        .await
        .unwrap()
        .expect(204)
        .unwrap();
    let client = redis::Client::open(test.site.redis.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut redis)
        .await
        .unwrap();
    let () = redis::cmd("DEL")
        .arg(keys)
        .query_async(&mut redis)
        .await
        .unwrap();
    wait_for("the devices in the new store", LIMIT, async || {
        let _wakes_it = kiosk.order(&new_key(), &order_of("cola", 1)).await;
        let kept: Vec<String> = redis::cmd("HKEYS")
            .arg("{s1}:devices")
            .query_async(&mut redis.clone())
            .await
            .map_err(|error| error.to_string())?;
        (kept == [id.clone()])
            .then_some(())
            .ok_or_else(|| format!("{kept:?}"))
    })
    .await
    .unwrap();
    test.site.restart().await.unwrap();
    kiosk.get("/v1/menu").await.unwrap().expect(200).unwrap();
    assert_problem(&gone.get("/v1/menu").await.unwrap(), 401, "unauthorized");
}
