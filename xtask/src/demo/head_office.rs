//! The head office: gives the sites their menu and their first stock by way of the hub, and changes
//! the menu while they sell.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join_all;
use serde_json::{Value, json};
use sunakku_common::menu::{Menu, Seed};
use sunakku_common::text::Text;

use super::report;
use super::tokens::Tokens;
use crate::harness::{LIMIT, wait_for};
use crate::world::{Client, World};

/// Code of the menu at the hub.
pub(crate) const MENU: &str = "lunch";
/// How often kiosks look whether they have the new menu.
const LOOK: Duration = Duration::from_millis(5);

/// Publishes the menu, has the first stock counted, and waits until every site can sell.
pub(crate) async fn open(world: &World, tokens: &Tokens, seed: &Seed) -> Result<()> {
    let (admin, begin) = (&tokens.admin, Instant::now());
    import(admin, &seed.menu, 201).await?;
    for site in &world.sites {
        let assign = format!("/v1/menus/{MENU}/sites/{}", site.id);
        admin.put(&assign, &Value::Null).await?.expect(200)?;
    }
    publish(admin, "the first menu").await?;
    wait_for("the menu to be at every site", LIMIT, async || {
        let rollout: Vec<Value> = admin
            .all(&format!("/v1/menus/{MENU}/rollout"))
            .await
            .map_err(|error| error.to_string())?;
        let behind = rollout.iter().find(|row| row["state"] != "current");
        behind.map_or(Ok(()), |row| Err(row.to_string()))
    })
    .await?;
    let sites: Vec<&String> = world.sites.iter().map(|site| &site.id).collect();
    for (sku, on_hand) in &seed.stock {
        let args = json!({ "sku": sku, "on_hand": on_hand });
        let count = json!({ "sites": sites, "kind": "stock.set", "args": args });
        admin
            .post("/v1/commands", None, &count)
            .await?
            .expect(201)?;
    }
    wait_for("the first stock to be counted", LIMIT, async || {
        for state in ["pending", "delivered", "refused", "expired"] {
            let path = format!("/v1/commands?state={state}");
            let open: Vec<Value> = admin.all(&path).await.map_err(|error| error.to_string())?;
            if let Some(command) = open.first() {
                return Err(command.to_string());
            }
        }
        Ok(())
    })
    .await?;
    report::opened(begin.elapsed());
    Ok(())
}

/// Describes the first item anew. Answers how long it took until every kiosk showed it.
pub(super) async fn change(tokens: &Tokens, menu: &Menu) -> Result<Duration> {
    let mut menu = menu.clone();
    if let Some(item) = menu.items.first_mut() {
        item.description = Text::english("Fresh from the oven");
    }
    import(&tokens.admin, &menu, 200).await?;
    let begin = Instant::now();
    let version = publish(&tokens.admin, "a word on the first item").await?;
    try_join_all(tokens.sites.iter().map(|site| shows(&site.kiosk, &version))).await?;
    Ok(begin.elapsed())
}

async fn import(admin: &Client, menu: &Menu, status: u16) -> Result<()> {
    let import = format!("/v1/menus/{MENU}/import");
    let request = admin.request(reqwest::Method::POST, &import);
    let request = request.header("If-Match", "*");
    let content = json!({ "document": menu });
    admin.send(request.json(&content)).await?.expect(status)?;
    Ok(())
}

async fn publish(admin: &Client, note: &str) -> Result<Value> {
    let publish = format!("/v1/menus/{MENU}/publish");
    let answer = admin.post(&publish, None, &json!({ "note": note })).await?;
    Ok(answer.expect(201)?.body["version"].clone())
}

/// Waits until a kiosk shows this version or a later one.
async fn shows(kiosk: &Client, version: &Value) -> Result<()> {
    wait_for("a kiosk to show the new menu", LIMIT, async || {
        tokio::time::sleep(LOOK).await;
        let menu = kiosk.get("/v1/menu").await;
        let menu = menu.map_err(|error| error.to_string())?.body;
        let shown = menu["version"].as_u64() >= version.as_u64();
        shown
            .then_some(())
            .ok_or_else(|| menu["version"].to_string())
    })
    .await
}
