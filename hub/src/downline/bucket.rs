//! The buckets in which the hub keeps one key per site.
//!
//! What they hold is asked anew before each comparison, never remembered: a bucket can be wiped, or
//! written by another replica, at any time. It is one question for all keys, answered without the
//! values: beside each value stands its digest.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::Client;
use async_nats::jetstream::consumer::push::OrderedConfig;
use async_nats::jetstream::consumer::{DeliverPolicy, ReplayPolicy};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::kv::{self, Store};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::Republish;
use async_nats::jetstream::{self, context::Context};
use futures::StreamExt as _;
use sunakku_common::down::text_hash;
use sunakku_common::ids::SiteId;
use sunakku_common::subjects::Bucket;
use tokio::time::timeout;

/// How long it may take to hear what a bucket holds.
const HELD_LIMIT: Duration = Duration::from_secs(20);
/// The header with the SHA-256 of the value. The hub writes and reads it; a value without one, or
/// the mark of a key that was taken away, is like none.
const DIGEST: &str = "Sunakku-Digest";
/// The header by which a key is taken away, and its value for that.
const OPERATION: (&str, &str) = ("KV-Operation", "DEL");

/// A bucket that is there.
pub(super) struct Open {
    bucket: Bucket,
    store: Store,
    client: Client,
    jetstream: Context,
}

/// What a key held before its value was worked out anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Held {
    revision: u64,
    /// Whether there is a value, and of which digest.
    value: Option<Option<String>>,
}

/// What became of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It held the value.
    Kept,
    /// It holds the value now.
    Written,
    /// Somebody else wrote it meanwhile.
    Contested,
}

/// Makes sure of a bucket: it may have been lost at any time, and owns nothing.
pub(super) async fn open(client: &Client, bucket: Bucket) -> Result<Open> {
    let jetstream: Context = jetstream::new(client.clone());
    let opened = |store| Open {
        bucket,
        store,
        client: client.clone(),
        jetstream: jetstream.clone(),
    };
    let (source, destination) = bucket.republish();
    let republish = Some(Republish {
        source,
        destination,
        headers_only: false,
    });
    // Asking is quick; a change of a stream has to reach the disk.
    if let Ok(store) = jetstream.get_key_value(bucket.name()).await
        && store.stream.cached_info().config.republish == republish
    {
        return Ok(opened(store));
    }
    let config = kv::Config {
        bucket: bucket.name().to_owned(),
        description: "One key per site, made from Postgres".to_owned(),
        history: 1,
        republish,
        ..kv::Config::default()
    };
    let store = jetstream.create_or_update_key_value(config).await;
    let store = store.with_context(|| format!("making sure of the bucket {}", bucket.name()))?;
    Ok(opened(store))
}

impl Open {
    /// What all keys hold, by their sites. Asked *before* the values are worked out, so that of two
    /// replicas the one that has read the older state cannot overwrite the other.
    pub(super) async fn held(&self) -> Result<HashMap<String, Held>> {
        let held = timeout(HELD_LIMIT, self.listed()).await;
        held.map_err(anyhow::Error::from)
            .flatten()
            .with_context(|| format!("asking what the bucket {} holds", self.bucket.name()))
    }

    async fn listed(&self) -> Result<HashMap<String, Held>> {
        let config = OrderedConfig {
            deliver_subject: self.client.new_inbox(),
            filter_subject: format!("{}>", self.store.prefix),
            deliver_policy: DeliverPolicy::LastPerSubject,
            replay_policy: ReplayPolicy::Instant,
            headers_only: true,
            ..OrderedConfig::default()
        };
        let consumer = self.store.stream.create_consumer(config).await?;
        let info = consumer.cached_info();
        let (name, mut pending) = (info.name.clone(), info.num_pending);
        let mut all = HashMap::with_capacity(usize::try_from(pending)?);
        let mut messages = consumer.messages().await?;
        while 0 < pending {
            let message = messages.next().await.context("the bucket is gone")??;
            let info = message.info().map_err(anyhow::Error::from_boxed)?;
            pending = info.pending;
            if let Some(site) = message.subject.strip_prefix(&self.store.prefix) {
                let headers = message.headers.as_ref();
                let header = |name: &str| headers?.get(name).map(|value| value.to_string());
                let held = Held {
                    revision: info.stream_sequence,
                    value: header(OPERATION.0).is_none().then(|| header(DIGEST)),
                };
                all.insert(site.to_owned(), held);
            }
        }
        // It would go by itself after a while; rounds may follow each other closely.
        drop(messages);
        let _gone_already = self.store.stream.delete_consumer(&name).await;
        Ok(all)
    }

    /// Writes a site's key unless it holds the value.
    pub(super) async fn write(
        &self,
        site: &SiteId,
        held: &Held,
        value: String,
    ) -> Result<Put, PublishError> {
        let digest = text_hash(&value);
        if held.value.as_ref().and_then(Option::as_ref) == Some(&digest) {
            return Ok(Put::Kept);
        }
        let message = PublishMessage::build()
            .header(DIGEST, digest)
            .payload(value.into());
        let put = self.publish(site, held, message).await?;
        if put == Put::Written {
            let bucket = self.bucket.name();
            metrics::counter!(crate::metrics::ROLLOUT_WRITES, "bucket" => bucket).increment(1);
        }
        Ok(put)
    }

    /// Takes a site's key away, if it is there.
    pub(super) async fn clear(&self, site: &SiteId, held: &Held) -> Result<Put, PublishError> {
        if held.value.is_none() {
            return Ok(Put::Kept);
        }
        let (operation, delete) = OPERATION;
        let message = PublishMessage::build().header(operation, delete);
        self.publish(site, held, message).await
    }

    async fn publish(
        &self,
        site: &SiteId,
        held: &Held,
        message: PublishMessage,
    ) -> Result<Put, PublishError> {
        let message = message.expected_last_subject_sequence(held.revision);
        let subject = self.bucket.key(site);
        let sent = self.jetstream.send_publish(subject, message).await?;
        match sent.await {
            Ok(_stored) => Ok(Put::Written),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(Put::Contested),
            Err(error) => Err(error),
        }
    }
}
