//! The chain's value at places in the log, and forgetting what retention has released.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sunakku_common::chain::Chain;
use sunakku_common::event::Event;

use crate::store::{Anchor, Store, StoreError};

/// Entries that one step reads.
const STEP: usize = 500;

/// The chain's value after `seq`, computed from the last anchor on; `None` when the log does not
/// reach from the anchor to there.
pub(crate) async fn chain_at(store: &Store, seq: u64) -> Result<Option<Chain>, StoreError> {
    let mut at = store.anchor().await?;
    while at.seq < seq {
        let entries = store.log_from(at.seq + 1, STEP).await?;
        if entries.is_empty() {
            return Ok(None);
        }
        for entry in entries.into_iter().take_while(|entry| entry.seq <= seq) {
            if entry.seq != at.seq + 1 {
                return Ok(None);
            }
            at = Anchor {
                seq: entry.seq,
                chain: at.chain.next(&entry.text),
            };
        }
    }
    Ok((at.seq == seq).then_some(at.chain))
}

/// How long committed entries are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keep {
    /// For so long, in case the hub is restored from a backup.
    pub(crate) retention: Duration,
    /// Beyond so many bytes of log for less: room for new orders comes first.
    pub(crate) bytes_max: u64,
}

/// Forgets entries that the hub has committed and that need not be kept any more. Answers how
/// many were forgotten.
pub(crate) async fn forget(
    store: &Store,
    keep: Keep,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let mut forgotten = 0;
    loop {
        let some = forget_some(store, keep, now).await?;
        forgotten += some;
        if some < STEP as u64 {
            return Ok(forgotten);
        }
    }
}

/// The same for at most one step's worth.
async fn forget_some(store: &Store, keep: Keep, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let Some(cursor) = store.hub_cursor().await? else {
        return Ok(0);
    };
    let head = store.head().await?;
    let (mut last, mut bytes) = (store.anchor().await?, head.bytes);
    let first = last.seq;
    for entry in store.log_from(first + 1, STEP).await? {
        let at = Event::decode(&entry.text)
            .map(|event| event.at)
            .unwrap_or(now);
        let is_old = (now - at).to_std().is_ok_and(|age| keep.retention < age);
        let is_kept = !is_old && bytes <= keep.bytes_max;
        if cursor.seq < entry.seq || is_kept || entry.seq != last.seq + 1 {
            break;
        }
        bytes = bytes.saturating_sub(entry.text.len() as u64);
        last = Anchor {
            seq: entry.seq,
            chain: last.chain.next(&entry.text),
        };
    }
    if last.seq == first {
        Ok(0)
    } else {
        store.trim_log(head.epoch, last).await
    }
}
