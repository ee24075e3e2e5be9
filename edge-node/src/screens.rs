//! The screens that are connected now.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::claims::Role;

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
    /// Since when.
    pub(crate) since: DateTime<Utc>,
}

/// All of them. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct ConnectedScreens {
    rows: Arc<Mutex<Rows>>,
}

#[derive(Default)]
struct Rows {
    last: u64,
    by_id: BTreeMap<u64, Connected>,
}

/// Keeps a screen among the connected ones until it is dropped.
pub(crate) struct Presence {
    screens: ConnectedScreens,
    id: u64,
}

impl ConnectedScreens {
    /// Adds one, until what is answered is dropped.
    pub(crate) fn enter(&self, screen: Connected) -> Presence {
        let id = self.with(|rows| {
            rows.last += 1;
            rows.by_id.insert(rows.last, screen);
            rows.last
        });
        Presence {
            screens: self.clone(),
            id,
        }
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

    #[test]
    fn a_screen_is_there_for_as_long_as_it_is_connected() {
        let screens = ConnectedScreens::default();
        let screen = |name: &str| Connected {
            name: name.to_owned(),
            role: Role::Kiosk,
            screen: None,
            topics: Vec::new(),
            since: Utc::now(),
        };
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
}
