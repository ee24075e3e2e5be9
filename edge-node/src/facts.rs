//! What an operator is to see of the servers under the edge: asked by timer, exported as metrics.
//! Nothing else of the edge waits for it.

use std::path::Path;
use std::time::{Duration, Instant};

use async_nats::connection::State;
use chrono::{DateTime, Utc};
use metrics::{counter, gauge};
use sunakku_common::telemetry::note_answer;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::metrics as names;
use crate::queue::QueueStatus;
use crate::state::AppState;
use crate::store::{ErrorChain, StoreError};

/// How often the servers are asked.
const EVERY: Duration = Duration::from_secs(5);
/// How long nats-server's answer may take.
const NATS_LIMIT: Duration = Duration::from_secs(2);

/// Asks for ever.
pub(crate) async fn watch(state: AppState) {
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = redis(&state).await {
            tracing::debug!(error = %ErrorChain(&error), "redis tells nothing of itself");
        }
        nats(&state).await;
        match state.inner.queue.status().await {
            Ok(status) => queue(&status),
            Err(error) => {
                tracing::debug!(error = %ErrorChain(&error), "the queue tells nothing");
            }
        }
    }
}

async fn redis(state: &AppState) -> Result<(), StoreError> {
    let store = &state.inner.store;
    note_answer("redis", "ping", store.ping().await?);
    let facts = store.server_facts().await?;
    let safe = store.unsafe_settings().await?.is_none() && facts.aof_write_ok;
    gauge!(names::DURABILITY_OK, "store" => "redis").set(f64::from(u8::from(safe)));
    gauge!(names::REDIS_MEMORY_USED).set(facts.memory_used as f64);
    gauge!(names::REDIS_MEMORY_MAX).set(facts.memory_max as f64);
    gauge!(names::REDIS_CLIENTS).set(facts.clients as f64);
    gauge!(names::REDIS_AOF_SIZE).set(facts.aof_bytes as f64);
    counter!(names::REDIS_COMMANDS).absolute(facts.commands);
    if let Some((free, size)) = disk(&facts.folder) {
        gauge!(names::DISK_FREE, "volume" => "redis").set(free as f64);
        gauge!(names::DISK_SIZE, "volume" => "redis").set(size as f64);
    }
    Ok(())
}

/// Bytes free for us and bytes in all on the disk with this folder; none when it is not on this
/// machine.
pub(crate) fn disk(folder: &Path) -> Option<(u64, u64)> {
    let found = rustix::fs::statvfs(folder).ok()?;
    let block = found.f_frsize;
    Some((found.f_bavail * block, found.f_blocks * block))
}

async fn nats(state: &AppState) {
    let client = &state.inner.nats;
    let up = client.connection_state() == State::Connected;
    gauge!(names::DEPENDENCY_UP, "dependency" => "nats").set(f64::from(u8::from(up)));
    if !up {
        return;
    }
    let started = Instant::now();
    let jetstream = async_nats::jetstream::new(client.clone());
    if let Ok(Ok(account)) = timeout(NATS_LIMIT, jetstream.query_account()).await {
        note_answer("nats", "account", started.elapsed());
        gauge!(names::NATS_STORED).set(account.storage as f64);
    }
}

fn queue(status: &QueueStatus) {
    for lane in &status.lanes {
        let name = lane.lane.as_str();
        gauge!(names::QUEUE_WAITING, "lane" => name).set(lane.waiting as f64);
        gauge!(names::QUEUE_GIVEN, "lane" => name).set(lane.given as f64);
    }
    gauge!(names::QUEUE_PAUSED).set(f64::from(u8::from(status.paused)));
    gauge!(names::QUEUE_RETRYING).set(status.retrying as f64);
    gauge!(names::DEAD_LETTERS).set(status.dead as f64);
    let waits = 0 < status.orders_waiting;
    let since = Utc::now().timestamp() - i64::try_from(status.oldest_seconds).unwrap_or(0);
    gauge!(names::QUEUE_OLDEST).set(if waits { since as f64 } else { 0.0 });
}

/// Notes since when the hub lacks something.
pub(crate) fn note_oldest_unsent(at: Option<DateTime<Utc>>) {
    gauge!(names::OUTBOX_OLDEST).set(at.map_or(0.0, |at| at.timestamp() as f64));
}
