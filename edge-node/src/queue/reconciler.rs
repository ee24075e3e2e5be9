//! Does what the queue has lost: JetStream may be wiped, full or asleep, orders must be cooked.
//! One code path for all of these: it looks only at orders that should have tickets by now. One
//! that the queue gets to as well is done once, because the script is guarded.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, stream};
use sunakku_common::ids::{Epoch, OrderId};

use super::{CONCURRENCY, Job, Queue, QueueStatus};
use crate::store::{ErrorChain, StoreError};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(2);
/// How long an order waits for the queue before anyone wonders.
const GRACE: TimeDelta = TimeDelta::seconds(8);
/// Orders looked at in one round.
const LIMIT: usize = 500;

impl Queue {
    pub(super) async fn reconcile(&self) {
        let mut every = tokio::time::interval(EVERY);
        // What the process before this one had taken, the queue would give back only after its
        // ack wait.
        let mut grace = TimeDelta::zero();
        loop {
            every.tick().await;
            match self.do_forgotten(grace).await {
                Ok(0) => {}
                Ok(orders) => tracing::warn!(orders, "dealt to their stations without a job"),
                Err(error) => {
                    tracing::debug!(error = %ErrorChain(&error), "the reconciler waits");
                    continue;
                }
            }
            grace = if self.is_up() {
                GRACE
            } else {
                TimeDelta::zero()
            };
        }
    }

    /// Does the jobs of orders that have waited for longer than `grace`; how many there were.
    async fn do_forgotten(&self, grace: TimeDelta) -> Result<usize, StoreError> {
        let orders = self.inner.store.overdue(Utc::now() - grace, LIMIT).await?;
        let count = orders.len();
        let jobs = stream::iter(orders.into_iter().map(job));
        jobs.for_each_concurrent(CONCURRENCY, async |job| self.hand_over(&job).await)
            .await;
        Ok(count)
    }

    /// How the queue stands.
    pub async fn status(&self) -> Result<QueueStatus, StoreError> {
        let store = &self.inner.store;
        let counts = store.order_counts().await?;
        let due = store.oldest_due().await?;
        let age = due.map_or(0, |due| (Utc::now() - due).num_seconds());
        let oldest_seconds = u64::try_from(age).unwrap_or(0);
        // A nats-server that is away would be waited for.
        let jobs = if self.is_connected() {
            self.counts().await
        } else {
            None
        };
        let (waiting, active) = jobs.unwrap_or((0, 0));
        let (connected, done) = (jobs.is_some(), self.inner.done.load(Ordering::Relaxed));
        let (orders_open, orders_waiting) = (counts.open, counts.unrouted);
        Ok(QueueStatus {
            connected,
            waiting,
            active,
            orders_open,
            orders_waiting,
            oldest_seconds,
            done,
        })
    }
}

/// A job that never goes to the queue, where sequence and epoch would name it.
fn job(order: OrderId) -> Job {
    let (epoch, seq) = (Epoch(uuid::Uuid::nil()), 0);
    let release_at = DateTime::UNIX_EPOCH;
    Job {
        order,
        epoch,
        seq,
        release_at,
    }
}
