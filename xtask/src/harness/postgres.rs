//! A PostgreSQL server, durable as in production.

mod cluster;
mod install;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};

use self::cluster::Cluster;
use self::install::Install;
use super::ports::Port;
use super::process::{End, Process, Spec};
use super::sandbox::Sandbox;
use super::server::{Server, until_ready};
use super::servers;

/// User and database have the same name.
const NAME: &str = "sunakku";
/// The role that the hub has, which owns nothing.
const HUB: &str = "sunakku_hub";

/// Durability is under test: nothing here trades it for speed.
const SETTINGS: [&str; 11] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "max_connections=50",
    "shared_buffers=32MB",
    // In the data folder rather than in memory that outlives a kill -9.
    "dynamic_shared_memory_type=mmap",
    "logging_collector=off",
    "log_destination=stderr",
    "timezone=UTC",
];

/// A running PostgreSQL with one database, `sunakku`.
#[derive(Debug)]
pub struct PostgresServer {
    process: Process,
    port: Port,
    cluster: Cluster,
}

impl PostgresServer {
    /// Starts one that stores below `<root>/<name>`.
    pub async fn start(sandbox: &Sandbox, name: &str) -> Result<Self> {
        Self::start_in(sandbox, name, sandbox.root().join(name)).await
    }

    /// Starts one that stores in the given folder.
    pub async fn start_in(sandbox: &Sandbox, name: &str, data: PathBuf) -> Result<Self> {
        let found = tokio::task::spawn_blocking(servers::postgres).await??;
        let install = tokio::task::spawn_blocking(move || Install::of(&found)).await??;
        let port = Port::take()?;
        let cluster = Cluster::make(sandbox, name, &install, data).await?;
        let mut spec = Spec::new(name, &install.program)
            .args(["-D".as_ref(), cluster.data.as_os_str()])
            .args(["-p", &port.number().to_string()])
            .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            .cwd(&cluster.data);
        spec.user = install.user;
        spec.end = End::Quit;
        let server = Self {
            process: sandbox.spawn(spec)?,
            port,
            cluster,
        };
        server.wait_ready().await?;
        Ok(server)
    }

    /// What a client needs to connect to the database `sunakku`.
    pub fn url(&self) -> String {
        self.url_of(NAME)
    }

    /// What a client needs to connect to another database of the same server.
    pub fn url_of(&self, database: &str) -> String {
        format!(
            "postgres://{NAME}:{}@{}/{database}",
            self.cluster.password,
            self.port.address()
        )
    }

    /// The URL of one who may read and write rows alone, from that of the owner. In tests both have the same
    /// password.
    pub fn as_hub(url: &str) -> String {
        url.replacen(&format!("//{NAME}:"), &format!("//{HUB}:"), 1)
    }

    async fn probe(&self) -> Result<()> {
        match self.options(NAME).connect().await {
            Ok(mut connection) => {
                sqlx::query("select 1").execute(&mut connection).await?;
                Ok(connection.close().await?)
            }
            Err(error) if is_missing_database(&error) => self.create_database().await,
            Err(error) => Err(error.into()),
        }
    }

    async fn create_database(&self) -> Result<()> {
        let mut connection = self.options("postgres").connect().await?;
        let role = format!(
            "do $$ begin
                 if not exists (select from pg_roles where rolname = '{HUB}') then
                     create role {HUB} login password '{}';
                 end if;
             end $$",
            self.cluster.password
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(role))
            .execute(&mut connection)
            .await?;
        sqlx::query("create database sunakku")
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        bail!("the database has only just been made")
    }

    fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port.number())
            .username(NAME)
            .password(&self.cluster.password)
            .database(database)
    }
}

impl Server for PostgresServer {
    fn process(&self) -> &Process {
        &self.process
    }

    fn data(&self) -> &Path {
        &self.cluster.data
    }

    async fn wait_ready(&self) -> Result<()> {
        until_ready(&self.process, async || {
            self.probe().await.map_err(|e| format!("{e:#}"))
        })
        .await
    }

    fn kill(&self) -> Result<()> {
        self.process.kill()?;
        self.cluster.release_memory();
        Ok(())
    }

    /// After a wipe, the database is there again, and empty.
    async fn restart(&self) -> Result<()> {
        self.kill()?;
        self.cluster.make_ready().await?;
        self.process.restart()?;
        self.wait_ready().await
    }
}

fn is_missing_database(error: &sqlx::Error) -> bool {
    const INVALID_CATALOG_NAME: &str = "3D000";
    let code = error.as_database_error().and_then(|error| error.code());
    code.as_deref() == Some(INVALID_CATALOG_NAME)
}
