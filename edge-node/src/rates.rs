//! How many requests may come within a minute, by who sends them.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::door::{Bucket, network, take};

/// Callers of which is known what they have left; when there are more, all are forgotten, which gives each
/// of them as much as a minute's.
const MAX_KNOWN: usize = 20_000;
/// By how much more a person may send than one of the person's sessions.
const SESSIONS_OF_USER: u32 = 5;

/// The rates of all callers.
pub(crate) struct Rates {
    sessions: Rate<Uuid>,
    users: Rate<String>,
    addresses: Rate<IpAddr>,
}

impl Rates {
    /// So many requests in a minute of one device or session, and so many without a good token of one
    /// address; both at least 1.
    pub(crate) fn new(of_caller: u32, of_address: u32) -> Self {
        Self {
            sessions: Rate::new(of_caller),
            users: Rate::new(of_caller.saturating_mul(SESSIONS_OF_USER)),
            addresses: Rate::new(of_address),
        }
    }

    /// One more request of somebody who is known; how long to wait if there were too many.
    pub(crate) fn of_caller(
        &self,
        session: Option<Uuid>,
        user: &str,
        now: Instant,
    ) -> Result<(), Duration> {
        session.map_or(Ok(()), |session| self.sessions.take(&session, now))?;
        self.users.take(user, now)
    }

    /// The same of somebody who is not.
    pub(crate) fn of_address(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.addresses.take(&network(address), now)
    }
}

/// So many in a minute of each.
struct Rate<K> {
    per_minute: u32,
    left: Mutex<HashMap<K, Bucket>>,
}

impl<K: Eq + Hash> Rate<K> {
    fn new(per_minute: u32) -> Self {
        let left = Mutex::default();
        Self { per_minute, left }
    }

    fn take<Q>(&self, key: &Q, now: Instant) -> Result<(), Duration>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let size = self.per_minute;
        // Each step leaves the buckets whole, so a poisoned lock is as good as another.
        let mut known = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = known.get_mut(key) {
            *bucket = take(bucket.left(size, now), size, now)?;
            return Ok(());
        }
        if MAX_KNOWN <= known.len() {
            known.retain(|_, bucket| bucket.left(size, now) < f64::from(size));
            if MAX_KNOWN <= known.len() {
                known.clear();
            }
        }
        known.insert(key.to_owned(), take(f64::from(size), size, now)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_is_held_up_alone_and_only_for_as_long() {
        let (rates, now) = (Rates::new(3, 2), Instant::now());
        let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
        let of = |session, now| rates.of_caller(Some(session), "kiosk", now);
        assert_eq!((0..9).filter(|_| of(one, now).is_ok()).count(), 3);
        assert_eq!((0..9).filter(|_| of(two, now).is_ok()).count(), 3);
        let wait = of(one, now).expect_err("one too many");
        assert_eq!(wait.as_secs_f64().round(), 20.0);
        assert!(of(one, now + wait + Duration::from_millis(1)).is_ok());
    }

    #[test]
    fn many_sessions_of_one_user_are_held_up_together_and_others_are_not() {
        let (rates, now) = (Rates::new(2, 2), Instant::now());
        let of = |user: &str| rates.of_caller(Some(Uuid::new_v4()), user, now).is_ok();
        assert_eq!((0..50).filter(|_| of("ann")).count(), 10);
        assert!(of("bob"));
    }

    #[test]
    fn what_is_known_of_addresses_is_bounded() {
        let (rates, now) = (Rates::new(2, 1), Instant::now());
        for n in 0..50_000_u32 {
            let _taken = rates.of_address(IpAddr::V4(n.into()), now);
        }
        let known = rates.addresses.left.lock().expect("a lock").len();
        assert!(known <= MAX_KNOWN, "{known}");
    }
}
