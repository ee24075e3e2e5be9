//! Uploaded pictures of the items that the site sells, or will by the next menu.
//!
//! In memory ← copy in Redis ← hub, as menus are; but a menu waits for no picture, and no guest for
//! the hub: what is not here yet is answered with 404, and the page shows a letter.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use sunakku_common::picture::PictureName;

use crate::store::{Store, StoreError};

/// The pictures at hand. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pictures {
    held: Arc<ArcSwap<BTreeMap<PictureName, Bytes>>>,
}

impl Pictures {
    /// Begins with what the store has.
    pub(crate) async fn start(store: &Store) -> Result<Self, StoreError> {
        let held = store.pictures().await?;
        Ok(Self {
            held: Arc::new(ArcSwap::from_pointee(held)),
        })
    }

    /// A picture, if it is there.
    pub(crate) fn get(&self, name: &PictureName) -> Option<Bytes> {
        self.held.load().get(name).cloned()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Arc<BTreeMap<PictureName, Bytes>> {
        self.held.load_full()
    }

    /// Changes which there are.
    pub(crate) fn change(&self, change: impl FnOnce(&mut BTreeMap<PictureName, Bytes>)) {
        // The one task that writes: nobody else's change is lost.
        let mut held = BTreeMap::clone(&self.held.load());
        change(&mut held);
        self.held.store(Arc::new(held));
    }
}
