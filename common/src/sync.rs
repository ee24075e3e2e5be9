//! The append protocol by which a site's log reaches the hub.
//!
//! The edge sends batches in order, one in flight; the hub answers after its commit with the
//! position that it holds. A batch that was answered and sent again changes nothing. What the
//! hub decides is a function of what it holds and of the batch ([`judge`]), so it is tested
//! here without servers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::chain::Chain;
use crate::event::Event;
use crate::ids::Epoch;

/// Events of one batch at most.
pub const MAX_BATCH_EVENTS: usize = 500;
/// Bytes of events in one batch at most; NATS takes messages up to 1 MiB by default.
pub const MAX_BATCH_BYTES: usize = 512 * 1024;

/// Bytes of one order's details at most: its events fit into a batch, and a batch into a message.
pub const MAX_ORDER_BYTES: usize = 400 * 1024;

/// Header of the hub's answer with its time when it answered: milliseconds since 1970.
pub const HUB_TIME: &str = "Sunakku-Time";

/// A run of a site's log. Without events it asks where the hub stands, and serves as heart beat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Batch {
    /// The life of the store that the sequences belong to.
    pub epoch: Epoch,
    /// Sequence of the first event.
    pub from_seq: u64,
    /// The chain's value before the first event.
    pub prev_chain: Chain,
    /// The events, as [`Event::encode`] wrote them.
    pub events: Vec<Box<RawValue>>,
    /// The chain's value after the last event, as the edge computed it.
    pub chain: Chain,
    /// The last sequence of the edge's log, sent or not.
    pub head: u64,
    /// Who sends it; absent at a site that has no box of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<Sender>,
}

/// The process that sends, so that the hub can tell two boxes with one identity apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// Public key of the box.
    pub nkey: String,
    /// Names the process.
    pub instance: Uuid,
    /// The process whose store it began with, as far as the store knows.
    #[serde(default)]
    pub after: Option<Uuid>,
}

/// How a batch is refused while another box speaks for the same site.
pub const CONFLICT: &str = "identity-conflict";

/// What stands in the hub's store for one site and epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The last committed sequence; 0 before the first.
    pub cursor: u64,
    /// The chain's value at the cursor.
    pub chain: Chain,
}

/// The hub's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// Everything up to `cursor` is committed.
    Committed {
        /// The last committed sequence.
        cursor: u64,
        /// The hub's own chain at the cursor.
        chain: Chain,
    },
    /// The batch does not join on: send again from here.
    Expected {
        /// The sequence that must come next.
        expected_seq: u64,
    },
    /// The hub holds another event under this sequence: the edge's log has a second history
    /// from here on (its store was set back), which needs an epoch of its own.
    Forked {
        /// First sequence at which the two histories differ.
        fork_seq: u64,
    },
    /// The hub holds another history before this batch: send from the oldest entry.
    Diverged {
        /// A sequence at which the two chains differ.
        diverged_at: u64,
    },
    /// The batch cannot be taken as it is; nothing changed.
    Refused {
        /// A word for programs: `malformed`, `chain`, `unknown-site`, `superseded`, `busy`; of who
        /// sends it, `archived`, `revoked`, `identity-check`, [`CONFLICT`].
        refused: String,
        /// A sentence for people.
        detail: String,
    },
}

/// What the hub does with a batch.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Append the events after the first `duplicates`, then stand at the new position.
    Append {
        /// How many events of the batch are held already.
        duplicates: usize,
        /// The chain's value after each event of the batch.
        chains: Vec<Chain>,
    },
    /// Answer this and change nothing.
    Answer(Answer),
}

fn refused(word: &str, detail: String) -> Verdict {
    Verdict::Answer(Answer::Refused {
        refused: word.to_owned(),
        detail,
    })
}

/// Decides about a batch. `held` gives the chain's value at sequences from `from_seq - 1` up to
/// the cursor, as far as the batch reaches; the value at 0 is the genesis of site and epoch.
pub fn judge(batch: &Batch, position: Position, held: &BTreeMap<u64, Chain>) -> Verdict {
    if batch.from_seq == 0 {
        return refused("malformed", "sequences count from 1".to_owned());
    }
    if batch.events.len() > MAX_BATCH_EVENTS {
        return refused(
            "malformed",
            format!("at most {MAX_BATCH_EVENTS} events in one batch"),
        );
    }
    let mut chains = Vec::with_capacity(batch.events.len());
    let mut chain = batch.prev_chain;
    for (seq, event) in (batch.from_seq..).zip(&batch.events) {
        match Event::decode(event.get()) {
            Ok(event) if event.seq == seq => {}
            Ok(event) => {
                let detail = format!("event {} stands in the place of {seq}", event.seq);
                return refused("malformed", detail);
            }
            Err(error) => return refused("malformed", format!("event {seq}: {error}")),
        }
        chain = chain.next(event.get());
        chains.push(chain);
    }
    if chain != batch.chain {
        return refused(
            "chain",
            "the events do not give the chain that came with them".into(),
        );
    }
    if batch.from_seq > position.cursor + 1 {
        let expected_seq = position.cursor + 1;
        return Verdict::Answer(Answer::Expected { expected_seq });
    }
    if held.get(&(batch.from_seq - 1)) != Some(&batch.prev_chain) {
        return Verdict::Answer(Answer::Diverged {
            diverged_at: batch.from_seq - 1,
        });
    }
    let mut duplicates = 0;
    for (seq, chain) in (batch.from_seq..=position.cursor).zip(&chains) {
        if held.get(&seq) != Some(chain) {
            return Verdict::Answer(Answer::Forked { fork_seq: seq });
        }
        duplicates += 1;
    }
    Verdict::Append { duplicates, chains }
}

#[cfg(test)]
#[path = "sync_tests.rs"]
mod tests;
