//! Gives sites the pictures that their menus name.

use anyhow::{Result, bail};
use async_nats::{Client, Message};
use futures::StreamExt as _;
use sqlx::PgPool;
use sunakku_common::picture::PictureWanted;
use sunakku_common::subjects;

use super::find;

/// What answers them.
pub(crate) struct Pictures {
    pub(crate) client: Client,
    pub(crate) pool: PgPool,
}

impl Pictures {
    /// Answers until the client is closed.
    pub(crate) async fn run(&self) -> Result<()> {
        let group = subjects::PICTURES_GROUP.to_owned();
        let subject = subjects::ALL_PICTURES;
        let mut heard = self.client.queue_subscribe(subject, group).await?;
        while let Some(message) = heard.next().await {
            if let Err(error) = self.answer(&message).await {
                // The site asks again.
                tracing::warn!("a picture was not sent: {error:#}");
            }
        }
        bail!("the NATS client was closed")
    }

    /// Pictures are no secret, as guests see them; but a site gets an answer in its own inbox alone.
    async fn answer(&self, message: &Message) -> Result<()> {
        let site = subjects::site_of_picture(&message.subject);
        let (Some(site), Some(reply)) = (site, &message.reply) else {
            return Ok(());
        };
        if !subjects::is_inbox_of(&site, reply) {
            tracing::warn!(site.id = %site, %reply, "a reply subject that is not the site's own");
            return Ok(());
        }
        let PictureWanted { name } = serde_json::from_slice(&message.payload)?;
        let bytes = find(&self.pool, &name).await?.unwrap_or_default();
        Ok(self.client.publish(reply.clone(), bytes.into()).await?)
    }
}
