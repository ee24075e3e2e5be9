//! When there is nothing more to come.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::demo::tokens::Tokens;
use crate::harness::wait_for;
use crate::world::World;

/// Probes in a row for which nothing may move before all is quiet.
const QUIET_PROBES: u32 = 8;

/// Waits until nothing moves any more and the hub has everything of every site.
pub async fn settled(
    world: &World,
    tokens: &Tokens,
    postgres: &PgPool,
    limit: Duration,
) -> Result<()> {
    let quiet = Mutex::new((Vec::new(), 0));
    let probe = async || {
        let mut heads = Vec::new();
        for n in 0..world.sites.len() {
            heads.push(head_at_hub(world, tokens, postgres, n).await?);
        }
        let mut quiet = quiet.lock().unwrap_or_else(PoisonError::into_inner);
        let probes = if quiet.0 == heads { quiet.1 + 1 } else { 0 };
        *quiet = (heads, probes);
        if probes < QUIET_PROBES {
            return Err(format!("all is there, {probes} times: {:?}", quiet.0));
        }
        Ok(())
    };
    wait_for("the hub to have everything", limit, probe).await
}

/// The head of a site's log, once all its orders are at the stations and the hub has all.
async fn head_at_hub(
    world: &World,
    tokens: &Tokens,
    postgres: &PgPool,
    n: usize,
) -> Result<u64, String> {
    let id = &world.sites[n].id;
    let get = async |path: &str| -> Result<Value, String> {
        let answer = tokens.sites[n].manager.get(path).await;
        let answer = answer.map_err(|error| format!("{id}: {error}"))?;
        let status = answer.status;
        (status == 200)
            .then_some(answer.body)
            .ok_or_else(|| format!("{id} {path}: {status}"))
    };
    let queue = get("/v1/queue").await?;
    if queue["orders_waiting"] != 0 {
        return Err(format!("{id}: {queue}"));
    }
    let sync = get("/v1/sync").await?;
    if sync["hub"] != "connected" || sync["lag_events"] != 0 {
        return Err(format!("{id}: {sync}"));
    }
    let (head, epoch) = (sync["head"].as_u64(), sync["epoch"].as_str());
    let held = held_at_hub(postgres, id).await;
    let held = held.map_err(|error| format!("{id} at the hub: {error}"))?;
    let held = held.map(|(epoch, cursor)| (epoch.to_string(), u64::try_from(cursor).ok()));
    match (&held, head) {
        (Some((there, cursor)), Some(head))
            if Some(there.as_str()) == epoch && *cursor == Some(head) =>
        {
            Ok(head)
        }
        _ => Err(format!("{id}: {head:?} of {epoch:?}, at the hub {held:?}")),
    }
}

/// Epoch and cursor of a site, as the hub has them in its database.
async fn held_at_hub(postgres: &PgPool, id: &str) -> Result<Option<(Uuid, i64)>, sqlx::Error> {
    sqlx::query_as("select epoch, cursor from site_cursor where site_id = $1 and is_current")
        .bind(id)
        .fetch_optional(postgres)
        .await
}
