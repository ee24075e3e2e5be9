//! Daily statements: what a site's log says of one day of its calendar, in figures, with the place in the
//! log that they come from, signed by the hub.
//!
//! A statement is counted from the stored events themselves, not from what was projected of them. The
//! parts of the log of one day and the next join on without a gap, each with the chain's value at both of
//! its ends; so whoever has the events can count and chain them again, and whoever has the statements of
//! all days has accounts for every event. Once a day is complete its statement does not change any more:
//! an order that is called off on a later day is called off in that day's.

mod count;
mod file;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres, Transaction};
use sunakku_common::chain::Chain;
use sunakku_common::event::Event;
use sunakku_common::ids::{Epoch, OrderId, SiteId};
use sunakku_common::local_time::midnight;
use uuid::Uuid;

use self::count::Count;
pub(crate) use self::count::{Amounts, Orders, Stock};
pub use self::file::{StatementCommand, VerifyArgs};

/// What a signed statement says that it is (RFC 7515, 4.1.9).
pub const DOCUMENT_TYPE: &str = "sunakku-statement+jws";

/// What happened at a site on one day of its calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Statement {
    /// The form of this document: 1.
    pub(crate) v: u32,
    /// The site.
    #[schema(value_type = String)]
    pub(crate) site: SiteId,
    /// The date of its calendar.
    pub(crate) day: NaiveDate,
    /// The zone of its clocks, by which the day began and ended.
    pub(crate) time_zone: String,
    /// When it began.
    pub(crate) from: DateTime<Utc>,
    /// When it ended.
    pub(crate) to: DateTime<Utc>,
    /// Whether the day is over and the site was heard after it with nothing left to send. What is not
    /// complete may still grow.
    pub(crate) complete: bool,
    /// The parts of the log that belong to the day, by their epochs.
    pub(crate) log: Vec<LogPart>,
    /// Orders.
    pub(crate) orders: Orders,
    /// Money, by currency.
    pub(crate) money: Vec<Amounts>,
    /// What was added to stock and taken from it.
    pub(crate) stock: Vec<Stock>,
}

/// A part of a log: every event after the last one of the days before, up to the last one of the day by
/// the site's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct LogPart {
    /// The life of the site's store.
    pub(crate) epoch: Uuid,
    /// The first sequence of the part.
    pub(crate) first_seq: i64,
    /// The last one; less than the first when there is none.
    pub(crate) last_seq: i64,
    /// Events that were told before in another epoch, and are not counted again.
    pub(crate) told_again: i64,
    /// The chain's value before the first, hexadecimal.
    pub(crate) chain_before: String,
    /// The chain's value at the last, hexadecimal: the head at the end of the day.
    pub(crate) chain: String,
}

#[derive(sqlx::FromRow)]
struct Part {
    epoch: Uuid,
    before: i64,
    last: i64,
    is_settled: bool,
}

/// The statement of a site's day, as of now; `None` for a site that is not there.
///
/// # Errors
/// When the database fails, or an event that was counted once cannot be read any more.
pub(crate) async fn statement(
    pool: &PgPool,
    site: &SiteId,
    day: NaiveDate,
) -> Result<Option<Statement>> {
    let mut tx = pool.begin().await?;
    // All of it is of one moment.
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *tx)
        .await?;
    let known: Option<(String, DateTime<Utc>)> =
        sqlx::query_as("select time_zone, now() from site where site_id = $1")
            .bind(site.as_str())
            .fetch_optional(&mut *tx)
            .await?;
    let Some((time_zone, now)) = known else {
        return Ok(None);
    };
    let zone: Tz = time_zone.parse().unwrap_or(Tz::UTC);
    let next = day.checked_add_days(Days::new(1)).context("a later day")?;
    let (from, to) = (midnight(day, zone), midnight(next, zone));
    let parts = parts(&mut tx, site, from, to).await?;
    let mut count = Count::default();
    let mut log = Vec::with_capacity(parts.len());
    for part in &parts {
        let told_again = count.told_again;
        read(&mut tx, site, part, &mut count).await?;
        log.push(LogPart {
            epoch: part.epoch,
            first_seq: part.before + 1,
            last_seq: part.last,
            told_again: count.told_again - told_again,
            chain_before: chain(&mut tx, site, part.epoch, part.before).await?,
            chain: chain(&mut tx, site, part.epoch, part.last).await?,
        });
    }
    let missing = count.missing();
    count.know(totals(&mut tx, site, &missing).await?);
    let (orders, money, stock) = count.sums();
    Ok(Some(Statement {
        v: 1,
        site: site.clone(),
        day,
        time_zone,
        from,
        to,
        complete: to <= now && parts.iter().all(|part| part.is_settled),
        log: log
            .into_iter()
            .filter(|part| part.first_seq <= part.last_seq)
            .collect(),
        orders,
        money,
        stock,
    }))
}

/// Each epoch with the last sequence of the days before, and that of the day.
async fn parts(
    tx: &mut Transaction<'_, Postgres>,
    site: &SiteId,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<Part>> {
    // Clocks are set back now and then: it is the order of the log that counts, not each event's time.
    Ok(sqlx::query_as(
        "select c.epoch,
                coalesce((select e.seq from site_event e
                          where e.site_id = c.site_id and e.epoch = c.epoch and e.at < $2
                          order by e.seq desc limit 1), 0) as before,
                coalesce((select e.seq from site_event e
                          where e.site_id = c.site_id and e.epoch = c.epoch and e.at < $3
                          order by e.seq desc limit 1), 0) as last,
                not c.is_current or (c.cursor >= c.head and c.last_seen_at >= $3) as is_settled
         from site_cursor c where c.site_id = $1
         order by c.first_seen_at, c.epoch",
    )
    .bind(site.as_str())
    .bind(from)
    .bind(to)
    .fetch_all(&mut **tx)
    .await?)
}

async fn read(
    tx: &mut Transaction<'_, Postgres>,
    site: &SiteId,
    part: &Part,
    count: &mut Count,
) -> Result<()> {
    let mut texts = sqlx::query_scalar::<_, String>(
        "select event from site_event
         where site_id = $1 and epoch = $2 and seq > $3 and seq <= $4 order by seq",
    )
    .bind(site.as_str())
    .bind(part.epoch)
    .bind(part.before)
    .bind(part.last)
    .fetch(&mut **tx);
    count.begin_epoch();
    while let Some(text) = texts.try_next().await? {
        count.add(&Event::decode(&text)?);
    }
    Ok(())
}

/// The chain's value after a sequence.
async fn chain(
    tx: &mut Transaction<'_, Postgres>,
    site: &SiteId,
    epoch: Uuid,
    seq: i64,
) -> Result<String> {
    if seq == 0 {
        return Ok(Chain::genesis(site, Epoch(epoch)).to_string());
    }
    let chain = sqlx::query_scalar(
        "select encode(chain, 'hex') from site_event
         where site_id = $1 and epoch = $2 and seq = $3",
    );
    let chain = chain.bind(site.as_str()).bind(epoch).bind(seq);
    Ok(chain.fetch_one(&mut **tx).await?)
}

/// What orders of other days came to.
async fn totals(
    tx: &mut Transaction<'_, Postgres>,
    site: &SiteId,
    orders: &[Uuid],
) -> Result<Vec<(OrderId, (String, i64))>> {
    let rows: Vec<(Uuid, String, i64)> = sqlx::query_as(
        "select order_id, currency, total from site_order
         where site_id = $1 and order_id = any($2)",
    )
    .bind(site.as_str())
    .bind(orders)
    .fetch_all(&mut **tx)
    .await?;
    let total = |(id, currency, total)| (OrderId(id), (currency, total));
    Ok(rows.into_iter().map(total).collect())
}
