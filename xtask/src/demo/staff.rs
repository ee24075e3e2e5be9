//! Cooks and a manager: they make what was ordered, hand it over, and restock.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::world::Client;

/// Tickets that the cooks of one site work on at a time.
const HANDS: usize = 64;
/// Pause when there is nothing to do.
const IDLE: Duration = Duration::from_millis(200);
/// How often the manager looks at the shelves.
const ROUND: Duration = Duration::from_secs(10);

/// How long cooks and guests take.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// From begin to end of a ticket.
    pub cooking: Duration,
    /// From a called number to its being collected.
    pub collecting: Duration,
}

/// Cooks for one site until told to stop.
pub async fn cook(kitchen: &Client, pace: Pace, stop: &CancellationToken) {
    let shift = async {
        loop {
            // An edge that is away is waited for, like an empty rail.
            let busy = work_off(kitchen, pace).await.unwrap_or(false);
            if !busy {
                sleep(IDLE).await;
            }
        }
    };
    stop.run_until_cancelled(shift).await;
}

/// Makes the waiting tickets and hands over what is ready; whether there was anything.
async fn work_off(kitchen: &Client, pace: Pace) -> Result<bool> {
    let tickets = kitchen.get("/v1/tickets?limit=200").await?.expect(200)?;
    let tickets = entries(&tickets.body);
    let ready = kitchen
        .get("/v1/orders?state=ready&limit=200")
        .await?
        .expect(200)?;
    let ready = entries(&ready.body);
    let busy = !tickets.is_empty() || !ready.is_empty();
    let make = |ticket: Value| async move {
        // Another cook may have been quicker: 409 is no trouble.
        let path = format!("/v1/tickets/{}", text(&ticket["id"]));
        if ticket["state"] == "waiting" {
            kitchen.act(&format!("{path}/start")).await.ok();
            sleep(pace.cooking).await;
        }
        kitchen.act(&format!("{path}/bump")).await.ok();
    };
    let hand_over = |order: Value| async move {
        sleep(pace.collecting).await;
        kitchen
            .act(&format!("/v1/orders/{}/collect", text(&order["id"])))
            .await
            .ok();
    };
    tokio::join!(
        futures::stream::iter(tickets).for_each_concurrent(HANDS, make),
        futures::stream::iter(ready).for_each_concurrent(HANDS, hand_over),
    );
    Ok(busy)
}

fn entries(body: &Value) -> Vec<Value> {
    body["items"].as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Fills up what has run low to what the day began with, until told to stop.
pub async fn restock(manager: &Client, full: &BTreeMap<String, u32>, stop: &CancellationToken) {
    while stop.run_until_cancelled(sleep(ROUND)).await.is_some() {
        let Ok(rows) = manager.all::<Value>("/v1/stock").await else {
            continue;
        };
        for row in rows {
            let (Some(on_hand), Some(full)) =
                (row["on_hand"].as_i64(), full.get(text(&row["sku"])))
            else {
                continue;
            };
            let full = i64::from(*full);
            if on_hand * 5 < full {
                let body = json!({ "delta": full - on_hand, "reason": "delivery" });
                let path = format!("/v1/stock/{}/adjust", text(&row["sku"]));
                let key = uuid::Uuid::now_v7().to_string();
                manager.post(&path, Some(&key), &body).await.ok();
            }
        }
    }
}
