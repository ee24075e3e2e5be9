//! Orders: how many a second, how long they take, and whether a full queue is felt.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;

use super::super::record::median;
use super::super::report::Row;
use super::super::schedule::Loop;
use super::bench::{BareRedis, CONNECTIONS, Length, Stand};
use super::figure::{Figure, Target};

/// Jobs in the paused queue.
const QUEUED: u64 = 10_000;
/// The rate at which a full queue is compared with an empty one: that of a very busy site.
const BUSY: f64 = 200.0;
/// The share of the bare rate at which the slowest answers are compared.
const LOADED: f64 = 0.6;

fn closed() -> Loop {
    Loop {
        connections: CONNECTIONS,
        per_second: None,
    }
}

fn open(per_second: f64) -> Loop {
    Loop {
        connections: CONNECTIONS,
        per_second: Some(per_second),
    }
}

/// The row of a round in which everything must have been done.
fn clean(report: &super::super::report::Report, name: &str) -> Result<Row> {
    let row = report.row(name)?;
    ensure!(row.refused.is_empty() && row.failed.is_empty(), "{report}");
    Ok(row.clone())
}

/// As many as there can be, and the slowest at 60 % of what the bare script can.
pub(super) async fn rate(stand: &Stand, bare: &BareRedis, length: Length) -> Result<Vec<Figure>> {
    let (mut ours, mut limits, mut drained) = (Vec::new(), Vec::new(), Vec::new());
    for _round in 0..length.rounds {
        limits.push(bare.load(closed(), length).await?.0);
        let report = stand
            .load(length, |options| options.orders = Some(closed()))
            .await?;
        let row = clean(&report, "orders")?;
        let settled = stand.settle().await?.as_secs_f64();
        ours.push(row.per_second);
        drained.push(row.done as f64 / (length.seconds + settled));
    }
    let per_second = LOADED * median(&limits);
    let rate = Figure::new("orders, 64 connections", "/s", &ours)
        .beside("bare script", &limits)
        .wanted(Target::ShareAtLeast(0.6));
    let absolute =
        Figure::new("orders durable and final", "/s", &ours).wanted(Target::AtLeast(8_000.0));
    let routed = Figure::new("orders with their tickets at the kitchen", "/s", &drained)
        .note("accepted orders over the time until the last has its tickets");
    let (mut ours, mut limits, mut unserved) = (Vec::new(), Vec::new(), 0);
    for _round in 0..length.rounds {
        let (_, recording) = bare.load(open(per_second), length).await?;
        limits.push(recording.quantiles().map_or(f64::NAN, |ms| ms.p99));
        let report = stand
            .load(length, |options| options.orders = Some(open(per_second)))
            .await?;
        let row = clean(&report, "orders")?;
        unserved += row.unserved;
        ours.push(row.ms.map_or(f64::NAN, |ms| ms.p99));
        stand.settle().await?;
    }
    let tail = Figure::new("orders at 60 % of the bare rate, p99", "ms", &ours)
        .beside("bare script", &limits)
        .wanted(Target::ShareAtMost(3.0))
        .note(format!(
            "{per_second:.0} orders/s, open loop; {unserved} arrivals were not served"
        ));
    Ok(vec![rate, absolute, routed, tail])
}

/// Latency with a full, paused queue on one edge beside the same with none on another.
pub(super) async fn full_queue(full: &Stand, empty: &Stand, length: Length) -> Result<Vec<Figure>> {
    full.switch("pause").await?;
    let fill = Length {
        rounds: 1,
        seconds: 1.0,
    };
    let mut queued = 0;
    while queued < QUEUED {
        let report = full
            .load(fill, |options| options.orders = Some(closed()))
            .await?;
        queued += clean(&report, "orders")?.done;
        // Not all stand in the queue at once; the ones behind are not to be published meanwhile.
        wait_queued(full, queued.min(QUEUED)).await?;
    }
    let (mut ours, mut limits) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _round in 0..length.rounds {
        for (stand, times) in [(empty, &mut limits), (full, &mut ours)] {
            let report = stand
                .load(length, |options| options.orders = Some(open(BUSY)))
                .await?;
            let ms = clean(&report, "orders")?.ms;
            times[0].push(ms.map_or(f64::NAN, |ms| ms.p50));
            times[1].push(ms.map_or(f64::NAN, |ms| ms.p99));
        }
    }
    let note = format!("{BUSY:.0} orders/s, open loop; {queued} jobs in a paused queue");
    let figure = |name, n: usize| {
        Figure::new(name, "ms", &ours[n])
            .beside("empty queue", &limits[n])
            .wanted(Target::ShareAtMost(1.2))
            .note(note.clone())
    };
    Ok(vec![
        figure("orders with 10,000 jobs queued, p50", 0),
        figure("orders with 10,000 jobs queued, p99", 1),
        drained(full, empty).await?,
    ])
}

/// How fast the queue that was filled is worked off, beside a JetStream whose jobs nobody does.
async fn drained(full: &Stand, empty: &Stand) -> Result<Figure> {
    let nats = &empty.site.nats;
    let (_, bare) = super::bare_jetstream::run(nats, &empty.site.id, QUEUED as usize).await?;
    let queue = full.queue().await?;
    let jobs = queue["orders_waiting"].as_u64().unwrap_or(0);
    let begin = Instant::now();
    full.switch("resume").await?;
    full.settle().await?;
    let ours = jobs as f64 / begin.elapsed().as_secs_f64();
    Ok(Figure::new("jobs of a full queue done", "/s", &[ours])
        .beside("bare JetStream, taken and acknowledged", &[bare])
        .note(format!(
            "{jobs} jobs; each is a durable step of an order at Redis"
        )))
}

async fn wait_queued(stand: &Stand, jobs: u64) -> Result<()> {
    use crate::harness::{LIMIT, wait_for};
    wait_for("the jobs to be queued", LIMIT, async || {
        let queue = stand.queue().await;
        let queue = queue.map_err(|error| format!("{error:#}"))?;
        let waiting = queue["waiting"].as_u64().unwrap_or(0);
        (jobs <= waiting)
            .then_some(())
            .ok_or_else(|| json!(queue).to_string())
    })
    .await
}
