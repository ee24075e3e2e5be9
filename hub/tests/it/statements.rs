//! Signed statements: that they are what the events say, and that no changed byte passes.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chrono::{DateTime, Utc};
use reqwest::{Method, header};
use serde_json::{Value, json};
use sunakku_common::event::Event;
use uuid::Uuid;

use crate::support::{Admin, Hub, Log, World, order_id, placed};

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("a time").to_utc()
}

/// Places an order that takes its units of stock, and gives its id.
fn place(site: &mut Log, at: &str, quantity: u32, left: i64) -> Uuid {
    let id = order_id();
    let mut body = placed(id, site.head() as u32 + 1, &[("cola", quantity, 250)]);
    body["details"]["placed_at"] = at.into();
    body["details"]["ready_estimate_at"] = at.into();
    body["stock"] = json!([{"sku": "cola", "delta": -i64::from(quantity), "on_hand": left, "suspended": false}]);
    site.push_at(time(at), "order.placed", &body.to_string());
    id
}

fn step(site: &mut Log, at: &str, order: Uuid, state: &str, back: i64) {
    let stock = json!([{"sku": "cola", "delta": back, "on_hand": null, "suspended": false}]);
    let stock = if back == 0 { json!([]) } else { stock };
    let body = json!({"order": order, "number": 1, "state": state, "by": {"actor": "kim"},
                      "stock": stock});
    site.push_at(time(at), &format!("order.{state}"), &body.to_string());
}

/// Three days in Berlin around the night in which its clocks go back.
async fn story(world: &World) -> Result<Log> {
    let pool = world.pool().await?;
    sqlx::query("update site set time_zone = 'Europe/Berlin'")
        .execute(&pool)
        .await?;
    let mut site = world.site("berlin").await?;
    let early = place(&mut site, "2026-10-24T21:59:00.000Z", 4, 96);
    // 25 October begins.
    let first = place(&mut site, "2026-10-24T22:00:00.000Z", 2, 94);
    let second = place(&mut site, "2026-10-25T10:00:00.000Z", 3, 91);
    step(
        &mut site,
        "2026-10-25T10:01:00.000Z",
        second,
        "cancelled",
        3,
    );
    step(&mut site, "2026-10-25T10:02:00.000Z", early, "cancelled", 4);
    step(&mut site, "2026-10-25T10:03:00.000Z", first, "collected", 0);
    let waste = json!({"by": {"actor": "kim"}, "reason": "waste", "stock": [
        {"sku": "cola", "delta": -5, "on_hand": 93, "suspended": false}]});
    site.push_at(
        time("2026-10-25T22:59:00.000Z"),
        "stock.adjusted",
        &waste.to_string(),
    );
    // 26 October begins.
    place(&mut site, "2026-10-25T23:00:00.000Z", 1, 92);
    site.commit(1, site.head()).await?;
    Ok(site)
}

/// The signed text, and what it says.
async fn signed(hub: &Hub, admin: &Admin<'_>, day: &str) -> Result<(String, Value)> {
    let path = format!("/v1/sites/berlin/statements/{day}");
    let answer = admin.ask(Method::GET, &path, &[], None).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let payload = answer.text.split('.').nth(1).context("a payload")?;
    let payload: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload)?)?;
    let plain = reqwest::Client::new()
        .get(hub.url(&path))
        .bearer_auth(hub.token("ann").await?)
        .header(header::ACCEPT, "application/json");
    let plain: Value = plain.send().await?.json().await?;
    ensure!(plain == payload, "{plain} instead of {payload}");
    Ok((answer.text, payload))
}

async fn verify(world: &World, file: &Path, key: &str) -> Result<(Option<i32>, String)> {
    let file = file.to_str().context("a path")?;
    let output = Hub::run(world, &["statement", "verify", file, "--key", key]).await?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8(said)?))
}

#[tokio::test]
async fn a_day_is_what_its_events_say_and_days_join_on() -> Result<()> {
    let world = World::new(&["berlin"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    let site = story(&world).await?;
    let (_, day) = signed(&hub, &admin, "2026-10-25").await?;
    let orders = json!({"placed": 2, "collected": 1, "cancelled": 2, "rejected": 0, "retried": 0,
                        "expired": 0});
    ensure!(day["orders"] == orders, "{day}");
    // Placed 500 and 750; called off are 750, and 1000 of the day before.
    let money = json!([{"currency": "EUR", "placed": 1_250, "called_off": 1_750, "reinstated": 0,
                        "net": -500}]);
    ensure!(day["money"] == money, "{day}");
    let stock = json!([
        {"sku": "cola", "kind": "order.cancelled", "added": 7, "taken": 0, "movements": 2},
        {"sku": "cola", "kind": "order.placed", "added": 0, "taken": 5, "movements": 2},
        {"sku": "cola", "kind": "stock.adjusted", "added": 0, "taken": 5, "movements": 1}]);
    ensure!(day["stock"] == stock, "{day}");
    ensure!(
        day["complete"] == true && day["to"] == "2026-10-25T23:00:00Z",
        "{day}"
    );
    let log = &day["log"][0];
    ensure!(log["first_seq"] == 2 && log["last_seq"] == 7, "{day}");

    // Each day takes up where the one before ended, from the first event to the last.
    let (mut chain, mut next) = (site.chains[0].to_string(), 1);
    for date in ["2026-10-24", "2026-10-25", "2026-10-26"] {
        let (_, day) = signed(&hub, &admin, date).await?;
        let log = &day["log"][0];
        ensure!(
            log["chain_before"] == chain && log["first_seq"] == next,
            "{day}"
        );
        // Its sums are those of the events that it names.
        let last = log["last_seq"].as_u64().context("a sequence")?;
        let named = &site.events[next as usize - 1..last as usize];
        let placed: i64 = named
            .iter()
            .map(|text| Event::decode(text).expect("an event"))
            .filter(|event| event.kind == "order.placed")
            .map(|event| event.body::<Value>().expect("JSON")["details"]["total"].as_i64())
            .map(Option::unwrap_or_default)
            .sum();
        ensure!(day["money"][0]["placed"] == placed, "{day}");
        chain = site.chains[last as usize].to_string();
        ensure!(log["chain"] == chain, "{day}");
        next = last + 1;
    }
    ensure!(next == site.head() + 1, "{next} of {}", site.head());
    let (_, empty) = signed(&hub, &admin, "2026-11-02").await?;
    ensure!(
        empty["log"] == json!([]) && empty["money"] == json!([]),
        "{empty}"
    );
    Ok(())
}

#[tokio::test]
async fn a_statement_is_believed_as_it_was_signed_and_in_no_other_way() -> Result<()> {
    let world = World::new(&["berlin"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    story(&world).await?;
    let (text, _) = signed(&hub, &admin, "2026-10-25").await?;
    let (again, _) = signed(&hub, &admin, "2026-10-25").await?;
    ensure!(
        text == again,
        "a day that is complete is signed alike each time"
    );
    let keys = hub
        .send(Method::GET, "/v1/statements/keys", None, None, 200)
        .await?;
    let folder = world.sandbox.folder("statements")?;
    let (file, set) = (folder.join("day.jws"), folder.join("keys.json"));
    std::fs::write(&set, keys.to_string())?;
    std::fs::write(&file, &text)?;
    let set = set.to_str().context("a path")?;
    let key = keys["keys"][0]["x"].as_str().context("a key")?;
    for key in [key, set] {
        let (code, said) = verify(&world, &file, key).await?;
        ensure!(code == Some(0) && said.contains("-500 net"), "{said}");
    }
    // A byte of each part; that none passes is shown on many more beside the code itself.
    for at in [3, text.len() / 2, text.len() - 9] {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        std::fs::write(&file, bytes)?;
        let (code, said) = verify(&world, &file, key).await?;
        ensure!(code == Some(1), "byte {at}: {said}");
    }
    std::fs::write(&file, &text)?;
    let other = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    let (code, said) = verify(&world, &file, other).await?;
    ensure!(
        code == Some(1) && said.contains("not among those"),
        "{said}"
    );
    // A token of the same key is no statement.
    std::fs::write(&file, hub.token("ann").await?)?;
    let (code, said) = verify(&world, &file, set).await?;
    ensure!(code == Some(1), "{said}");

    // A key that signs no more is still known.
    Hub::command(&world, &["signing-key", "rotate", "--at-once"])
        .await
        .ok();
    std::fs::write(&file, &text)?;
    let keys = hub
        .send(Method::GET, "/v1/statements/keys", None, None, 200)
        .await?;
    std::fs::write(set, keys.to_string())?;
    let (code, said) = verify(&world, &file, set).await?;
    ensure!(code == Some(0), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_day_that_may_still_grow_says_so() -> Result<()> {
    let world = World::new(&["berlin"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    story(&world).await?;
    let today = Utc::now()
        .with_timezone(&chrono_tz::Europe::Berlin)
        .date_naive();
    let (_, day) = signed(&hub, &admin, &today.to_string()).await?;
    ensure!(day["complete"] == false, "{day}");
    let later = today + chrono::Days::new(3);
    for path in [
        format!("/v1/sites/berlin/statements/{later}"),
        "/v1/sites/nowhere/statements/2026-10-25".to_owned(),
        "/v1/sites/berlin/statements/yesterday".to_owned(),
    ] {
        let answer = admin.ask(Method::GET, &path, &[], None).await?;
        ensure!(answer.status == 404, "{path}: {answer:?}");
    }
    // Events that the site still has may belong to the day.
    let pool = world.pool().await?;
    sqlx::query("update site_cursor set head = head + 1")
        .execute(&pool)
        .await?;
    let (_, day) = signed(&hub, &admin, "2026-10-25").await?;
    ensure!(day["complete"] == false, "{day}");
    Ok(())
}
