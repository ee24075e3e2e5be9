//! The buckets in which the hub keeps one key per site.

use anyhow::{Context as _, Result};
use async_nats::Client;
use async_nats::jetstream::kv::{self, Operation, Store};
use async_nats::jetstream::stream::Republish;
use async_nats::jetstream::{self, context::Context};
use sunakku_common::ids::SiteId;
use sunakku_common::subjects::Bucket;

/// A bucket that is there.
pub(super) struct Open {
    bucket: Bucket,
    store: Store,
}

/// What a key held before it is worked out anew.
pub(super) struct Held {
    revision: u64,
    value: Option<bytes::Bytes>,
}

/// Makes sure of a bucket: it may have been lost at any time, and owns nothing.
pub(super) async fn open(client: &Client, bucket: Bucket) -> Result<Open> {
    let jetstream: Context = jetstream::new(client.clone());
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
        return Ok(Open { bucket, store });
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
    Ok(Open { bucket, store })
}

impl Open {
    /// What a site's key holds. Read *before* the value is worked out, so that of two replicas the
    /// one that has read the older state cannot overwrite the other.
    pub(super) async fn held(&self, site: &SiteId) -> Result<Held> {
        let entry = self.store.entry(site.as_str()).await?;
        Ok(match entry {
            Some(entry) => Held {
                revision: entry.revision,
                value: (entry.operation == Operation::Put).then_some(entry.value),
            },
            None => Held {
                revision: 0,
                value: None,
            },
        })
    }

    /// Writes a site's key unless it holds the value. Whether it was written.
    pub(super) async fn write(&self, site: &SiteId, held: &Held, value: Vec<u8>) -> Result<bool> {
        if held.value.as_deref() == Some(value.as_slice()) {
            return Ok(false);
        }
        let written = self
            .store
            .update(site.as_str(), value.into(), held.revision)
            .await;
        written.with_context(|| format!("writing {} of {site}", self.bucket.name()))?;
        let bucket = self.bucket.name();
        metrics::counter!(crate::metrics::ROLLOUT_WRITES, "bucket" => bucket).increment(1);
        Ok(true)
    }

    /// Takes a site's key away, if it is there.
    pub(super) async fn clear(&self, site: &SiteId, held: &Held) -> Result<()> {
        if held.value.is_some() {
            self.store
                .delete_expect_revision(site.as_str(), Some(held.revision))
                .await?;
        }
        Ok(())
    }
}
