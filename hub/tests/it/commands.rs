//! Commands to sites: given once, sent until they are reported, and what became of them.

use anyhow::{Context as _, Result, ensure};
use async_nats::Subscriber;
use futures::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use sunakku_common::command::Commands;
use xtask::harness::{LIMIT, wait_for};

use crate::support::{Hub, World};

fn wish(kind: &str, args: &Value) -> Value {
    json!({ "kind": kind, "args": args })
}

async fn heard(messages: &mut Subscriber) -> Result<Commands> {
    let message = tokio::time::timeout(LIMIT, messages.next()).await?;
    Ok(serde_json::from_slice(
        &message.context("a message")?.payload,
    )?)
}

async fn until(hub: &Hub, id: &str, state: &str) -> Result<Value> {
    wait_for(&format!("a command that is {state}"), LIMIT, async || {
        let all = hub.get("/v1/sites/s1/commands").await;
        let all = all.map_err(|error| format!("{error:#}"))?;
        let rows = all["items"].as_array().cloned().unwrap_or_default();
        let mine = rows.into_iter().find(|row| row["id"] == id);
        let mine = mine.ok_or("it is not listed")?;
        (mine["state"] == state)
            .then(|| mine.clone())
            .ok_or_else(|| mine.to_string())
    })
    .await
}

#[tokio::test]
async fn a_command_is_sent_until_the_log_reports_it_and_then_no_more() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    let mut messages = site.client.subscribe("down.s1.command").await?;
    site.client.flush().await?;
    let token = hub.token("ann").await?;
    let give = async |body: Value, status: u16| {
        let path = "/v1/sites/s1/commands";
        hub.send(Method::POST, path, Some(&token), Some(body), status)
            .await
    };
    let adjust = json!({"sku": "cake", "delta": 2, "reason": "delivery"});
    let first = give(wish("stock.adjust", &adjust), 201).await?;
    let second = give(wish("site.close", &json!({})), 201).await?;
    let ids = [&first, &second].map(|command| command["id"].as_str().unwrap_or_default());
    ensure!(
        first["state"] == "pending" && first["author"] == "ann",
        "{first}"
    );
    // Again and again, all of them in their order.
    let mut whole = 0;
    while whole < 2 {
        let commands = heard(&mut messages).await?.commands;
        let came: Vec<String> = commands
            .iter()
            .map(|command| command.id.to_string())
            .collect();
        ensure!(
            came.iter().zip(ids).all(|(came, id)| came == id),
            "{came:?}"
        );
        whole += usize::from(came.len() == 2);
    }
    let received = json!({ "commands": ids }).to_string();
    site.client
        .publish("up.s1.command", received.into())
        .await?;
    until(&hub, ids[1], "delivered").await?;
    let by = json!({"actor": "ann@hub"});
    site.push(
        "command.applied",
        &json!({"command": ids[0], "kind": "stock.adjust", "by": by}),
    );
    let refused = json!({
        "command": ids[1], "kind": "site.close", "by": by, "reason": "expired", "detail": "Late.",
    });
    site.push("command.refused", &refused);
    // Told again by a store that was set back: what stands, stands.
    site.push(
        "command.refused",
        &json!({
            "command": ids[0], "kind": "stock.adjust", "by": by, "reason": "negative-stock",
        }),
    );
    site.commit(1, 3).await?;
    until(&hub, ids[0], "applied").await?;
    ensure!(until(&hub, ids[1], "expired").await?["detail"] == "Late.");
    let open = give(wish("site.open", &json!({})), 201).await?;
    loop {
        let commands = heard(&mut messages).await?.commands;
        if commands
            .iter()
            .any(|command| Some(command.id.to_string().as_str()) == open["id"].as_str())
        {
            ensure!(
                commands.len() == 1,
                "settled ones are not sent: {commands:?}"
            );
            return Ok(());
        }
    }
}

#[tokio::test]
async fn a_command_is_given_once_under_its_key_and_audited() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let token = hub.token("ann").await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut ids = Vec::new();
    for replayed in [false, true] {
        let request = client.post(hub.url("/v1/commands")).bearer_auth(&token);
        let body = json!({"sites": ["s1", "s2"], "kind": "site.open"});
        let answer = request
            .header("idempotency-key", "k")
            .json(&body)
            .send()
            .await?;
        ensure!(answer.status() == 201, "{}", answer.status());
        ensure!(answer.headers().contains_key("idempotency-replayed") == replayed);
        let answer: Value = answer.json().await?;
        ids.push(answer["items"][0]["id"].clone());
    }
    ensure!(ids[0] == ids[1], "{ids:?}");
    let listed = hub.get("/v1/commands?state=pending&limit=1").await?;
    let next = listed["next"].as_str().context("more")?;
    let rest = hub
        .get(&format!("/v1/commands?state=pending&after={next}"))
        .await?;
    ensure!(
        rest["items"].as_array().map(Vec::len) == Some(1) && rest["next"].is_null(),
        "{rest}"
    );
    let audited = hub.get("/v1/audit?action=command.give").await?;
    ensure!(
        audited["items"].as_array().map(Vec::len) == Some(2),
        "{audited}"
    );

    let send = async |path: &str, body: Value, status: u16| {
        hub.send(Method::POST, path, Some(&token), Some(body), status)
            .await
    };
    let site = "/v1/sites/s1/commands";
    send(site, wish("site.burn", &json!({})), 422).await?;
    send(
        site,
        wish("stock.set", &json!({"sku": "a b", "on_hand": 1})),
        422,
    )
    .await?;
    send(
        site,
        json!({"kind": "site.open", "expires_in_seconds": 0}),
        422,
    )
    .await?;
    send("/v1/sites/s9/commands", wish("site.open", &json!({})), 404).await?;
    let one_unknown = json!({"sites": ["s1", "s9"], "kind": "site.open"});
    send("/v1/commands", one_unknown, 404).await?;
    let all = hub.get("/v1/commands").await?;
    ensure!(
        all["items"].as_array().map(Vec::len) == Some(2),
        "none of those: {all}"
    );
    hub.send(
        Method::GET,
        "/v1/commands?state=lost",
        Some(&token),
        None,
        400,
    )
    .await?;
    Ok(())
}

#[tokio::test]
async fn settings_are_kept_whole_and_checked() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let token = hub.token("ann").await?;
    let put = async |body: Value, status: u16| {
        let path = "/v1/sites/s1/settings";
        hub.send(Method::PUT, path, Some(&token), Some(body), status)
            .await
    };
    let hours = json!({"week": {"mon": [{"from": "07:00", "to": "18:00"}]}});
    put(json!({"opening_hours": hours, "max_open_orders": 40}), 200).await?;
    let kept = hub.get("/v1/sites/s1/settings").await?;
    ensure!(kept["max_open_orders"] == 40, "{kept}");
    ensure!(
        kept["opening_hours"]["week"]["mon"][0]["from"] == "07:00:00",
        "{kept}"
    );
    put(json!({"opening_hours": {"week": {"funday": []}}}), 422).await?;
    put(json!({"max_open_orders": 0}), 422).await?;
    ensure!(hub.get("/v1/sites/s1/settings").await? == kept);
    Ok(())
}
