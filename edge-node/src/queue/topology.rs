//! The stream and its consumers, made or brought up to date whenever they are needed.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, RawMessageErrorKind, RetentionPolicy, StorageType,
};

use super::{Job, Lane, Queue};

/// The stream of jobs.
const STREAM: &str = "JOBS";
/// Subjects of the stream: `jobs.<kind>.<lane>`.
const SUBJECTS: &str = "jobs.>";
/// How long a job published twice is recognised by its id. It spares work; it is not what makes
/// effects happen once.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// Jobs that may be taken and not done: delayed ones count, so it is far above what workers do at
/// a time.
const MAX_ACK_PENDING: i64 = 20_000;
/// The queue's share of the disk; jobs are small, and the feeder waits when it is full.
const MAX_BYTES: i64 = 256 * 1024 * 1024;
/// A pause lasts until it is ended; nats-server wants a time (2262, in nanoseconds since 1970).
const FOR_EVER: i128 = 9_200_000_000_000_000_000;

pub(super) type Error = Box<dyn std::error::Error + Send + Sync>;

/// How a lane stands in nats-server.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// Jobs that no worker was given.
    pub(super) waiting: u64,
    /// Jobs that were given to a worker, or back with a delay.
    pub(super) given: u64,
}

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

    /// A lane's consumer, with its stream, delivering.
    pub(super) async fn consumer(&self, lane: Lane) -> Result<PullConsumer, Error> {
        self.ensure_stream().await?;
        let config = pull::Config {
            durable_name: Some(lane.consumer()),
            filter_subject: lane.subject(),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.ack_wait(),
            max_ack_pending: MAX_ACK_PENDING,
            ..pull::Config::default()
        };
        let jetstream = &self.inner.jetstream;
        let consumer = jetstream.create_consumer_on_stream(config, STREAM).await?;
        let stream = jetstream.get_stream_no_info(STREAM).await?;
        stream.resume_consumer(&lane.consumer()).await?;
        Ok(consumer)
    }

    /// Lets a lane's consumer deliver nothing, so that no job is given to a worker that has left.
    pub(super) async fn pause_consumer(&self, lane: Lane) -> Result<(), Error> {
        let until = async_nats::datetime::from_nanos(FOR_EVER)?;
        let stream = self.inner.jetstream.get_stream_no_info(STREAM).await?;
        stream.pause_consumer(&lane.consumer(), until).await?;
        Ok(())
    }

    /// After this time without ack or progress a job is given to another worker.
    pub(super) fn ack_wait(&self) -> Duration {
        Duration::from_secs(self.inner.options.ack_wait_seconds)
    }

    /// How a lane stands; `None` when nats-server does not say.
    pub(super) async fn counts(&self, lane: Lane) -> Option<Counts> {
        let consumer: Result<PullConsumer, _> = self
            .inner
            .jetstream
            .get_consumer_from_stream(lane.consumer(), STREAM)
            .await;
        let info = consumer.ok()?.cached_info().clone();
        Some(Counts {
            waiting: info.num_pending,
            given: info.num_ack_pending as u64,
        })
    }

    /// The job that stands first in a lane, given to a worker or not; `None` when there is none.
    pub(super) async fn first(&self, lane: Lane) -> Result<Option<Job>, Error> {
        let stream = self.inner.jetstream.get_stream_no_info(STREAM).await?;
        let first = stream
            .get_first_raw_message_by_subject(lane.subject(), 1)
            .await;
        match first {
            Ok(message) => Ok(serde_json::from_slice(&message.payload).ok()),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
