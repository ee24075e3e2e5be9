//! How many guests may come in within a minute: so many of one address and so many in all, by token
//! buckets, so that nobody makes up guests without end.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// Lets guests in.
pub(crate) struct Door {
    per_minute: u32,
    per_minute_of_address: u32,
    buckets: Mutex<Buckets>,
}

struct Buckets {
    all: Bucket,
    /// Of addresses that came lately; an address without one has all of its own left.
    by_address: HashMap<IpAddr, Bucket>,
}

/// What was left at a moment; it fills up within a minute.
#[derive(Clone, Copy)]
pub(crate) struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    /// What is left now, of `size` at most.
    pub(crate) fn left(&self, size: u32, now: Instant) -> f64 {
        let size = f64::from(size);
        let filled = now
            .saturating_duration_since(self.at)
            .div_duration_f64(MINUTE)
            * size;
        (self.left + filled).min(size)
    }
}

/// What remains after one was taken from `left`; otherwise how long until there is one.
pub(crate) fn take(left: f64, size: u32, now: Instant) -> Result<Bucket, Duration> {
    if left < 1.0 {
        return Err(MINUTE.mul_f64((1.0 - left) / f64::from(size)));
    }
    let left = left - 1.0;
    Ok(Bucket { left, at: now })
}

impl Door {
    /// A door through which so many may come in a minute (both at least 1), all of them at once
    /// if nobody came before.
    pub(crate) fn new(per_minute: u32, per_minute_of_address: u32) -> Self {
        let all = Bucket {
            left: f64::from(per_minute),
            at: Instant::now(),
        };
        let by_address = HashMap::new();
        Self {
            per_minute,
            per_minute_of_address,
            buckets: Mutex::new(Buckets { all, by_address }),
        }
    }

    /// Lets one in from this address, or says how long to wait.
    pub(crate) fn admit(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let (all, each) = (self.per_minute, self.per_minute_of_address);
        let address = network(address);
        // Each step leaves the buckets whole, so a poisoned lock is as good as another.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let own = buckets.by_address.get(&address);
        let own = own.map_or(f64::from(each), |bucket| bucket.left(each, now));
        let own = take(own, each, now)?;
        buckets.all = take(buckets.all.left(all, now), all, now)?;
        // Only who is let in has a bucket, and it is full again after a minute, in which twice
        // `per_minute` come in at most: so many are left when the full ones go.
        if buckets.by_address.len() >= 4 * all as usize {
            let full = f64::from(each);
            buckets
                .by_address
                .retain(|_, bucket| bucket.left(each, now) < full);
        }
        buckets.by_address.insert(address, own);
        Ok(())
    }
}

/// What one guest can have to himself: an IPv4 address, or the 64 bits of an IPv6 network.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    #[test]
    fn one_address_is_held_up_alone_and_only_for_as_long() {
        let (door, now) = (Door::new(100, 3), Instant::now());
        for _ in 0..3 {
            assert_eq!(door.admit(v4(1), now), Ok(()));
        }
        let wait = door.admit(v4(1), now).expect_err("one too many");
        assert_eq!(wait.as_secs_f64().round(), 20.0);
        assert_eq!(door.admit(v4(2), now), Ok(()));
        assert!(door.admit(v4(1), now + wait / 2).is_err());
        let then = now + wait + Duration::from_millis(1);
        assert_eq!(door.admit(v4(1), then), Ok(()));
        assert!(door.admit(v4(1), then).is_err());
    }

    #[test]
    fn all_together_come_no_faster_and_who_is_refused_uses_nothing_up() {
        let (door, now) = (Door::new(4, 2), Instant::now());
        for n in 0..4 {
            assert_eq!(door.admit(v4(n), now), Ok(()));
        }
        for _ in 0..9 {
            assert!(door.admit(v4(9), now).is_err());
        }
        let later = now + MINUTE;
        assert_eq!(door.admit(v4(9), later), Ok(()));
        assert_eq!(door.admit(v4(9), later), Ok(()));
        assert!(door.admit(v4(9), later).is_err(), "its own two");
        assert_eq!(door.admit(v4(8), later), Ok(()));
    }

    #[test]
    fn what_is_known_of_addresses_is_bounded() {
        let (door, now) = (Door::new(10, 1), Instant::now());
        for n in 0..10_000 {
            let _refused = door.admit(v4(n), now + Duration::from_millis(500) * n);
        }
        let known = door.buckets.lock().expect("a lock").by_address.len();
        assert!((1..=40).contains(&known), "{known}");
    }

    #[test]
    fn the_addresses_of_one_network_count_as_one() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }
}
