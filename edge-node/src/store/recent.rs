//! The newest entries of the log. Its readers want each at about the same time, so one of them waits for it at
//! Redis and all have it from here; who is further behind reads by itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use sunakku_common::ids::Epoch;
use tokio::sync::{OwnedMutexGuard, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::{ErrorChain, LogEntry, Store, StoreError};

/// How long one read waits for an entry. Also how soon a change of epoch is noticed at the latest.
const BLOCK: Duration = Duration::from_secs(2);
/// Pause before Redis is tried again.
const PAUSE: Duration = Duration::from_millis(200);
/// Entries that are kept here at most, for who is late: some tenths of a second of the busiest site.
const ENTRIES: usize = 4_000;
/// What their texts may take, bytes; what was read of them takes about as much again.
const BYTES: usize = 3 * 1024 * 1024;

/// See the module.
pub(super) struct Recent {
    window: Mutex<Window>,
    /// Who holds it waits at Redis for all.
    turn: Arc<tokio::sync::Mutex<Option<MultiplexedConnection>>>,
    /// Told when there is more.
    grown: watch::Sender<()>,
}

/// A part of the log without gaps, up to the last entry that was read.
#[derive(Debug, Default)]
struct Window {
    /// Where it ends; `None` before that is known.
    end: Option<(Epoch, u64)>,
    entries: VecDeque<Arc<LogEntry>>,
    bytes: usize,
}

/// Where a reader stands who has read up to some entry.
#[derive(Debug)]
enum Place {
    /// More is here.
    Within(Vec<Arc<LogEntry>>),
    /// It has all that is here.
    AtEnd,
    /// What it wants next is not here.
    Elsewhere,
    /// Where the window ends has to be looked up.
    Unknown,
}

impl Window {
    fn place(&mut self, epoch: Epoch, after: u64, limit: usize) -> Place {
        let end = match self.end {
            Some((of, end)) if of == epoch => end,
            _ => return Place::Unknown,
        };
        if end <= after {
            // Somebody who read by himself has come further.
            self.begin(epoch, after);
            return Place::AtEnd;
        }
        let missing = (end - after) as usize;
        match self.entries.len().checked_sub(missing) {
            None => Place::Elsewhere,
            Some(first) => {
                let more = self.entries.range(first..).take(limit);
                Place::Within(more.map(Arc::clone).collect())
            }
        }
    }

    /// Ends at `end`, with nothing in it unless it ended there before.
    fn begin(&mut self, epoch: Epoch, end: u64) {
        if self.end != Some((epoch, end)) {
            self.forget();
            self.end = Some((epoch, end));
        }
    }

    fn forget(&mut self) {
        *self = Self::default();
    }

    /// Adds what comes after its end, as far as it is without a gap.
    fn extend(&mut self, epoch: Epoch, entries: &[Arc<LogEntry>]) {
        for entry in entries {
            if self.end != Some((epoch, entry.seq.saturating_sub(1))) {
                break;
            }
            self.end = Some((epoch, entry.seq));
            self.bytes += entry.text.len();
            self.entries.push_back(Arc::clone(entry));
        }
        while ENTRIES < self.entries.len() || BYTES < self.bytes {
            let oldest = self.entries.pop_front();
            self.bytes -= oldest.map_or(self.bytes, |entry| entry.text.len());
        }
    }
}

impl Recent {
    pub(super) fn new() -> Self {
        Self {
            window: Mutex::default(),
            turn: Arc::default(),
            grown: watch::Sender::new(()),
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        // Each step leaves the window whole.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Waits for entries after a sequence of an epoch; answers `limit` at most, none when none came for a while.
    /// `own` is a connection for who is so far behind that nobody reads the same. Cancel-safe.
    pub(crate) async fn next_entries(
        &self,
        own: &mut Option<MultiplexedConnection>,
        (epoch, after): (Epoch, u64),
        limit: usize,
    ) -> Result<Vec<Arc<LogEntry>>, StoreError> {
        let recent = &self.inner.recent;
        let (mut grown, deadline) = (recent.grown.subscribe(), Instant::now() + BLOCK);
        loop {
            let place = recent.window().place(epoch, after, limit);
            match place {
                Place::Within(entries) => return Ok(entries),
                Place::Elsewhere => return self.read_alone(own, after, limit).await,
                Place::Unknown => {
                    let head = self.read_head().await?;
                    if head.epoch != epoch {
                        return self.read_alone(own, after, limit).await;
                    }
                    recent.window().begin(epoch, head.seq);
                    continue;
                }
                Place::AtEnd => {}
            }
            if let Ok(turn) = Arc::clone(&recent.turn).try_lock_owned() {
                // A task, because who asked may not wait for the answer: others do.
                tokio::spawn(self.clone().read_for_all(turn, (epoch, after), limit));
            }
            tokio::select! {
                // The sender lives as long as the store.
                _ended = grown.changed() => {}
                () = sleep_until(deadline) => return Ok(Vec::new()),
            }
        }
    }

    /// Reads once from the end of the window on, and wakes all who wait.
    async fn read_for_all(
        self,
        mut turn: OwnedMutexGuard<Option<MultiplexedConnection>>,
        (epoch, after): (Epoch, u64),
        limit: usize,
    ) {
        let recent = &self.inner.recent;
        match self.read_alone(&mut turn, after, limit).await {
            Ok(entries) => recent.window().extend(epoch, &entries),
            Err(error) => {
                tracing::debug!(error = %ErrorChain(&error), "the log cannot be read");
                // A Redis that was away may have come back with less.
                recent.window().forget();
                sleep(PAUSE).await;
            }
        }
        drop(turn);
        recent.grown.send_replace(());
    }

    /// Waits at Redis, over a connection that is made when there is none and given up when it fails.
    async fn read_alone(
        &self,
        own: &mut Option<MultiplexedConnection>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Arc<LogEntry>>, StoreError> {
        let connection = match own {
            Some(connection) => connection,
            None => own.insert(self.blocking_connection(BLOCK).await?),
        };
        let read = self.wait_for_entries(connection, after, limit, BLOCK).await;
        let entries = read.inspect_err(|_| *own = None)?;
        Ok(entries.into_iter().map(Arc::new).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(seqs: std::ops::RangeInclusive<u64>) -> Vec<Arc<LogEntry>> {
        let entry = |seq| LogEntry::new(seq, String::new(), "x".repeat(9));
        seqs.map(|seq| Arc::new(entry(seq))).collect()
    }

    fn seqs(place: Place) -> Vec<u64> {
        let Place::Within(entries) = place else {
            panic!("{place:?}");
        };
        entries.iter().map(|entry| entry.seq).collect()
    }

    #[test]
    fn each_reader_has_what_comes_after_its_own_place() {
        let (mut window, epoch) = (Window::default(), Epoch::new());
        assert!(matches!(window.place(epoch, 7, 9), Place::Unknown));
        window.begin(epoch, 7);
        assert!(matches!(window.place(epoch, 7, 9), Place::AtEnd));
        assert!(matches!(window.place(epoch, 6, 9), Place::Elsewhere));
        window.extend(epoch, &entries(8..=10));
        assert_eq!(seqs(window.place(epoch, 7, 9)), [8, 9, 10]);
        assert_eq!(seqs(window.place(epoch, 9, 9)), [10]);
        assert_eq!(seqs(window.place(epoch, 7, 2)), [8, 9]);
        assert!(matches!(window.place(epoch, 10, 9), Place::AtEnd));
        assert!(matches!(window.place(epoch, 5, 9), Place::Elsewhere));
    }

    #[test]
    fn nothing_is_told_past_a_gap_or_of_another_epoch() {
        let (mut window, epoch) = (Window::default(), Epoch::new());
        window.begin(epoch, 0);
        let mut with_gap = entries(1..=2);
        with_gap.extend(entries(4..=5));
        window.extend(epoch, &with_gap);
        assert_eq!(seqs(window.place(epoch, 0, 9)), [1, 2]);
        window.extend(Epoch::new(), &entries(3..=3));
        assert_eq!(seqs(window.place(epoch, 0, 9)), [1, 2]);
        assert!(matches!(window.place(Epoch::new(), 0, 9), Place::Unknown));
    }

    #[test]
    fn who_has_come_further_alone_is_where_it_goes_on() {
        let (mut window, epoch) = (Window::default(), Epoch::new());
        window.begin(epoch, 0);
        window.extend(epoch, &entries(1..=3));
        assert!(matches!(window.place(epoch, 9, 9), Place::AtEnd));
        assert!(matches!(window.place(epoch, 2, 9), Place::Elsewhere));
        window.extend(epoch, &entries(10..=10));
        assert_eq!(seqs(window.place(epoch, 9, 9)), [10]);
    }

    #[test]
    fn it_keeps_the_newest() {
        let (mut window, epoch) = (Window::default(), Epoch::new());
        window.begin(epoch, 0);
        window.extend(epoch, &entries(1..=2 * ENTRIES as u64));
        assert_eq!(window.entries.len(), ENTRIES);
        assert_eq!(window.bytes, 9 * ENTRIES);
        assert!(matches!(window.place(epoch, 0, 9), Place::Elsewhere));
        let last = 2 * ENTRIES as u64;
        assert_eq!(seqs(window.place(epoch, last - 1, 9)), [last]);
    }
}
