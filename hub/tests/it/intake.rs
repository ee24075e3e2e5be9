//! The append protocol over real servers: what is answered, and what stands in the store then.

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::json;
use sunakku_common::chain::Chain;
use sunakku_common::ids::SiteId;
use sunakku_common::subjects;
use sunakku_common::sync::Answer;
use xtask::harness::{LIMIT, wait_for};

use crate::support::{Hub, Log, World, refused_as};

#[tokio::test]
async fn a_batch_is_answered_once_it_is_committed() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let _hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    let order = site.place(1, "cola", 2, 250);
    site.step(order, 1, "preparing");
    site.commit(1, 2).await?;

    let pool = world.pool().await?;
    let events: i64 = sqlx::query_scalar("select count(*) from site_event")
        .fetch_one(&pool)
        .await?;
    let state: String = sqlx::query_scalar("select state from site_order where order_id = $1")
        .bind(order)
        .fetch_one(&pool)
        .await?;
    ensure!(
        (events, state.as_str()) == (2, "preparing"),
        "{events} events, {state}"
    );
    Ok(())
}

#[tokio::test]
async fn a_batch_that_comes_again_changes_nothing() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    site.place_each(1..=9, "cola");
    site.commit(1, 9).await?;
    let again = site.send(&site.batch(1, 4)).await?;
    ensure!(
        again
            == Answer::Committed {
                cursor: 9,
                chain: site.chains[9]
            },
        "{again:?}"
    );
    site.commit(1, 9).await?;

    let row = hub.ledger("s1").await?;
    ensure!(
        row["duplicates"] == 13 && row["cursor"] == 9 && row["chain_equal"] == true,
        "{row}"
    );
    let orders: i64 = sqlx::query_scalar("select sum(orders)::bigint from hourly_sales")
        .fetch_one(&world.pool().await?)
        .await?;
    ensure!(orders == 9, "{orders} orders were sold");
    Ok(())
}

#[tokio::test]
async fn two_replicas_that_get_the_same_batch_at_once_take_it_once() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let hubs = (
        Hub::start(&world, "one").await?,
        Hub::start(&world, "two").await?,
    );
    let mut sites = [world.site("s1").await?, world.site("s2").await?];
    for site in &mut sites {
        // Nothing but the lock keeps these from being stored twice: no key of an order does.
        (1..=40).for_each(|n| _ = site.push("plain.event", &json!(n)));
    }
    for from in (1..=40).step_by(4) {
        // The server deals the copies to both replicas.
        let batches = sites.iter().map(|site| (site, site.batch(from, from + 3)));
        let copies = batches.flat_map(|(site, batch)| (0..6).map(move |_| (site, batch.clone())));
        let send = async |(site, batch): (&Log, _)| {
            let answer = site.send(&batch).await?;
            let (cursor, chain) = (from + 3, site.chains[from as usize + 3]);
            ensure!(answer == Answer::Committed { cursor, chain }, "{answer:?}");
            Ok(())
        };
        try_join_all(copies.map(send)).await?;
    }
    let mut taken = 0.0;
    for hub in [&hubs.0, &hubs.1] {
        let batches = hub
            .metric("sunakku_ingest_batches_total{result=\"committed\"}")
            .await?;
        ensure!(batches > 0.0, "one replica did nothing");
        taken += batches;
    }
    ensure!(taken >= 120.0, "{taken} batches were answered");
    let events: i64 = sqlx::query_scalar("select count(*) from site_event")
        .fetch_one(&world.pool().await?)
        .await?;
    ensure!(events == 80, "{events} events instead of 80");
    Hub::command(&world, &["ledger", "verify"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_batch_that_does_not_fit_changes_nothing_and_is_told_why() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    site.place_each(1..=9, "cola");
    site.commit(1, 4).await?;

    let gap = site.send(&site.batch(7, 9)).await?;
    ensure!(gap == Answer::Expected { expected_seq: 5 }, "{gap:?}");
    let gap = hub.metric("sunakku_ingest_gap_events{site=\"s1\"}").await?;
    ensure!(gap == 2.0, "{gap} events are missing");

    let mut wrong = site.batch(5, 6);
    wrong.chain = wrong.chain.next("a lie");
    let answer = site.send(&wrong).await?;
    ensure!(refused_as(&answer, "chain"), "{answer:?}");

    let mut foreign = site.batch(5, 6);
    foreign.prev_chain = foreign.prev_chain.next("a lie");
    let texts = foreign.events.iter().map(|event| event.get());
    foreign.chain = texts.fold(foreign.prev_chain, |chain: Chain, text| chain.next(text));
    let answer = site.send(&foreign).await?;
    ensure!(answer == Answer::Diverged { diverged_at: 4 }, "{answer:?}");
    let row = hub.ledger("s1").await?;
    ensure!(
        row["chain_equal"] == false && row["gaps"] == 1 && row["forks"] == 1,
        "{row}"
    );

    site.commit(5, 9).await?;
    let row = hub.ledger("s1").await?;
    ensure!(row["chain_equal"] == true && row["cursor"] == 9, "{row}");
    let gap = hub.metric("sunakku_ingest_gap_events{site=\"s1\"}").await?;
    ensure!(gap == 0.0, "{gap} events are missing");
    Ok(())
}

#[tokio::test]
async fn a_second_history_of_an_epoch_is_told_where_it_parts() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    site.place_each(1..=3, "cola");
    let mut set_back = site.clone();
    site.place_each(4..=6, "cola");
    site.commit(1, 6).await?;
    set_back.place_each(4..=5, "beer");

    let answer = set_back.send(&set_back.batch(4, 5)).await?;
    ensure!(answer == Answer::Forked { fork_seq: 4 }, "{answer:?}");
    let beers: i64 = sqlx::query_scalar("select count(*) from order_line where item = 'beer'")
        .fetch_one(&world.pool().await?)
        .await?;
    let row = hub.ledger("s1").await?;
    ensure!(
        beers == 0 && row["cursor"] == 6 && row["forks"] == 1,
        "{beers} beers, {row}"
    );
    Ok(())
}

#[tokio::test]
async fn a_liar_among_many_sites_hinders_nobody() -> Result<()> {
    let names: Vec<String> = (0..25).map(|n| format!("s{n}")).collect();
    let world = World::new(&[]).await?;
    let pool = {
        let _hub = Hub::start(&world, "first").await?;
        world.pool().await?
    };
    sqlx::query("insert into site select s, s, null, 'UTC', 'EUR' from unnest($1::text[]) s")
        .bind(&names)
        .execute(&pool)
        .await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut sites = Vec::new();
    for name in &names {
        let mut site = world.site(name).await?;
        site.place_each(1..=20, "cola");
        sites.push(site);
    }
    // Everything waits while the hub stands still, and is then taken together.
    hub.process.stop()?;
    let send = async |site: &Log| {
        let mut batch = site.batch(1, 20);
        let is_liar = site.site.as_str() == "s7";
        if is_liar {
            batch.chain = batch.chain.next("a lie");
        }
        let answer = site.send(&batch).await?;
        let (cursor, chain) = (20, site.chains[20]);
        let is_right = match is_liar {
            true => refused_as(&answer, "chain"),
            false => answer == Answer::Committed { cursor, chain },
        };
        ensure!(is_right, "{}: {answer:?}", site.site);
        Ok(())
    };
    let sending = try_join_all(sites.iter().map(send));
    let waking = async {
        // All messages are at the server, and on their way to the hub, before it wakes.
        wait_for("all batches to be sent", LIMIT, async || {
            let varz = world
                .nats
                .monitored("varz")
                .await
                .map_err(|e| format!("{e:#}"))?;
            let seen = varz["in_msgs"].as_u64().unwrap_or_default();
            (seen >= 25)
                .then_some(())
                .ok_or_else(|| format!("{seen} messages"))
        })
        .await?;
        hub.process.cont()
    };
    tokio::try_join!(sending, waking)?;

    let groups = hub
        .metric("sunakku_ingest_commit_duration_seconds_count")
        .await?;
    ensure!(groups < 25.0, "{groups} transactions for 25 batches");
    let (sites, events): (i64, i64) =
        sqlx::query_as("select count(distinct site_id), count(*) from site_event")
            .fetch_one(&pool)
            .await?;
    ensure!(
        (sites, events) == (24, 480),
        "{events} events of {sites} sites"
    );
    Ok(())
}

#[tokio::test]
async fn a_beat_is_noted_without_events() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    let sites = hub.get("/v1/sites").await?;
    ensure!(sites["items"][0]["state"] == "never", "{sites}");
    let answer = site.send(&site.batch(1, 0)).await?;
    ensure!(
        answer
            == Answer::Committed {
                cursor: 0,
                chain: site.chains[0]
            },
        "{answer:?}"
    );

    site.place_each(1..=3, "cola");
    site.commit(1, 2).await?;
    let answer = site.send(&site.batch(3, 0)).await?;
    ensure!(
        answer
            == Answer::Committed {
                cursor: 2,
                chain: site.chains[2]
            },
        "{answer:?}"
    );
    let sites = hub.get("/v1/sites").await?;
    let row = &sites["items"][0];
    let figures = (&row["state"], &row["lag_events"], &row["open_orders"]);
    ensure!(figures == (&json!("online"), &json!(1), &json!(2)), "{row}");
    Ok(())
}

#[tokio::test]
async fn what_makes_no_sense_is_malformed_and_the_next_batch_is_taken() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let _hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    site.place_each(1..=2, "cola");
    let site_id: SiteId = "s1".parse()?;
    let mut swapped = site.batch(1, 2);
    swapped.events.swap(0, 1);
    let mut far = site.batch(1, 1);
    far.from_seq = u64::MAX;
    let junk = [b"".to_vec(), b"\0\xff".to_vec(), b"{\"epoch\":1}".to_vec()];
    let payloads = [serde_json::to_vec(&swapped)?, serde_json::to_vec(&far)?];
    for payload in junk.into_iter().chain(payloads) {
        let reply = site
            .client
            .request(subjects::log(&site_id), payload.into())
            .await?;
        let answer: Answer = serde_json::from_slice(&reply.payload).context("an answer")?;
        ensure!(refused_as(&answer, "malformed"), "{answer:?}");
    }
    site.commit(1, 2).await
}
