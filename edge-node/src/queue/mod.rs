//! The work queue: JetStream on the site's own nats-server, WorkQueue retention.
//!
//! Jobs are at-least-once, their effects exactly-once, because each is a guarded script. The
//! stream owns nothing: it can be rebuilt from the store at any time. Three parts:
//! the *feeder* publishes one job per order with `Nats-Msg-Id = <epoch>:<seq>` and moves its
//! cursor on the ack; *workers* do the jobs; the *reconciler* does what the queue has lost. While
//! the queue takes no jobs the feeder hands them straight to the workers.

mod feeder;
mod reconciler;
mod topology;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::jetstream::Context;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::ids::{Epoch, OrderId};
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
    pub(crate) release_at: DateTime<Utc>,
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
    /// Jobs done through the queue.
    done: AtomicU64,
    /// Whether the stream is there and takes jobs.
    up: AtomicBool,
    /// Whether the workers have their consumer.
    working: AtomicBool,
    /// How often in a row it was thought to be and took none.
    refusals: AtomicU32,
}

/// Pause before the stream is made sure of again; doubled while it still takes no jobs.
const UP_MIN: Duration = Duration::from_secs(1);
/// The longest such pause.
const UP_MAX: Duration = Duration::from_secs(30);
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
        let (up, working) = (AtomicBool::new(false), AtomicBool::new(false));
        Self {
            inner: Arc::new(Inner {
                store,
                jetstream,
                slots,
                done,
                up,
                working,
                refusals: AtomicU32::new(0),
            }),
        }
    }

    /// Starts feeder, workers and reconciler as tasks of `tracker`.
    pub fn start(&self, tracker: &TaskTracker, stop: &CancellationToken) {
        let (queue, token) = (self.clone(), stop.clone());
        tracker.spawn(async move { token.run_until_cancelled(queue.feed()).await });
        let (queue, token) = (self.clone(), stop.clone());
        tracker.spawn(async move { token.run_until_cancelled(queue.keep_up()).await });
        let (queue, token) = (self.clone(), stop.clone());
        tracker.spawn(async move { queue.work(token).await });
        let (queue, token) = (self.clone(), stop.clone());
        tracker.spawn(async move { token.run_until_cancelled(queue.reconcile()).await });
    }

    /// Makes sure of the stream whenever it took no jobs: it may have been lost, or nats-server
    /// may have been away.
    async fn keep_up(&self) {
        loop {
            if !self.inner.up.load(Ordering::Relaxed) && self.ensure_stream().await.is_ok() {
                tracing::info!("the queue takes jobs");
                self.inner.up.store(true, Ordering::Relaxed);
            }
            let doubled = 1 << self.inner.refusals.load(Ordering::Relaxed).min(6);
            tokio::time::sleep((UP_MIN * doubled).min(UP_MAX)).await;
        }
    }

    /// Takes note of whether the queue took the jobs that it was given.
    fn note_taken(&self, taken: bool) {
        if taken {
            self.inner.refusals.store(0, Ordering::Relaxed);
        } else if self.inner.up.swap(false, Ordering::Relaxed) {
            self.inner.refusals.fetch_add(1, Ordering::Relaxed);
            tracing::warn!("the queue takes no jobs: they are done without it");
        }
    }

    /// Whether a job that is published now will be taken and done.
    fn is_up(&self) -> bool {
        let Inner { up, working, .. } = &*self.inner;
        up.load(Ordering::Relaxed) && working.load(Ordering::Relaxed) && self.is_connected()
    }

    fn is_connected(&self) -> bool {
        let state = self.inner.jetstream.client().connection_state();
        state == async_nats::connection::State::Connected
    }
}
