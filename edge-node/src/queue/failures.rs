//! Jobs that fail: tried again ever later, and in the end given up. A store that is away is no
//! failure of a job.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::Utc;
use sunakku_common::event::{Attempt, JobKind};
use sunakku_common::ids::OrderId;
use tokio::time::Instant;

use super::{Job, Queue};
use crate::backoff::Backoff;
use crate::store::{DeadLetter, StoreError};

/// Names the job that deals an order to its stations.
pub(crate) fn route_job(order: OrderId) -> String {
    format!("route:{order}")
}

/// Orders whose jobs failed, with the time before which they are not tried again.
#[derive(Debug, Default)]
pub(super) struct Failing(Mutex<HashMap<OrderId, Instant>>);

impl Failing {
    fn with<T>(&self, look: impl FnOnce(&mut HashMap<OrderId, Instant>) -> T) -> T {
        // A panic while looking leaves the map whole.
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, order: OrderId, delay: Duration) {
        self.with(|failing| failing.insert(order, Instant::now() + delay));
    }

    /// The job had an outcome; whether it had failed before.
    pub(super) fn settle(&self, order: OrderId) -> bool {
        self.with(|failing| failing.remove(&order).is_some())
    }

    /// How long the job still has to wait for its next try.
    pub(super) fn pause(&self, order: OrderId) -> Option<Duration> {
        let until = self.with(|failing| failing.get(&order).copied())?;
        let rest = until.saturating_duration_since(Instant::now());
        (!rest.is_zero()).then_some(rest)
    }

    /// How many jobs are to be tried again.
    pub(super) fn count(&self) -> usize {
        self.with(|failing| failing.len())
    }
}

/// What becomes of a job that failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is tried again after this time.
    Again(Duration),
    /// It is among the dead letters, its order rejected.
    Dead,
}

impl Queue {
    /// A try of a job failed, or its worker died over it.
    pub(super) async fn failed(&self, job: &Job, error: &str) -> Result<Verdict, StoreError> {
        let inner = &self.inner;
        let id = route_job(job.order);
        let attempts = inner.store.note_attempt(&id, error).await?;
        inner.failed_rate.note();
        let tries = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
        tracing::warn!(order = %job.order, tries, error, "job failed");
        if tries < inner.options.max_attempts {
            let options = &inner.options;
            let backoff = Backoff::new(options.retry_min_milliseconds, options.retry_max_seconds);
            let delay = backoff.pause(tries);
            inner.failing.note(job.order, delay);
            return Ok(Verdict::Again(delay));
        }
        self.give_up(job, attempts, error).await?;
        Ok(Verdict::Dead)
    }

    /// Puts a job among the dead letters and rejects its order. The letter comes first: whoever
    /// finds the job again after a crash sees by it that only the rejection is left to do.
    async fn give_up(
        &self,
        job: &Job,
        attempts: Vec<Attempt>,
        reason: &str,
    ) -> Result<(), StoreError> {
        let store = &self.inner.store;
        let letter = DeadLetter {
            id: route_job(job.order),
            kind: JobKind::Route,
            target: String::new(),
            order: Some(job.order),
            payload: serde_json::to_value(job)?,
            reason: reason.chars().take(500).collect(),
            attempts,
            at: Utc::now(),
        };
        store.bury(&letter).await?;
        self.reject(job.order).await?;
        self.inner.failing.settle(job.order);
        store.note_outcome(&letter.id).await
    }

    /// Rejects the order of a dead job, unless that was done.
    pub(super) async fn reject(&self, order: OrderId) -> Result<(), StoreError> {
        tracing::error!(%order, "rejected: its job failed for good");
        let reason = "its job failed for good: see the dead letters";
        self.inner.store.reject(order, reason).await
    }

    /// Puts a message that is no job among the dead letters; there is no order to reject.
    pub(super) async fn bury_unreadable(
        &self,
        sequence: u64,
        payload: &[u8],
        error: &str,
    ) -> Result<(), StoreError> {
        let text: String = String::from_utf8_lossy(payload)
            .chars()
            .take(1_000)
            .collect();
        let letter = DeadLetter {
            id: format!("unreadable:{sequence}:{}", Utc::now().timestamp_millis()),
            kind: JobKind::Route,
            target: String::new(),
            order: None,
            payload: serde_json::Value::String(text),
            reason: format!("the job cannot be read: {error}"),
            attempts: Vec::new(),
            at: Utc::now(),
        };
        self.inner.store.bury(&letter).await.map(|_new| ())
    }
}
