//! The harness on real servers: they start, break, come back, and leave nothing behind.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::jetstream::{self, stream};
use futures::StreamExt;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;
use xtask::harness::process::is_alive;
use xtask::harness::{
    HubNats, LIMIT, NatsServer, PostgresServer, RedisOptions, RedisServer, Sandbox, Server,
    SiteNats, Spec, TcpProxy, wait_for,
};

/// Long enough to be sure that something does *not* happen.
const SILENCE: Duration = Duration::from_millis(500);

/// Where the re-executed test binary tells what it has started; set for that process only.
const REPORT: &str = "SUNAKKU_TEST_REPORT";

// === Each server ===

#[tokio::test]
async fn redis_keeps_what_it_acknowledged_through_a_kill() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let redis = RedisServer::start(&sandbox, "redis").await?;
    redis_set(&redis, "order", "42").await?;
    let before = redis.pid();

    redis.kill()?;
    ensure!(!redis.is_running() && !is_alive(before), "killed");
    redis.restart().await?;
    ensure!(redis.pid() != before && redis_get(&redis, "order").await? == Some("42".into()));

    redis.kill()?;
    redis.wipe()?;
    redis.restart().await?;
    ensure!(redis_get(&redis, "order").await?.is_none(), "a wiped server has forgotten");
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
        let mut connection = redis_connection(server).await?;
        let mut command = redis::cmd("CONFIG");
        command.arg("GET").arg(setting);
        let answer: Vec<String> = command.query_async(&mut connection).await?;
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
    redis.stop()?;
    postgres.stop()?;

    let hanging = tokio::spawn(async move {
        // The connection's own backend must be frozen, and not only the server that made it.
        sqlx::query("select 1").execute(&mut database).await.map(|_| ())
    });
    ensure!(timeout(SILENCE, redis_get(&redis, "any")).await.is_err(), "Redis hangs");
    ensure!(!hanging.is_finished(), "Postgres hangs");

    redis.cont()?;
    postgres.cont()?;
    timeout(LIMIT, hanging).await???;
    redis.wait_ready().await
}

#[tokio::test]
async fn jetstream_keeps_its_messages_until_it_is_wiped() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let hub = start_hub(&sandbox, &[]).await?;
    let config =
        stream::Config { name: "S".into(), subjects: vec!["s.>".into()], ..Default::default() };
    jetstream_of(&hub).await?.create_stream(config).await?;
    jetstream_of(&hub).await?.publish("s.1", "kept".into()).await?.await?;

    hub.kill()?;
    hub.restart().await?;
    let mut stream = jetstream_of(&hub).await?.get_stream("S").await?;
    ensure!(stream.info().await?.state.messages == 1);

    hub.kill()?;
    hub.wipe()?;
    hub.restart().await?;
    ensure!(jetstream_of(&hub).await?.get_stream("S").await.is_err(), "a wiped server has forgotten");
    Ok(())
}

#[tokio::test]
async fn postgres_keeps_what_it_committed_through_a_kill() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let postgres = PostgresServer::start(&sandbox, "postgres").await?;
    let mut database = PgConnection::connect(&postgres.url()).await?;
    sqlx::query("create table kept (n int)").execute(&mut database).await?;
    for n in 0..3 {
        sqlx::query("insert into kept values ($1)").bind(n).execute(&mut database).await?;
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
    let gone = sqlx::query("select * from kept").execute(&mut database).await;
    ensure!(gone.is_err(), "a wiped server has forgotten");
    Ok(())
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let data = sandbox.root().join("broken");
    let args = vec!["--appendfsync".into(), "whenever".into()];
    let options = RedisOptions { name: "broken".into(), data, args };
    let error = RedisServer::start_with(&sandbox, options).await.err().context("it started")?;
    let text = format!("{error:#}");
    ensure!(text.contains("broken ended") && text.contains("appendfsync"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_process_is_asked_before_it_is_killed() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let shell = |name, script| sandbox.spawn(Spec::new(name, "/bin/sh").args(["-c", script]));
    let polite = shell("polite", "trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done")?;
    let deaf = shell("deaf", "trap '' TERM; echo up; while :; do sleep 0.01; done")?;
    for process in [&polite, &deaf] {
        let up = async || check(process.log_tail().contains("up"), "not set");
        wait_for("the trap", LIMIT, up).await?;
    }
    let status = polite.terminate(LIMIT).await?.context("ended")?;
    ensure!(status.code() == Some(7), "{status}");
    deaf.stop()?;
    let status = deaf.terminate(Duration::from_millis(200)).await?.context("ended")?;
    ensure!(status.code().is_none(), "killed by a signal: {status}");
    Ok(())
}

// === Links between servers ===

#[tokio::test]
async fn a_site_speaks_and_hears_for_itself_only() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let hub = start_hub(&sandbox, &["s1", "s2"]).await?;
    let site = start_site(&sandbox, "s1", hub.leaf_url("s1")?).await?;
    hub.wait_linked(1).await?;
    let at_hub = client(&hub, "_INBOX").await?;
    let mut heard = at_hub.subscribe("up.>").await?;
    let at_site = client(&site, "_INBOX.s1").await?;
    let mut down = at_site.subscribe("down.>").await?;
    let mut foreign = at_site.subscribe("down.s2.>").await?;
    at_hub.flush().await?;

    let asking = tokio::spawn(wait_for_answer(at_site.clone(), "up.s1.log"));
    let request = timeout(LIMIT, heard.next()).await?.context("subscribed")?;
    ensure!(&*request.subject == "up.s1.log" && &*request.payload == b"ask");
    // The question may be put again until the link has carried the subscriptions.
    let answering = tokio::spawn(answer_all(at_hub.clone(), request, heard));
    ensure!(asking.await?? == "answer");
    answering.abort();

    let mut heard = at_hub.subscribe("up.s2.>").await?;
    at_hub.flush().await?;
    at_site.publish("up.s2.log", "forged".into()).await?;
    at_hub.publish("down.s2.menu", "theirs".into()).await?;
    at_hub.publish("down.s1.menu", "ours".into()).await?;
    let ours = timeout(LIMIT, down.next()).await?.context("subscribed")?;
    ensure!(&*ours.payload == b"ours", "{ours:?}");
    ensure!(timeout(SILENCE, foreign.next()).await.is_err(), "s1 hears s2's mail");
    ensure!(timeout(SILENCE, heard.next()).await.is_err(), "s1 speaks for s2");

    let api = at_hub.request("$JS.s1.API.INFO", "".into()).await;
    ensure!(api.is_err(), "the hub reaches into the site's JetStream");
    let api = timeout(SILENCE, at_site.request("$JS.hub.API.INFO", "".into())).await;
    ensure!(!matches!(api, Ok(Ok(_))), "the site reaches into the hub's JetStream");
    Ok(())
}

#[tokio::test]
async fn a_site_that_claims_to_be_another_gets_nothing_more() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let hub = start_hub(&sandbox, &["s1"]).await?;
    hub.add_site("s2").await?;
    let rogue = start_site(&sandbox, "s2", hub.leaf_url("s1")?).await?;
    hub.wait_linked(1).await?;
    let at_hub = client(&hub, "_INBOX").await?;
    let mut heard = at_hub.subscribe("up.>").await?;
    at_hub.flush().await?;
    let at_rogue = client(&rogue, "_INBOX.s2").await?;
    wait_for("the rogue's own voice", LIMIT, async || {
        at_rogue.publish("up.s2.log", "forged".into()).await.map_err(|e| e.to_string())?;
        at_rogue.publish("up.s1.log", "its own".into()).await.map_err(|e| e.to_string())?;
        timeout(SILENCE, at_hub.flush()).await.map_err(|e| e.to_string())?.ok();
        check(hub.monitored("varz").await.is_ok_and(|v| v["in_msgs"] != 0), "not heard")
    })
    .await?;
    let first = timeout(LIMIT, heard.next()).await?.context("subscribed")?;
    ensure!(&*first.subject == "up.s1.log", "{first:?}");

    // The user of a leaf is no user for a client.
    let url = hub.leaf_url_through("s1", hub.url().rsplit('@').next().unwrap_or_default())?;
    ensure!(async_nats::connect(url).await.is_err(), "a site's user got in as a client");
    Ok(())
}

#[tokio::test]
async fn a_line_is_cut_and_healed_without_touching_the_servers() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let hub = start_hub(&sandbox, &["s1"]).await?;
    let line = TcpProxy::start(hub.leaf_address()?).await?;
    let site = start_site(&sandbox, "s1", hub.leaf_url_through("s1", &line.address())?).await?;
    let at_hub = client(&hub, "_INBOX").await?;
    let mut heard = at_hub.subscribe("up.s1.n").await?;
    at_hub.flush().await?;
    let at_site = client(&site, "_INBOX.s1").await?;
    hub.wait_linked(1).await?;
    for _ in 0..2 {
        line.cut();
        hub.wait_linked(0).await?;
        at_site.publish("up.s1.n", "lost".into()).await?;
        ensure!(timeout(SILENCE * 4, heard.next()).await.is_err(), "carried over a cut line");
        line.heal();
        hub.wait_linked(1).await?;
    }
    let pids = (hub.pid(), site.pid());
    ensure!(hub.is_running() && site.is_running() && pids == (hub.pid(), site.pid()));
    Ok(())
}

#[tokio::test]
async fn a_silent_or_slow_line_delays_and_loses_nothing() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let redis = RedisServer::start(&sandbox, "redis").await?;
    let line = TcpProxy::start(format!("127.0.0.1:{}", redis.port())).await?;
    let url = redis.url().replace(&redis.port().to_string(), line.address().rsplit_once(':').context("port")?.1);
    let mut connection = connect_redis(&url).await?;
    let ping = redis::cmd("PING");

    line.silence();
    let mut hanging = Box::pin(ping.query_async::<String>(&mut connection));
    ensure!(timeout(SILENCE, &mut hanging).await.is_err(), "carried over a silent line");
    line.heal();
    ensure!(timeout(LIMIT, hanging).await?? == "PONG");

    let delay = Duration::from_millis(200);
    line.delay(delay);
    let start = std::time::Instant::now();
    ping.exec_async(&mut connection).await?;
    ensure!(start.elapsed() >= 2 * delay, "there and back take a delay each");
    Ok(())
}
