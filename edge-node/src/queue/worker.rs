//! Workers: take jobs from the queue, or straight from the feeder, and do them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::{AckKind, Message};
use chrono::Utc;
use futures::StreamExt as _;
use sunakku_common::ids::OrderId;
use sunakku_common::state::OrderState;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{CONCURRENCY, Job, Queue, topology};
use crate::kitchen;
use crate::metrics as names;
use crate::store::{ErrorChain, StoreError};

/// Pause before the consumer is made anew.
const PAUSE: Duration = Duration::from_millis(500);
/// How often workers without a job look whether nats-server is there; its consumer would only
/// tell after some missed heartbeats.
const LOOK_UP: Duration = Duration::from_millis(200);
/// Pauses before a job is tried again: the first, doubled at each delivery, up to the last.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// The longest time for which one delayed delivery is asked; longer ones are asked for again.
const DELAY_MAX: Duration = Duration::from_secs(600);

/// What became of a job.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    NotYet(Duration),
}

impl Queue {
    /// Works until it is told to stop; what was begun is finished.
    pub(super) async fn work(&self, stop: CancellationToken) {
        let running = TaskTracker::new();
        while !stop.is_cancelled() {
            let taking = stop.run_until_cancelled(self.take_jobs(&running)).await;
            self.inner.working.store(false, Ordering::Relaxed);
            if let Some(Err(error)) = taking {
                tracing::debug!(error, "the workers wait for nats-server");
                stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
        }
        running.close();
        running.wait().await;
    }

    /// Takes jobs until the consumer ends, which it does when its stream or nats-server is lost.
    async fn take_jobs(&self, running: &TaskTracker) -> Result<(), String> {
        let consumer = self.consumer().await.map_err(|error| error.to_string())?;
        let messages = consumer.stream().max_messages_per_batch(4 * CONCURRENCY);
        let messages = messages
            .expires(Duration::from_secs(5))
            .heartbeat(Duration::from_secs(2));
        let mut messages = messages
            .messages()
            .await
            .map_err(|error| error.to_string())?;
        self.inner.working.store(true, Ordering::Relaxed);
        loop {
            let Ok(next) = tokio::time::timeout(LOOK_UP, messages.next()).await else {
                if self.is_connected() {
                    continue;
                }
                return Err("nats-server is away".to_owned());
            };
            let message = next.ok_or("the consumer ended")?;
            let message = message.map_err(|error| error.to_string())?;
            let queue = self.clone();
            running.spawn(async move { queue.handle(message).await });
        }
    }

    async fn handle(&self, message: Message) {
        let (kind, result) = match serde_json::from_slice::<Job>(&message.payload) {
            Ok(job) => match self.perform(&job).await {
                Ok(Outcome::Done) => {
                    self.inner.done.fetch_add(1, Ordering::Relaxed);
                    (AckKind::Ack, "done")
                }
                Ok(Outcome::NotYet(delay)) => (AckKind::Nak(Some(delay)), "delayed"),
                // The store is away, which is not the job's fault.
                Err(error) if error.is_passing() => (AckKind::Nak(Some(RETRY_MIN)), "retried"),
                Err(error) => {
                    let delivered = message.info().map_or(1, |info| info.delivered.max(1));
                    let delay = retry_delay(u32::try_from(delivered).unwrap_or(1));
                    tracing::warn!(order = %job.order, error = %ErrorChain(&error), "job failed");
                    (AckKind::Nak(Some(delay)), "retried")
                }
            },
            Err(error) => {
                // A job that cannot be read never will be; its order, if there is one, is in the
                // store's index and the reconciler takes care of it.
                tracing::error!(%error, "a job that cannot be read was dropped");
                (AckKind::Term, "poison")
            }
        };
        metrics::counter!(names::JOBS, "result" => result).increment(1);
        // An ack that is lost brings the job again, which its guard makes harmless.
        if let Err(error) = message.ack_with(kind).await {
            tracing::debug!(%error, "an ack was lost");
        }
    }

    /// Does a job without the queue; what cannot be done now the reconciler finds.
    pub(super) async fn hand_over(&self, job: &Job) {
        if let Ok(Outcome::Done) = self.perform(job).await {
            metrics::counter!(names::JOBS, "result" => "direct").increment(1);
        }
    }

    async fn perform(&self, job: &Job) -> Result<Outcome, StoreError> {
        if let Ok(delay) = (job.release_at - Utc::now()).to_std() {
            return Ok(Outcome::NotYet(delay.min(DELAY_MAX)));
        }
        // The semaphore is never closed; without a slot there would be no limit, nothing worse.
        let _slot = self.inner.slots.acquire().await.ok();
        self.route(job.order).await?;
        Ok(Outcome::Done)
    }

    async fn route(&self, order: OrderId) -> Result<(), StoreError> {
        let Some(record) = self.inner.store.order(order).await? else {
            return Ok(());
        };
        if record.state == OrderState::Placed && record.tickets.is_empty() {
            self.inner
                .store
                .route(order, &kitchen::tickets(&record))
                .await?;
        }
        Ok(())
    }
}

/// Exponential back-off by the number of deliveries so far.
fn retry_delay(delivered: u32) -> Duration {
    let factor = 2_u32.saturating_pow(delivered.saturating_sub(1).min(16));
    RETRY_MIN
        .saturating_mul(factor)
        .min(RETRY_MAX)
        .min(topology::ACK_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_come_ever_later_up_to_a_limit() {
        let delays: Vec<u128> = [0, 1, 2, 3, 50].map(|n| retry_delay(n).as_millis()).into();
        assert_eq!(delays, [500, 500, 1_000, 2_000, 30_000]);
    }
}
