//! The hub's database: options, pool and schema.

use std::collections::HashMap;
use std::io;
use std::str::FromStr as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};

use crate::config::Postgres;

/// The schema's versions, compiled in.
pub fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("../migrations");
    // A replica of the release before must start while the next one's schema is already there.
    migrator.set_ignore_missing(true);
    migrator
}

/// How often a server that is away is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// How long a step of the schema waits for a lock: whoever comes after it waits behind it, so it
/// steps back and tries again.
const MIGRATION_LOCK_TIMEOUT: &str = "2s";

const DENIED: &str = "the role of postgres.url may not bring the schema up to date: run `sunakku-hub migrate` with \
    postgres.owner_url, the role that owns it";

fn options(config: &Postgres) -> Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(config.url.expose()).context("postgres.url")?;
    Ok(options.application_name("sunakku-hub"))
}

/// The same for whoever owns the schema; none where nobody but the hub's role is known.
fn owner(config: &Postgres) -> Result<Option<PgConnectOptions>> {
    if config.owner_url.expose().is_empty() {
        return Ok(None);
    }
    let options = PgConnectOptions::from_str(config.owner_url.expose());
    let options = options.context("postgres.owner_url")?;
    Ok(Some(options.application_name("sunakku-hub migrate")))
}

/// A pool that connects when it is first used, so that the hub can start before its database.
///
/// # Errors
/// When the URL cannot be read.
pub fn pool(config: &Postgres, max_connections: u32) -> Result<PgPool> {
    let timeout = format!("{}ms", config.statement_timeout_ms);
    let options = options(config)?.options([
        ("statement_timeout", timeout.as_str()),
        // A replica that froze within a transaction gives the sites that it locked free.
        ("idle_in_transaction_session_timeout", timeout.as_str()),
        // To compile a plan takes longer than any answer may.
        ("jit", "off"),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms.into()))
        .connect_lazy_with(options))
}

/// Closes a connection that gave no answer in time, and gives the error for it. Returned to its
/// pool, on a line that went silent it would keep its place there for a quarter of an hour.
pub fn give_up(mut connection: PoolConnection<sqlx::Postgres>) -> sqlx::Error {
    connection.close_on_drop();
    sqlx::Error::Io(io::ErrorKind::TimedOut.into())
}

/// Brings the schema up to date, under a lock: replicas may do so at the same time.
///
/// # Errors
/// When the server is away, our role may not, or the schema is not one that this program can bring up to date.
pub async fn migrate(config: &Postgres) -> Result<()> {
    migrate_patiently(config).await.map_err(told)
}

/// The same, waiting for whoever holds a lock.
async fn migrate_patiently(config: &Postgres) -> Result<(), MigrateError> {
    loop {
        match migrate_once(config).await {
            Err(error) if is_lock_timeout(&error) => {
                tracing::warn!(%error, "another holds what the schema's next step needs; trying again");
                tokio::time::sleep(RETRY).await;
            }
            done => return done,
        }
    }
}

async fn migrate_once(config: &Postgres) -> Result<(), MigrateError> {
    // A connection of its own: no statement timeout, and errors that name the cause.
    let hub = options(config).map_err(|error| MigrateError::Source(error.into()))?;
    let owner = owner(config).map_err(|error| MigrateError::Source(error.into()))?;
    let options = owner.as_ref().unwrap_or(&hub).clone();
    let options = options.options([("lock_timeout", MIGRATION_LOCK_TIMEOUT)]);
    let mut connection = PgConnection::connect_with(&options).await?;
    // Who owns nothing may not even say "make it if it is not there".
    if owner.is_none() && is_up_to_date(&mut connection).await? {
        return Ok(connection.close().await?);
    }
    // `run` proper takes anything that gives a connection, which the compiler cannot prove to be
    // `Send` inside a task.
    migrator().run_direct(None, &mut connection, false).await?;
    if owner.is_some() {
        sqlx::query("select let_in($1::name)")
            .bind(hub.get_username())
            .execute(&mut connection)
            .await?;
    }
    connection.close().await?;
    Ok(())
}

/// Whether every step was done, as it stands here.
async fn is_up_to_date(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let is_there = "select to_regclass('_sqlx_migrations') is not null";
    if !sqlx::query_scalar::<_, bool>(is_there)
        .fetch_one(&mut *connection)
        .await?
    {
        return Ok(false);
    }
    let done = "select version, checksum from _sqlx_migrations where success";
    let done: Vec<(i64, Vec<u8>)> = sqlx::query_as(done).fetch_all(connection).await?;
    let done: HashMap<i64, Vec<u8>> = done.into_iter().collect();
    let migrator = migrator();
    let mut steps = migrator
        .iter()
        .filter(|step| step.migration_type.is_up_migration());
    Ok(steps.all(|step| done.get(&step.version).map(Vec::as_slice) == Some(&*step.checksum)))
}

/// The same, waiting for a server that is away; each new cause is logged once.
///
/// # Errors
/// When waiting would not help.
pub async fn migrate_when_up(config: &Postgres) -> Result<()> {
    let mut last = String::new();
    loop {
        match migrate_patiently(config).await {
            Ok(()) => return Ok(()),
            Err(error) if is_away(&error) || is_denied(&error) => {
                let cause = format!("{:#}", told(error));
                if cause != last {
                    tracing::warn!(cause, "postgres cannot be used yet; trying again");
                    last = cause;
                }
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(error).context("the schema cannot be brought up to date"),
        }
    }
}

/// The error for people: whose turn it is, where our role may not.
fn told(error: MigrateError) -> anyhow::Error {
    let is_denied = is_denied(&error);
    let error = anyhow::Error::from(error);
    if is_denied {
        return error.context(DENIED);
    }
    error
}

fn is_away(error: &MigrateError) -> bool {
    cause(error).is_some_and(is_transient)
}

/// Our role may not change the schema (`insufficient_privilege`): somebody who may has to do it.
fn is_denied(error: &MigrateError) -> bool {
    let told = cause(error).and_then(sqlx::Error::as_database_error);
    told.and_then(|error| error.code()).as_deref() == Some("42501")
}

/// Another holds a lock that is needed (`lock_not_available`).
fn is_lock_timeout(error: &MigrateError) -> bool {
    let told = cause(error).and_then(sqlx::Error::as_database_error);
    told.and_then(|error| error.code()).as_deref() == Some("55P03")
}

fn cause(error: &MigrateError) -> Option<&sqlx::Error> {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => Some(error),
        _ => None,
    }
}

/// Whether the same statement may succeed later as it is: the server is away, starting, ending,
/// full, busy, or saw a conflict. The rest is about the statement or its data.
pub fn is_transient(error: &sqlx::Error) -> bool {
    let Some(database) = error.as_database_error() else {
        return !matches!(
            error,
            sqlx::Error::Encode(_) | sqlx::Error::Decode(_) | sqlx::Error::Configuration(_)
        );
    };
    let code = database.code().unwrap_or_default();
    // 3D000 is "no such database", 28 "not let in": what waits for an operator's next step.
    !is_about_data(error) && !code.starts_with("42")
}

/// Whether the database refused the data itself: it would refuse it again.
pub fn is_about_data(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Encode(_) => true,
        // Data exception, integrity violation, a limit of the server such as an index row's size.
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["22", "23", "54"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

/// One column of many rows.
pub(crate) fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}
