//! What the hub does by itself: brings the schema up to date once the database is there, watches
//! it from then on, keeps the figures of all sites current, makes partitions in advance, and
//! forgets old idempotency keys.
//!
//! Each round is idempotent and does not retry: the next round is the retry.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_nats::Client;
use metrics::gauge;
use sqlx::{PgConnection, PgPool};
use sunakku_common::telemetry::note_answer;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::change::forget_keys;
use crate::config::Postgres;
use crate::database::{give_up, migrate_when_up};
use crate::facts;
use crate::health::Health;
use crate::identity::Identity;
use crate::{metrics as names, sessions, sites};

/// How often the database is asked whether it is there.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// How long its answer may take.
const PROBE_LIMIT: Duration = Duration::from_secs(2);
/// How long any other round may take.
const ROUND_LIMIT: Duration = Duration::from_secs(30);
/// How often the figures of all sites are read.
const FIGURES_EVERY: Duration = Duration::from_secs(5);
/// How often partitions are made.
const PARTITIONS_EVERY: Duration = Duration::from_secs(3_600);
/// For how many months ahead: events find their partition even if this fails for a quarter.
const MONTHS_AHEAD: i32 = 3;

/// What is kept up.
pub struct Upkeep {
    /// The database's settings.
    pub config: Postgres,
    /// Connections for upkeep and intake.
    pub pool: PgPool,
    /// Connections for the API, which are counted.
    pub api_pool: PgPool,
    /// The connection to NATS, which is watched.
    pub client: Client,
    /// Where the state of the database is noted.
    pub health: Health,
    /// The signing keys, which are read anew and made anew.
    pub identity: Arc<Identity>,
}

impl Upkeep {
    /// Runs until it is dropped.
    ///
    /// # Errors
    /// When the schema cannot be brought up to date and waiting would not help.
    pub async fn run(self) -> Result<()> {
        migrate_when_up(&self.config).await?;
        tracing::info!("the schema is up to date");
        let mut every = interval(PROBE_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut figures_due, mut partitions_due) = (Instant::now(), Instant::now());
        loop {
            every.tick().await;
            self.count_connections();
            let up = self
                .round(Round::Probe)
                .await
                .map_err(|error| error.to_string());
            let is_up = up.is_ok();
            self.health.set_postgres(up);
            if is_up && Instant::now() >= figures_due {
                figures_due = Instant::now() + FIGURES_EVERY;
                note(
                    self.round(Round::Figures).await,
                    "reading the figures of all sites",
                );
                facts::nats(&self.client).await;
                self.keys(false).await;
            }
            if is_up && Instant::now() >= partitions_due {
                partitions_due = Instant::now() + PARTITIONS_EVERY;
                note(self.round(Round::Partitions).await, "making partitions");
                note(self.round(Round::Keys).await, "forgetting old keys");
                note(
                    self.round(Round::Boxes).await,
                    "forgetting old tokens and processes",
                );
                note(self.round(Round::Sessions).await, "forgetting old sessions");
                self.keys(true).await;
            }
        }
    }

    async fn round(&self, round: Round) -> Result<(), sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let limit = match round {
            Round::Probe => PROBE_LIMIT,
            _ => ROUND_LIMIT,
        };
        let work = async {
            match round {
                Round::Probe => probe(&mut connection).await,
                Round::Figures => figures(&mut connection).await,
                Round::Partitions => make_partitions(&mut connection).await,
                Round::Keys => forget_keys(&mut connection).await,
                Round::Boxes => sites::forget(&mut connection).await,
                Round::Sessions => sessions::forget(&mut connection).await,
            }
        };
        match timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => Err(give_up(connection)),
        }
    }

    /// Reads the signing keys anew, as other replicas may have made one, and makes one in time.
    async fn keys(&self, rotate: bool) {
        let work = async {
            if rotate {
                self.identity.rotate_when_old().await?;
            }
            self.identity.refresh().await
        };
        match timeout(ROUND_LIMIT, work).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the signing keys are as before: {error:#}"),
            Err(_) => tracing::warn!("the signing keys are as before: it took too long"),
        }
    }

    fn count_connections(&self) {
        let idle = u32::try_from(self.api_pool.num_idle()).unwrap_or(u32::MAX);
        let used = self.api_pool.size().saturating_sub(idle);
        gauge!(names::POOL_CONNECTIONS, "state" => "idle").set(idle);
        gauge!(names::POOL_CONNECTIONS, "state" => "used").set(used);
    }
}

#[derive(Clone, Copy)]
enum Round {
    Probe,
    Figures,
    Partitions,
    Keys,
    Boxes,
    Sessions,
}

async fn probe(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let started = Instant::now();
    sqlx::query("select 1").execute(connection).await?;
    note_answer("postgres", "probe", started.elapsed());
    Ok(())
}

async fn figures(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    facts::sites(connection).await?;
    facts::menus(connection).await?;
    facts::postgres(connection).await
}

async fn make_partitions(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let made: i32 = sqlx::query_scalar("select make_site_event_partitions($1)")
        .bind(MONTHS_AHEAD)
        .fetch_one(connection)
        .await?;
    if made > 0 {
        tracing::info!(made, "partitions were made");
    }
    Ok(())
}

fn note(result: Result<(), sqlx::Error>, doing: &str) {
    if let Err(error) = result {
        tracing::warn!(%error, "{doing} failed; it is tried again");
    }
}
