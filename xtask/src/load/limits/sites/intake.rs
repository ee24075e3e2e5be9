//! How fast the hub takes what sites send: beside a bare COPY of the same rows, and with a backlog
//! of days while others go on.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::TryStreamExt as _;
use sqlx::postgres::{PgConnection, PgPoolCopyExt as _};
use sqlx::{AssertSqlSafe, Connection as _};

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
/// Intake beside COPY: of the rows of the log alone, and of all rows that it writes for them.
pub(in super::super) async fn beside_copy(
    binaries: &Binaries,
    length: Length,
) -> Result<Vec<Figure>> {
    let fleet = Fleet::start(binaries, SITES).await?;
    fleet.settle(CATCH_UP).await?;
    let (mut ours, mut log, mut all, mut note) = (vec![], vec![], vec![], String::new());
    for _round in 0..length.rounds {
        let before = fleet.stored().await?;
        let first: i64 = sqlx::query_scalar("select pg_current_xact_id()::text::bigint")
            .fetch_one(&fleet.postgres)
            .await?;
        let begin = Instant::now();
        fleet.sites.iter().for_each(|site| site.append(EVENTS));
        fleet.settle(CATCH_UP).await?;
        ours.push((SITES * EVENTS) as f64 / begin.elapsed().as_secs_f64());
        let events = fleet.stored().await? - before;
        ensure!(events == (SITES * EVENTS) as u64, "{events} events came");
        let tables = written(&fleet, first).await?;
        let (bytes, rows) = tables.iter().fold((0, 0), |(bytes, rows), table| {
            (bytes + table.data.len(), rows + table.rows)
        });
        let of_log: Vec<&Written> = tables.iter().filter(|t| t.name == "site_event").collect();
        log.push(events as f64 / copy(&fleet, &of_log).await?);
        all.push(events as f64 / copy(&fleet, &tables.iter().collect::<Vec<_>>()).await?);
        let sent = sent(&fleet.sites);
        note = format!(
            "{SITES} sites, {:.0} events in a batch; {:.1} rows and {:.0} bytes for an event, in {} tables",
            events as f64 / sent.batches as f64,
            rows as f64 / events as f64,
            bytes as f64 / events as f64,
            tables.len(),
        );
    }
    let figure = |name: &str| Figure::new(name, "events/s", &ours);
    Ok(vec![
        figure("hub intake, with all that is projected")
            .beside("COPY of the log's rows", &log)
            .wanted(Target::ShareAtLeast(0.5))
            .note(note.clone()),
        figure("the same, beside all rows that it writes")
            .beside("COPY of all these rows", &all)
            .wanted(Target::ShareAtLeast(0.5))
            .note(note),
    ])
}

/// What was written into a table.
struct Written {
    name: String,
    rows: u64,
    /// As COPY gives it.
    data: Vec<u8>,
}

/// The rows of all tables that transactions since `first` have written, as they stand now.
async fn written(fleet: &Fleet, first: i64) -> Result<Vec<Written>> {
    let names: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class
         where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
           and not relispartition and relname not like 'bare\\_%' order by relname",
    )
    .fetch_all(&fleet.postgres)
    .await?;
    let mut tables = Vec::new();
    for name in names {
        let newer = format!("from {name} where xmin::text::bigint >= {first}");
        let count = AssertSqlSafe(format!("select count(*) {newer}"));
        let rows: i64 = sqlx::query_scalar(count).fetch_one(&fleet.postgres).await?;
        if rows == 0 {
            continue;
        }
        let select = format!("copy (select * {newer}) to stdout (format binary)");
        let mut stream = fleet.postgres.copy_out_raw(&select).await?;
        let mut data = Vec::new();
        while let Some(part) = stream.try_next().await? {
            data.extend_from_slice(&part);
        }
        let rows = u64::try_from(rows)?;
        tables.push(Written { name, rows, data });
    }
    Ok(tables)
}

/// Copies rows into tables like theirs, with all indexes and constraints, in one transaction; the
/// seconds that it took.
async fn copy(fleet: &Fleet, tables: &[&Written]) -> Result<f64> {
    let mut connection = PgConnection::connect(&fleet.world.hub.postgres.url()).await?;
    for Written { name, .. } in tables {
        for statement in [
            format!("drop table if exists bare_{name}"),
            format!("create table bare_{name} (like {name} including all)"),
        ] {
            sqlx::query(AssertSqlSafe(statement))
                .execute(&mut connection)
                .await?;
        }
    }
    let begin = Instant::now();
    let mut tx = connection.begin().await?;
    for Written { name, rows, data } in tables {
        let statement = format!("copy bare_{name} from stdin (format binary)");
        let mut copying = tx.copy_in_raw(&statement).await?;
        copying.send(data.as_slice()).await?;
        let copied = copying.finish().await?;
        ensure!(
            copied == *rows,
            "{copied} rows of {name} were copied, not {rows}"
        );
    }
    tx.commit().await?;
    Ok(begin.elapsed().as_secs_f64())
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
