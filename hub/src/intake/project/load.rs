//! What is known of the orders that a run of events names.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sunakku_common::ids::{OrderId, SiteId};
use sunakku_common::state::OrderState;
use uuid::Uuid;

use super::fold::resold;
use super::order::{Identity, Order, OrderKey, Promise, Sold};
use super::read::{Fact, What};
use crate::intake::group::Entry;

/// The known ones among the orders that the facts place or move.
pub(super) async fn orders(
    connection: &mut PgConnection,
    facts: &[(usize, &Entry<'_>, Fact)],
) -> Result<BTreeMap<OrderKey, Order>, sqlx::Error> {
    let named = |(_, entry, fact): &(usize, &Entry<'_>, Fact)| {
        let order = match &fact.what {
            What::Placed(placed) => placed.order,
            What::Moved(moved) => moved.order,
            _ => return None,
        };
        Some((entry.site.clone(), order))
    };
    let named: BTreeSet<OrderKey> = facts.iter().filter_map(named).collect();
    if named.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut known = states(connection, &named).await?;
    let facts = facts.iter().map(|(_, entry, fact)| (entry.site, fact));
    let resold = resold(facts, &known);
    if !resold.is_empty() {
        sold(connection, &resold, &mut known).await?;
    }
    Ok(known)
}

type StateRow = (
    String,
    Uuid,
    String,
    i64,
    i64,
    DateTime<Utc>,
    DateTime<Utc>,
    bool,
);

async fn states(
    connection: &mut PgConnection,
    named: &BTreeSet<OrderKey>,
) -> Result<BTreeMap<OrderKey, Order>, sqlx::Error> {
    let (sites, ids) = columns(named);
    let rows: Vec<StateRow> = sqlx::query_as(
        "select o.site_id, o.order_id, o.state, o.number::bigint, o.total, o.placed_at,
                o.ready_estimate_at, o.ready_at is not null
         from unnest($1::text[], $2::uuid[]) as w (site_id, order_id)
         join site_order o on o.site_id = w.site_id and o.order_id = w.order_id",
    )
    .bind(sites)
    .bind(ids)
    .fetch_all(connection)
    .await?;
    let mut known = BTreeMap::new();
    for (site, id, state, number, total, placed_at, ready_at, is_settled) in rows {
        let state: OrderState = state
            .parse()
            .map_err(|e: String| sqlx::Error::Decode(e.into()))?;
        let placed_at = placed_at.timestamp_micros();
        let identity = Identity {
            number,
            total,
            placed_at,
        };
        let promise = Promise {
            ready_at,
            is_settled,
        };
        known.insert(key(&site, id)?, Order::known(identity, state, promise));
    }
    Ok(known)
}

async fn sold(
    connection: &mut PgConnection,
    resold: &BTreeSet<OrderKey>,
    known: &mut BTreeMap<OrderKey, Order>,
) -> Result<(), sqlx::Error> {
    let (sites, ids) = columns(resold);
    let rows: Vec<(String, Uuid, String, i64, i64)> = sqlx::query_as(
        "select l.site_id, l.order_id, l.item, sum(l.quantity)::bigint, sum(l.total)::bigint
         from unnest($1::text[], $2::uuid[]) as w (site_id, order_id)
         join order_line l on l.site_id = w.site_id and l.order_id = w.order_id
         group by l.site_id, l.order_id, l.item",
    )
    .bind(sites)
    .bind(ids)
    .fetch_all(connection)
    .await?;
    for (site, id, item, units, revenue) in rows {
        if let Some(order) = known.get_mut(&key(&site, id)?) {
            let sold = Sold {
                units,
                orders: 1,
                revenue,
            };
            order.sold.insert(item, sold);
        }
    }
    Ok(())
}

fn columns(keys: &BTreeSet<OrderKey>) -> (Vec<&str>, Vec<Uuid>) {
    keys.iter()
        .map(|(site, order)| (site.as_str(), order.0))
        .unzip()
}

fn key(site: &str, id: Uuid) -> Result<OrderKey, sqlx::Error> {
    let site: SiteId = site
        .parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok((site, OrderId(id)))
}
