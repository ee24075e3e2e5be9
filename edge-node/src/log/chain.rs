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

/// Forgets entries that the hub has committed and that are older than `retention`; at most one
/// step's worth. Answers how many were forgotten.
pub(crate) async fn forget(
    store: &Store,
    retention: Duration,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let Some(cursor) = store.hub_cursor().await? else {
        return Ok(0);
    };
    let epoch = store.head().await?.epoch;
    let mut last = store.anchor().await?;
    let first = last.seq;
    for entry in store.log_from(first + 1, STEP).await? {
        let at = Event::decode(&entry.text)
            .map(|event| event.at)
            .unwrap_or(now);
        let old = (now - at).to_std().is_ok_and(|age| age > retention);
        if entry.seq > cursor.seq || !old || entry.seq != last.seq + 1 {
            break;
        }
        last = Anchor {
            seq: entry.seq,
            chain: last.chain.next(&entry.text),
        };
    }
    if last.seq == first {
        Ok(0)
    } else {
        store.trim_log(epoch, last).await
    }
}
