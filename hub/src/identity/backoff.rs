//! Whoever fails to sign in waits before the next try, longer each time: by account and by
//! address, so that neither one account nor all of them can be tried at leisure.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sunakku_common::problem::Problem;

/// Failures of an account that cost nothing: people mistype.
const FREE: u32 = 4;
/// The same of an address, behind which there may be a whole site.
const FREE_OF_ADDRESS: u32 = 20;
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(300);
/// After as long without failure, all is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(900);
/// Accounts and addresses that are remembered at most; the oldest are forgotten first.
const MAX_KNOWN: usize = 20_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Account(String),
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

/// Counts failures. Each replica counts for itself.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    known: Mutex<HashMap<Key, Failures>>,
}

fn keys(account: &str, address: Option<IpAddr>) -> impl Iterator<Item = (Key, u32)> {
    let account = (Key::Account(account.to_owned()), FREE);
    let address = address.map(|address| (Key::Address(address), FREE_OF_ADDRESS));
    std::iter::once(account).chain(address)
}

/// How long to wait after so many failures.
fn pause(count: u32, free: u32) -> Duration {
    match count.checked_sub(free) {
        None | Some(0) => Duration::ZERO,
        Some(over) => Duration::from_secs(1 << over.min(16)).min(LONGEST),
    }
}

impl Backoff {
    /// Refuses a try that comes too early.
    ///
    /// # Errors
    /// 429 with the seconds to wait.
    pub(super) fn check(&self, account: &str, address: Option<IpAddr>) -> Result<(), Problem> {
        self.check_at(account, address, Instant::now())
    }

    fn check_at(
        &self,
        account: &str,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), Problem> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let left = keys(account, address).filter_map(|(key, free)| {
            let failures = known.get(&key)?;
            let until = failures.last + pause(failures.count, free);
            until.checked_duration_since(now)
        });
        let left = left.max().unwrap_or_default();
        if left.is_zero() {
            return Ok(());
        }
        let seconds = u32::try_from(left.as_secs())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        let detail = format!("Too many failed tries. Try again in {seconds} s.");
        let mut problem = Problem::too_many("too-many-tries", detail);
        problem.retry_after = Some(seconds);
        Err(problem)
    }

    /// Counts a failure.
    pub(super) fn failed(&self, account: &str, address: Option<IpAddr>) {
        self.failed_at(account, address, Instant::now());
    }

    fn failed_at(&self, account: &str, address: Option<IpAddr>, now: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if MAX_KNOWN <= known.len() {
            known.retain(|_, failures| now.duration_since(failures.last) < FORGOTTEN);
        }
        if MAX_KNOWN <= known.len()
            && let Some(oldest) = known.iter().min_by_key(|(_, failures)| failures.last)
        {
            let oldest = oldest.0.clone();
            known.remove(&oldest);
        }
        for (key, _) in keys(account, address) {
            let entry = known.entry(key).or_insert(Failures {
                count: 0,
                last: now,
            });
            if FORGOTTEN <= now.duration_since(entry.last) {
                entry.count = 0;
            }
            entry.count = entry.count.saturating_add(1);
            entry.last = now;
        }
    }

    /// Forgets an account's failures; its address may have tried others.
    pub(super) fn succeeded(&self, account: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&Key::Account(account.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_for_the_account_and_hold_up_no_other() {
        let (backoff, address) = (Backoff::default(), Some([10, 0, 0, 1].into()));
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..8 {
            backoff.failed_at("ann", address, now);
            let wait = backoff.check_at("ann", address, now).err();
            let wait = wait.and_then(|problem| problem.retry_after).unwrap_or(0);
            waits.push(wait);
            now += Duration::from_secs(u64::from(wait) + 1);
            assert!(
                backoff.check_at("ann", address, now).is_ok(),
                "after {wait} s"
            );
        }
        assert_eq!(waits[..4], [0; 4]);
        assert!(waits[4..].is_sorted() && waits[4] < waits[7], "{waits:?}");
        backoff.failed_at("ann", address, now);
        assert!(backoff.check_at("ann", None, now).is_err());
        assert!(backoff.check_at("bob", address, now).is_ok());
        backoff.succeeded("ann");
        assert!(backoff.check_at("ann", address, now).is_ok());
    }

    #[test]
    fn an_address_that_tries_many_accounts_waits() {
        let (backoff, now) = (Backoff::default(), Instant::now());
        let address = Some([10, 0, 0, 1].into());
        for n in 0..=FREE_OF_ADDRESS {
            backoff.failed_at(&format!("user{n}"), address, now);
        }
        assert!(backoff.check_at("fresh", address, now).is_err());
        assert!(
            backoff
                .check_at("fresh", Some([10, 0, 0, 2].into()), now)
                .is_ok()
        );
        assert_eq!(pause(u32::MAX, FREE), LONGEST);
    }
}
