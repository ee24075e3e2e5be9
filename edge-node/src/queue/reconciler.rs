//! Does what the queue has lost: JetStream may be wiped, full or asleep, orders must be cooked.
//! One code path for all of these: it looks only at orders without tickets and at whether the
//! queue moves.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use sunakku_common::ids::Epoch;

use super::{Job, Queue, QueueStatus, release_at};
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
        let mut done_before = self.done_count();
        loop {
            every.tick().await;
            let done = self.done_count();
            let moves = done != done_before;
            done_before = done;
            // A queue that works on a backlog gets to these orders by itself.
            if !moves && let Err(error) = self.do_forgotten().await {
                tracing::debug!(error = %ErrorChain(&error), "the reconciler waits for the store");
            }
        }
    }

    /// Does the jobs of orders that have waited too long.
    async fn do_forgotten(&self) -> Result<(), StoreError> {
        let store = &self.inner.store;
        for order in store.unrouted(LIMIT).await? {
            let Some(record) = store.order(order).await? else {
                continue;
            };
            let due = release_at(&record.details).unwrap_or(record.details.placed_at);
            if Utc::now() - due < GRACE {
                continue;
            }
            tracing::warn!(%order, "an order without a job is dealt to its stations");
            // Sequence and epoch only name a job in the queue; this one never goes there.
            let (epoch, seq) = (Epoch(uuid::Uuid::nil()), record.seq);
            self.hand_over(&Job {
                order,
                epoch,
                seq,
                release_at: None,
            })
            .await;
        }
        Ok(())
    }

    /// How the queue stands.
    pub async fn status(&self) -> Result<QueueStatus, StoreError> {
        let store = &self.inner.store;
        let counts = store.order_counts().await?;
        let mut oldest_seconds = 0;
        if let Some(order) = store.unrouted(1).await?.first()
            && let Some(record) = store.order(*order).await?
        {
            let age = Utc::now() - record.details.placed_at;
            oldest_seconds = u64::try_from(age.num_seconds()).unwrap_or(0);
        }
        let jobs = self.counts().await;
        let (waiting, active) = jobs.unwrap_or((0, 0));
        let (connected, done) = (jobs.is_some(), self.done_count());
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
