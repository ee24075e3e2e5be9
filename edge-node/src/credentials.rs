//! Keeps what lets this box in to the hub: asks the hub whether it is to be renewed, and writes it.
//! The site's nats-server reads the file anew at each connection.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_nats::{Client, Request};
use sunakku_common::enrol::{Renewal, Renewed};
use sunakku_common::ids::SiteId;
use sunakku_common::nats::{creds, now, read_claims, read_creds, read_private, write_private};
use sunakku_common::subjects;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::sync::SyncStatus;

/// How long an answer is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the hub is asked: it may have another key to sign with.
const ASK_EVERY: Duration = Duration::from_secs(3_600);
/// Pause before it is asked again after a failure, and at least.
const AGAIN: Duration = Duration::from_secs(5);

/// The task.
pub(crate) struct Credentials {
    file: PathBuf,
    site: SiteId,
    client: Client,
    sync: watch::Receiver<SyncStatus>,
}

impl Credentials {
    pub(crate) fn new(
        file: PathBuf,
        site: SiteId,
        client: Client,
        sync: watch::Receiver<SyncStatus>,
    ) -> Self {
        Self {
            file,
            site,
            client,
            sync,
        }
    }

    /// Renews until it is told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let renew = async {
            loop {
                let pause = match self.renew().await {
                    Ok(pause) => pause,
                    Err(error) => {
                        tracing::debug!("credentials are not renewed: {error:#}");
                        AGAIN
                    }
                };
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = reconnected(&mut self.sync) => {}
                }
            }
        };
        stop.run_until_cancelled(renew).await;
    }

    /// Asks the hub; answers when to ask again.
    async fn renew(&self) -> Result<Duration> {
        let text = read_private(&self.file)?.context("there are none")?;
        let (jwt, seed) = read_creds(&text).context("they cannot be read")?;
        let renewal = serde_json::to_vec(&Renewal { jwt: jwt.clone() })?;
        let request = Request::new()
            .payload(renewal.into())
            .timeout(Some(ANSWER_TIMEOUT));
        let subject = subjects::credentials(&self.site);
        let answer = self.client.send_request(subject, request).await?;
        let Renewed { jwt: renewed } = serde_json::from_slice(&answer.payload)?;
        let Some(renewed) = renewed else {
            return Ok(ask_after(&jwt));
        };
        let (before, after) = (read_claims(&jwt), read_claims(&renewed));
        let same = before
            .zip(after)
            .is_some_and(|(before, after)| (before.sub, before.name) == (after.sub, after.name));
        ensure!(same, "what came is for another box");
        write_private(&self.file, &creds(&renewed, &seed))?;
        tracing::info!("credentials are renewed");
        Ok(ask_after(&renewed))
    }
}

/// Half of what is left, so that there is time to ask again.
fn ask_after(jwt: &str) -> Duration {
    let left = read_claims(jwt)
        .and_then(|claims| claims.exp)
        .map(|exp| exp - now());
    let left = left.and_then(|left| u64::try_from(left / 2).ok());
    let half = left.map_or(ASK_EVERY, Duration::from_secs);
    half.clamp(Duration::from_secs(1), ASK_EVERY)
}

/// Waits until the hub is there again.
pub(crate) async fn reconnected(sync: &mut watch::Receiver<SyncStatus>) {
    let mut before = sync.borrow_and_update().connected;
    while sync.changed().await.is_ok() {
        let connected = sync.borrow_and_update().connected;
        if connected && !before {
            return;
        }
        before = connected;
    }
    std::future::pending().await
}
