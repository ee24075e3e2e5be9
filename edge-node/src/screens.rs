//! Places for connected screens: so many in all, and so many of one caller, so that none can
//! take them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The places. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Screens {
    inner: Arc<Inner>,
}

struct Inner {
    max: usize,
    max_per_caller: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_caller: HashMap<String, usize>,
}

/// A place, given back when it is dropped.
pub(crate) struct Place {
    screens: Screens,
    caller: String,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// The edge serves as many as it can.
    All,
    /// The caller has as many as one may have.
    Caller,
}

impl Screens {
    pub(crate) fn new(max: usize, max_per_caller: usize) -> Self {
        Self {
            inner: Arc::new(Inner {
                max,
                max_per_caller,
                taken: Mutex::default(),
            }),
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Taken) -> T) -> T {
        // Nothing in here panics half way.
        let taken = self.inner.taken.lock();
        change(&mut taken.unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a place for a caller.
    pub(crate) fn take(&self, caller: &str) -> Result<Place, Full> {
        self.with(|taken| {
            if taken.all >= self.inner.max {
                return Err(Full::All);
            }
            let own = taken.by_caller.entry(caller.to_owned()).or_default();
            if *own >= self.inner.max_per_caller {
                return Err(Full::Caller);
            }
            *own += 1;
            taken.all += 1;
            Ok(Place {
                screens: self.clone(),
                caller: caller.to_owned(),
            })
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.screens.with(|taken| {
            taken.all -= 1;
            if let Some(own) = taken.by_caller.get_mut(&self.caller) {
                *own -= 1;
                if *own == 0 {
                    taken.by_caller.remove(&self.caller);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_caller_takes_the_places_of_others_and_every_place_comes_back() {
        let screens = Screens::new(3, 2);
        let mut of_ann = vec![screens.take("ann").ok(), screens.take("ann").ok()];
        assert_eq!(screens.take("ann").err(), Some(Full::Caller));
        let of_bob = screens.take("bob").ok();
        assert!(of_bob.is_some());
        assert_eq!(screens.take("bob").err(), Some(Full::All));
        of_ann.pop();
        assert!(screens.take("bob").is_ok(), "given back at once");
        drop((of_ann, of_bob));
        screens.with(|taken| assert!(taken.all == 0 && taken.by_caller.is_empty()));
    }
}
