//! Everybody who acts in a demo or a drill, signed in.

use anyhow::{Context as _, Result};
use sunakku_common::claims::Role;

use crate::world::{Client, World};

/// The tokens of one site.
pub struct SiteTokens {
    /// Of a kiosk.
    pub kiosk: Client,
    /// Of the kitchen.
    pub kitchen: Client,
    /// Of the site's manager.
    pub manager: Client,
}

/// Everybody who acts in a demo.
pub struct Tokens {
    /// The hub's admin.
    pub admin: Client,
    /// By site.
    pub sites: Vec<SiteTokens>,
}

impl Tokens {
    /// Signs everybody in.
    pub async fn sign_in(world: &World) -> Result<Self> {
        let admin = world
            .hub
            .client(Role::Admin)
            .await
            .context("signing in at the hub")?;
        let mut sites = Vec::new();
        for site in &world.sites {
            sites.push(SiteTokens {
                kiosk: site.client(Role::Kiosk).await?,
                kitchen: site.client(Role::Kitchen).await?,
                manager: site.client(Role::Manager).await?,
            });
        }
        Ok(Self { admin, sites })
    }
}
