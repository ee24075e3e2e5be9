//! The `work` reader: gives the queue one job for each order.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishAckFuture;
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, stream};
use sunakku_common::event::{By, Event, JobKind, JobRetried, kind};
use sunakku_common::ids::Epoch;
use sunakku_common::telemetry::spans::{Kind, Span};
use uuid::Uuid;

use super::topology::Error;
use super::{Job, Lane, Queue};
use crate::log::{Tail, Tailed};
use crate::store::{ErrorChain, LogEntry, StoreError, What};

/// Pause before the store is tried again.
const PAUSE: Duration = Duration::from_millis(200);
/// How often it is looked up whether nats-server is there, while it or an ack is waited for.
const LOOK_UP: Duration = Duration::from_millis(100);
/// How long the next ack may take; it comes after the disk has the job.
const ACK_TIMEOUT: Duration = Duration::from_secs(2);

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
    async fn publish_all(&self, epoch: Epoch, entries: &[Arc<LogEntry>]) {
        let jobs = entries.iter().filter_map(|entry| job(epoch, entry));
        let jobs: Vec<Job> = jobs.collect();
        while self.is_paused() && !self.is_up() {
            // Nobody would do them now, so the queue is waited for.
            tokio::time::sleep(LOOK_UP).await;
        }
        let up = self.is_up();
        // All are sent before the first ack is waited for.
        let mut sent = Vec::with_capacity(jobs.len());
        for job in jobs {
            let ack = if up {
                self.publish(&job).await.ok()
            } else {
                None
            };
            sent.push((job, ack));
        }
        let (mut refused, mut patience) = (Vec::new(), ACK_TIMEOUT);
        for (job, ack) in sent {
            let taken = async { ack?.await.ok() };
            let taken = tokio::select! {
                biased;
                taken = tokio::time::timeout(patience, taken) => matches!(taken, Ok(Some(_))),
                () = self.nats_gone() => false,
            };
            if taken {
                continue;
            }
            // Acks come in turn: when one does not come, none after it will.
            patience = Duration::ZERO;
            refused.push(job);
        }
        if up {
            self.note_published(refused.is_empty());
        }
        if self.is_paused() {
            // They stand in the store's index, and are done when the queue goes on.
            return;
        }
        let limit = self.inner.options.concurrency;
        let direct = stream::iter(refused);
        direct
            .for_each_concurrent(limit, async |job| self.hand_over(&job).await)
            .await;
    }

    /// Returns when nats-server is away.
    async fn nats_gone(&self) {
        while self.is_connected() {
            tokio::time::sleep(LOOK_UP).await;
        }
    }

    async fn publish(&self, job: &Job) -> Result<PublishAckFuture, Error> {
        self.publish_as(job, format!("{}:{}", job.epoch, job.seq))
            .await
    }

    /// Publishes a job that the queue has lost, under an id that it has not seen. Whether the
    /// queue took it.
    pub(super) async fn publish_again(&self, job: &Job) -> bool {
        let taken = async {
            self.publish_as(job, Uuid::now_v7().to_string())
                .await?
                .await?;
            Ok::<_, Error>(())
        };
        tokio::time::timeout(ACK_TIMEOUT, taken)
            .await
            .is_ok_and(|taken| taken.is_ok())
    }

    async fn publish_as(&self, job: &Job, id: String) -> Result<PublishAckFuture, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(async_nats::header::NATS_MESSAGE_ID, id);
        let payload = serde_json::to_vec(job)?.into();
        let name = || format!("publish {}", job.lane.subject());
        let origin = job.origin();
        let _span = origin.map(|origin| Span::begin(Kind::Producer, name, &origin));
        let jetstream = &self.inner.jetstream;
        Ok(jetstream
            .publish_with_headers(job.lane.subject(), headers, payload)
            .await?)
    }
}

/// The job that an entry asks for.
fn job(epoch: Epoch, entry: &LogEntry) -> Option<Job> {
    // The others need not be read: a feeder that is behind would do it alone.
    let wants_job = [kind::ORDER_PLACED, kind::ORDER_RETRIED, kind::JOB_RETRIED];
    if !wants_job.contains(&entry.kind.as_str()) {
        return None;
    }
    let job = |order, by: &By| Job {
        order,
        epoch,
        seq: entry.seq,
        // Who tries again has waited long enough.
        release_at: DateTime::UNIX_EPOCH,
        stations: Vec::new(),
        lane: Lane::High,
        trace: by.trace.clone(),
        span: by.span.clone(),
    };
    match (&entry.fact()?.what, entry.kind.as_str()) {
        (What::OrderPlaced(placed), _) => {
            let (details, by) = (&placed.details, &placed.by);
            let mut stations: Vec<_> = details.lines.iter().map(|l| l.station.clone()).collect();
            stations.sort();
            stations.dedup();
            Some(Job {
                // The clock may have been set back since it was placed.
                release_at: details.held_until().unwrap_or(DateTime::UNIX_EPOCH),
                stations,
                lane: Lane::of(details, Utc::now()),
                ..job(placed.order, by)
            })
        }
        (What::OrderMoved(moved), kind::ORDER_RETRIED) => Some(job(moved.order, &moved.by)),
        (_, kind::JOB_RETRIED) => {
            let retried: JobRetried = Event::decode(&entry.text).ok()?.body().ok()?;
            let order = retried.order.filter(|_| retried.kind == JobKind::Route)?;
            Some(job(order, &retried.by))
        }
        _ => None,
    }
}
