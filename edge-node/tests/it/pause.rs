//! A paused queue takes orders and deals out none, through restarts of everything; and what goes
//! first when it goes on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sunakku_common::event::{OrderPlaced, TicketCreated, kind};
use sunakku_common::ids::OrderId;
use sunakku_common::order::Channel;
use tokio::task::JoinSet;
use xtask::harness::{LIMIT, Server as _, wait_for};

use crate::books::{assert_cooked_once, read_log};
use crate::dead_letters::switch;
use crate::queue::{queue, wait_for_queue};
use crate::site::{TestSite, new_key, order_of};

async fn wait_for_backlog(test: &TestSite, jobs: u64) {
    wait_for("the backlog to stand in the queue", LIMIT, async || {
        let queue = queue(test).await;
        let jobs_there = queue["waiting"].as_u64().unwrap() + queue["active"].as_u64().unwrap();
        if jobs_there == jobs {
            Ok(())
        } else {
            Err(queue.to_string())
        }
    })
    .await
    .unwrap();
}

/// No ticket came for these orders, though others that are asked for directly are answered.
async fn assert_held_back(test: &TestSite, orders: usize) {
    let status = queue(test).await;
    assert_eq!(status["paused"], true, "{status}");
    assert_eq!(status["orders_waiting"], orders, "{status}");
    let tickets: Vec<Value> = test.kitchen.all("/v1/tickets").await.unwrap();
    assert_eq!(tickets, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_survives_restarts_of_everything_and_a_wiped_jetstream() {
    let test = TestSite::start().await;
    wait_for_queue(&test).await;
    let before = test.all_orders().await.len();
    for ticket in test.kitchen.all::<Value>("/v1/tickets").await.unwrap() {
        test.ticket_step(&ticket, "bump").await;
    }
    switch(&test, "pause").await;
    switch(&test, "pause").await;
    const ORDERS: usize = 20;
    for _ in 0..ORDERS {
        test.placed(&order_of("cola", 1)).await;
    }
    wait_for_backlog(&test, ORDERS as u64).await;
    assert_held_back(&test, ORDERS).await;
    test.site.process().kill().unwrap();
    test.site.restart().await.unwrap();
    assert_held_back(&test, ORDERS).await;
    test.site.redis.kill().unwrap();
    test.site.redis.restart().await.unwrap();
    test.site.nats.kill().unwrap();
    test.site.nats.wipe().unwrap();
    test.site.nats.restart().await.unwrap();
    test.site.wait_ready().await.unwrap();
    assert_held_back(&test, ORDERS).await;
    // Also while nats-server is away, when jobs are otherwise done without it.
    test.site.nats.kill().unwrap();
    test.placed(&order_of("cola", 1)).await;
    test.placed(&order_of("cola", 1)).await;
    assert_held_back(&test, ORDERS + 2).await;
    test.site.nats.restart().await.unwrap();
    switch(&test, "resume").await;
    assert_cooked_once(&test).await;
    assert_eq!(test.all_orders().await.len(), before + ORDERS + 2);
    let events = read_log(&test).await;
    let switches: Vec<&str> = events
        .iter()
        .map(|event| event.kind.as_str())
        .filter(|kind| kind.starts_with("queue."))
        .collect();
    assert_eq!(
        switches,
        ["queue.paused", "queue.resumed"],
        "only what changed is told"
    );
}

#[tokio::test]
async fn only_managers_hold_the_queue_back() {
    let test = TestSite::start().await;
    for caller in [&test.kitchen, &test.kiosk] {
        for path in ["/v1/queue/pause", "/v1/queue/resume"] {
            assert_eq!(caller.act(path).await.unwrap().status, 403);
        }
    }
    assert_eq!(queue(&test).await["paused"], false);
    assert_eq!(test.kiosk.get("/v1/queue/dead").await.unwrap().status, 403);
}

/// Orders of one channel, as they were dealt to their stations.
async fn dealt(test: &TestSite) -> Vec<Channel> {
    let mut channels: BTreeMap<OrderId, Channel> = BTreeMap::new();
    let mut dealt = Vec::new();
    for event in read_log(test).await {
        if event.kind == kind::ORDER_PLACED {
            let placed: OrderPlaced = event.body().unwrap();
            channels.insert(placed.order, placed.details.channel);
        } else if event.kind == kind::TICKET_CREATED {
            dealt.push(channels[&event.body::<TicketCreated>().unwrap().order]);
        }
    }
    dealt
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_urgent_overtakes_a_backlog() {
    let test = TestSite::start().await;
    wait_for_queue(&test).await;
    let before = dealt(&test).await.len();
    switch(&test, "pause").await;
    const BACKLOG: usize = 200;
    const URGENT: usize = 20;
    for _ in 0..BACKLOG {
        test.placed(&order_of("cola", 1)).await;
    }
    // Staff come last, and are served first.
    let mut staff = order_of("cola", 1);
    staff["channel"] = json!("staff");
    for _ in 0..URGENT {
        let placed = test.manager.order(&new_key(), &staff).await.unwrap();
        placed.expect(201).unwrap();
    }
    wait_for_backlog(&test, (BACKLOG + URGENT) as u64).await;
    // So long that the reconciler wonders; the pause is no reason to do anything without the queue.
    wait_for("the backlog to grow old", LIMIT, async || {
        let oldest = queue(&test).await["oldest_seconds"].as_u64();
        if Some(10) <= oldest {
            Ok(())
        } else {
            Err(format!("{oldest:?}"))
        }
    })
    .await
    .unwrap();
    switch(&test, "resume").await;
    assert_cooked_once(&test).await;
    let dealt = dealt(&test).await.split_off(before);
    assert_eq!(dealt.len(), BACKLOG + URGENT);
    // Sixteen jobs are done at a time, and as many may be fetched ahead while the urgent ones are on
    // their way; so the last urgent one may end among the first others.
    let last_urgent = dealt
        .iter()
        .rposition(|channel| *channel == Channel::Staff)
        .unwrap();
    assert!(last_urgent < URGENT + 32, "{last_urgent}: {dealt:?}");
}

/// How long each of so many orders took, one after the other; sorted.
async fn latencies(test: &TestSite, orders: usize) -> Vec<Duration> {
    let mut took = Vec::with_capacity(orders);
    for _ in 0..orders {
        let begun = Instant::now();
        test.placed(&order_of("cola", 1)).await;
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_waiting_jobs_stop_no_order_and_all_are_dealt_once() {
    const BACKLOG: usize = 10_000;
    const BUYERS: usize = 50;
    const MEASURED: usize = 200;
    let test = TestSite::start().await;
    wait_for_queue(&test).await;
    let without = latencies(&test, MEASURED).await;
    switch(&test, "pause").await;
    let mut buyers = JoinSet::new();
    for _ in 0..BUYERS {
        let kiosk = test.kiosk.clone();
        buyers.spawn(async move {
            for _ in 0..BACKLOG / BUYERS {
                let placed = kiosk.order(&new_key(), &order_of("cola", 1)).await.unwrap();
                placed.expect(201).unwrap();
            }
        });
    }
    buyers.join_all().await;
    wait_for(
        "the backlog to stand in the queue",
        10 * LIMIT,
        async || {
            let queue = queue(&test).await;
            // A worker may hold one that it was given right before the pause.
            let count = |name: &str| queue[name].as_u64().unwrap_or(0);
            if BACKLOG as u64 <= count("waiting") + count("active") {
                Ok(())
            } else {
                Err(queue.to_string())
            }
        },
    )
    .await
    .unwrap();
    let with = latencies(&test, MEASURED).await;
    let figures = |took: &[Duration]| (took[MEASURED / 2], took[MEASURED * 99 / 100]);
    eprintln!("p50 and p99 of an order: {:?}", figures(&without));
    eprintln!("with {BACKLOG} jobs waiting: {:?}", figures(&with));
    switch(&test, "resume").await;
    wait_for(
        "all to be dealt to their stations",
        20 * LIMIT,
        async || {
            let queue = queue(&test).await;
            if queue["orders_waiting"] == 0 {
                Ok(())
            } else {
                Err(queue.to_string())
            }
        },
    )
    .await
    .unwrap();
    assert_cooked_once(&test).await;
}
