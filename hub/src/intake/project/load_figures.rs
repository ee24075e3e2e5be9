//! What is known of that from which the figures are counted.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sqlx::PgConnection;
use sunakku_common::ids::{SiteId, TicketId};
use uuid::Uuid;

use super::figures::{Known, Ticket};
use super::read::{Fact, What};
use crate::intake::group::Entry;

type Facts<'a> = [(usize, &'a Entry<'a>, Fact)];

/// What is known before the facts.
pub(super) async fn known(
    connection: &mut PgConnection,
    facts: &Facts<'_>,
) -> Result<Known, sqlx::Error> {
    let mut known = Known::default();
    zones(connection, facts, &mut known).await?;
    tickets(connection, facts, &mut known).await?;
    sold_out(connection, facts, &mut known).await?;
    Ok(known)
}

async fn zones(
    connection: &mut PgConnection,
    facts: &Facts<'_>,
    known: &mut Known,
) -> Result<(), sqlx::Error> {
    let sites: BTreeSet<&str> = facts
        .iter()
        .map(|(_, entry, _)| entry.site.as_str())
        .collect();
    let sites: Vec<&str> = sites.into_iter().collect();
    let rows: Vec<(String, String)> =
        sqlx::query_as("select site_id, time_zone from site where site_id = any($1)")
            .bind(sites)
            .fetch_all(connection)
            .await?;
    for (site, zone) in rows {
        // Checked when the site was added; a zone that is gone since counts as UTC.
        known
            .zones
            .insert(id(&site)?, zone.parse().unwrap_or(Tz::UTC));
    }
    Ok(())
}

async fn tickets(
    connection: &mut PgConnection,
    facts: &Facts<'_>,
    known: &mut Known,
) -> Result<(), sqlx::Error> {
    let named: BTreeSet<(&str, Uuid)> = facts
        .iter()
        .filter_map(|(_, entry, fact)| match &fact.what {
            What::TicketCreated(ticket, _) | What::TicketDone(ticket) => {
                Some((entry.site.as_str(), ticket.0))
            }
            _ => None,
        })
        .collect();
    if named.is_empty() {
        return Ok(());
    }
    let (sites, ids): (Vec<&str>, Vec<Uuid>) = named.into_iter().unzip();
    type Row = (String, Uuid, String, DateTime<Utc>, Option<DateTime<Utc>>);
    let rows: Vec<Row> = sqlx::query_as(
        "select t.site_id, t.ticket_id, t.station, t.created_at, t.done_at
         from unnest($1::text[], $2::uuid[]) as w (site_id, ticket_id)
         join site_ticket t on t.site_id = w.site_id and t.ticket_id = w.ticket_id",
    )
    .bind(sites)
    .bind(ids)
    .fetch_all(connection)
    .await?;
    for (site, ticket, station, created_at, done_at) in rows {
        let found = Ticket {
            station,
            created_at,
            done_at,
        };
        known.tickets.insert((id(&site)?, TicketId(ticket)), found);
    }
    Ok(())
}

async fn sold_out(
    connection: &mut PgConnection,
    facts: &Facts<'_>,
    known: &mut Known,
) -> Result<(), sqlx::Error> {
    let named: BTreeSet<(&str, &str)> = facts
        .iter()
        .flat_map(|(_, entry, fact)| {
            let skus = fact.stock.iter().map(|change| change.sku.as_str());
            skus.map(|sku| (entry.site.as_str(), sku))
        })
        .collect();
    if named.is_empty() {
        return Ok(());
    }
    let (sites, skus): (Vec<&str>, Vec<&str>) = named.into_iter().unzip();
    let rows: Vec<(String, String, DateTime<Utc>)> = sqlx::query_as(
        "select o.site_id, o.sku, o.since
         from unnest($1::text[], $2::text[]) as w (site_id, sku)
         join sold_out o on o.site_id = w.site_id and o.sku = w.sku and o.until is null",
    )
    .bind(sites)
    .bind(skus)
    .fetch_all(connection)
    .await?;
    for (site, sku, since) in rows {
        known.sold_out.insert((id(&site)?, sku), since);
    }
    Ok(())
}

fn id(site: &str) -> Result<SiteId, sqlx::Error> {
    site.parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
