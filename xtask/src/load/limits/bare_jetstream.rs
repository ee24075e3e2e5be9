//! What JetStream can do: messages like the queue's jobs, published, taken and acknowledged by one
//! who does nothing with them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use async_nats::ConnectOptions;
use async_nats::jetstream;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};
use futures::StreamExt as _;

use crate::harness::NatsServer;

/// Messages on their way to being stored, and fetched ahead, as the edge has them.
const WINDOW: usize = 64;
/// The same of those that are fetched.
const AHEAD: usize = 16;
/// Bytes of a job.
const SIZE: usize = 250;
/// A message that does not come within this time is lost.
const LIMIT: Duration = Duration::from_secs(30);
const STREAM: &str = "BARE";

/// Publishes so many messages, takes and acknowledges them: each a second.
pub(super) async fn run(nats: &NatsServer, site: &str, messages: usize) -> Result<(f64, f64)> {
    let options = ConnectOptions::new().custom_inbox_prefix(format!("_INBOX.{site}"));
    let jetstream = jetstream::new(nats.connect(options).await?);
    let config = Config {
        name: STREAM.to_owned(),
        subjects: vec!["bare".to_owned()],
        retention: RetentionPolicy::WorkQueue,
        storage: StorageType::File,
        ..Config::default()
    };
    let stream = jetstream.create_or_update_stream(config).await?;
    let _stream = stream;
    let payload = bytes::Bytes::from(vec![b'x'; SIZE]);
    let begin = Instant::now();
    let publishing = futures::stream::iter(0..messages).map(async |_| {
        let stored = jetstream.publish("bare", payload.clone()).await?;
        anyhow::Ok(stored.await?)
    });
    let mut publishing = publishing.buffered(WINDOW);
    while let Some(stored) = publishing.next().await {
        stored?;
    }
    drop(publishing);
    let published = messages as f64 / begin.elapsed().as_secs_f64();
    let config = pull::Config {
        durable_name: Some("bare".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ..pull::Config::default()
    };
    let consumer = jetstream.create_consumer_on_stream(config, STREAM).await?;
    let taken = consumer
        .stream()
        .max_messages_per_batch(AHEAD)
        .messages()
        .await?;
    let (begin, mut count) = (Instant::now(), 0);
    let mut taken = taken.take(messages);
    while let Some(message) = tokio::time::timeout(LIMIT, taken.next()).await? {
        let acked = message.context("a message")?.ack().await;
        acked.map_err(|error| anyhow::anyhow!(error))?;
        count += 1;
    }
    ensure!(count == messages, "{count} of {messages} messages came");
    let consumed = messages as f64 / begin.elapsed().as_secs_f64();
    jetstream.delete_stream(STREAM).await?;
    Ok((published, consumed))
}
