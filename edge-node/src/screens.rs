//! The screens that are connected now: so many in all and so many of one caller, so that none can
//! take the places of all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::claims::Role;
use uuid::Uuid;

/// Connected pages of one guest's phone at most.
const MAX_PER_GUEST: usize = 8;

/// A screen that follows the site live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Connected {
    /// The person or device that signed in on it.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The page that it shows; null for what is none of our pages.
    pub(crate) screen: Option<String>,
    /// What it follows.
    pub(crate) topics: Vec<String>,
    /// Its device, if it was let in as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<Uuid>,
    /// Since when.
    pub(crate) since: DateTime<Utc>,
}

/// All of them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Screens {
    max: usize,
    max_per_caller: usize,
    rows: Arc<Mutex<Rows>>,
}

#[derive(Default)]
struct Rows {
    last: u64,
    by_id: BTreeMap<u64, Connected>,
}

/// Keeps a screen among the connected ones until it is dropped.
pub(crate) struct Presence {
    screens: Screens,
    id: u64,
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
            max,
            max_per_caller,
            rows: Arc::default(),
        }
    }

    /// Adds one, if there is a place, until what is answered is dropped.
    pub(crate) fn enter(&self, screen: Connected) -> Result<Presence, Full> {
        let id = self.with(|rows| {
            if rows.by_id.len() >= self.max {
                return Err(Full::All);
            }
            let of_guests = rows.by_id.values().filter(|row| row.role == Role::Guest);
            let is_guest = screen.role == Role::Guest;
            // Anyone can be a guest, as often as he likes; the site's own screens always find a place.
            if is_guest && of_guests.count() >= self.max / 2 {
                return Err(Full::All);
            }
            let most = match is_guest {
                true => MAX_PER_GUEST.min(self.max_per_caller),
                false => self.max_per_caller,
            };
            let of_caller = rows.by_id.values().filter(|row| row.name == screen.name);
            if of_caller.count() >= most {
                return Err(Full::Caller);
            }
            rows.last += 1;
            rows.by_id.insert(rows.last, screen);
            Ok(rows.last)
        })?;
        Ok(Presence {
            screens: self.clone(),
            id,
        })
    }

    /// Those that are connected now, the longest connected first.
    pub(crate) fn all(&self) -> Vec<Connected> {
        self.with(|rows| rows.by_id.values().cloned().collect())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Rows) -> T) -> T {
        // Each act leaves the rows whole, so a poisoned lock is as good as another.
        act(&mut self.rows.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.screens.with(|rows| rows.by_id.remove(&self.id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(name: &str) -> Connected {
        Connected {
            name: name.to_owned(),
            role: Role::Kiosk,
            screen: None,
            device: None,
            topics: Vec::new(),
            since: Utc::now(),
        }
    }

    #[test]
    fn a_screen_is_there_for_as_long_as_it_is_connected() {
        let screens = Screens::new(9, 9);
        let names = || {
            screens
                .all()
                .into_iter()
                .map(|row| row.name)
                .collect::<Vec<_>>()
        };
        let (one, two) = (screens.enter(screen("one")), screens.enter(screen("two")));
        assert_eq!(names(), ["one", "two"]);
        drop(one);
        assert_eq!(names(), ["two"]);
        drop(two);
        assert!(names().is_empty());
    }

    #[test]
    fn guests_leave_half_of_the_places_to_the_site() {
        let screens = Screens::new(40, 40);
        let enter = |name: &str, role| {
            let screen = screen(name);
            screens.enter(Connected { role, ..screen })
        };
        let ann: Vec<_> = (0..9).map(|_| enter("ann", Role::Guest)).collect();
        let refused: Vec<Option<Full>> =
            ann.iter().map(|one| one.as_ref().err().copied()).collect();
        assert_eq!(refused.iter().filter(|one| one.is_none()).count(), 8);
        assert_eq!(refused[8], Some(Full::Caller));
        let others: Vec<_> = (0..13)
            .map(|n| enter(&format!("g{n}"), Role::Guest))
            .collect();
        assert_eq!(others.iter().filter(|one| one.is_ok()).count(), 12);
        assert_eq!(others[12].as_ref().err(), Some(&Full::All));
        assert!(enter("kiosk", Role::Kiosk).is_ok());
    }

    #[test]
    fn no_caller_takes_the_places_of_others_and_every_place_comes_back() {
        let screens = Screens::new(3, 2);
        let enter = |name: &str| screens.enter(screen(name));
        let mut of_ann = vec![enter("ann").ok(), enter("ann").ok()];
        assert_eq!(enter("ann").err(), Some(Full::Caller));
        let of_bob = enter("bob").ok();
        assert!(of_bob.is_some());
        assert_eq!(enter("bob").err(), Some(Full::All));
        of_ann.pop();
        assert!(enter("bob").is_ok(), "given back at once");
        drop((of_ann, of_bob));
        assert!(screens.all().is_empty());
    }
}
