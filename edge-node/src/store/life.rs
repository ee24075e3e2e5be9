//! What this process has seen of the store, so that nothing is given away twice.
//!
//! A Redis may come back with less than it had answered for: restored from a copy, its file cut
//! short, or empty. Going on there would use sequences and pickup numbers a second time. Every
//! script is therefore told what was seen and refuses a store that has less, in the same step in
//! which it would append; [`Store::look_after`] then begins a new epoch. What was seen before
//! this process began, only the hub can tell.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::NaiveDate;
use sunakku_common::ids::Epoch;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Again, FirstCounts, Head, Store, StoreError};

/// The store as far as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The epoch; nil before the first look.
    pub(crate) epoch: Epoch,
    /// The last sequence that anyone was told of.
    pub(crate) seq: u64,
}

/// See the module.
pub(super) struct Life {
    epoch: watch::Sender<Epoch>,
    seen: Mutex<Seen>,
    /// The last pickup number that was given, and its business day. Outlives an epoch.
    number: Mutex<(NaiveDate, u32)>,
    /// Held while an epoch begins, so that nobody takes it for a stranger's.
    pub(super) beginning: tokio::sync::Mutex<()>,
}

impl Life {
    pub(super) fn new() -> Self {
        let (epoch, seq) = (Epoch(uuid::Uuid::nil()), 0);
        Self {
            epoch: watch::Sender::new(epoch),
            seen: Mutex::new(Seen { epoch, seq }),
            number: Mutex::new((NaiveDate::MIN, 0)),
            beginning: tokio::sync::Mutex::new(()),
        }
    }

    pub(super) fn epoch(&self) -> watch::Receiver<Epoch> {
        self.epoch.subscribe()
    }

    pub(super) fn seen(&self) -> Seen {
        // Nothing panics while it holds the lock; a poisoned one would be as good.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of the store's epoch; a change of it is told to all readers of the log.
    pub(super) fn note_epoch(&self, epoch: Epoch) {
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.epoch == epoch {
                return;
            }
            *seen = Seen { epoch, seq: 0 };
        }
        self.epoch.send_replace(epoch);
    }

    /// Takes note of a sequence, before anyone else is told of it.
    pub(super) fn note_seq(&self, epoch: Epoch, seq: u64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.epoch == epoch {
            seen.seq = seen.seq.max(seq);
        }
    }

    /// The last number known of a business day.
    pub(super) fn last_number(&self, day: NaiveDate) -> u32 {
        let (known, number) = *self.number.lock().unwrap_or_else(PoisonError::into_inner);
        if known == day { number } else { 0 }
    }

    /// Takes note of a number, before anyone else is told of it.
    pub(super) fn note_number(&self, day: NaiveDate, number: u32) {
        let mut last = self.number.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (day, number).max(*last);
    }
}

impl Seen {
    /// Whether a store that stands at `head` is the one that was seen, and has all of it.
    pub(super) fn is_whole_at(self, head: Head) -> bool {
        head.epoch == self.epoch && self.seq <= head.seq
    }
}

/// What [`Store::look_after`] found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Care {
    /// All is well.
    Whole,
    /// It was empty and was born again.
    Reborn,
    /// It had less than was seen and begins a new epoch.
    Renewed,
    /// Another process has begun a new epoch.
    Adopted,
}

impl Store {
    /// Notes that this process uses the store from now on; answers which one did before.
    pub(crate) async fn enter(&self, instance: Uuid) -> Result<Option<Uuid>, StoreError> {
        let mut command = redis::cmd("SET");
        command
            .arg(self.keys().instance())
            .arg(instance.to_string())
            .arg("GET");
        let before: Option<String> = command.query_async(&mut self.connection()).await?;
        Ok(before.and_then(|before| before.parse().ok()))
    }

    /// The present epoch, and word of a new one.
    pub fn epoch(&self) -> watch::Receiver<Epoch> {
        self.inner.life.epoch()
    }

    /// Takes note of a sequence that a reader of the log is about to tell.
    pub(crate) fn note_seq(&self, epoch: Epoch, seq: u64) {
        self.inner.life.note_seq(epoch, seq);
    }

    /// Begins a new epoch if the store has lost what was seen of it. Ended logs are kept for
    /// `keep_old_log`.
    pub(crate) async fn look_after(
        &self,
        first_counts: &FirstCounts,
        keep_old_log: Duration,
    ) -> Result<Care, StoreError> {
        let _nobody_else = self.inner.life.beginning.lock().await;
        let seen = self.inner.life.seen();
        let head = match self.read_head().await {
            Err(StoreError::Unborn) => {
                self.init(first_counts).await?;
                return Ok(Care::Reborn);
            }
            head => head?,
        };
        if seen.is_whole_at(head) {
            return Ok(Care::Whole);
        }
        // Epochs are ordered by time: a later one was begun by another process on this store,
        // whose business that was.
        if seen.epoch < head.epoch {
            self.inner.life.note_epoch(head.epoch);
            return Ok(Care::Adopted);
        }
        // What the hub has confirmed of this history need not be told again.
        let confirmed = self.hub_cursor_in(head.epoch).await?;
        let confirmed = confirmed.map_or(0, |cursor| cursor.seq);
        let first = confirmed.min(head.seq) + 1;
        let again = Again::From(first);
        self.begin_epoch(head.epoch, again, "set-back", keep_old_log)
            .await?;
        Ok(Care::Renewed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_with_less_or_of_another_epoch_has_lost_something() {
        let life = Life::new();
        let epoch = Epoch::new();
        life.note_epoch(epoch);
        life.note_seq(epoch, 7);
        life.note_seq(epoch, 5);
        life.note_seq(Epoch::new(), 9);
        let at = |epoch, seq| Head {
            epoch,
            seq,
            bytes: 0,
        };
        let whole = |head| life.seen().is_whole_at(head);
        assert!(!whole(at(epoch, 6)) && !whole(at(Epoch::new(), 8)));
        assert!(whole(at(epoch, 7)) && whole(at(epoch, 8)));
    }

    #[test]
    fn a_number_is_remembered_for_its_day() {
        let life = Life::new();
        let day = NaiveDate::from_ymd_opt(2026, 11, 23).expect("a date");
        let next = day.succ_opt().expect("a date");
        life.note_number(day, 9);
        life.note_number(day, 8);
        assert_eq!((life.last_number(day), life.last_number(next)), (9, 0));
        life.note_number(next, 1);
        life.note_number(day, 10);
        assert_eq!((life.last_number(day), life.last_number(next)), (0, 1));
    }
}
