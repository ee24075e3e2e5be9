//! What comes down from the hub: the menu, the site's settings, commands, pictures.
//!
//! The hub keeps menu and settings under one key per site each. A change is pushed; so that a
//! push which was lost does no harm, both are read at the start, whenever the hub is there again,
//! and every `menu.reread_seconds`. Whatever comes is a whole, so the last one alone matters.

mod commands;
mod pictures;
mod read;

use std::time::Duration;

use async_nats::{Message, Subscriber};
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use sunakku_common::down::MenuDown;
use sunakku_common::site::Settings;
use sunakku_common::subjects;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use pictures::PictureKeeper;

use crate::state::AppState;
use crate::store::{ErrorChain, StoreError};
use read::{NothingRead, pushed, read};

/// Pause before the hub is asked again that did not answer, or the store.
const AGAIN: Duration = Duration::from_secs(5);
/// Pause before subscribing is tried again.
const PAUSE: Duration = Duration::from_millis(500);
/// Pause before a menu whose time has come is tried again.
const OVERDUE: Duration = Duration::from_secs(1);
/// How often it is looked whether the next menu's time has come: clocks may be set.
const LOOK: Duration = Duration::from_secs(20);

/// The tasks that follow the hub.
pub(crate) struct Downline {
    state: AppState,
}

impl Downline {
    pub(crate) fn new(state: AppState) -> Self {
        Self { state }
    }

    /// Follows the hub until it is told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let follow = async {
            loop {
                let ended = tokio::select! {
                    ended = self.follow_snapshots() => ended,
                    ended = self.follow_commands() => ended,
                };
                if let Err(error) = ended {
                    tracing::warn!(%error, "the line down cannot be heard; trying again");
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        stop.run_until_cancelled(follow).await;
    }

    /// Menu and settings, as they are pushed and read; and the next menu at its time.
    async fn follow_snapshots(&self) -> Result<(), async_nats::SubscribeError> {
        let shared = &self.state.inner;
        let site = shared.store.site();
        let mut menus: Subscriber = shared.nats.subscribe(subjects::menu(site)).await?;
        let mut settings: Subscriber = shared.nats.subscribe(subjects::settings(site)).await?;
        let (mut sync, mut epoch) = (shared.sync.clone(), shared.store.epoch());
        let mut status = shared.menus.follow();
        let every = Duration::from_secs(shared.config.menu.reread_seconds);
        let (mut due, mut connected) = (Instant::now(), false);
        loop {
            shared.site.note_standing(Utc::now());
            let next = status.borrow_and_update().next.clone();
            // One whose time is over waits for the store.
            let until = |at: DateTime<Utc>| (at - Utc::now()).to_std().unwrap_or(OVERDUE);
            let look = next.map_or(LOOK, |next| until(next.at).min(LOOK));
            let done = tokio::select! {
                message = menus.next() => match message {
                    Some(message) => self.pushed_menu(&message).await,
                    None => return Ok(()),
                },
                message = settings.next() => match message {
                    Some(message) => self.pushed_settings(&message).await,
                    None => return Ok(()),
                },
                () = tokio::time::sleep_until(due) => {
                    let read = self.state.read_from_hub(false).await;
                    due = Instant::now() + if matches!(read, Ok(true)) { every } else { AGAIN.min(every) };
                    read.map(drop)
                }
                Ok(()) = sync.changed() => {
                    let now = sync.borrow_and_update().connected;
                    if now && !connected {
                        due = Instant::now();
                    }
                    connected = now;
                    Ok(())
                }
                Ok(()) = epoch.changed() => self.restore().await,
                Ok(()) = status.changed() => Ok(()),
                () = tokio::time::sleep(look) => shared.menus.switch_if_due(Utc::now()).await,
            };
            if let Err(error) = done {
                tracing::warn!(error = %ErrorChain(&error), "a menu or setting waits for the store");
                due = due.min(Instant::now() + AGAIN);
            }
        }
    }

    async fn pushed_menu(&self, message: &Message) -> Result<(), StoreError> {
        let shared = &self.state.inner;
        match pushed::<MenuDown>(message, shared.store.site()) {
            Ok(down) => self.state.take_menu(&down, false).await,
            Err(reason) => {
                tracing::warn!(%reason, "a menu was dropped");
                Ok(())
            }
        }
    }

    async fn pushed_settings(&self, message: &Message) -> Result<(), StoreError> {
        let shared = &self.state.inner;
        match pushed::<Settings>(message, shared.store.site()) {
            Ok(settings) => self.state.take_settings(settings, false).await,
            Err(reason) => {
                tracing::warn!(%reason, "settings were dropped");
                Ok(())
            }
        }
    }

    /// A store that began a new life keeps what is in memory.
    async fn restore(&self) -> Result<(), StoreError> {
        self.state.inner.site.restore().await?;
        self.state.inner.gate.restore().await?;
        self.state.inner.menus.restore().await
    }
}

impl AppState {
    async fn take_menu(&self, down: &MenuDown, go_back: bool) -> Result<(), StoreError> {
        let currency = self.inner.site.currency();
        let menus = &self.inner.menus;
        menus.offer(down, currency.as_ref(), go_back).await
    }

    async fn take_settings(&self, settings: Settings, go_back: bool) -> Result<(), StoreError> {
        let site = &self.inner.site;
        site.configure(settings, go_back).await?;
        self.inner.gate.take(site.settings().as_ref());
        Ok(())
    }

    /// Reads what the hub keeps for the site and takes it. Whether the hub answered.
    async fn read_from_hub(&self, go_back: bool) -> Result<bool, StoreError> {
        let shared = &self.inner;
        let site = shared.store.site();
        let (settings, menu) = tokio::join!(
            read::<Settings>(&shared.nats, site),
            read::<MenuDown>(&shared.nats, site)
        );
        let mut answered = true;
        // The settings first: they say in which currency the site sells.
        match settings {
            Ok(settings) => self.take_settings(settings, go_back).await?,
            Err(reason) => answered &= is_answer(&reason),
        }
        match menu {
            Ok(down) => self.take_menu(&down, go_back).await?,
            Err(reason) => answered &= is_answer(&reason),
        }
        Ok(answered)
    }
}

fn is_answer(reason: &NothingRead) -> bool {
    match reason {
        NothingRead::Missing => {}
        NothingRead::Away(_) => tracing::debug!(%reason, "nothing was read"),
        NothingRead::Foreign(_) | NothingRead::Unreadable(_) => {
            tracing::warn!(%reason, "nothing was read");
        }
    }
    !matches!(reason, NothingRead::Away(_))
}
