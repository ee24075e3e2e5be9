//! The sites' logs in the database.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sunakku_common::ids::{Epoch, OrderId, SiteId};
use uuid::Uuid;

use super::group::Entry;
use super::project::read::{clean, order_of};

/// Appends events as they came.
pub(super) async fn insert(
    connection: &mut PgConnection,
    entries: &[&Entry<'_>],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into site_event (site_id, epoch, seq, at, kind, order_id, event, chain)
         select * from unnest($1::text[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::text[],
                              $6::uuid[], $7::text[], $8::bytea[])",
    )
    .bind(column(entries, |entry| entry.site.as_str()))
    .bind(column(entries, |entry| entry.epoch.0))
    .bind(column(entries, |entry| entry.seq()))
    .bind(column(entries, |entry| shown(entry.event.at)))
    .bind(column(entries, |entry| clean(&entry.event.kind)))
    .bind(column(entries, |entry| {
        order_of(&entry.event).map(|OrderId(id)| id)
    }))
    .bind(column(entries, |entry| entry.text))
    .bind(column(entries, |entry| entry.chain.0.to_vec()))
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps those entries that could not be projected, by their place in `entries`, with the reason.
pub(super) async fn park(
    connection: &mut PgConnection,
    entries: &[&Entry<'_>],
    parked: &BTreeMap<usize, String>,
) -> Result<(), sqlx::Error> {
    if parked.is_empty() {
        return Ok(());
    }
    let kept: Vec<&Entry<'_>> = parked.keys().map(|n| entries[*n]).collect();
    for (entry, reason) in kept.iter().zip(parked.values()) {
        let seq = entry.event.seq;
        tracing::warn!(site.id = %entry.site, seq, kind = entry.event.kind, reason, "parked");
    }
    sqlx::query(
        "insert into parked_event (site_id, epoch, seq, kind, event, reason)
         select * from unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[], $5::text[],
                              $6::text[])",
    )
    .bind(column(&kept, |entry| entry.site.as_str()))
    .bind(column(&kept, |entry| entry.epoch.0))
    .bind(column(&kept, |entry| entry.seq()))
    .bind(column(&kept, |entry| clean(&entry.event.kind)))
    .bind(column(&kept, |entry| entry.text))
    .bind(
        parked
            .values()
            .map(|reason| clean(reason))
            .collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The chains that are held in the wanted ranges (both ends included).
pub(super) async fn chains(
    connection: &mut PgConnection,
    wanted: &[(SiteId, Epoch, u64, u64)],
) -> Result<Vec<(String, Uuid, i64, Vec<u8>)>, sqlx::Error> {
    let number = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
    sqlx::query_as(
        "select e.site_id, e.epoch, e.seq, e.chain
         from unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[])
                  as w (site_id, epoch, first, last)
         join site_event e
             on e.site_id = w.site_id and e.epoch = w.epoch and e.seq between w.first and w.last",
    )
    .bind(
        wanted
            .iter()
            .map(|(site, ..)| site.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        wanted
            .iter()
            .map(|(_, epoch, ..)| epoch.0)
            .collect::<Vec<_>>(),
    )
    .bind(
        wanted
            .iter()
            .map(|(_, _, first, _)| number(*first))
            .collect::<Vec<_>>(),
    )
    .bind(
        wanted
            .iter()
            .map(|(.., last)| number(*last))
            .collect::<Vec<_>>(),
    )
    .fetch_all(connection)
    .await
}

impl Entry<'_> {
    /// The sequence, as the database counts; bounded at the door.
    pub(super) fn seq(&self) -> i64 {
        i64::try_from(self.event.seq).unwrap_or(i64::MAX)
    }
}

fn column<'a, 'e: 'a, T>(entries: &[&'a Entry<'e>], of: impl Fn(&'a Entry<'e>) -> T) -> Vec<T> {
    entries.iter().map(|entry| of(entry)).collect()
}

/// The edge's clock may say anything; the column takes what a calendar can show. The exact text
/// keeps what was said.
fn shown(at: DateTime<Utc>) -> DateTime<Utc> {
    super::project::read::within_calendar(at).unwrap_or(DateTime::UNIX_EPOCH)
}
