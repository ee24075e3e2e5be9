//! Makes all projections again from the stored events: for data from before there was one, and
//! after the meaning of one, or a site's time zone, has changed.

use anyhow::Result;
use sqlx::{Connection as _, PgPool, Postgres, Transaction};
use sunakku_common::chain::Chain;
use sunakku_common::event::Event;
use sunakku_common::ids::{Epoch, SiteId};
use uuid::Uuid;

use super::batch::project_each;
use super::events;
use super::group::Entry;
use super::project::{self, Projected, Purpose};
use crate::database::is_about_data;

/// Events that are projected at once.
const CHUNK: i64 = 2_000;

/// Every table that is made of events alone.
const PROJECTIONS: [&str; 22] = [
    "delete from site_order where site_id = $1",
    "delete from order_line where site_id = $1",
    "delete from stock where site_id = $1",
    "delete from stock_movement where site_id = $1",
    "delete from hourly_sales where site_id = $1",
    "delete from daily_sales where site_id = $1",
    "delete from hourly_orders where site_id = $1",
    "delete from daily_orders where site_id = $1",
    "delete from weekly_sales where site_id = $1",
    "delete from daily_item_hours where site_id = $1",
    "delete from site_item where site_id = $1",
    "delete from site_ticket where site_id = $1",
    "delete from hourly_duration where site_id = $1",
    "delete from daily_duration where site_id = $1",
    "delete from weekly_duration where site_id = $1",
    "delete from sold_out where site_id = $1",
    "delete from daily_stock where site_id = $1",
    "delete from weekly_stock where site_id = $1",
    "delete from stock_correction where site_id = $1",
    "delete from site_device where site_id = $1",
    "delete from site_menu where site_id = $1",
    "delete from parked_event where site_id = $1",
];

/// What was done for one site.
#[derive(Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The site.
    pub site: SiteId,
    /// Events that were projected or parked.
    pub events: usize,
    /// Those that were parked.
    pub parked: usize,
}

/// Makes the projections of every site again, or of one. A site's new ones take the place of its
/// old ones at once, and batches of that site wait meanwhile.
///
/// # Errors
/// When the database fails: the site at hand is as it was.
pub async fn rebuild(pool: &PgPool, site: Option<&SiteId>) -> Result<Vec<Rebuilt>> {
    let sites: Vec<String> = sqlx::query_scalar(
        "select site_id from site where $1::text is null or site_id = $1 order by site_id",
    )
    .bind(site.map(SiteId::as_str))
    .fetch_all(pool)
    .await?;
    let mut all = Vec::with_capacity(sites.len());
    for site in sites {
        all.push(rebuild_site(pool, site.parse()?).await?);
    }
    Ok(all)
}

async fn rebuild_site(pool: &PgPool, site: SiteId) -> Result<Rebuilt> {
    let mut tx = pool.begin().await?;
    for setting in ["statement_timeout", "idle_in_transaction_session_timeout"] {
        sqlx::query("select set_config($1, '0', true)")
            .bind(setting)
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query("select from site where site_id = $1 for no key update")
        .bind(site.as_str())
        .execute(&mut *tx)
        .await?;
    for delete in PROJECTIONS {
        sqlx::query(delete)
            .bind(site.as_str())
            .execute(&mut *tx)
            .await?;
    }
    let epochs: Vec<Uuid> = sqlx::query_scalar(
        "select epoch from site_cursor where site_id = $1 order by first_seen_at, epoch",
    )
    .bind(site.as_str())
    .fetch_all(&mut *tx)
    .await?;
    let (mut events, mut parked) = (0, 0);
    for epoch in epochs {
        let mut after = 0;
        while let Some((seq, done, faulty)) = project_chunk(&mut tx, &site, epoch, after).await? {
            (after, events, parked) = (seq, events + done, parked + faulty);
        }
    }
    note_times(&mut tx, &site).await?;
    tx.commit().await?;
    Ok(Rebuilt {
        site,
        events,
        parked,
    })
}

/// Projects the events of an epoch after `after`; gives the last sequence, how many there were,
/// and how many of them were parked; `None` at the end.
async fn project_chunk(
    tx: &mut Transaction<'_, Postgres>,
    site: &SiteId,
    epoch: Uuid,
    after: i64,
) -> Result<Option<(i64, usize, usize)>> {
    let rows: Vec<(i64, String, Vec<u8>)> = sqlx::query_as(
        "select seq, event, chain from site_event
         where site_id = $1 and epoch = $2 and seq > $3 order by seq limit $4",
    )
    .bind(site.as_str())
    .bind(epoch)
    .bind(after)
    .bind(CHUNK)
    .fetch_all(&mut **tx)
    .await?;
    let Some((last, ..)) = rows.last() else {
        return Ok(None);
    };
    let mut entries = Vec::with_capacity(rows.len());
    for (_, text, chain) in &rows {
        entries.push(Entry {
            site,
            epoch: Epoch(epoch),
            event: Event::decode(text)?,
            text,
            chain: Chain(chain[..].try_into()?),
        });
    }
    let entries: Vec<&Entry<'_>> = entries.iter().collect();
    let projected = project_all(tx, &entries).await?;
    events::park(tx, &entries, &projected.parked).await?;
    Ok(Some((*last, entries.len(), projected.parked.len())))
}

async fn project_all(
    tx: &mut Transaction<'_, Postgres>,
    entries: &[&Entry<'_>],
) -> Result<Projected, sqlx::Error> {
    let mut savepoint = tx.begin().await?;
    match project::apply(&mut savepoint, entries, Purpose::Rebuild).await {
        Ok(projected) => {
            savepoint.commit().await?;
            Ok(projected)
        }
        Err(error) if is_about_data(&error) => {
            savepoint.rollback().await?;
            project_each(tx, entries, Purpose::Rebuild).await
        }
        Err(error) => Err(error),
    }
}

/// When the hub stored what an event tells is when it stored the event.
async fn note_times(tx: &mut Transaction<'_, Postgres>, site: &SiteId) -> Result<(), sqlx::Error> {
    for update in [
        "update site_order o set committed_at = e.received_at from site_event e
         where o.site_id = $1 and e.site_id = $1 and e.epoch = o.epoch and e.seq = o.seq",
        "update parked_event p set parked_at = e.received_at from site_event e
         where p.site_id = $1 and e.site_id = $1 and e.epoch = p.epoch and e.seq = p.seq",
    ] {
        sqlx::query(update)
            .bind(site.as_str())
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}
