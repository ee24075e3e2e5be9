//! People of the site, by what the hub last told: PINs, keys, revocations, with the hub away.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use sunakku_common::claims::{HUB_ISSUER, Role, Signer, Subject};
use sunakku_common::event::kind;
use sunakku_common::password;
use xtask::harness::{LIMIT, Server as _, wait_for};
use xtask::world::{Answer, Client};

use crate::bad_input::assert_problem;
use crate::head_office::{HeadOffice, SELDOM, settings};
use crate::screen::{Screen, request};
use crate::site::TestSite;

fn staff() -> Value {
    let member = |name: &str, role: &str, pin: &str| json!({ "name": name, "display_name": name, "role": role, "pin": password::hash(pin).unwrap() });
    json!([
        member("ann", "manager", "482913"),
        member("bob", "kitchen", "7351"),
        member("cleo", "cashier", "1199"),
    ])
}

async fn by_pin(test: &TestSite, user: &str, pin: &str) -> Answer {
    let nobody = Client::with_token(&test.site.url(), "").unwrap();
    let body = json!({ "user": user, "pin": pin });
    nobody.post("/v1/session/pin", None, &body).await.unwrap()
}

/// A site whose hub has told its staff and is away now.
async fn alone() -> (TestSite, HeadOffice) {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    hub.configure(&settings(1, json!({ "staff": staff() })))
        .await;
    test.site_until("the settings", |site| site["revision"] == 1)
        .await;
    hub.nats.process().kill().unwrap();
    (test, hub)
}

#[tokio::test]
async fn staff_sign_in_by_pin_with_the_hub_away_and_after_a_restart() {
    let (test, _hub) = alone().await;
    test.site.restart().await.unwrap();
    for (user, pin, role) in [("ann", "482913", "manager"), ("bob", "7351", "kitchen")] {
        let session = by_pin(&test, user, pin).await.expect(200).unwrap().body;
        assert_eq!(session["expires_in"], 3_600);
        let person = test
            .manager
            .as_token(session["access_token"].as_str().unwrap());
        let who = person
            .get("/v1/session")
            .await
            .unwrap()
            .expect(200)
            .unwrap()
            .body;
        assert_eq!((&who["name"], &who["role"]), (&json!(user), &json!(role)));
        let codes = json!({ "role": "kiosk", "name": "k" });
        let may = person
            .post("/v1/session/codes", None, &codes)
            .await
            .unwrap()
            .status;
        assert_eq!(may, if role == "manager" { 201 } else { 403 });
    }
    let told = test.told(kind::SESSION_SIGNED_IN).await;
    let users: Vec<Value> = told
        .iter()
        .map(|event| event.body::<Value>().unwrap()["user"].clone())
        .collect();
    assert_eq!(users, [json!("ann"), json!("bob")]);
}

#[tokio::test]
async fn five_wrong_pins_lock_that_person_there_alone_for_longer_each_time_and_over_a_restart() {
    let (test, _hub) = alone().await;
    for _ in 0..5 {
        assert_problem(
            &by_pin(&test, "ann", "000000").await,
            401,
            "wrong-credentials",
        );
    }
    let locked = by_pin(&test, "ann", "482913").await;
    assert_problem(&locked, 429, "too-many-tries");
    let wait: u64 = locked.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    by_pin(&test, "bob", "7351").await.expect(200).unwrap();
    test.site.restart().await.unwrap();
    assert_problem(&by_pin(&test, "ann", "482913").await, 429, "too-many-tries");
    let told = test.told_until(kind::SESSION_LOCKED, 1).await;
    let body: Value = told[0].body().unwrap();
    assert_eq!(body["user"], "ann");
    assert!(body["until"].is_string(), "{body}");
    assert_eq!(test.told(kind::SESSION_REFUSED).await.len(), 5);
    // Its time is over: one more wrong one, and the next wait is twice as long.
    over(&test).await;
    assert_problem(
        &by_pin(&test, "ann", "000000").await,
        401,
        "wrong-credentials",
    );
    let locked = by_pin(&test, "ann", "482913").await;
    let wait: u64 = locked.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((31..=60).contains(&wait), "{wait}");
    over(&test).await;
    by_pin(&test, "ann", "482913").await.expect(200).unwrap();
    assert_problem(
        &by_pin(&test, "ann", "000000").await,
        401,
        "wrong-credentials",
    );
}

/// Makes every wait be over.
async fn over(test: &TestSite) {
    let client = redis::Client::open(test.site.redis.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("{s1}:tries:*")
        .query_async(&mut redis)
        .await
        .unwrap();
    assert!(!keys.is_empty());
    for key in keys {
        let () = redis::cmd("HDEL")
            .arg(key)
            .arg("until")
            .query_async(&mut redis)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn many_wrong_pins_at_once_are_no_more_than_one_after_the_other() {
    let (test, _hub) = alone().await;
    let tries = (0..20).map(|_| by_pin(&test, "ann", "000000"));
    let answers = futures::future::join_all(tries).await;
    let tried = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(tried, 5, "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|answer| [401, 429].contains(&answer.status.as_u16()))
    );
}

#[tokio::test]
async fn a_wrong_user_and_a_wrong_pin_are_indistinguishable() {
    let (test, _hub) = alone().await;
    let (mut told, mut took) = (Vec::new(), [Vec::new(), Vec::new()]);
    for n in 0..4 {
        for (at, user) in ["bob", "nobody"].into_iter().enumerate() {
            let began = Instant::now();
            let answer = by_pin(&test, user, &format!("{n}999")).await;
            took[at].push(began.elapsed());
            assert_problem(&answer, 401, "wrong-credentials");
            told.push(answer.body);
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let [known, unknown] = took.map(median);
    // The hash of each takes most of the time; without it one would be many times as quick.
    assert!((0.2..5.0).contains(&(known / unknown)), "{known} {unknown}");
    for user in ["", "*", "' OR 1=1 --", "ann\u{0}", "ann "] {
        assert_problem(
            &by_pin(&test, user, "482913").await,
            401,
            "wrong-credentials",
        );
    }
    assert_problem(
        &by_pin(&test, "ann", &"9".repeat(65)).await,
        422,
        "invalid-body",
    );
    // Unknown ones are locked as known ones are.
    assert_problem(
        &by_pin(&test, "nobody", "4999").await,
        401,
        "wrong-credentials",
    );
    assert_problem(
        &by_pin(&test, "nobody", "5999").await,
        429,
        "too-many-tries",
    );
}

struct Key(Signer);

impl Key {
    fn new() -> Self {
        sunakku_common::install_crypto();
        Self(Signer::new(HUB_ISSUER, &Signer::generate_pkcs8().unwrap()).unwrap())
    }

    fn token(&self, user: &str, session: uuid::Uuid) -> String {
        let subject = Subject {
            sid: Some(session),
            ..Subject::new(user, Role::RegionManager)
        };
        self.0
            .mint(
                subject,
                "sunakku:site:s1",
                TimeDelta::minutes(10),
                Utc::now(),
            )
            .unwrap()
    }
}

async fn until_status(client: &Client, status: u16) {
    wait_for("another answer", LIMIT, async || {
        let answer = client
            .get("/v1/queue")
            .await
            .map_err(|error| error.to_string())?;
        (answer.status == status)
            .then_some(())
            .ok_or_else(|| answer.status.to_string())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_hubs_keys_change_with_an_overlap_and_the_last_ones_hold_over_a_restart_offline() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    let (old, new) = (Key::new(), Key::new());
    let id = uuid::Uuid::now_v7();
    let by = |key: &Key| test.manager.as_token(&key.token("rita", id));
    let keys = |keys: &[&Key]| json!({ "keys": keys.iter().map(|key| key.0.public()).collect::<Vec<_>>() });
    until_status(&by(&old), 401).await;
    hub.configure(&settings(1, keys(&[&old]))).await;
    until_status(&by(&old), 200).await;
    assert_eq!(by(&new).get("/v1/queue").await.unwrap().status, 401);
    hub.configure(&settings(2, keys(&[&old, &new]))).await;
    until_status(&by(&new), 200).await;
    assert_eq!(by(&old).get("/v1/queue").await.unwrap().status, 200);
    hub.configure(&settings(3, keys(&[&new]))).await;
    until_status(&by(&old), 401).await;
    hub.nats.process().kill().unwrap();
    test.site.restart().await.unwrap();
    assert_eq!(by(&new).get("/v1/queue").await.unwrap().status, 200);
    assert_eq!(by(&old).get("/v1/queue").await.unwrap().status, 401);
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once_and_after_a_restart_and_its_screen_is_cut() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    let key = Key::new();
    let keys = json!([key.0.public()]);
    hub.configure(&settings(1, json!({ "keys": keys }))).await;
    let (one, other) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    let rita = test.manager.as_token(&key.token("rita", one));
    let elsewhere = test.manager.as_token(&key.token("rita", other));
    let sam = test
        .manager
        .as_token(&key.token("sam", uuid::Uuid::now_v7()));
    until_status(&rita, 200).await;
    let mut screen = Screen::open(request(&test, "topics=tickets", &rita.token))
        .await
        .unwrap();
    screen.news().await;
    // What was put into a cookie ends with it.
    let body = json!({ "screen": "ops" });
    let kept = rita
        .post("/v1/session/cookie", None, &body)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let cookie = kept.headers["set-cookie"].to_str().unwrap();
    let kept = test
        .manager
        .as_token(cookie.split(['=', ';']).nth(1).unwrap());
    until_status(&kept, 200).await;
    let since = Utc::now();
    // A cookie that was minted anew before the word came is void as well.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let anew = kept
        .post("/v1/session/cookie", None, &body)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let cookie = anew.headers["set-cookie"].to_str().unwrap();
    let anew = test
        .manager
        .as_token(cookie.split(['=', ';']).nth(1).unwrap());
    let session = json!([{ "sid": one, "since": since }]);
    hub.configure(&settings(2, json!({ "keys": keys, "revoked": session })))
        .await;
    until_status(&rita, 401).await;
    until_status(&kept, 401).await;
    until_status(&anew, 401).await;
    assert_eq!(
        screen
            .close_frame()
            .await
            .map(|close| u16::from(close.code)),
        Some(1008)
    );
    assert_eq!(
        elsewhere.get("/v1/queue").await.unwrap().status,
        200,
        "another session"
    );
    let person = json!([{ "sub": "rita", "since": Utc::now() }]);
    hub.configure(&settings(3, json!({ "keys": keys, "revoked": person })))
        .await;
    until_status(&elsewhere, 401).await;
    hub.nats.process().kill().unwrap();
    test.site.restart().await.unwrap();
    assert_eq!(elsewhere.get("/v1/queue").await.unwrap().status, 401);
    assert_eq!(sam.get("/v1/queue").await.unwrap().status, 200);
}
