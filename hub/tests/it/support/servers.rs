//! The servers of one test.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};
use sunakku_common::ids::SiteId;
use sunakku_hub::menus::wanted::{All, Wanted};
use tokio::sync::OnceCell;
use xtask::harness::{HubNats, NatsServer, PostgresServer, Sandbox};

use super::{Hub, Log};

/// One Postgres for all tests that do not break it; its guard ends it with this process.
static SHARED: OnceCell<(PostgresServer, Sandbox)> = OnceCell::const_new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// By which roles the hub comes to its database.
pub(crate) enum Roles {
    /// One that owns nothing, and its owner for the schema: as in production.
    Both,
    /// One that owns nothing alone.
    HubAlone,
    /// The owner alone: as in a small installation.
    OwnerAlone,
}

/// A database and a NATS server of the test's own, and the sites that it plays.
pub(crate) struct World {
    // Fields are dropped in their order: the sandbox last.
    pub(crate) nats: NatsServer,
    /// Set when the test has a Postgres of its own, to break it.
    pub(crate) postgres: Option<PostgresServer>,
    /// By the owner.
    pub(crate) postgres_url: String,
    pub(crate) roles: Roles,
    pub(crate) sandbox: Sandbox,
}

impl World {
    /// With a database of its own on the shared server.
    pub(crate) async fn new(sites: &[&str]) -> Result<Self> {
        let (server, _) = SHARED
            .get_or_try_init(async || {
                let sandbox = Sandbox::new()?;
                let server = PostgresServer::start(&sandbox, "postgres").await?;
                anyhow::Ok((server, sandbox))
            })
            .await?;
        let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&server.url()).await?;
        let create = format!("create database {name}");
        sqlx::query(AssertSqlSafe(create))
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Self::with(sites, server.url_of(&name), Sandbox::new()?, None).await
    }

    /// With a Postgres of its own.
    pub(crate) async fn breakable(sites: &[&str]) -> Result<Self> {
        let sandbox = Sandbox::new()?;
        let postgres = PostgresServer::start(&sandbox, "postgres").await?;
        let url = postgres.url();
        Self::with(sites, url, sandbox, Some(postgres)).await
    }

    async fn with(
        sites: &[&str],
        postgres_url: String,
        sandbox: Sandbox,
        postgres: Option<PostgresServer>,
    ) -> Result<Self> {
        let options = HubNats {
            name: "hub-nats".into(),
            folder: sandbox.root().join("hub/nats"),
        };
        let nats = NatsServer::start_hub(&sandbox, options).await?;
        let world = Self {
            nats,
            postgres,
            postgres_url,
            roles: Roles::Both,
            sandbox,
        };
        for site in sites {
            world.add_site(site).await?;
        }
        Ok(world)
    }

    /// Makes a site known to the hub.
    pub(crate) async fn add_site(&self, site: &str) -> Result<()> {
        let args = [
            "site",
            "add",
            site,
            "--name",
            site,
            "--time-zone",
            "UTC",
            "--currency",
            "EUR",
        ];
        Hub::command(self, &args).await?;
        Ok(())
    }

    /// `postgres.url` and `postgres.owner_url` of the hub.
    pub(crate) fn hub_urls(&self) -> (String, String) {
        let (owner, hub) = (
            &self.postgres_url,
            PostgresServer::as_hub(&self.postgres_url),
        );
        match self.roles {
            Roles::Both => (hub, owner.clone()),
            Roles::HubAlone => (hub, String::new()),
            Roles::OwnerAlone => (owner.clone(), String::new()),
        }
    }

    /// A pool on the test's database, by the owner.
    pub(crate) async fn pool(&self) -> Result<PgPool> {
        Ok(PgPool::connect(&self.postgres_url).await?)
    }

    /// A new log of a site, and the connection that it is sent over.
    pub(crate) async fn site(&self, id: &str) -> Result<Log> {
        let site: SiteId = id.parse()?;
        let options = async_nats::ConnectOptions::new().custom_inbox_prefix(format!("_INBOX.{id}"));
        Ok(Log::new(site, self.nats.connect(options).await?))
    }
}

/// What a site is to run as of a moment, as the roll-out works it out for all of them.
pub(crate) async fn wanted_at(
    pool: &PgPool,
    site: &SiteId,
    now: DateTime<Utc>,
) -> Result<Option<Wanted>> {
    let mut connection = pool.acquire().await?;
    All::read(&mut connection, now).await?.of(site)
}
