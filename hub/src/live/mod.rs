//! All sites as they are now, for the pages that show it.
//!
//! While anybody looks, one task of each replica reads the projections twice a second and tells all of its
//! viewers what is new; the database's load does not depend on how many look, nor on which replica heard
//! of a change. (Notices of the database would make its commits wait for each other.) What is dear to
//! read and moves slowly, such as what last week was like, is read every few seconds.

mod board;
mod latest;
mod read;
mod standing;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use self::board::Known;
pub(crate) use self::board::{Latest, Overview, SiteNow};
pub(crate) use self::latest::latest;
use self::read::Slow;
use crate::health::Health;

/// The pause between two looks while somebody looks: with the time that a look takes, well below the
/// second within which a change is to be seen.
const EVERY: Duration = Duration::from_millis(500);
/// How often is looked whether there is anybody to look for.
const IDLE: Duration = Duration::from_millis(100);
/// How often what moves slowly is read.
const SLOW_EVERY: Duration = Duration::from_secs(5);
/// A state of things that is older is not told as if it were of now.
const FRESH: Duration = Duration::from_secs(4);
/// The latest orders of all sites that are kept: more than come between two looks.
const LATEST: i64 = 200;

/// Everything as it was at one moment.
#[derive(Debug)]
pub(crate) struct Board {
    /// Counts the looks of this process.
    pub(crate) seq: u64,
    /// When it was read, by the database's clock.
    pub(crate) at: DateTime<Utc>,
    /// The same by this process's own clock.
    read_at: Instant,
    sites: Vec<Known>,
    /// The latest orders of all sites, the newest first.
    pub(crate) latest: Vec<Latest>,
}

impl Board {
    /// Whether it may be told as what is now.
    pub(crate) fn is_fresh(&self) -> bool {
        self.read_at.elapsed() < FRESH
    }

    /// The part that a viewer may see.
    pub(crate) fn overview(&self, may_see: impl Fn(&str) -> bool) -> Overview {
        let sites = self.sites.iter().filter(|site| may_see(&site.now.site));
        Overview::of(self.at, sites)
    }
}

/// A handle to what is known; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pool: PgPool,
    health: Health,
    told: Arc<watch::Sender<Option<Arc<Board>>>>,
    /// Names this process, so that a page knows when it is told by another.
    pub(crate) epoch: Uuid,
}

impl Live {
    pub(crate) fn new(pool: PgPool, health: Health) -> Self {
        Self {
            pool,
            health,
            told: Arc::new(watch::Sender::new(None)),
            epoch: Uuid::now_v7(),
        }
    }

    /// Tells every state from now on.
    pub(crate) fn follow(&self) -> watch::Receiver<Option<Arc<Board>>> {
        self.told.subscribe()
    }

    /// The state of now, read for this one caller.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn look(&self) -> Result<Board, sqlx::Error> {
        let slow = Slow::read(&self.pool).await?;
        self.read(&slow, 0).await
    }

    async fn read(&self, slow: &Slow, seq: u64) -> Result<Board, sqlx::Error> {
        let read_at = Instant::now();
        let (at, sites) = read::sites(&self.pool, slow).await?;
        let latest = latest(&self.pool, None, None, LATEST).await?;
        Ok(Board {
            seq,
            at,
            read_at,
            sites,
            latest,
        })
    }

    /// Looks for as long as the process runs, while anybody follows. A look that fails is not told:
    /// viewers notice that nothing comes.
    pub(crate) async fn run(self) -> Result<()> {
        self.health.postgres_up().await;
        let mut slow: Option<(Slow, Instant)> = None;
        let mut seq = 0;
        loop {
            if self.told.receiver_count() == 0 {
                sleep(IDLE).await;
                continue;
            }
            if let Err(error) = self.round(&mut slow, &mut seq).await {
                tracing::debug!(%error, "looking at the sites");
            }
            sleep(EVERY).await;
        }
    }

    async fn round(
        &self,
        slow: &mut Option<(Slow, Instant)>,
        seq: &mut u64,
    ) -> Result<(), sqlx::Error> {
        let is_due = slow
            .as_ref()
            .is_none_or(|(_, at)| at.elapsed() > SLOW_EVERY);
        if is_due {
            *slow = Some((Slow::read(&self.pool).await?, Instant::now()));
        }
        if let Some((slow, _)) = slow {
            *seq += 1;
            let board = self.read(slow, *seq).await?;
            self.told.send_replace(Some(Arc::new(board)));
        }
        Ok(())
    }
}
