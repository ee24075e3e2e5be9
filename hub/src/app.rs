//! The hub as a whole: built from settings and a socket, run until it is told to stop. The
//! program and the tests build the same thing.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::Client;
use axum::Router;
use futures::future::join_all;
use sqlx::PgPool;
use sunakku_common::nats::Keys;
use sunakku_common::telemetry;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::broker::Account;
use crate::downline::Downline;
use crate::health::Health;
use crate::identity::Identity;
use crate::intake::Intake;
use crate::live::Live;
use crate::sites::renewal::Renewals;
use crate::state::Hub;
use crate::upkeep::Upkeep;
use crate::{Config, api, broker, database, metrics};

/// One commits, one watches, one to spare.
const INTAKE_CONNECTIONS: u32 = 3;
/// One listens, five work, one tells who is let in.
const DOWNLINE_CONNECTIONS: u32 = 7;
/// Viewers of the live page that one replica tells of changes.
const MAX_VIEWERS: usize = 500;
/// The transaction of a group may take as long as so many statements.
const COMMIT_STATEMENTS: u32 = 2;
/// How long closing the connections may take.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);

/// A hub that is ready to run.
pub struct App {
    config: Config,
    listener: TcpListener,
    api_pool: PgPool,
    /// Of its own, so that a busy API never keeps the sites waiting.
    intake_pool: PgPool,
    /// Of its own, because one of its connections listens all the time.
    downline_pool: PgPool,
    client: Client,
    account: Account,
    renewals: Renewals,
    account_due: Arc<Notify>,
    health: Health,
    identity: Arc<Identity>,
    live: Live,
    router: Router,
}

impl App {
    /// Puts the hub together. Neither Postgres nor NATS need to be there yet.
    ///
    /// # Errors
    /// When a setting cannot be used, or the signing key can be neither read nor made.
    pub async fn build(config: Config, listener: TcpListener) -> Result<Self> {
        let recorder = telemetry::metrics()?;
        metrics::describe();
        let health = Health::default();
        let api_pool = database::pool(&config.postgres, config.postgres.max_connections.get())?;
        let intake_pool = database::pool(&config.postgres, INTAKE_CONNECTIONS)?;
        let downline_pool = database::pool(&config.postgres, DOWNLINE_CONNECTIONS)?;
        let identity = Arc::new(Identity::new(&config, api_pool.clone())?);
        let keys = Keys::open(&config.nats.keys).context("nats.keys")?;
        let client = broker::connect(&config.nats, &keys, &config.intake, &health).await?;
        let account_due = Arc::new(Notify::new());
        let account = Account {
            sys: broker::connect_sys(&config.nats, &keys, Arc::clone(&account_due)).await?,
            keys: keys.clone(),
            pool: downline_pool.clone(),
        };
        let renewals = Renewals {
            client: client.clone(),
            pool: downline_pool.clone(),
            keys: keys.clone(),
            credential_seconds: config.nats.credential_seconds,
        };
        let live = Live::new(api_pool.clone(), health.clone());
        let hub = Hub {
            live: live.clone(),
            viewers: Arc::new(Semaphore::new(MAX_VIEWERS)),
            makers: Arc::new(Semaphore::new(api::MAKERS)),
            pool: api_pool.clone(),
            identity: Arc::clone(&identity),
            browsers: config.browsers.clone(),
            keys: Arc::new(keys),
            nats: config.nats.clone(),
            enrolments: Arc::default(),
            health: health.clone(),
            recorder,
        };
        let router = api::router(hub, &config.http);
        Ok(Self {
            config,
            listener,
            api_pool,
            intake_pool,
            downline_pool,
            client,
            account,
            renewals,
            account_due,
            health,
            identity,
            live,
            router,
        })
    }

    /// Where the API listens.
    ///
    /// # Errors
    /// When the socket does not tell.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Runs until `stop`. Then `/readyz` says no, intake answers what it has heard, and the
    /// requests under way are finished, each within the limit of the settings.
    ///
    /// # Errors
    /// When a part fails for good or panics: the process is to be started again.
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        let limit = Duration::from_secs(self.config.http.drain_seconds.into());
        let leave = Duration::from_secs(self.config.http.leave_seconds.into());
        let (health, pools) = (
            self.health.clone(),
            [
                self.api_pool.clone(),
                self.intake_pool.clone(),
                self.downline_pool.clone(),
            ],
        );
        let (stop_http, stop_intake) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks = self.start(&stop_http, &stop_intake);

        let failed = tokio::select! {
            () = stop.cancelled() => None,
            failure = tasks.failure() => Some(failure),
        };
        tracing::info!("stopping");
        health.drain();
        if failed.is_none() {
            tokio::time::sleep(leave).await;
        }
        stop_intake.cancel();
        tasks.intake.finish(limit).await;
        stop_http.cancel();
        tasks.http.finish(limit).await;
        tasks.downline.handle.abort();
        tasks.upkeep.handle.abort();
        tasks.keys.handle.abort();
        tasks.directory.handle.abort();
        tasks.live.handle.abort();
        tasks.recorder.handle.abort();
        // A goodbye to the server; one that hangs is not waited for.
        let _ = timeout(GOODBYE_LIMIT, join_all(pools.iter().map(PgPool::close))).await;
        failed.map_or(Ok(()), Err)
    }

    fn start(self, stop_http: &CancellationToken, stop_intake: &CancellationToken) -> Tasks {
        let service = self
            .router
            .into_make_service_with_connect_info::<SocketAddr>();
        let serve = axum::serve(self.listener, service)
            .with_graceful_shutdown(stop_http.clone().cancelled_owned());
        let statement_limit = self.config.postgres.statement_timeout_ms;
        let intake = Intake {
            client: self.client.clone(),
            pool: self.intake_pool.clone(),
            options: self.config.intake,
            health: self.health.clone(),
            commit_limit: COMMIT_STATEMENTS * Duration::from_millis(statement_limit.into()),
        };
        let downline = Downline {
            client: self.client.clone(),
            account: self.account,
            renewals: self.renewals,
            account_due: self.account_due,
            pool: self.downline_pool,
            identity: self.config.identity.clone(),
            health: self.health.clone(),
        };
        let (health, stop_hearing) = (self.health.clone(), stop_intake.clone());
        let upkeep = Upkeep {
            config: self.config.postgres,
            pool: self.intake_pool,
            api_pool: self.api_pool,
            client: self.client,
            health: self.health.clone(),
        };
        let (directory, directory_up) = (Arc::clone(&self.identity), self.health.clone());
        let (identity, up) = (self.identity, self.health);
        let watch = self.config.watch;
        Tasks {
            http: Task::spawn("http", async { Ok(serve.into_future().await?) }),
            intake: Task::spawn("intake", async move {
                tokio::select! {
                    () = stop_hearing.cancelled() => return Ok(()),
                    () = health.postgres_up() => {}
                }
                intake.run(stop_hearing).await
            }),
            downline: Task::spawn("downline", downline.run()),
            upkeep: Task::spawn("upkeep", upkeep.run()),
            keys: Task::spawn("keys", async move {
                up.postgres_up().await;
                identity.keep_keys().await
            }),
            directory: Task::spawn("directory", async move {
                directory_up.postgres_up().await;
                directory.keep_directory().await
            }),
            live: Task::spawn("live", self.live.run()),
            recorder: Task::spawn("metrics", async move {
                telemetry::upkeep(telemetry::metrics()?, watch).await;
                Ok(())
            }),
        }
    }
}

/// Everything that runs.
struct Tasks {
    http: Task,
    intake: Task,
    downline: Task,
    upkeep: Task,
    keys: Task,
    directory: Task,
    live: Task,
    recorder: Task,
}

impl Tasks {
    /// The first of them that ends.
    async fn failure(&mut self) -> anyhow::Error {
        tokio::select! {
            failure = self.http.failure() => failure,
            failure = self.intake.failure() => failure,
            failure = self.downline.failure() => failure,
            failure = self.upkeep.failure() => failure,
            failure = self.keys.failure() => failure,
            failure = self.directory.failure() => failure,
            failure = self.live.failure() => failure,
            failure = self.recorder.failure() => failure,
        }
    }
}

/// A named task that runs as long as the hub; its end before that is a failure.
struct Task {
    name: &'static str,
    handle: JoinHandle<Result<()>>,
}

impl Task {
    fn spawn(name: &'static str, work: impl Future<Output = Result<()>> + Send + 'static) -> Self {
        let handle = tokio::spawn(work);
        Self { name, handle }
    }

    async fn failure(&mut self) -> anyhow::Error {
        let name = self.name;
        match (&mut self.handle).await {
            Ok(Ok(())) => anyhow::anyhow!("{name} has ended"),
            Ok(Err(error)) => error.context(format!("{name} has failed")),
            Err(panic) => anyhow::Error::from(panic).context(format!("{name} has panicked")),
        }
    }

    async fn finish(&mut self, limit: Duration) {
        let task = self.name;
        if self.handle.is_finished() {
            return;
        }
        match timeout(limit, &mut self.handle).await {
            Ok(_) => tracing::info!(task, "finished"),
            Err(_) => {
                tracing::warn!(task, ?limit, "did not finish in time");
                self.handle.abort();
            }
        }
    }
}

/// Binds the API's socket.
///
/// # Errors
/// When the address is taken or not ours.
pub async fn bind(address: SocketAddr) -> Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("cannot listen on {address}"))
}
