//! Where each site's log stands: read under the site's lock, and moved.

use std::collections::BTreeSet;

use sqlx::PgConnection;
use sunakku_common::chain::Chain;
use sunakku_common::ids::{Epoch, SiteId};
use sunakku_common::sync::Position;
use uuid::Uuid;

use super::events;
use super::group::{Group, Log, Site, needed};
use super::request::Request;

/// Locks the sites of the requests, in the order of their ids, and reads what is held of them.
pub(super) async fn lock_and_load(
    connection: &mut PgConnection,
    requests: &[Request],
) -> Result<Group, sqlx::Error> {
    let sites: BTreeSet<&str> = requests
        .iter()
        .map(|request| request.site.as_str())
        .collect();
    let sites: Vec<&str> = sites.into_iter().collect();
    let epochs: BTreeSet<Uuid> = requests
        .iter()
        .map(|request| request.batch.epoch.0)
        .collect();
    let epochs: Vec<Uuid> = epochs.into_iter().collect();

    // A statement of its own: the next one must see what those did whom we waited for.
    let known: Vec<(String,)> = sqlx::query_as(
        "select site_id from site where site_id = any($1) order by site_id for no key update",
    )
    .bind(&sites)
    .fetch_all(&mut *connection)
    .await?;
    let mut group = Group::default();
    for (site,) in known {
        group.sites.insert(site_id(&site)?, Site::default());
    }
    load(connection, &mut group, &sites, &epochs).await?;
    load_held(connection, &mut group, requests).await?;
    Ok(group)
}

type Row = (String, Uuid, i64, Vec<u8>, Vec<u8>, i64, bool);

async fn load(
    connection: &mut PgConnection,
    group: &mut Group,
    sites: &[&str],
    epochs: &[Uuid],
) -> Result<(), sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select site_id, epoch, cursor, chain, chain_edge, head, is_current
         from site_cursor
         where site_id = any($1) and (is_current or epoch = any($2))",
    )
    .bind(sites)
    .bind(epochs)
    .fetch_all(connection)
    .await?;
    for (site, epoch, cursor, chain, chain_edge, head, is_current) in rows {
        let Some(site) = group.sites.get_mut(&site_id(&site)?) else {
            continue;
        };
        let position = Position {
            cursor: unsigned(cursor)?,
            chain: chain_of(&chain)?,
        };
        let log = Log::stored(position, chain_of(&chain_edge)?, unsigned(head)?);
        site.logs.insert(Epoch(epoch), log);
        if is_current {
            site.current = Some(Epoch(epoch));
        }
    }
    for (id, site) in &mut group.sites {
        for (epoch, log) in &mut site.logs {
            log.held.insert(0, Chain::genesis(id, *epoch));
        }
    }
    Ok(())
}

/// A batch that joins on needs no more than the cursor's own chain; others are rare.
async fn load_held(
    connection: &mut PgConnection,
    group: &mut Group,
    requests: &[Request],
) -> Result<(), sqlx::Error> {
    let wanted: Vec<_> = needed(group, requests)
        .map(|(site, epoch, first, last)| (site.clone(), epoch, first, last))
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    for (site, epoch, seq, chain) in events::chains(connection, &wanted).await? {
        let log = group.sites.get_mut(&site_id(&site)?);
        if let Some(log) = log.and_then(|site| site.logs.get_mut(&Epoch(epoch))) {
            log.held.insert(unsigned(seq)?, chain_of(&chain)?);
        }
    }
    Ok(())
}

/// Stores where the logs stand now.
pub(super) async fn store(connection: &mut PgConnection, group: &Group) -> Result<(), sqlx::Error> {
    if group.has_new_epoch() {
        retire(connection, group).await?;
    }
    let touched: Vec<_> = group.touched().collect();
    let column = |of: fn(&Log) -> u64| -> Vec<i64> {
        touched
            .iter()
            .map(|(_, _, log, _)| signed(of(log)))
            .collect()
    };
    let chains = |of: fn(&Log) -> Chain| -> Vec<Vec<u8>> {
        touched
            .iter()
            .map(|(_, _, log, _)| of(log).0.to_vec())
            .collect()
    };
    sqlx::query(
        "insert into site_cursor as c
             (site_id, epoch, cursor, chain, chain_edge, head, gaps, duplicates, forks, is_current)
         select * from unnest($1::text[], $2::uuid[], $3::bigint[], $4::bytea[], $5::bytea[],
                              $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bool[])
         on conflict (site_id, epoch) do update set
             cursor = excluded.cursor, chain = excluded.chain, chain_edge = excluded.chain_edge,
             head = excluded.head, gaps = c.gaps + excluded.gaps,
             duplicates = c.duplicates + excluded.duplicates, forks = c.forks + excluded.forks,
             is_current = excluded.is_current, last_seen_at = now()",
    )
    .bind(
        touched
            .iter()
            .map(|(site, ..)| site.as_str())
            .collect::<Vec<_>>(),
    )
    .bind(
        touched
            .iter()
            .map(|(_, epoch, ..)| epoch.0)
            .collect::<Vec<_>>(),
    )
    .bind(column(|log| log.position.cursor))
    .bind(chains(|log| log.position.chain))
    .bind(chains(|log| log.chain_edge))
    .bind(column(|log| log.head))
    .bind(column(|log| log.gaps))
    .bind(column(|log| log.duplicates))
    .bind(column(|log| log.forks))
    .bind(
        touched
            .iter()
            .map(|(.., is_current)| *is_current)
            .collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes room for the new current epochs.
async fn retire(connection: &mut PgConnection, group: &Group) -> Result<(), sqlx::Error> {
    let renewed = group.sites.iter().filter(|(_, site)| site.has_new_epoch);
    let sites: Vec<&str> = renewed.map(|(id, _)| id.as_str()).collect();
    sqlx::query("update site_cursor set is_current = false where site_id = any($1) and is_current")
        .bind(sites)
        .execute(connection)
        .await?;
    Ok(())
}

fn site_id(text: &str) -> Result<SiteId, sqlx::Error> {
    text.parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

fn chain_of(bytes: &[u8]) -> Result<Chain, sqlx::Error> {
    let array = bytes
        .try_into()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(Chain(array))
}

fn unsigned(number: i64) -> Result<u64, sqlx::Error> {
    u64::try_from(number).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Sequences are bounded at the door; a head is only what an edge says of itself.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
