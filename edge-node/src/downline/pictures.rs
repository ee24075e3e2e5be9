//! Fetches the pictures that the menus name, and forgets those that they name no more. A picture is
//! named by its content, so it is right or it is not taken, and never has to be asked for again.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::{Client, Request};
use bytes::Bytes;
use sunakku_common::picture::{MAX_BYTES, PictureName, PictureWanted};
use sunakku_common::subjects;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::credentials::reconnected;
use crate::metrics as names;
use crate::site::{MenuStatus, Menus, Pictures};
use crate::store::{ErrorChain, Store, StoreError};
use crate::sync::SyncStatus;

/// How long an answer is waited for: a quarter of a megabyte over a narrow line.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// How often it is looked whether all is there, when nothing tells of a change.
const LOOK: Duration = Duration::from_secs(60);
/// Pauses after a round that left some missing: milliseconds of the first, seconds of the longest.
const AGAIN: (u64, u64) = (1_000, 60);

/// The task that fetches and forgets them.
pub(crate) struct PictureKeeper {
    pub(crate) pictures: Pictures,
    pub(crate) store: Store,
    pub(crate) menus: Menus,
    pub(crate) nats: Client,
    pub(crate) sync: watch::Receiver<SyncStatus>,
}

impl PictureKeeper {
    /// Keeps what the menus name, until it is told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let keep = async {
            let backoff = Backoff::new(AGAIN.0, AGAIN.1);
            let (mut menu, mut epoch) = (self.menus.follow(), self.store.epoch());
            let mut tries = 0;
            loop {
                let of_menu = version(&menu.borrow_and_update());
                let missing = match self.round().await {
                    Ok(missing) => missing > 0,
                    Err(error) => {
                        tracing::warn!(error = %ErrorChain(&error), "pictures wait for the store");
                        true
                    }
                };
                tries = if missing { tries + 1 } else { 0 };
                let pause = if missing { backoff.pause(tries) } else { LOOK };
                tokio::select! {
                    () = other_menu(&mut menu, of_menu) => tries = 0,
                    () = reconnected(&mut self.sync) => tries = 0,
                    // A store that began a new life has none.
                    Ok(()) = epoch.changed() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        };
        stop.run_until_cancelled(keep).await;
    }

    /// Has memory and store hold what the menus name, and nothing else. How many are missing.
    async fn round(&self) -> Result<usize, StoreError> {
        let wanted = self.menus.pictures().await;
        self.pictures
            .change(|held| held.retain(|name, _| wanted.contains(name)));
        let missing = self.fetch(&wanted).await;
        metrics::gauge!(names::PICTURES_MISSING).set(missing as f64);
        let stored: BTreeSet<String> = self.store.picture_names().await?.into_iter().collect();
        let held = self.pictures.all();
        for (name, bytes) in held.iter() {
            if !stored.contains(name.as_str()) {
                self.store.keep_picture(name, bytes).await?;
            }
        }
        let is_held = |name: &str| name.parse().is_ok_and(|name| held.contains_key(&name));
        let stale: Vec<String> = stored.into_iter().filter(|name| !is_held(name)).collect();
        self.store.forget_pictures(&stale).await?;
        Ok(missing)
    }

    /// Asks the hub for those that are not there, until it does not answer. How many are missing
    /// after that.
    async fn fetch(&self, wanted: &BTreeSet<PictureName>) -> usize {
        let absent = wanted
            .iter()
            .filter(|name| self.pictures.get(name).is_none());
        let mut missing = absent.clone().count();
        for name in absent {
            match self.ask(name).await {
                Ok(Some(bytes)) => {
                    tracing::info!(%name, "a picture has come");
                    self.pictures
                        .change(|held| drop(held.insert(name.clone(), bytes)));
                    missing -= 1;
                }
                Ok(None) => tracing::warn!(%name, "the hub has no such picture"),
                Err(error) => {
                    tracing::debug!(%name, %error, "pictures are not fetched");
                    break;
                }
            }
        }
        missing
    }

    /// One picture of the hub's; nothing when it has none, or what it sent is not that one.
    async fn ask(&self, name: &PictureName) -> Result<Option<Bytes>, async_nats::Error> {
        let wanted = serde_json::to_vec(&PictureWanted { name: name.clone() })?;
        let request = Request::new()
            .payload(wanted.into())
            .timeout(Some(ANSWER_TIMEOUT));
        let subject = subjects::picture(self.store.site());
        let answer = self.nats.send_request(subject, request).await?.payload;
        Ok((answer.len() <= MAX_BYTES && name.is_of(&answer)).then_some(answer))
    }
}

/// What says which menus there are.
fn version(status: &MenuStatus) -> (String, Option<u64>) {
    let next = status.next.as_ref().map(|next| next.version);
    (status.hash.clone(), next)
}

/// Waits until another menu is in force or to come.
async fn other_menu(menu: &mut watch::Receiver<MenuStatus>, before: (String, Option<u64>)) {
    let is_over = menu
        .wait_for(|status| version(status) != before)
        .await
        .is_err();
    if is_over {
        std::future::pending().await
    }
}
