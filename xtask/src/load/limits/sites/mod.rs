//! Many sites on one hub: steady load, a menu and settings for all, a storm after an outage, a hub
//! that dies.

mod down;
mod events;
mod fleet;
pub(super) mod intake;
mod site;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::FutureExt as _;
use rand::RngExt as _;
use tokio::time::sleep;

use super::super::record::Recording;
use super::bench::Length;
use super::figure::{Figure, Target};
use crate::harness::process::descendants;
use crate::harness::{Binaries, LIMIT, wait_for};
use fleet::Fleet;
use site::{Sent, Site};

/// Events a second in all, however many sites there are.
const STEADY: f64 = 1_000.0;
/// How long the line is away.
const OUTAGE: Duration = Duration::from_secs(10);
/// Events that each site has when it is back, divided among the sites.
const BACKLOG: usize = 50_000;
/// How long anything may take to be caught up.
const CATCH_UP: Duration = Duration::from_secs(180);
/// Numbers of sites, the least first.
const COUNTS: [usize; 3] = [10, 100, 1_000];

/// All figures of each number of sites up to `most`.
pub(super) async fn figures(
    binaries: &Binaries,
    length: Length,
    most: usize,
    mut take: impl FnMut(Vec<Figure>),
) {
    for count in COUNTS.into_iter().filter(|count| *count <= most) {
        let failed = of_count(binaries, length, count, count == most, &mut take).await;
        if !failed.is_empty() {
            let name = format!("{count} sites: steps that failed");
            let figure = Figure::new(name, "", &[failed.len() as f64]);
            let figure = figure.wanted(Target::AtMost(0.0));
            take(vec![figure.note(failed.join("; "))]);
        }
    }
}

/// All figures of one number of sites. Answers why steps failed: each ends itself alone, for what
/// the others measure is worth having.
async fn of_count(
    binaries: &Binaries,
    length: Length,
    count: usize,
    is_last: bool,
    take: &mut impl FnMut(Vec<Figure>),
) -> Vec<String> {
    let why = |error: anyhow::Error| format!("{error:#}");
    let started = async {
        let fleet = Fleet::start(binaries, count).await?;
        fleet.settle(CATCH_UP).await?;
        anyhow::Ok(fleet)
    };
    let fleet = match started.await {
        Ok(fleet) => fleet,
        Err(error) => return vec![why(error)],
    };
    let mut failed = Vec::new();
    for step in [
        steady(&fleet, length).boxed_local(),
        down::menu(&fleet, length).boxed_local(),
        down::settings(&fleet, length).boxed_local(),
        storm(&fleet).boxed_local(),
    ] {
        match step.await {
            Ok(figures) => {
                let figures = figures.into_iter().map(|figure| figure.of_sites(count));
                take(figures.collect());
            }
            Err(error) => failed.push(why(error)),
        }
    }
    if is_last {
        match replica_killed(&fleet, binaries, length).await {
            Ok(figures) => take(figures),
            Err(error) => failed.push(why(error)),
        }
    }
    failed
}

/// Appends events at random sites at a rate, for a time.
async fn append(sites: &[Site], per_second: f64, time: Duration) -> u64 {
    const STEP: Duration = Duration::from_millis(5);
    let (begin, mut appended) = (Instant::now(), 0_u64);
    let mut tick = tokio::time::interval(STEP);
    while begin.elapsed() < time {
        tick.tick().await;
        let due = (begin.elapsed().as_secs_f64() * per_second) as u64;
        for _event in appended..due {
            let site = rand::rng().random_range(0..sites.len());
            sites[site].append(1);
        }
        appended = due;
    }
    appended
}

fn delays(sites: &[Site]) -> Result<Recording> {
    let mut recording = Recording::new()?;
    for delay in sites.iter().flat_map(Site::take_delays) {
        recording.time(delay);
    }
    Ok(recording)
}

fn sent(sites: &[Site]) -> Sent {
    let mut all = Sent::default();
    for sent in sites.iter().map(Site::take_sent) {
        all.batches += sent.batches;
        all.events += sent.events;
        all.vain += sent.vain;
    }
    all
}

async fn steady(fleet: &Fleet, length: Length) -> Result<Vec<Figure>> {
    let (mut p99, mut load, mut batches) = (Vec::new(), Vec::new(), 0.0);
    for _round in 0..length.rounds {
        append(&fleet.sites, STEADY, Duration::from_secs(1)).await;
        fleet.settle(CATCH_UP).await?;
        delays(&fleet.sites)?;
        sent(&fleet.sites);
        let before = processor_seconds(fleet);
        let time = Duration::from_secs_f64(length.seconds);
        let appended = append(&fleet.sites, STEADY, time).await;
        fleet.settle(CATCH_UP).await?;
        load.push((processor_seconds(fleet) - before) / length.seconds);
        batches = appended as f64 / sent(&fleet.sites).batches as f64;
        let times = delays(&fleet.sites)?.quantiles();
        p99.push(times.map_or(f64::NAN, |ms| ms.p99));
    }
    let commit = Figure::new("1,000 events/s: append to commit, p99", "ms", &p99)
        .wanted(Target::AtMost(250.0))
        .note(format!("{batches:.1} events in a batch"));
    let processor = Figure::new(
        "1,000 events/s: processor time of hub, NATS and Postgres",
        "cores",
        &load,
    );
    Ok(vec![commit, processor])
}

/// The time that the hub and its servers have spent on a processor, with all their children.
fn processor_seconds(fleet: &Fleet) -> f64 {
    use crate::harness::Server as _;
    let hub = &fleet.world.hub;
    let roots = [hub.process().pid(), hub.nats.pid(), hub.postgres.pid()];
    let family = |root| std::iter::once(root).chain(descendants(root));
    roots.into_iter().flat_map(family).map(seconds_of).sum()
}

/// User and system time of a process, seconds (`/proc/<pid>/stat`, in hundredths).
fn seconds_of(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may hold anything, in brackets.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// The line of all sites is cut, they go on, and it is mended.
async fn storm(fleet: &Fleet) -> Result<Vec<Figure>> {
    fleet.world.hub.line.cut();
    let each = BACKLOG / fleet.sites.len();
    let begin = Instant::now();
    while begin.elapsed() < OUTAGE {
        fleet.sites.iter().for_each(|site| site.append(each / 10));
        sleep(OUTAGE / 10).await;
    }
    let waiting: usize = fleet.sites.iter().map(Site::lag).sum();
    sent(&fleet.sites);
    fleet.world.hub.line.heal();
    let begin = Instant::now();
    fleet.settle(CATCH_UP).await?;
    let took = begin.elapsed().as_secs_f64();
    let sent = sent(&fleet.sites);
    delays(&fleet.sites)?;
    ensure!(whole(fleet).await?, "the hub has not what the sites have");
    let note = format!(
        "{waiting} events in {} batches, of which {} were in vain",
        sent.batches, sent.vain
    );
    Ok(vec![
        Figure::new("back after an outage: caught up", "s", &[took]).note(note.clone()),
        Figure::new(
            "back after an outage: events sent for one stored",
            "x",
            &[sent.events as f64 / waiting as f64],
        )
        .wanted(Target::AtMost(1.2))
        .note(note),
    ])
}

/// Whether the hub holds as many events as the sites have had committed.
async fn whole(fleet: &Fleet) -> Result<bool> {
    let cursors: u64 = fleet.sites.iter().map(Site::cursor).sum();
    Ok(fleet.stored().await? == cursors)
}

/// Two replicas share the load, and one is killed.
async fn replica_killed(fleet: &Fleet, binaries: &Binaries, length: Length) -> Result<Vec<Figure>> {
    let hub = &fleet.world.hub;
    let replica = hub.replica(&fleet.world.sandbox, binaries).await?;
    let time = Duration::from_secs_f64(length.seconds);
    append(&fleet.sites, STEADY, time).await;
    fleet.settle(CATCH_UP).await?;
    let shares = [
        committed(&hub.url()).await?,
        committed(&replica.url()).await?,
    ];
    delays(&fleet.sites)?;
    let kill = async {
        sleep(time / 2).await;
        hub.process().kill()
    };
    let (_, killed) = tokio::join!(append(&fleet.sites, STEADY, time), kill);
    killed?;
    fleet.settle(CATCH_UP).await?;
    let delays = delays(&fleet.sites)?.quantiles();
    let (cursors, stored): (u64, u64) = (
        fleet.sites.iter().map(Site::cursor).sum(),
        fleet.stored().await?,
    );
    hub.restart().await?;
    let lost = cursors.abs_diff(stored) as f64;
    let share = shares[1] / (shares[0] + shares[1]).max(1.0);
    Ok(vec![
        Figure::new(
            "one of two replicas killed: events lost or doubled",
            "",
            &[lost],
        )
        .wanted(Target::AtMost(0.0))
        .note(format!(
            "before, the second had {:.0} % of the batches",
            share * 100.0
        )),
        Figure::new(
            "one of two replicas killed: append to commit, worst",
            "ms",
            &[delays.map_or(f64::NAN, |ms| ms.max)],
        ),
    ])
}

/// Batches that a replica has committed since it started, as far as it is known.
async fn committed(url: &str) -> Result<f64> {
    wait_for("the metrics of a replica", LIMIT, async || {
        let answer = reqwest::get(format!("{url}/metrics")).await;
        let text = answer.map_err(|error| error.to_string())?.text().await;
        let text = text.map_err(|error| error.to_string())?;
        let start = r#"sunakku_ingest_batches_total{result="committed"}"#;
        let line = text.lines().find_map(|line| line.strip_prefix(start));
        line.and_then(|value| value.trim().parse().ok())
            .ok_or("no such metric".to_owned())
    })
    .await
}
