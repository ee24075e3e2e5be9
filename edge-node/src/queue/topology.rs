//! The stream and the consumer, made or brought up to date whenever they are needed.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};

use super::Queue;

/// The stream of jobs.
const STREAM: &str = "JOBS";
/// Subjects of the stream: `jobs.<kind>`.
const SUBJECTS: &str = "jobs.>";
/// Subject of jobs that deal an order's lines to stations.
pub(super) const ROUTE: &str = "jobs.route";
/// The workers' durable consumer.
const CONSUMER: &str = "workers";
/// After this time without ack or progress a job is given to another worker.
pub(super) const ACK_WAIT: Duration = Duration::from_secs(30);
/// How long a job published twice is recognised by its id. It spares work; it is not what makes
/// effects happen once.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// Jobs that may be taken and not done: delayed ones count, so it is far above [`super::CONCURRENCY`].
const MAX_ACK_PENDING: i64 = 20_000;
/// The queue's share of the disk; jobs are small, and the feeder waits when it is full.
const MAX_BYTES: i64 = 256 * 1024 * 1024;

pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;

impl Queue {
    /// Makes the stream if it is not there, which it may not be at any time: its folder can be
    /// lost, and it owns nothing.
    pub(super) async fn ensure_stream(&self) -> Result<(), Error> {
        let config = Config {
            name: STREAM.to_owned(),
            subjects: vec![SUBJECTS.to_owned()],
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            max_bytes: MAX_BYTES,
            duplicate_window: DUPLICATE_WINDOW,
            num_replicas: 1,
            ..Config::default()
        };
        self.inner.jetstream.create_or_update_stream(config).await?;
        Ok(())
    }

    /// The workers' consumer, with its stream.
    pub(super) async fn consumer(&self) -> Result<PullConsumer, Error> {
        self.ensure_stream().await?;
        let config = pull::Config {
            durable_name: Some(CONSUMER.to_owned()),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_ack_pending: MAX_ACK_PENDING,
            ..pull::Config::default()
        };
        Ok(self
            .inner
            .jetstream
            .create_consumer_on_stream(config, STREAM)
            .await?)
    }

    /// Jobs waiting and jobs taken; `None` when nats-server does not answer.
    pub(super) async fn counts(&self) -> Option<(u64, u64)> {
        let consumer: Result<PullConsumer, _> = self
            .inner
            .jetstream
            .get_consumer_from_stream(CONSUMER, STREAM)
            .await;
        let info = consumer.ok()?.cached_info().clone();
        Some((info.num_pending, info.num_ack_pending as u64))
    }
}
