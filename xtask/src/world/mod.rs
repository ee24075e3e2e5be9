//! Sunakku itself on the harness: a hub and sites as real processes with servers of their own,
//! for `cargo demo` and for tests.

mod client;
pub mod exposition;
mod hub;
mod people;
mod program;
mod site;

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

pub use client::{Answer, Client};
pub use hub::{Hub, HubOptions, Replica};
pub use people::{Person, people};
pub use site::{Site, SiteOptions};

use crate::harness::{Binaries, Sandbox};

/// A hub and its sites. Declared before its parts, the sandbox ends last.
pub struct World {
    /// The hub.
    pub hub: Hub,
    /// The sites, in the order in which they were asked for.
    pub sites: Vec<Site>,
    /// Where everything lives.
    pub sandbox: Sandbox,
}

impl World {
    /// Starts a hub, then all sites at once, linked to it.
    pub async fn start(
        sandbox: Sandbox,
        binaries: &Binaries,
        hub: HubOptions,
        sites: Vec<SiteOptions>,
    ) -> Result<Self> {
        let hub = Hub::start(&sandbox, binaries, hub).await?;
        let starting = sites.into_iter().map(|options| async {
            let folder = sandbox.folder(format!("{}/edge", options.id))?;
            hub.enrol(binaries, &options.id, false, &folder).await?;
            let enrolled = SiteOptions {
                enrolled: Some(folder),
                ..options
            };
            Site::start(&sandbox, binaries, enrolled).await
        });
        let sites = futures::future::try_join_all(starting).await?;
        hub.nats.wait_linked(sites.len() as u64).await?;
        Ok(Self {
            hub,
            sites,
            sandbox,
        })
    }

    /// Starts again whatever has died, as an init system would; never returns. `restarted` is
    /// told whenever process ids have changed.
    pub async fn supervise(&self, mut restarted: impl AsyncFnMut()) {
        loop {
            if self.revive().await {
                restarted().await;
            }
            sleep(Duration::from_millis(300)).await;
        }
    }

    /// Starts again whatever has died; whether anything had.
    pub async fn revive(&self) -> bool {
        let mut any = self.hub.revive().await;
        for site in &self.sites {
            any |= site.revive().await;
        }
        any
    }
}
