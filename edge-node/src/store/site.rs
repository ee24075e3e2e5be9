//! The site in the store: the hub's settings for it, and whether it was closed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::event::{SiteSwitched, cause};
use sunakku_common::site::Settings;

use super::{Freshness, Operation, Store, StoreError};

/// The site takes no orders for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Until when.
    pub until: DateTime<Utc>,
    /// Why, where that was told.
    #[serde(default)]
    pub reason: Option<String>,
}

impl Store {
    /// Keeps the hub's settings. Whether they were not kept before.
    pub async fn configure_site(&self, settings: &Settings) -> Result<bool, StoreError> {
        let args = [
            settings.revision.to_string(),
            serde_json::to_string(settings)?,
        ];
        let script = &self.inner.scripts.configure_site;
        let operation = Operation::system("site", cause::HUB);
        let keys = [self.keys().site()];
        let reply = self.run(script, &operation, &keys, &args).await?;
        match reply.done() {
            Ok(_) => Ok(true),
            Err("same") => Ok(false),
            Err(_) => Err(reply.unexpected()),
        }
    }

    /// Closes the site for a time, or opens it.
    pub async fn switch_site(
        &self,
        operation: &Operation,
        closed: Option<&Closed>,
        reason: Option<String>,
    ) -> Result<Freshness, StoreError> {
        let event = SiteSwitched {
            until: closed.map(|closed| closed.until),
            by: operation.by.clone(),
            reason,
        };
        let closed = closed.map(serde_json::to_string).transpose()?;
        let args = [closed.unwrap_or_default(), serde_json::to_string(&event)?];
        let script = &self.inner.scripts.switch_site;
        let keys = [self.keys().site()];
        let reply = self.run(script, operation, &keys, &args).await?;
        reply.done().map_err(|_| reply.unexpected())
    }

    /// The hub's settings and whether the site was closed, as they are kept.
    pub async fn site_kept(&self) -> Result<(Option<Settings>, Option<Closed>), StoreError> {
        let mut command = redis::cmd("HMGET");
        command
            .arg(self.keys().site())
            .arg("settings")
            .arg("closed");
        let (settings, closed): (Option<String>, Option<String>) =
            command.query_async(&mut self.connection()).await?;
        let settings = settings
            .map(|text| serde_json::from_str(&text))
            .transpose()?;
        let closed = closed.map(|text| serde_json::from_str(&text)).transpose()?;
        Ok((settings, closed))
    }
}
