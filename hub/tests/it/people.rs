//! People, their sessions, the keys that sign tokens, and what sites are told of all that.

use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sunakku_common::claims::{Verifier, site_audience};
use sunakku_common::keys::PublicKey;
use sunakku_common::site::Settings;
use xtask::harness::{LIMIT, wait_for};

use crate::support::{Admin, Hub, World};

const LONG: &str = "four words that rhyme";

async fn sign_in(hub: &Hub, user: &str, password: &str, expected: u16) -> Result<Value> {
    let body = Some(json!({"user": user, "password": password}));
    hub.send(Method::POST, "/v1/session", None, body, expected)
        .await
}

fn text(value: &Value, of: &str) -> Result<String> {
    let text = value[of].as_str().map(str::to_owned);
    text.with_context(|| format!("no {of} in {value}"))
}

/// Makes a person with a password known.
async fn person(admin: &Admin<'_>, name: &str, place: Value) -> Result<()> {
    let mut new = place;
    new["name"] = json!(name);
    new["display_name"] = json!(name);
    admin.post("/v1/users", new, 201).await?;
    let path = format!("/v1/users/{name}/password");
    admin.put(&path, json!({"password": LONG}), 200).await?;
    Ok(())
}

#[tokio::test]
async fn a_person_is_made_known_works_and_is_shut_out_at_once() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    let bob = json!({"role": "manager", "site": "s1"});
    person(&admin, "bob", bob.clone()).await?;
    let again = json!({"name": "BOB", "display_name": "B", "role": "manager", "site": "s1"});
    admin.post("/v1/users", again, 409).await?;
    for odd in [
        json!({"name": "x", "display_name": "X", "role": "manager"}),
        json!({"name": "x", "display_name": "X", "role": "admin", "site": "s1"}),
        json!({"name": "x", "display_name": "X", "role": "kiosk", "site": "s1"}),
        json!({"name": "a\u{0}b", "display_name": "X", "role": "admin"}),
    ] {
        admin.post("/v1/users", odd, 422).await?;
    }
    for weak in ["short", "bob bob bob bob bob", "               "] {
        let weak = json!({"password": weak});
        admin.put("/v1/users/bob/password", weak, 422).await?;
    }

    let token = text(&sign_in(&hub, "Bob", LONG, 200).await?, "access_token")?;
    let at_site = |site: &str| Some(json!({ "site": site }));
    let path = "/v1/session/site";
    let session = hub
        .send(Method::POST, path, Some(&token), at_site("s1"), 200)
        .await?;
    hub.send(Method::POST, path, Some(&token), at_site("s2"), 404)
        .await?;
    let keys = hub.identity_keys().await?;
    let issuers = keys.iter().map(|key| (key, "sunakku:hub".to_owned()));
    let verifier = Verifier::new(site_audience(&"s1".parse()?), issuers)?;
    let claims = verifier.verify(&text(&session, "access_token")?)?;
    ensure!(claims.site == Some("s1".parse()?) && claims.sid.is_some());
    ensure!(claims.role.as_str() == "manager" && claims.sub == "bob");

    // A manager sees to the kitchen and counter of its site, and to nobody else.
    let asks = async |name: &str, role: &str, site: &str, expected: u16| {
        let new = json!({"name": name, "display_name": name, "role": role, "site": site});
        hub.send(Method::POST, "/v1/users", Some(&token), Some(new), expected)
            .await
    };
    asks("kit", "kitchen", "s1", 201).await?;
    asks("kat", "kitchen", "s2", 404).await?;
    asks("max", "manager", "s1", 403).await?;
    let people = hub
        .send(Method::GET, "/v1/users", Some(&token), None, 200)
        .await?;
    ensure!(
        people["items"].as_array().map(Vec::len) == Some(2),
        "{people}"
    );
    hub.send(Method::GET, "/v1/users/ann", Some(&token), None, 404)
        .await?;
    let up = Some(json!({"role": "admin"}));
    hub.send(Method::PATCH, "/v1/users/bob", Some(&token), up, 403)
        .await?;

    admin
        .post("/v1/users/bob/disable", Value::Null, 200)
        .await?;
    hub.send(Method::GET, "/v1/sites", Some(&token), None, 401)
        .await?;
    sign_in(&hub, "bob", LONG, 401).await?;
    admin.post("/v1/users/bob/enable", Value::Null, 200).await?;
    sign_in(&hub, "bob", LONG, 200).await?;
    admin
        .post("/v1/users/ann/disable", Value::Null, 409)
        .await?;
    let demote = json!({"role": "auditor"});
    admin.patch("/v1/users/ann", demote, 409).await?;
    let audit = admin.get("/v1/audit?object=user/bob").await?;
    ensure!(
        !audit.to_string().contains("argon2") && !audit.to_string().contains(LONG),
        "{audit}"
    );
    ensure!(
        audit["items"].as_array().map(Vec::len) == Some(4),
        "{audit}"
    );
    let log = std::fs::read_to_string(hub.process.log_path())?;
    ensure!(!log.contains(LONG) && !log.contains("$argon2"));
    Ok(())
}

#[tokio::test]
async fn a_session_is_prolonged_once_by_each_token_and_ends_for_good() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let refresh = async |token: &str, expected: u16| {
        let body = Some(json!({ "refresh_token": token }));
        hub.send(Method::POST, "/v1/session/refresh", None, body, expected)
            .await
    };
    let asks = async |token: &str, expected: u16| {
        hub.send(Method::GET, "/v1/sites", Some(token), None, expected)
            .await
    };
    let first = sign_in(&hub, "ann", crate::support::PASSWORD, 200).await?;
    ensure!(first["token_type"] == "Bearer" && first["expires_in"] == 900);
    let second = refresh(&text(&first, "refresh_token")?, 200).await?;
    asks(&text(&first, "access_token")?, 200).await?;
    asks(&text(&second, "access_token")?, 200).await?;
    // Whoever has the first one now has stolen it, or been stolen from.
    refresh(&text(&first, "refresh_token")?, 401).await?;
    refresh(&text(&second, "refresh_token")?, 401).await?;
    asks(&text(&second, "access_token")?, 401).await?;
    refresh("nonsense", 401).await?;

    let third = sign_in(&hub, "ann", crate::support::PASSWORD, 200).await?;
    let token = text(&third, "access_token")?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let out = client.delete(hub.url("/v1/session")).bearer_auth(&token);
    ensure!(out.send().await?.status() == StatusCode::NO_CONTENT);
    asks(&token, 401).await?;
    refresh(&text(&third, "refresh_token")?, 401).await?;

    let pool = world.pool().await?;
    for limit in ["used_at = now() - interval '2 hours'", "expires_at = now()"] {
        let last = sign_in(&hub, "ann", crate::support::PASSWORD, 200).await?;
        asks(&text(&last, "access_token")?, 200).await?;
        let moved = format!("update session set {limit} where ended_at is null");
        sqlx::query(sqlx::AssertSqlSafe(moved))
            .execute(&pool)
            .await?;
        asks(&text(&last, "access_token")?, 401).await?;
        refresh(&text(&last, "refresh_token")?, 401).await?;
    }
    Ok(())
}

#[tokio::test]
async fn keys_rotate_with_overlap_and_at_once() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let old = hub.token("ann").await?;
    let key = world.sandbox.root().join("hub.key");
    let rotate = async |more: &[&str]| {
        let config = world.sandbox.root().join("rotate.toml");
        std::fs::write(&config, format!("[identity]\nkey_file = {key:?}\n"))?;
        let config = config.to_string_lossy().into_owned();
        let args = [&["--config", &config, "signing-key", "rotate"][..], more].concat();
        Hub::command(&world, &args).await
    };
    rotate(&[]).await?;
    let keys = wait_for("two keys", LIMIT, async || {
        let keys = hub
            .identity_keys()
            .await
            .map_err(|error| error.to_string())?;
        (keys.len() == 2)
            .then_some(keys.clone())
            .ok_or_else(|| format!("{keys:?}"))
    })
    .await?;
    // The new one does not sign yet, and the old one is believed.
    hub.send(Method::GET, "/v1/sites", Some(&old), None, 200)
        .await?;
    rotate(&["--at-once"]).await?;
    wait_for("another key alone", LIMIT, async || {
        let now = hub
            .identity_keys()
            .await
            .map_err(|error| error.to_string())?;
        let is_new = now.len() == 1 && !keys.contains(&now[0]);
        is_new.then_some(()).ok_or_else(|| format!("{now:?}"))
    })
    .await?;
    hub.send(Method::GET, "/v1/sites", Some(&old), None, 401)
        .await?;
    let token = hub.token("ann").await?;
    let replica = Hub::start(&world, "replica").await?;
    replica
        .send(Method::GET, "/v1/sites", Some(&token), None, 200)
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_site_is_told_its_people_the_keys_and_whose_tokens_are_void() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    person(&admin, "kim", json!({"role": "kitchen", "site": "s1"})).await?;
    person(&admin, "lou", json!({"role": "cashier", "site": "s2"})).await?;
    for weak in ["12", "1111", "1234", "4321", "12a4"] {
        admin
            .put("/v1/users/kim/pin", json!({"pin": weak}), 422)
            .await?;
    }
    for name in ["kim", "lou"] {
        let path = format!("/v1/users/{name}/pin");
        admin.put(&path, json!({"pin": "2580"}), 200).await?;
    }
    admin
        .put("/v1/users/ann/pin", json!({"pin": "2580"}), 422)
        .await?;
    let client = world
        .nats
        .connect(async_nats::ConnectOptions::new())
        .await?;
    let jetstream = async_nats::jetstream::new(client);
    let told = async |what: &str, is_so: fn(&Settings) -> bool| {
        wait_for(what, LIMIT, async || {
            let store = jetstream.get_key_value("site").await;
            let store = store.map_err(|error| error.to_string())?;
            let value = store.get("s1").await.map_err(|error| error.to_string())?;
            let value = value.ok_or("nothing yet")?;
            let settings: Settings =
                serde_json::from_slice(&value).map_err(|error| error.to_string())?;
            is_so(&settings)
                .then(|| settings.clone())
                .ok_or_else(|| format!("{settings:?}"))
        })
        .await
    };
    let settings = told("the PIN of kim", |settings| settings.staff.len() == 1).await?;
    let kim = &settings.staff[0];
    ensure!(kim.name == "kim" && kim.role.as_str() == "kitchen");
    ensure!(sunakku_common::password::verify("2580", kim.pin.expose()));
    ensure!(settings.keys == hub.identity_keys().await?);
    admin
        .post("/v1/users/kim/disable", Value::Null, 200)
        .await?;
    told("that kim is shut out", |settings| {
        let is_void = |void: &sunakku_common::staff::Revocation| void.sub.as_deref() == Some("kim");
        settings.staff.is_empty() && settings.revoked.iter().any(is_void)
    })
    .await?;
    let token = hub.token("ann").await?;
    let out = reqwest::Client::builder().no_proxy().build()?;
    let out = out.delete(hub.url("/v1/session")).bearer_auth(token);
    ensure!(out.send().await?.status() == StatusCode::NO_CONTENT);
    told("that a session is over", |settings| {
        settings.revoked.iter().any(|void| void.sid.is_some())
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn whoever_guesses_waits_and_holds_up_nobody_else() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    person(&admin, "bob", json!({"role": "auditor"})).await?;
    for name in ["bob", "nobody"] {
        for _ in 0..5 {
            sign_in(&hub, name, "a wrong password", 401).await?;
        }
        let client = reqwest::Client::builder().no_proxy().build()?;
        let body = json!({"user": name, "password": LONG});
        let early = client
            .post(hub.url("/v1/session"))
            .json(&body)
            .send()
            .await?;
        ensure!(early.status() == 429, "{name}: {}", early.status());
        ensure!(early.headers().contains_key("retry-after"));
    }
    hub.token("ann").await?;
    wait_for("bob to be let in", LIMIT, async || {
        let tried = sign_in(&hub, "bob", LONG, 200).await;
        tried.map(|_| ()).map_err(|error| format!("{error:#}"))
    })
    .await
}

impl Hub {
    /// The keys of `/.well-known/jwks.json`.
    async fn identity_keys(&self) -> Result<Vec<PublicKey>> {
        let path = "/.well-known/jwks.json";
        let keys = self.send(Method::GET, path, None, None, 200).await?;
        let keys = keys["keys"].as_array().context("keys")?;
        let read = |key: &Value| Ok(PublicKey::from_x(key["x"].as_str().context("x")?)?);
        keys.iter().map(read).collect()
    }
}
