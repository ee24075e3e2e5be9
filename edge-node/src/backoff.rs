//! How long to wait before something that failed is tried again.

use std::time::Duration;

use rand::RngExt as _;

/// Exponential back-off with full jitter, see "Exponential Backoff And Jitter", M. Brooker, 2015;
/// never shorter than the first pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    first: Duration,
    last: Duration,
}

impl Backoff {
    /// Pauses from `first_milliseconds` on, the longest of `last_seconds`.
    pub(crate) fn new(first_milliseconds: u64, last_seconds: u64) -> Self {
        let first = Duration::from_millis(first_milliseconds);
        let last = Duration::from_secs(last_seconds).max(first);
        Self { first, last }
    }

    /// The pause after so many failed tries, counted from 1.
    pub(crate) fn pause(&self, tries: u32) -> Duration {
        let factor = 2_u32.saturating_pow(tries.saturating_sub(1).min(20));
        let longest = self.first.saturating_mul(factor).min(self.last);
        rand::rng().random_range(self.first..=longest)
    }

    /// The longest pause.
    pub(crate) fn longest(&self) -> Duration {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_come_ever_later_up_to_a_limit_and_not_all_at_once() {
        let backoff = Backoff::new(500, 30);
        let millis = |tries| backoff.pause(tries).as_millis();
        assert_eq!(millis(1), 500);
        for (tries, longest) in [(2, 1_000), (3, 2_000), (4, 4_000), (50, 30_000)] {
            let pauses: Vec<u128> = (0..100).map(|_| millis(tries)).collect();
            assert!(pauses.iter().all(|pause| (500..=longest).contains(pause)));
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "no jitter");
            assert!(pauses.iter().any(|pause| *pause > longest / 2));
        }
        assert_eq!(Backoff::new(2_000, 1).pause(9).as_millis(), 2_000);
    }
}
