//! How the queue stands.

use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::topology::Counts;
use super::{Lane, Queue};
use crate::store::StoreError;

/// How the queue stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueueStatus {
    /// Whether the site's nats-server answers; while it does not, jobs are done without it.
    pub connected: bool,
    /// Whether jobs are held back.
    pub paused: bool,
    /// Since when.
    pub paused_since: Option<DateTime<Utc>>,
    /// Jobs that no worker has taken yet.
    pub waiting: u64,
    /// Jobs that workers are at, or that were given back to be tried again.
    pub active: u64,
    /// Jobs of scheduled orders, which are not to be done yet.
    pub delayed: u64,
    /// Jobs that failed and will be tried again.
    pub retrying: u64,
    /// Jobs that failed for good, of all kinds.
    pub dead: u64,
    /// Jobs done since the edge started.
    pub done: u64,
    /// Jobs done within the last minute, with or without the queue.
    pub done_per_minute: u32,
    /// Tries that failed within the last minute.
    pub failed_per_minute: u32,
    /// Orders for which something is still to happen.
    pub orders_open: u64,
    /// Orders that wait for their tickets, in the queue or not.
    pub orders_waiting: u64,
    /// Age of the order that has waited longest, seconds.
    pub oldest_seconds: u64,
    /// The lanes, those first that go first.
    pub lanes: Vec<LaneStatus>,
}

/// How a lane stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LaneStatus {
    /// `high`, `later` or `normal`.
    pub(crate) lane: Lane,
    /// Jobs that no worker has taken yet.
    pub waiting: u64,
    /// Jobs that were given to a worker, or back with a delay.
    pub given: u64,
}

impl Queue {
    /// How the queue stands.
    pub async fn status(&self) -> Result<QueueStatus, StoreError> {
        let (inner, store) = (&self.inner, &self.inner.store);
        let counts = store.order_counts().await?;
        let due = store.oldest_due().await?;
        let age = due.map_or(0, |due| (Utc::now() - due).num_seconds());
        let (mut lanes, mut connected) = (Vec::new(), self.is_connected());
        for lane in Lane::ALL {
            // A nats-server that is away would be waited for.
            let found = if connected {
                self.counts(lane).await
            } else {
                None
            };
            connected &= found.is_some();
            let Counts { waiting, given } = found.unwrap_or_default();
            lanes.push(LaneStatus {
                lane,
                waiting,
                given,
            });
        }
        let (later, now): (Vec<_>, Vec<_>) =
            lanes.iter().partition(|lane| lane.lane == Lane::Later);
        Ok(QueueStatus {
            connected,
            paused: self.is_paused(),
            paused_since: store.queue_paused().await?,
            waiting: now.iter().map(|lane| lane.waiting).sum(),
            active: now.iter().map(|lane| lane.given).sum(),
            delayed: later.iter().map(|lane| lane.waiting + lane.given).sum(),
            retrying: inner.failing.count() as u64,
            dead: store.dead_count().await?,
            done: inner.done.load(Ordering::Relaxed),
            done_per_minute: inner.done_rate.per_minute(),
            failed_per_minute: inner.failed_rate.per_minute(),
            orders_open: counts.open,
            orders_waiting: counts.unrouted,
            oldest_seconds: u64::try_from(age).unwrap_or(0),
            lanes,
        })
    }
}
