//! How fast the hub takes what sites send: beside a bare COPY of the same rows, and with a backlog
//! of days while others go on.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::TryStreamExt as _;
use sqlx::Connection as _;
use sqlx::postgres::{PgConnection, PgPoolCopyExt as _};

use super::super::bench::Length;
use super::super::figure::{Figure, Target};
use super::fleet::Fleet;
use super::{CATCH_UP, append, delays, sent};
use crate::harness::Binaries;

/// Sites that catch up at the same time, and events of each in a round.
const SITES: usize = 8;
/// See [`SITES`].
const EVENTS: usize = 5_000;
/// Seven days of a busy site.
const WEEK: usize = 100_000;
/// Sites that go on meanwhile, and their events a second in all.
const OTHERS: usize = 10;
/// See [`OTHERS`].
const FRESH: f64 = 50.0;
/// Intake beside COPY.
pub(in super::super) async fn beside_copy(
    binaries: &Binaries,
    length: Length,
) -> Result<Vec<Figure>> {
    let fleet = Fleet::start(binaries, SITES).await?;
    fleet.settle(CATCH_UP).await?;
    let (mut ours, mut log, mut note) = (Vec::new(), Vec::new(), String::new());
    for _round in 0..length.rounds {
        let before = fleet.stored().await?;
        let begin = Instant::now();
        fleet.sites.iter().for_each(|site| site.append(EVENTS));
        fleet.settle(CATCH_UP).await?;
        ours.push((SITES * EVENTS) as f64 / begin.elapsed().as_secs_f64());
        let rows = fleet.stored().await? - before;
        ensure!(rows == (SITES * EVENTS) as u64, "{rows} events came");
        log.push(copy(&fleet, rows).await?);
        let sent = sent(&fleet.sites);
        note = format!(
            "{SITES} sites, {:.0} events in a batch",
            rows as f64 / sent.batches as f64
        );
    }
    Ok(vec![
        Figure::new("hub intake, with all that is projected", "events/s", &ours)
            .beside("COPY of the log's rows", &log)
            .wanted(Target::ShareAtLeast(0.5))
            .note(note),
    ])
}

/// Copies the newest so many rows of the log into a table like it; rows a second.
async fn copy(fleet: &Fleet, rows: u64) -> Result<f64> {
    let select = format!(
        "copy (select * from site_event order by received_at desc, site_id, seq limit {rows})
         to stdout (format binary)"
    );
    let data: Vec<u8> = {
        let mut stream = fleet.postgres.copy_out_raw(&select).await?;
        let mut data = Vec::new();
        while let Some(part) = stream.try_next().await? {
            data.extend_from_slice(&part);
        }
        data
    };
    let mut connection = PgConnection::connect(&fleet.world.hub.postgres.url()).await?;
    for statement in [
        "drop table if exists bare_copy",
        "create table bare_copy (like site_event including all)",
    ] {
        sqlx::query(statement).execute(&mut connection).await?;
    }
    let begin = Instant::now();
    let mut copying = connection
        .copy_in_raw("copy bare_copy from stdin (format binary)")
        .await?;
    copying.send(data).await?;
    let copied = copying.finish().await?;
    let took = begin.elapsed().as_secs_f64();
    ensure!(copied == rows, "{copied} rows were copied, not {rows}");
    Ok(rows as f64 / took)
}

/// A site comes back with a week of events while others tell what happens now.
pub(in super::super) async fn week_behind(binaries: &Binaries) -> Result<Vec<Figure>> {
    let fleet = Fleet::start(binaries, OTHERS + 1).await?;
    fleet.settle(CATCH_UP).await?;
    let (late, others) = fleet.sites.split_at(1);
    delays(others)?;
    let begin = Instant::now();
    late[0].append(WEEK);
    let catch_up = async {
        while 0 < late[0].lag() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        begin.elapsed().as_secs_f64()
    };
    let fresh = async {
        loop {
            append(others, FRESH, Duration::from_secs(1)).await;
        }
    };
    let took = tokio::select! {
        took = catch_up => took,
        () = fresh => f64::NAN,
    };
    fleet.settle(CATCH_UP).await?;
    let fresh = delays(others)?.quantiles().map_or(f64::NAN, |ms| ms.max);
    Ok(vec![
        Figure::new(
            "a week of one site (100,000 events) caught up",
            "s",
            &[took],
        )
        .wanted(Target::AtMost(10.0)),
        Figure::new("meanwhile, others: append to commit, worst", "ms", &[fresh])
            .wanted(Target::AtMost(1_000.0))
            .note(format!("{OTHERS} sites, {FRESH} events/s in all")),
    ])
}
