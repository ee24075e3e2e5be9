//! Bounds how often one address may try what only chance would make succeed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures of one address within a window, at most.
const MAX_FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered within a window, at most; more are let through.
const MAX_ADDRESSES: usize = 10_000;

/// Counts failures by address. Each replica counts for itself.
#[derive(Debug)]
pub struct Limiter {
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    failures: HashMap<Option<IpAddr>, u32>,
}

impl Default for Limiter {
    fn default() -> Self {
        let (since, failures) = (Instant::now(), HashMap::new());
        let window = Mutex::new(Window { since, failures });
        Self { window }
    }
}

impl Limiter {
    /// Whether an address has failed too often.
    pub(crate) fn is_over(&self, address: Option<IpAddr>) -> bool {
        self.with(Instant::now(), |failures| {
            failures.get(&address).is_some_and(|n| MAX_FAILURES <= *n)
        })
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, address: Option<IpAddr>) {
        self.with(Instant::now(), |failures| {
            if failures.len() < MAX_ADDRESSES || failures.contains_key(&address) {
                *failures.entry(address).or_default() += 1;
            }
        });
    }

    fn with<T>(&self, now: Instant, f: impl FnOnce(&mut HashMap<Option<IpAddr>, u32>) -> T) -> T {
        // Nothing panics while it holds the lock; a poisoned one would be as good.
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if WINDOW < now.saturating_duration_since(window.since) {
            (window.since, window.failures) = (now, HashMap::new());
        }
        f(&mut window.failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_failed_often_waits_and_holds_up_no_other() {
        let limiter = Limiter::default();
        let (a, b) = (Some([10, 0, 0, 1].into()), Some([10, 0, 0, 2].into()));
        for _ in 0..MAX_FAILURES {
            assert!(!limiter.is_over(a));
            limiter.failed(a);
        }
        assert!(limiter.is_over(a) && !limiter.is_over(b));
        let later = Instant::now() + 2 * WINDOW;
        limiter.with(later, |failures| assert!(failures.is_empty()));
        assert!(!limiter.is_over(a));
    }
}
