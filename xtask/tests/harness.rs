//! The harness on real servers: they start, break, come back, and leave nothing behind.

#[path = "harness/cleanup.rs"]
mod cleanup;
#[path = "harness/links.rs"]
mod links;
#[path = "harness/tls.rs"]
mod tls;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::ConnectOptions;
use async_nats::jetstream::{self, stream};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;
use xtask::harness::process::is_alive;
use xtask::harness::{
    HubNats, LIMIT, NatsServer, PostgresServer, RedisOptions, RedisServer, Sandbox, Server, Spec,
    wait_for,
};

/// Long enough to be sure that something does *not* happen.
const SILENCE: Duration = Duration::from_millis(500);

async fn start_hub(sandbox: &Sandbox) -> Result<NatsServer> {
    let folder = sandbox.root().join("hub/nats");
    NatsServer::start_hub(
        sandbox,
        HubNats {
            name: "hub-nats".into(),
            folder,
        },
    )
    .await
}

async fn jetstream_of(server: &NatsServer) -> Result<jetstream::Context> {
    Ok(jetstream::new(server.connect(ConnectOptions::new()).await?))
}

/// Waits as long as it takes: the client's own limits would end a hang that a test wants to see.
async fn connect_redis(url: &str) -> Result<MultiplexedConnection> {
    let patient = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(LIMIT))
        .set_response_timeout(Some(LIMIT));
    let client = redis::Client::open(url)?;
    Ok(client
        .get_multiplexed_async_connection_with_config(&patient)
        .await?)
}

#[tokio::test]
async fn redis_keeps_what_it_acknowledged_through_a_kill() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let redis = RedisServer::start(&sandbox, "redis").await?;
    let () = connect_redis(&redis.url())
        .await?
        .set("order", "42")
        .await?;
    let before = redis.pid();
    let order = async || -> Result<Option<String>> {
        Ok(connect_redis(&redis.url()).await?.get("order").await?)
    };

    redis.kill()?;
    ensure!(!redis.is_running() && !is_alive(before), "killed");
    redis.restart().await?;
    ensure!(redis.pid() != before, "a new process");
    ensure!(order().await?.as_deref() == Some("42"), "it remembers");

    redis.kill()?;
    redis.wipe()?;
    redis.restart().await?;
    ensure!(order().await?.is_none(), "a wiped server has forgotten");
    Ok(())
}

#[tokio::test]
async fn redis_is_as_durable_as_its_configuration_says() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let redis = RedisServer::start(&sandbox, "shipped").await?;
    let weak = RedisOptions {
        name: "weak".into(),
        data: sandbox.root().join("weak"),
        args: vec!["--appendfsync".into(), "everysec".into()],
    };
    let weak = RedisServer::start_with(&sandbox, weak).await?;
    for (server, setting, value) in [
        (&redis, "appendonly", "yes"),
        (&redis, "appendfsync", "always"),
        (&redis, "no-appendfsync-on-rewrite", "no"),
        (&redis, "maxmemory-policy", "noeviction"),
        (&redis, "save", ""),
        (&weak, "appendfsync", "everysec"),
    ] {
        let mut connection = connect_redis(&server.url()).await?;
        let question = redis::cmd("CONFIG").arg("GET").arg(setting).to_owned();
        let answer: Vec<String> = question.query_async(&mut connection).await?;
        ensure!(answer == [setting, value], "{answer:?} instead of {value}");
    }
    Ok(())
}

#[tokio::test]
async fn a_stopped_server_hangs_and_then_answers() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let redis = RedisServer::start(&sandbox, "redis").await?;
    let postgres = PostgresServer::start(&sandbox, "postgres").await?;
    let mut database = PgConnection::connect(&postgres.url()).await?;
    let mut store = connect_redis(&redis.url()).await?;
    redis.stop()?;
    postgres.stop()?;

    let hanging = tokio::spawn(async move {
        // The connection's own backend must be frozen, and not only the server that made it.
        sqlx::query("select 1")
            .execute(&mut database)
            .await
            .map(|_| ())
    });
    ensure!(
        timeout(SILENCE, store.exists::<_, bool>("any"))
            .await
            .is_err(),
        "Redis hangs"
    );
    ensure!(!hanging.is_finished(), "Postgres hangs");

    redis.cont()?;
    postgres.cont()?;
    timeout(LIMIT, hanging).await???;
    redis.wait_ready().await
}

#[tokio::test]
async fn jetstream_keeps_its_messages_until_it_is_wiped() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let hub = start_hub(&sandbox).await?;
    let config = stream::Config {
        name: "S".into(),
        subjects: vec!["s.>".into()],
        ..Default::default()
    };
    jetstream_of(&hub).await?.create_stream(config).await?;
    jetstream_of(&hub)
        .await?
        .publish("s.1", "kept".into())
        .await?
        .await?;

    hub.kill()?;
    hub.restart().await?;
    let mut stream = jetstream_of(&hub).await?.get_stream("S").await?;
    ensure!(stream.info().await?.state.messages == 1);

    hub.kill()?;
    hub.wipe()?;
    hub.restart().await?;
    ensure!(
        jetstream_of(&hub).await?.get_stream("S").await.is_err(),
        "a wiped server has forgotten"
    );
    Ok(())
}

#[tokio::test]
async fn postgres_keeps_what_it_committed_through_a_kill() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let postgres = PostgresServer::start(&sandbox, "postgres").await?;
    let mut database = PgConnection::connect(&postgres.url()).await?;
    sqlx::query("create table kept (n int)")
        .execute(&mut database)
        .await?;
    for n in 0..3 {
        sqlx::query("insert into kept values ($1)")
            .bind(n)
            .execute(&mut database)
            .await?;
        postgres.kill()?;
        postgres.restart().await?;
        database = PgConnection::connect(&postgres.url()).await?;
        let count = sqlx::query_scalar::<_, i64>("select count(*) from kept");
        ensure!(count.fetch_one(&mut database).await? == i64::from(n) + 1);
    }
    postgres.kill()?;
    postgres.wipe()?;
    postgres.restart().await?;
    database = PgConnection::connect(&postgres.url()).await?;
    let gone = sqlx::query("select * from kept")
        .execute(&mut database)
        .await;
    ensure!(gone.is_err(), "a wiped server has forgotten");
    Ok(())
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let data = sandbox.root().join("broken");
    let args = vec!["--appendfsync".into(), "whenever".into()];
    let options = RedisOptions {
        name: "broken".into(),
        data,
        args,
    };
    let error = RedisServer::start_with(&sandbox, options)
        .await
        .err()
        .context("it started")?;
    let text = format!("{error:#}");
    ensure!(
        text.contains("broken ended") && text.contains("appendfsync"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn a_process_is_asked_before_it_is_killed() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let shell = |name, script| sandbox.spawn(Spec::new(name, "/bin/sh").args(["-c", script]));
    let polite = shell(
        "polite",
        "trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done",
    )?;
    let deaf = shell(
        "deaf",
        "trap '' TERM; echo up; while :; do sleep 0.01; done",
    )?;
    for process in [&polite, &deaf] {
        let up = async || {
            process
                .log_tail()
                .contains("up")
                .then_some(())
                .ok_or("not yet".into())
        };
        wait_for("the trap", LIMIT, up).await?;
    }
    let status = polite.terminate(LIMIT).await?.context("ended")?;
    ensure!(status.code() == Some(7), "{status}");
    deaf.stop()?;
    let status = deaf
        .terminate(Duration::from_millis(200))
        .await?
        .context("ended")?;
    ensure!(status.code().is_none(), "killed by a signal: {status}");
    Ok(())
}
