//! How often something happened within the last minute.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Seconds that are looked back.
const SECONDS: usize = 60;

/// Counts by second, in a ring.
#[derive(Debug)]
pub(super) struct Rate {
    began: Instant,
    /// The second that was counted last, and the counts by second modulo [`SECONDS`].
    counts: Mutex<(u64, [u32; SECONDS])>,
}

impl Rate {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            counts: Mutex::new((0, [0; SECONDS])),
        }
    }

    /// It happened now.
    pub(super) fn note(&self) {
        self.note_at(self.began.elapsed().as_secs());
    }

    /// How often it happened within the last minute.
    pub(super) fn per_minute(&self) -> u32 {
        self.at(self.began.elapsed().as_secs())
    }

    fn note_at(&self, second: u64) {
        // A panic while counting leaves a count that is good enough.
        let mut guard = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        forget(&mut guard, second);
        let count = &mut guard.1[slot(second)];
        *count = count.saturating_add(1);
    }

    fn at(&self, second: u64) -> u32 {
        let mut guard = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        forget(&mut guard, second);
        guard.1.iter().sum()
    }
}

fn slot(second: u64) -> usize {
    // Less than SECONDS, so it fits.
    (second % SECONDS as u64) as usize
}

/// Empties the seconds that have begun since something was counted last.
fn forget((last, counts): &mut (u64, [u32; SECONDS]), second: u64) {
    for begun in (*last + 1..=second).rev().take(SECONDS) {
        counts[slot(begun)] = 0;
    }
    *last = (*last).max(second);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_a_minute_does_not_count() {
        let rate = Rate::new();
        for second in [0, 0, 30, 59] {
            rate.note_at(second);
        }
        assert_eq!(rate.at(59), 4);
        assert_eq!(rate.at(60), 2);
        assert_eq!(rate.at(89), 2);
        assert_eq!(rate.at(90), 1);
        assert_eq!(rate.at(10_000), 0);
        rate.note_at(10_001);
        assert_eq!(rate.at(10_001), 1);
    }
}
