//! Everything that the hub needs dies, in the middle of a stream of batches: in the end each
//! event stands in the store once.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::{BoxFuture, try_join_all};
use serde_json::json;
use sqlx::PgPool;
use sunakku_common::sync::Answer;
use xtask::harness::{LIMIT, Server as _, TcpProxy, wait_for};

use crate::support::{Hub, Log, World, refused_as};

const SITES: [&str; 3] = ["s1", "s2", "s3"];
const ORDERS: u32 = 150;

/// The sites, each with a log of its own that nobody has seen.
async fn full_sites(world: &World) -> Result<Vec<Log>> {
    let mut sites = Vec::new();
    for name in SITES {
        let mut site = world.site(name).await?;
        for number in 1..=ORDERS {
            let order = site.place(number, "cola", 2, 250);
            site.step(order, number, "preparing");
            if number % 10 == 0 {
                site.step(order, number, "cancelled");
            }
        }
        sites.push(site);
    }
    Ok(sites)
}

/// Sends all logs in small batches, with `break_it` going on beside.
async fn sync_while(sites: &[Log], break_it: BoxFuture<'_, Result<()>>) -> Result<()> {
    let sending = async { try_join_all(sites.iter().map(|site| site.sync(3))).await };
    tokio::try_join!(sending, break_it)?;
    Ok(())
}

/// Waits until this many events are stored, so that what breaks next breaks mid-stream.
async fn until_stored(pool: &PgPool, events: i64) -> Result<()> {
    wait_for(&format!("{events} events"), LIMIT, async || {
        let count = sqlx::query_scalar::<_, i64>("select count(*) from site_event");
        let now = count
            .fetch_one(pool)
            .await
            .map_err(|error| error.to_string())?;
        (now >= events)
            .then_some(())
            .ok_or_else(|| format!("{now} now"))
    })
    .await
}

/// Everything once: events, orders, sales, chains.
async fn everything_is_there_once(world: &World, sites: &[Log]) -> Result<()> {
    let pool = world.pool().await?;
    let expected: u64 = sites.iter().map(Log::head).sum();
    let (events, distinct): (i64, i64) =
        sqlx::query_as("select count(*), count(distinct (site_id, epoch, seq)) from site_event")
            .fetch_one(&pool)
            .await?;
    ensure!(
        (events, distinct) == (expected as i64, expected as i64),
        "{events} of {expected}"
    );
    let (orders, sold): (i64, i64) = sqlx::query_as(
        "select count(*), (select sum(orders)::bigint from hourly_sales) from site_order",
    )
    .fetch_one(&pool)
    .await?;
    let all = i64::from(ORDERS) * sites.len() as i64;
    ensure!(
        (orders, sold) == (all, all / 10 * 9),
        "{orders} orders, {sold} sold of {all}"
    );
    Hub::command(world, &["ledger", "verify"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_hub_that_is_killed_again_and_again_loses_and_doubles_nothing() -> Result<()> {
    let world = World::new(&SITES).await?;
    let hub = Hub::start(&world, "hub").await?;
    let sites = full_sites(&world).await?;
    let pool = world.pool().await?;
    sync_while(
        &sites,
        Box::pin(async {
            for events in [50, 200, 400] {
                until_stored(&pool, events).await?;
                hub.process.restart()?;
            }
            Ok(())
        }),
    )
    .await?;
    everything_is_there_once(&world, &sites).await
}

#[tokio::test]
async fn a_database_that_is_killed_loses_and_doubles_nothing() -> Result<()> {
    let world = World::breakable(&SITES).await?;
    let hub = Hub::start(&world, "hub").await?;
    let sites = full_sites(&world).await?;
    let postgres = world.postgres.as_ref().context("a postgres of its own")?;
    sync_while(
        &sites,
        Box::pin(async {
            until_stored(&world.pool().await?, 100).await?;
            postgres.kill()?;
            hub.wait_status("unready").await?;
            postgres.restart().await?;
            hub.wait_ready().await
        }),
    )
    .await?;
    everything_is_there_once(&world, &sites).await
}

#[tokio::test]
async fn a_message_server_that_is_restarted_loses_and_doubles_nothing() -> Result<()> {
    let world = World::new(&SITES).await?;
    let hub = Hub::start(&world, "hub").await?;
    let sites = full_sites(&world).await?;
    let pool = world.pool().await?;
    sync_while(
        &sites,
        Box::pin(async {
            until_stored(&pool, 100).await?;
            world.nats.kill()?;
            hub.wait_status("degraded").await?;
            // The API answers meanwhile.
            hub.get("/v1/ledger").await?;
            world.nats.restart().await?;
            hub.wait_ready().await
        }),
    )
    .await?;
    everything_is_there_once(&world, &sites).await
}

#[tokio::test]
async fn a_silent_line_to_the_database_is_noticed_and_outlived() -> Result<()> {
    let mut world = World::new(&["s1"]).await?;
    let mut url = world.postgres_url.parse::<reqwest::Url>()?;
    let host = url.host_str().context("a host")?;
    let line = TcpProxy::start(format!("{host}:{}", url.port().context("a port")?)).await?;
    let port = line.address().parse::<std::net::SocketAddr>()?.port();
    url.set_port(Some(port))
        .map_err(|()| anyhow::anyhow!("no port"))?;
    world.postgres_url = url.to_string();
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    site.place_each(1..=9, "cola");
    site.commit(1, 3).await?;

    line.silence();
    let answer = site.send(&site.batch(4, 6)).await?;
    ensure!(refused_as(&answer, "busy"), "{answer:?}");
    hub.wait_status("unready").await?;
    line.heal();
    hub.wait_ready().await?;
    site.sync(3).await
}

#[tokio::test]
async fn a_hub_restored_from_a_backup_is_told_again_what_it_forgot() -> Result<()> {
    let mut world = World::breakable(&["s1"]).await?;
    let postgres = world.postgres.as_ref().context("a postgres of its own")?;
    let backup = postgres.url_of("backup");
    let admin = PgPool::connect(&postgres.url_of("postgres")).await?;
    let mut site = world.site("s1").await?;
    site.place_each(1..=20, "cola");
    {
        let _hub = Hub::start(&world, "before").await?;
        site.commit(1, 9).await?;
    }
    sqlx::query("create database backup template sunakku")
        .execute(&admin)
        .await?;
    {
        let _hub = Hub::start(&world, "doomed").await?;
        site.commit(10, 15).await?;
    }
    world.postgres_url = backup;
    let hub = Hub::start(&world, "restored").await?;
    let answer = site.send(&site.batch(16, 17)).await?;
    ensure!(
        answer == Answer::Expected { expected_seq: 10 },
        "{answer:?}"
    );
    site.sync(4).await?;
    let row = hub.ledger("s1").await?;
    ensure!(
        row["cursor"] == 20 && row["chain_equal"] == true && row["gaps"] == 1,
        "{row}"
    );
    Hub::command(&world, &["ledger", "verify"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_hub_that_is_told_to_end_answers_what_it_has_heard() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    site.place_each(1..=200, "cola");
    let batch = site.batch(1, 200);
    let before = dealt(&world).await?;
    let ending = async {
        wait_for("the batch to reach the hub", LIMIT, async || {
            let now = dealt(&world).await.map_err(|error| format!("{error:#}"))?;
            (now > before)
                .then_some(())
                .ok_or_else(|| format!("{now} messages"))
        })
        .await?;
        hub.process.terminate(Duration::from_secs(15)).await
    };
    let (answer, ended) = tokio::try_join!(site.send(&batch), ending)?;
    ensure!(
        ended.is_some_and(|status| status.success()),
        "it ended with {ended:?}"
    );
    let stored: i64 = sqlx::query_scalar("select count(*) from site_event")
        .fetch_one(&world.pool().await?)
        .await?;
    ensure!(stored == 200, "{stored} events, answered {answer:?}");
    Ok(())
}

/// Messages that the server has dealt out so far.
async fn dealt(world: &World) -> Result<u64> {
    let varz = world.nats.monitored("varz").await?;
    varz["out_msgs"].as_u64().context("no out_msgs")
}

#[tokio::test]
async fn a_hub_can_start_before_its_servers() -> Result<()> {
    let world = World::breakable(&["s1"]).await?;
    let postgres = world.postgres.as_ref().context("a postgres of its own")?;
    postgres.kill()?;
    world.nats.kill()?;
    let hub = Hub::start_unready(&world, "hub").await?;
    hub.wait_status("unready").await?;
    let ann = Some(json!({"user": "ann", "password": crate::support::PASSWORD}));
    let post = reqwest::Method::POST;
    let problem = hub.send(post, "/v1/session", None, ann, 503).await?;
    let kind = &problem["type"];
    ensure!(
        kind == "urn:sunakku:problem:database-unavailable",
        "{problem}"
    );
    postgres.restart().await?;
    hub.wait_status("degraded").await?;
    hub.get("/v1/sites").await?;
    world.nats.restart().await?;
    hub.wait_ready().await?;
    let mut site = world.site("s1").await?;
    site.place(1, "cola", 1, 250);
    site.sync(1).await
}
