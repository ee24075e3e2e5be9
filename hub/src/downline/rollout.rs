//! Keeps what every site is to read as the database wants it.
//!
//! A round asks what both buckets hold, then reads what all sites are to have in one snapshot of
//! the database, and writes what differs: a few questions, however many sites there are. It goes on
//! from nothing that the round before knew.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use async_nats::Client;
use async_nats::jetstream::context::PublishErrorKind;
use chrono::Utc;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use sqlx::PgPool;
use sunakku_common::down::{MenuDown, NextMenu};
use sunakku_common::ids::SiteId;
use sunakku_common::subjects::Bucket;
use tokio::time::timeout;

use super::bucket::{self, Held, Open, Put};
use super::settings::{self, Settled};
use crate::config;
use crate::menus::wanted::All;

/// Keys that are written without waiting for each other. Each waits for the server's disk, and
/// may be as long as a message.
const IN_FLIGHT: usize = 64;
/// How long one round may take.
const ROUND_LIMIT: Duration = Duration::from_secs(120);
/// After the moment at which a version takes effect, so that it has.
const MARGIN: Duration = Duration::from_millis(50);
/// Until the round of another replica, which came between, is over.
const CONTESTED_PAUSE: Duration = Duration::from_millis(500);
/// Sites of a round whose failures are told one by one.
const MAX_TOLD: usize = 10;

/// The task.
pub(super) struct Rollout {
    client: Client,
    pool: PgPool,
    identity: config::Identity,
}

/// What the database wants.
struct Wanted {
    /// All sites, archived ones too.
    sites: Vec<String>,
    /// Of all that are not archived.
    settings: HashMap<String, Result<Settled>>,
    menus: All,
}

/// What a site's key is to hold.
enum Ought {
    Value(String),
    Nothing,
    /// Another replica is about to say it.
    Unsettled,
}

/// What became of a round's keys.
#[derive(Default)]
struct Outcome {
    written: usize,
    contested: usize,
    failed: usize,
}

impl Rollout {
    pub(super) fn new(client: Client, pool: PgPool, identity: config::Identity) -> Self {
        Self {
            client,
            pool,
            identity,
        }
    }

    /// Compares and mends. Answers how long it is until there is something to do again: the next
    /// version takes effect anywhere, or another replica came between.
    ///
    /// # Errors
    /// When a server fails. One site that cannot be kept up is told, and holds up nobody else.
    pub(super) async fn round(&self) -> Result<Option<Duration>> {
        timeout(ROUND_LIMIT, self.all_sites())
            .await
            .context("a round took too long")?
    }

    async fn all_sites(&self) -> Result<Option<Duration>> {
        let (menus, settings) = tokio::try_join!(
            bucket::open(&self.client, Bucket::Menu),
            bucket::open(&self.client, Bucket::Site),
        )?;
        let (in_menus, in_settings) = tokio::try_join!(menus.held(), settings.held())?;
        let wanted = self.wanted().await?;
        let next = wanted.menus.next();
        let mut outcome = Outcome::default();
        let Wanted {
            sites,
            settings: mut settled,
            menus: mut plans,
        } = wanted;
        let settings_of = |site: &str| match settled.remove(site) {
            Some(settings) => told(settings?),
            None => Ok(Ought::Nothing),
        };
        write(&settings, &in_settings, &sites, settings_of, &mut outcome).await?;
        let menu_of = |site: &str| menu(&mut plans, site);
        write(&menus, &in_menus, &sites, menu_of, &mut outcome).await?;
        if 0 < outcome.written {
            tracing::info!(keys = outcome.written, "menus and settings go down");
        }
        if 0 < outcome.failed {
            metrics::counter!(crate::metrics::ROLLOUT_FAILURES).increment(1);
        }
        let next = next.map(|at| (at - Utc::now()).to_std().unwrap_or_default() + MARGIN);
        let again = (0 < outcome.contested).then_some(CONTESTED_PAUSE);
        Ok(next.into_iter().chain(again).min())
    }

    /// What ought to be, as of one moment of the database.
    async fn wanted(&self) -> Result<Wanted> {
        let begin = "begin isolation level repeatable read read only";
        let mut tx = self.pool.begin_with(begin).await?;
        let sites = sqlx::query_scalar("select site_id from site order by site_id")
            .fetch_all(&mut *tx)
            .await?;
        let settings = settings::read(&mut tx, &self.identity).await?;
        let menus = All::read(&mut tx, Utc::now()).await?;
        tx.commit().await?;
        let settings = settings::number(&self.pool, settings).await?;
        Ok(Wanted {
            sites,
            settings: settings.into_iter().collect(),
            menus,
        })
    }
}

fn told(settings: Settled) -> Result<Ought> {
    match settings {
        Settled::As(settings) => Ok(Ought::Value(serde_json::to_string(&settings)?)),
        Settled::Contested => Ok(Ought::Unsettled),
    }
}

fn menu(menus: &mut All, site: &str) -> Result<Ought> {
    let site: SiteId = site.parse()?;
    let Some(wanted) = menus.of(&site)? else {
        return Ok(Ought::Nothing);
    };
    let down = MenuDown {
        site,
        code: wanted.code,
        current: wanted.now,
        next: wanted.next.map(|(at, menu)| NextMenu { at, menu }),
    };
    Ok(Ought::Value(serde_json::to_string(&down)?))
}

/// Makes the keys of a bucket what they ought to be. Values are worked out as they are written, so
/// that no more than [`IN_FLIGHT`] are in memory.
async fn write(
    bucket: &Open,
    held: &HashMap<String, Held>,
    sites: &[String],
    mut ought: impl FnMut(&str) -> Result<Ought> + Send,
    outcome: &mut Outcome,
) -> Result<()> {
    let none = Held::default();
    let mut writing = FuturesUnordered::new();
    for site in sites {
        if IN_FLIGHT <= writing.len()
            && let Some((site, put)) = writing.next().await
        {
            outcome.note(site, put?);
        }
        let held = held.get(site).unwrap_or(&none);
        let ought = ought(site);
        writing.push(async move { (site.as_str(), put(bucket, site, held, ought).await) });
    }
    while let Some((site, put)) = writing.next().await {
        outcome.note(site, put?);
    }
    Ok(())
}

impl Outcome {
    fn note(&mut self, site: &str, put: Result<Put>) {
        match put {
            Ok(Put::Kept) => {}
            Ok(Put::Written) => self.written += 1,
            Ok(Put::Contested) => self.contested += 1,
            Err(error) => {
                self.failed += 1;
                if self.failed <= MAX_TOLD {
                    tracing::warn!(site.id = site, "a site is not kept up: {error:#}");
                }
            }
        }
    }
}

/// Makes one key what it ought to be. The outer error is the server's, the inner one this site's
/// own.
async fn put(bucket: &Open, site: &str, held: &Held, ought: Result<Ought>) -> Result<Result<Put>> {
    use PublishErrorKind::{BrokenPipe, StreamNotFound, TimedOut};
    // Working out a thousand values is not to hold up what else this thread has to do.
    tokio::task::yield_now().await;
    let parsed = ought.and_then(|ought| {
        let site: SiteId = site.parse()?;
        Ok((site, ought))
    });
    let (id, ought) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return Ok(Err(error)),
    };
    let done = match ought {
        Ought::Value(value) => bucket.write(&id, held, value).await,
        Ought::Nothing => bucket.clear(&id, held).await,
        Ought::Unsettled => Ok(Put::Contested),
    };
    match done {
        Err(error) if matches!(error.kind(), TimedOut | BrokenPipe | StreamNotFound) => {
            Err(anyhow!(error).context(format!("writing a key of {site}")))
        }
        done => Ok(done.map_err(Into::into)),
    }
}
