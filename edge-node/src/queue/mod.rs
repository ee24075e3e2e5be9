//! The work queue: JetStream on the site's own nats-server, WorkQueue retention.
//!
//! Jobs are at-least-once, their effects exactly-once, because each is a guarded script. The
//! stream owns nothing: it can be rebuilt from the store at any time. Its parts:
//! the *feeder* publishes one job per order with `Nats-Msg-Id = <epoch>:<seq>` and moves its
//! cursor on the ack; *workers* do the jobs, those of higher priority first; the *reconciler* puts
//! back what the queue has lost. While the queue takes no jobs the feeder hands them straight to
//! the workers. A job that keeps failing goes to the dead letters, and its order is rejected.

mod failures;
mod feeder;
mod lane;
mod pause;
mod rate;
mod reconciler;
mod status;
mod topology;
mod worker;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::Context;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::ids::{Epoch, OrderId};
use sunakku_common::trace::Origin;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config;
use crate::kitchen::Kitchen;
use crate::store::Store;

use failures::Failing;
pub(crate) use failures::route_job;
pub(crate) use lane::Lane;
use rate::Rate;
pub use status::{LaneStatus, QueueStatus};

/// One job: deal an order's lines to their stations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) order: OrderId,
    /// Life of the store that `seq` belongs to.
    pub(crate) epoch: Epoch,
    /// Sequence of the event that asked for it.
    pub(crate) seq: u64,
    /// When an idle kitchen has to begin: a scheduled order waits for it, less what its stations
    /// have to do before.
    pub(crate) release_at: DateTime<Utc>,
    /// The stations that make it.
    #[serde(default)]
    pub(crate) stations: Vec<String>,
    /// How it stands in line.
    pub(crate) lane: Lane,
    /// The trace of the request that it came of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
    /// The span of that request, where spans are exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) span: Option<String>,
}

impl Job {
    /// What it comes of, if it tells.
    fn origin(&self) -> Option<Origin> {
        Origin::told(self.trace.clone(), self.span.clone())
    }
}

/// The queue. Cheap to clone.
#[derive(Clone)]
pub struct Queue {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    kitchen: Kitchen,
    jetstream: Context,
    options: config::Queue,
    /// Jobs that are done at the same time, whichever way they came.
    slots: Arc<Semaphore>,
    /// Jobs done through the queue.
    done: AtomicU64,
    /// Jobs done in the last minute, whichever way they came.
    done_rate: Rate,
    /// Tries that failed in the last minute.
    failed_rate: Rate,
    /// Whether the stream is there and takes jobs.
    up: AtomicBool,
    /// Whether the workers have their consumers.
    working: AtomicBool,
    /// How often in a row it was thought to be and took none.
    refusals: AtomicU32,
    /// When a worker last took a job from the queue.
    taken_at: Mutex<Instant>,
    /// Jobs that failed and are to be tried again.
    failing: Failing,
    /// Whether jobs are held back.
    paused: watch::Sender<bool>,
}

/// Pause before the stream is made sure of again; doubled while it still takes no jobs.
const UP_MIN: Duration = Duration::from_secs(1);
/// The longest such pause.
const UP_MAX: Duration = Duration::from_secs(30);

impl Queue {
    /// A queue over this connection to the site's nats-server.
    pub(crate) fn new(
        store: Store,
        kitchen: Kitchen,
        client: async_nats::Client,
        options: config::Queue,
        paused: bool,
    ) -> Self {
        let mut jetstream = async_nats::jetstream::new(client);
        jetstream.set_timeout(Duration::from_secs(2));
        Self {
            inner: Arc::new(Inner {
                store,
                kitchen,
                jetstream,
                slots: Arc::new(Semaphore::new(options.concurrency)),
                done: AtomicU64::new(0),
                done_rate: Rate::new(),
                failed_rate: Rate::new(),
                up: AtomicBool::new(false),
                working: AtomicBool::new(false),
                refusals: AtomicU32::new(0),
                taken_at: Mutex::new(Instant::now()),
                failing: Failing::default(),
                paused: watch::Sender::new(paused),
                options,
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
    fn note_published(&self, taken: bool) {
        if taken {
            self.inner.refusals.store(0, Ordering::Relaxed);
        } else if self.inner.up.swap(false, Ordering::Relaxed) {
            self.inner.refusals.fetch_add(1, Ordering::Relaxed);
            tracing::warn!("the queue takes no jobs: they are done without it");
        }
    }

    /// Whether a job that is published now will be taken and done, at once or after the pause.
    fn is_up(&self) -> bool {
        let Inner { up, working, .. } = &*self.inner;
        let workers = working.load(Ordering::Relaxed) || self.is_paused();
        up.load(Ordering::Relaxed) && workers && self.is_connected()
    }

    fn is_connected(&self) -> bool {
        let state = self.inner.jetstream.client().connection_state();
        state == async_nats::connection::State::Connected
    }
}
