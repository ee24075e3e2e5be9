//! The hub as a whole: built from settings and a socket, run until it is told to stop. The
//! program and the tests build the same thing.

use std::future::IntoFuture as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::Client;
use axum::Router;
use sqlx::PgPool;
use sunakku_common::telemetry;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::health::Health;
use crate::identity::Identity;
use crate::intake::Intake;
use crate::{Config, api, broker, database, metrics, upkeep};

/// A hub that is ready to run.
pub struct App {
    config: Config,
    listener: TcpListener,
    pool: PgPool,
    client: Client,
    health: Health,
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
        let pool = database::pool(&config.postgres)?;
        let identity = Arc::new(Identity::new(&config.identity, &config.users)?);
        let client = broker::connect(&config.nats, &config.intake, &health).await?;
        let hub = api::Hub {
            pool: pool.clone(),
            identity,
            health: health.clone(),
            recorder,
        };
        let router = api::router(hub, &config.http);
        Ok(Self {
            config,
            listener,
            pool,
            client,
            health,
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
        let (stop_http, stop_intake) = (CancellationToken::new(), CancellationToken::new());
        let service = self
            .router
            .into_make_service_with_connect_info::<SocketAddr>();
        let serve = axum::serve(self.listener, service)
            .with_graceful_shutdown(stop_http.clone().cancelled_owned());
        let mut http = Task::spawn("http", async { Ok(serve.into_future().await?) });
        let (health, intake) = (
            self.health.clone(),
            Intake {
                client: self.client.clone(),
                pool: self.pool.clone(),
                options: self.config.intake,
            },
        );
        let stop_hearing = stop_intake.clone();
        let mut intake = Task::spawn("intake", async move {
            tokio::select! {
                () = stop_hearing.cancelled() => return Ok(()),
                () = health.postgres_up() => {}
            }
            intake.run(stop_hearing).await
        });
        let watched = upkeep::run(self.config.postgres, self.pool.clone(), self.health.clone());
        let mut upkeep = Task::spawn("upkeep", watched);
        let mut recorder = Task::spawn("metrics", async {
            telemetry::upkeep(telemetry::metrics()?).await;
            Ok(())
        });

        let failed = tokio::select! {
            () = stop.cancelled() => None,
            failure = http.failure() => Some(failure),
            failure = intake.failure() => Some(failure),
            failure = upkeep.failure() => Some(failure),
            failure = recorder.failure() => Some(failure),
        };
        tracing::info!("stopping");
        self.health.drain();
        stop_intake.cancel();
        intake.finish(limit).await;
        stop_http.cancel();
        http.finish(limit).await;
        upkeep.0.abort();
        recorder.0.abort();
        self.pool.close().await;
        failed.map_or(Ok(()), Err)
    }
}

/// A named task that runs as long as the hub; its end before that is a failure.
struct Task(JoinHandle<Result<()>>, &'static str);

impl Task {
    fn spawn(name: &'static str, work: impl Future<Output = Result<()>> + Send + 'static) -> Self {
        Self(tokio::spawn(work), name)
    }

    async fn failure(&mut self) -> anyhow::Error {
        let name = self.1;
        match (&mut self.0).await {
            Ok(Ok(())) => anyhow::anyhow!("{name} has ended"),
            Ok(Err(error)) => error.context(format!("{name} has failed")),
            Err(panic) => anyhow::Error::from(panic).context(format!("{name} has panicked")),
        }
    }

    async fn finish(self, limit: Duration) {
        if self.0.is_finished() {
            return;
        }
        let (mut handle, name) = (self.0, self.1);
        match timeout(limit, &mut handle).await {
            Ok(_) => tracing::info!(task = name, "finished"),
            Err(_) => {
                tracing::warn!(task = name, ?limit, "did not finish in time");
                handle.abort();
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
