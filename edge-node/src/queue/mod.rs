//! The work queue: JetStream on the site's own nats-server, WorkQueue retention.
//!
//! Jobs are at-least-once, their effects exactly-once, because each is a guarded script. The
//! stream owns nothing: it can be rebuilt from the store at any time. Three parts:
//! the *feeder* publishes one job per order with `Nats-Msg-Id = <epoch>:<seq>` and moves its
//! cursor on the ack; *workers* do the jobs; the *reconciler* does what the queue has lost. While
//! nats-server is away the feeder hands jobs straight to the workers.

mod feeder;
mod reconciler;
mod topology;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::Context;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::ids::{Epoch, OrderId};
use sunakku_common::order::OrderDetails;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::store::Store;

/// One job: deal an order's lines to their stations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) order: OrderId,
    /// Life of the store that `seq` belongs to.
    pub(crate) epoch: Epoch,
    /// Sequence of the event that asked for it.
    pub(crate) seq: u64,
    /// Not before this time: the kitchen gets a scheduled order when it has to begin.
    pub(crate) release_at: Option<DateTime<Utc>>,
}

/// When the kitchen has to begin with an order; `None` at once.
pub(crate) fn release_at(details: &OrderDetails) -> Option<DateTime<Utc>> {
    let preparation = TimeDelta::seconds(i64::from(details.preparation_seconds));
    details.pickup_at.map(|pickup_at| pickup_at - preparation)
}

/// The queue. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    jetstream: Context,
    /// Jobs that are done at the same time, whichever way they came.
    slots: Semaphore,
    /// Jobs done through the queue; the reconciler watches whether it moves.
    done: AtomicU64,
}

/// Jobs that are done at the same time.
const CONCURRENCY: usize = 16;

/// How the queue stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QueueStatus {
    /// Whether the site's nats-server answers; while it does not, jobs are done without it.
    pub connected: bool,
    /// Jobs that no worker has taken yet.
    pub waiting: u64,
    /// Jobs that a worker has taken, delayed ones among them.
    pub active: u64,
    /// Orders for which something is still to happen.
    pub orders_open: u64,
    /// Orders that wait for their tickets, in the queue or not.
    pub orders_waiting: u64,
    /// Age of the order that has waited longest, seconds.
    pub oldest_seconds: u64,
    /// Jobs done since the edge started.
    pub done: u64,
}

impl Queue {
    /// A queue over this connection to the site's nats-server.
    pub fn new(store: Store, client: async_nats::Client) -> Self {
        let mut jetstream = async_nats::jetstream::new(client);
        jetstream.set_timeout(Duration::from_secs(2));
        let (slots, done) = (Semaphore::new(CONCURRENCY), AtomicU64::new(0));
        Self {
            inner: Arc::new(Inner {
                store,
                jetstream,
                slots,
                done,
            }),
        }
    }

    /// Starts feeder, workers and reconciler as tasks of `tracker`.
    pub fn start(&self, tracker: &TaskTracker, stop: &CancellationToken) {
        let (queue, token) = (self.clone(), stop.clone());
        tracker.spawn(async move { token.run_until_cancelled(queue.feed()).await });
        let (queue, token) = (self.clone(), stop.clone());
        tracker.spawn(async move { queue.work(token).await });
        let (queue, token) = (self.clone(), stop.clone());
        tracker.spawn(async move { token.run_until_cancelled(queue.reconcile()).await });
    }

    fn done_count(&self) -> u64 {
        self.inner.done.load(Ordering::Relaxed)
    }
}
