//! Intake: takes the sites' logs, commits them, and answers.
//!
//! `receive` hears all sites and queues their batches. One `committer` takes everything that
//! waits and commits it in one transaction: lock the sites → `cursors` → `presence` knows who speaks
//! for each site → `group` judges each batch → insert the events → `project` → move the cursors. Nobody is answered before the
//! commit, and nothing is kept in memory between two groups: a hub that dies at any moment has
//! either committed and not answered (the site sends again, which changes nothing) or neither.

mod batch;
mod committer;
mod cursors;
mod events;
mod group;
mod presence;
mod project;
mod rebuild;
mod receive;
mod request;

use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::{Client, Subject};
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use self::batch::{Outcome, Way, commit};
pub use self::rebuild::{Rebuilt, rebuild};
pub use self::request::Request;
use crate::config;
use crate::health::Health;

/// A batch, and where its answer goes.
struct Envelope {
    request: Request,
    reply: Subject,
}

/// The intake of one replica.
pub struct Intake {
    /// The connection to the message server.
    pub client: Client,
    /// The database.
    pub pool: PgPool,
    /// Limits.
    pub options: config::Intake,
    /// What one transaction may take.
    pub commit_limit: Duration,
    /// Where it is noted that the sites are heard.
    pub health: Health,
}

impl Intake {
    /// Takes batches until `stop`; then hears no more, commits and answers what it has heard.
    ///
    /// # Errors
    /// When the client was closed, or a part of the intake panicked.
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        let (sender, waiting) = mpsc::channel(self.options.queue_batches.get());
        let committer = committer::Committer {
            client: self.client.clone(),
            pool: self.pool,
            options: self.options,
            limit: self.commit_limit,
        };
        // A task of its own: one core reads messages while another hashes and commits. It ends
        // when the sender is gone and the queue is empty.
        let committing = tokio::spawn(committer.run(waiting));
        let received = receive::run(&self.client, sender, &self.health, stop).await;
        committing.await.context("the committer panicked")?;
        received
    }
}
