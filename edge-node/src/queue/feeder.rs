//! The `work` reader: gives the queue one job for each order.

use std::time::Duration;

use async_nats::HeaderMap;
use sunakku_common::event::{Event, OrderPlaced, kind};
use sunakku_common::ids::Epoch;

use super::{Job, Queue, release_at, topology};
use crate::log::{Tail, Tailed};
use crate::store::{ErrorChain, LogEntry, StoreError};

/// Pause before the store is tried again.
const PAUSE: Duration = Duration::from_millis(200);

impl Queue {
    /// Feeds for ever.
    pub(super) async fn feed(&self) {
        loop {
            if let Err(error) = self.feed_epoch().await {
                tracing::debug!(error = %ErrorChain(&error), "the feeder waits for the store");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn feed_epoch(&self) -> Result<(), StoreError> {
        let store = &self.inner.store;
        let epoch = store.head().await?.epoch;
        let mut tail = Tail::new(store.clone(), epoch, store.work_cursor(epoch).await?);
        if self.ensure_stream().await.is_err() {
            tracing::warn!("the site's nats-server is away: jobs are done without it");
        }
        loop {
            match tail.next().await {
                Tailed::Entries(entries) => {
                    if let Some(last) = entries.last().map(|entry| entry.seq) {
                        self.publish_all(epoch, &entries).await;
                        store.save_work_cursor(epoch, last).await?;
                    }
                }
                Tailed::Lost { first_kept } => {
                    // What was lost is in the store's index of orders without tickets.
                    tracing::warn!(first_kept, "the feeder skips what the log no longer has");
                }
                Tailed::NewEpoch => return Ok(()),
            }
        }
    }

    /// Publishes the jobs of these entries, and does those that the queue did not take.
    async fn publish_all(&self, epoch: Epoch, entries: &[LogEntry]) {
        let jobs: Vec<Job> = entries
            .iter()
            .filter_map(|entry| job(epoch, entry))
            .collect();
        // All are sent before the first ack is waited for.
        let mut acks = Vec::with_capacity(jobs.len());
        for job in &jobs {
            acks.push(self.publish(job).await);
        }
        let mut refused = false;
        for (job, ack) in jobs.iter().zip(acks) {
            let taken = match ack {
                Ok(ack) => ack.await.is_ok(),
                Err(_) => false,
            };
            if !taken {
                refused = true;
                self.hand_over(job).await;
            }
        }
        if refused && self.ensure_stream().await.is_ok() {
            tracing::info!("the site's nats-server takes jobs again");
        }
    }

    async fn publish(
        &self,
        job: &Job,
    ) -> Result<
        async_nats::jetstream::context::PublishAckFuture,
        Box<dyn std::error::Error + Send + Sync>,
    > {
        let state = self.inner.jetstream.client().connection_state();
        if state != async_nats::connection::State::Connected {
            return Err("nats-server is away".into());
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            async_nats::header::NATS_MESSAGE_ID,
            format!("{}:{}", job.epoch, job.seq),
        );
        let payload = serde_json::to_vec(job)?;
        let publish =
            self.inner
                .jetstream
                .publish_with_headers(topology::ROUTE, headers, payload.into());
        Ok(publish.await?)
    }
}

/// The job that an entry asks for.
fn job(epoch: Epoch, entry: &LogEntry) -> Option<Job> {
    if entry.kind != kind::ORDER_PLACED {
        return None;
    }
    let event = Event::decode(&entry.text).ok()?;
    let placed: OrderPlaced = event.body().ok()?;
    let release_at = release_at(&placed.details);
    Some(Job {
        order: placed.order,
        epoch,
        seq: entry.seq,
        release_at,
    })
}
