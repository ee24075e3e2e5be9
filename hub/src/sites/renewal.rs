//! Hears boxes that ask whether what lets them in is to be renewed.

use anyhow::{Result, bail};
use async_nats::{Client, Message};
use futures::StreamExt as _;
use sqlx::PgPool;
use sunakku_common::enrol::{Renewal, Renewed};
use sunakku_common::nats::Keys;
use sunakku_common::subjects;

use super::enrolment::renew;

/// What answers them.
pub(crate) struct Renewals {
    pub(crate) client: Client,
    pub(crate) pool: PgPool,
    pub(crate) keys: Keys,
    pub(crate) credential_seconds: u32,
}

impl Renewals {
    /// Answers until the client is closed.
    pub(crate) async fn run(&self) -> Result<()> {
        let group = subjects::CREDENTIALS_GROUP.to_owned();
        let subject = subjects::ALL_CREDENTIALS;
        let mut heard = self.client.queue_subscribe(subject, group).await?;
        while let Some(message) = heard.next().await {
            if let Err(error) = self.answer(&message).await {
                // The box asks again.
                tracing::warn!("credentials were not renewed: {error:#}");
            }
        }
        bail!("the NATS client was closed")
    }

    async fn answer(&self, message: &Message) -> Result<()> {
        let site = subjects::site_of_credentials(&message.subject);
        let (Some(site), Some(reply)) = (site, &message.reply) else {
            return Ok(());
        };
        if !subjects::is_inbox_of(&site, reply) {
            tracing::warn!(site.id = %site, %reply, "a reply subject that is not the site's own");
            return Ok(());
        }
        let Renewal { jwt } = serde_json::from_slice(&message.payload)?;
        let life = self.credential_seconds;
        let jwt = renew(&self.pool, &self.keys, &site, &jwt, life).await?;
        if jwt.is_some() {
            tracing::info!(site.id = %site, "credentials are renewed");
        }
        let answer = serde_json::to_vec(&Renewed { jwt })?;
        Ok(self.client.publish(reply.clone(), answer.into()).await?)
    }
}
