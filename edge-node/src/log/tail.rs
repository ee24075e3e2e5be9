//! Follows the site log from a sequence on, across restarts of Redis and changes of epoch.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use sunakku_common::ids::Epoch;
use tokio::sync::watch;

use crate::store::{ErrorChain, LogEntry, Store, StoreError};

/// Entries of one read at most.
const LIMIT: usize = 500;
/// Pause before Redis is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// A reader's place in the log.
pub(crate) struct Tail {
    store: Store,
    /// For reading by itself, while it is behind the others.
    connection: Option<MultiplexedConnection>,
    epochs: watch::Receiver<Epoch>,
    epoch: Epoch,
    after: u64,
}

/// What a tail has to tell.
#[derive(Debug)]
pub(crate) enum Tailed {
    /// The next entries, without a gap after those before; none when nothing came for a while.
    Entries(Vec<Arc<LogEntry>>),
    /// The store has a new epoch; entries will come from its first on.
    NewEpoch,
    /// Entries after the reader's place are no longer kept; the next one that is.
    Lost {
        /// First sequence that is still there.
        first_kept: u64,
    },
}

impl Tail {
    /// A reader that has seen everything up to `after` in `epoch`.
    pub(crate) fn new(store: Store, epoch: Epoch, after: u64) -> Self {
        let epochs = store.epoch();
        Self {
            store,
            connection: None,
            epochs,
            epoch,
            after,
        }
    }

    /// A reader whose cursor stands in the store, and where it stands. A new one begins with what
    /// happens from now on, one whose epoch has ended with the first event of the new one.
    pub(crate) async fn resume(store: &Store, reader: &str) -> Result<(Self, u64), StoreError> {
        let head = store.head().await?;
        let begin = match store.cursor_of(reader).await? {
            None => head.seq,
            Some((epoch, seq)) if epoch == head.epoch => seq,
            Some(_) => 0,
        };
        store.save_cursor_of(reader, head.epoch, begin).await?;
        Ok((Self::new(store.clone(), head.epoch, begin), begin))
    }

    /// Whose entries are being read.
    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Goes on after another sequence.
    pub(crate) fn seek(&mut self, after: u64) {
        self.after = after;
    }

    /// Waits for the next entries. A Redis that is away is waited for. Cancel-safe: what was not
    /// returned is read again.
    pub(crate) async fn next(&mut self) -> Tailed {
        loop {
            let present = *self.epochs.borrow_and_update();
            if present != self.epoch {
                (self.epoch, self.after) = (present, 0);
                return Tailed::NewEpoch;
            }
            match self.read().await {
                Ok(entries) => return self.advance(entries),
                Err(error) => {
                    tracing::debug!(error = %ErrorChain(&error), "the log cannot be read");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn advance(&mut self, mut entries: Vec<Arc<LogEntry>>) -> Tailed {
        let Some(first) = entries.first() else {
            return Tailed::Entries(entries);
        };
        let first_kept = first.seq;
        if first_kept != self.after + 1 {
            self.after = first_kept - 1;
            return Tailed::Lost { first_kept };
        }
        // A hole further on is told when it is come to.
        let joined = (first_kept..).zip(&entries);
        let count = joined.take_while(|(seq, entry)| entry.seq == *seq).count();
        entries.truncate(count);
        self.after += count as u64;
        // What is told now must not be told again under the same sequence.
        self.store.note_seq(self.epoch, self.after);
        Tailed::Entries(entries)
    }

    async fn read(&mut self) -> Result<Vec<Arc<LogEntry>>, StoreError> {
        let place = (self.epoch, self.after);
        let own = &mut self.connection;
        self.store.next_entries(own, place, LIMIT).await
    }
}
