//! Who is believed and answered: sites, their epochs, their inboxes.

use anyhow::{Result, ensure};
use async_nats::{ConnectOptions, HeaderMap};
use futures::StreamExt as _;
use serde_json::json;
use sunakku_common::subjects;
use sunakku_common::sync::Answer;
use xtask::harness::{LIMIT, NatsServer, SiteNats, wait_for};

use crate::support::{Hub, Log, World, refused_as};

#[tokio::test]
async fn a_new_epoch_supersedes_the_one_before() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut old = world.site("s1").await?;
    let order = old.place(1, "cola", 1, 250);
    old.commit(1, 1).await?;
    old.place(2, "cola", 1, 250);

    let mut new = old.reborn();
    new.push(
        "epoch.started",
        &json!({"epoch": new.epoch, "previous": old.epoch, "reason": "x"}),
    );
    // Told again, because the edge could not know what had arrived.
    new.push_again(&old, 1);
    new.step(order, 1, "preparing");
    let answer = new.send(&new.batch(2, 3)).await?;
    ensure!(answer == Answer::Expected { expected_seq: 1 }, "{answer:?}");
    new.commit(1, 3).await?;
    let answer = old.send(&old.batch(2, 2)).await?;
    ensure!(refused_as(&answer, "superseded"), "{answer:?}");

    let row = hub.ledger("s1").await?;
    ensure!(
        row["epoch"] == json!(new.epoch) && row["cursor"] == 3 && row["parked"] == 0,
        "{row}"
    );
    let all = hub.get("/v1/ledger?all=true").await?;
    ensure!(all["items"].as_array().map(Vec::len) == Some(2), "{all}");
    let found = hub.get("/v1/orders").await?;
    ensure!(found["items"][0]["state"] == "preparing", "{found}");
    ensure!(
        found["items"].as_array().map(Vec::len) == Some(1),
        "placed once: {found}"
    );
    let sold: i64 = sqlx::query_scalar("select sum(orders)::bigint from hourly_sales")
        .fetch_one(&world.pool().await?)
        .await?;
    ensure!(sold == 1, "{sold} orders were sold");
    Ok(())
}

#[tokio::test]
async fn a_site_that_is_not_known_is_refused_until_it_is() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s9").await?;
    site.place(1, "cola", 1, 250);
    let answer = site.send(&site.batch(1, 1)).await?;
    ensure!(refused_as(&answer, "unknown-site"), "{answer:?}");
    let counted = hub
        .metric("sunakku_ingest_refused_total{reason=\"unknown-site\"}")
        .await?;
    ensure!(counted == 1.0, "counted {counted} times");
    world.add_site("s9").await?;
    site.commit(1, 1).await
}

#[tokio::test]
async fn only_a_sites_own_inbox_is_answered() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    site.place(1, "cola", 1, 250);
    let payload = serde_json::to_vec(&site.batch(1, 1))?;
    let replies = ["down.s2.menu", "_INBOX.s2.x", "up.s2.log"];
    let mut heard = Vec::new();
    for reply in replies {
        heard.push(site.client.subscribe(reply).await?);
    }
    site.client.flush().await?;

    let subject = subjects::log(&site.site);
    for reply in replies {
        let (headers, payload) = (HeaderMap::new(), payload.clone().into());
        site.client
            .publish_with_reply_and_headers(subject.clone(), reply, headers, payload)
            .await?;
    }
    wait_for("three dropped messages", LIMIT, async || {
        let line = "sunakku_ingest_refused_total{reason=\"foreign-reply\"}";
        let dropped = hub
            .metric(line)
            .await
            .map_err(|error| format!("{error:#}"))?;
        (dropped >= 3.0)
            .then_some(())
            .ok_or_else(|| format!("{dropped} of 3"))
    })
    .await?;
    // An answer to a later question means that no earlier one is still to come.
    site.commit(1, 1).await?;
    for heard in &mut heard {
        let stray = futures::poll!(heard.next());
        // What the test itself sent is the question, which is no answer.
        let is_answer = matches!(&stray, std::task::Poll::Ready(Some(message))
            if message.reply.is_none());
        ensure!(!is_answer, "site 2 heard {stray:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_site_is_heard_over_its_leaf_link_and_speaks_for_itself_alone() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let options = SiteNats {
        name: "s1-nats".into(),
        folder: world.sandbox.folder("s1")?,
        jetstream: world.sandbox.root().join("s1/jetstream"),
    };
    world.nats.let_in("s1", &options.folder)?;
    let server = NatsServer::start_site(&world.sandbox, options).await?;
    server.wait_linked(1).await?;
    let inbox = ConnectOptions::new().custom_inbox_prefix("_INBOX.s1");
    let client = server.connect(inbox).await?;

    let mut own = Log::new("s1".parse()?, client.clone());
    own.place(1, "cola", 1, 250);
    own.sync(1).await?;
    let mut foreign = Log::new("s2".parse()?, client);
    foreign.place(1, "cola", 1, 250);
    let answer = foreign.send(&foreign.batch(1, 1)).await;
    ensure!(answer.is_err(), "site 1 spoke for site 2: {answer:?}");
    let sites = hub.get("/v1/sites").await?;
    let states = [&sites["items"][0]["state"], &sites["items"][1]["state"]];
    ensure!(states == ["online", "never"], "{sites}");
    Ok(())
}
