//! Writes what a run of events adds to the figures: a fixed number of statements per table.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection, Postgres};
use sunakku_common::ids::SiteId;

use super::figures::{DayKey, DurationKey, Figures, HourKey, Outage, StockDay};
use super::order::Sold;
use crate::database::column;

pub(super) async fn all(
    connection: &mut PgConnection,
    figures: &Figures,
) -> Result<(), sqlx::Error> {
    add_sold(connection, &HOURLY, &figures.sales).await?;
    add_sold(connection, &DAILY, &figures.days).await?;
    let orders = figures.orders.iter();
    let orders: Vec<_> = orders.filter(|(_, s)| **s != Sold::default()).collect();
    if !orders.is_empty() {
        add_orders(connection, &orders).await?;
    }
    name_items(connection, figures).await?;
    write_tickets(connection, figures).await?;
    let durations: Vec<_> = figures.durations.iter().collect();
    if !durations.is_empty() {
        add_durations(connection, &durations).await?;
    }
    write_outages(connection, figures).await?;
    let stock: Vec<_> = figures.stock.iter().collect();
    if !stock.is_empty() {
        add_stock(connection, &stock).await?;
    }
    note_corrections(connection, figures).await
}

/// A table of what items sell in some time.
pub(super) struct SoldTable {
    pub(super) name: &'static str,
    /// Its column of time.
    pub(super) at: &'static str,
    /// That column's type.
    pub(super) kind: &'static str,
}

const HOURLY: SoldTable = SoldTable {
    name: "hourly_sales",
    at: "hour",
    kind: "timestamptz",
};
const DAILY: SoldTable = SoldTable {
    name: "daily_sales",
    at: "day",
    kind: "date",
};

/// Adds to what is sold, by site, time and item. In two steps: the row's check would already refuse the
/// *proposal* of a negative row. What is called off may leave nothing: then there is no row, as if it had
/// never been placed.
pub(super) async fn add_sold<T>(
    connection: &mut PgConnection,
    table: &SoldTable,
    sold: &BTreeMap<(SiteId, T, String), Sold>,
) -> Result<(), sqlx::Error>
where
    T: Copy,
    Vec<T>: for<'q> sqlx::Encode<'q, Postgres> + sqlx::Type<Postgres>,
{
    let rows = sold.iter().filter(|(_, sold)| **sold != Sold::default());
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let SoldTable {
        name: table,
        at,
        kind,
    } = table;
    let sites = column(&rows, |(key, _)| key.0.as_str());
    let times = column(&rows, |(key, _)| key.1);
    let items = column(&rows, |(key, _)| key.2.as_str());
    let text = format!(
        "insert into {table} (site_id, {at}, item)
         select * from unnest($1::text[], $2::{kind}[], $3::text[])
         on conflict do nothing"
    );
    sqlx::query(AssertSqlSafe(text))
        .bind(&sites)
        .bind(&times)
        .bind(&items)
        .execute(&mut *connection)
        .await?;
    let text = format!(
        "update {table} s set
             units = s.units + u.units, orders = s.orders + u.orders,
             revenue = s.revenue + u.revenue
         from unnest($1::text[], $2::{kind}[], $3::text[], $4::bigint[], $5::bigint[],
                     $6::bigint[]) as u (site_id, {at}, item, units, orders, revenue)
         where s.site_id = u.site_id and s.{at} = u.{at} and s.item = u.item"
    );
    sqlx::query(AssertSqlSafe(text))
        .bind(&sites)
        .bind(&times)
        .bind(&items)
        .bind(column(&rows, |(_, sold)| sold.units))
        .bind(column(&rows, |(_, sold)| sold.orders))
        .bind(column(&rows, |(_, sold)| sold.revenue))
        .execute(&mut *connection)
        .await?;
    if rows.iter().all(|(_, sold)| sold.orders >= 0) {
        return Ok(());
    }
    let text = format!(
        "delete from {table} s
         using unnest($1::text[], $2::{kind}[], $3::text[]) as u (site_id, {at}, item)
         where s.site_id = u.site_id and s.{at} = u.{at} and s.item = u.item and s.orders = 0"
    );
    sqlx::query(AssertSqlSafe(text))
        .bind(sites)
        .bind(times)
        .bind(items)
        .execute(connection)
        .await?;
    Ok(())
}

async fn add_orders(
    connection: &mut PgConnection,
    rows: &[(&HourKey, &Sold)],
) -> Result<(), sqlx::Error> {
    let sites = column(rows, |(key, _)| key.0.as_str());
    let hours = column(rows, |(key, _)| key.1);
    sqlx::query(
        "insert into hourly_orders (site_id, hour)
         select * from unnest($1::text[], $2::timestamptz[])
         on conflict do nothing",
    )
    .bind(&sites)
    .bind(&hours)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "update hourly_orders s set
             units = s.units + u.units, orders = s.orders + u.orders,
             revenue = s.revenue + u.revenue
         from unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[])
                  as u (site_id, hour, units, orders, revenue)
         where s.site_id = u.site_id and s.hour = u.hour",
    )
    .bind(&sites)
    .bind(&hours)
    .bind(column(rows, |(_, sold)| sold.units))
    .bind(column(rows, |(_, sold)| sold.orders))
    .bind(column(rows, |(_, sold)| sold.revenue))
    .execute(&mut *connection)
    .await?;
    if rows.iter().any(|(_, sold)| sold.orders < 0) {
        sqlx::query(
            "delete from hourly_orders s
             using unnest($1::text[], $2::timestamptz[]) as u (site_id, hour)
             where s.site_id = u.site_id and s.hour = u.hour and s.orders = 0",
        )
        .bind(sites)
        .bind(hours)
        .execute(connection)
        .await?;
    }
    Ok(())
}

async fn name_items(connection: &mut PgConnection, figures: &Figures) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = figures.names.iter().collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into site_item (site_id, item, name)
         select * from unnest($1::text[], $2::text[], $3::jsonb[])
         on conflict (site_id, item) do update set name = excluded.name
         where site_item.name is distinct from excluded.name",
    )
    .bind(column(&rows, |((site, _), _)| site.as_str()))
    .bind(column(&rows, |((_, item), _)| item.as_str()))
    .bind(column(&rows, |(_, name)| Json(name)))
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_tickets(
    connection: &mut PgConnection,
    figures: &Figures,
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = figures.tickets().collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into site_ticket (site_id, ticket_id, station, created_at, done_at)
         select * from unnest($1::text[], $2::uuid[], $3::text[], $4::timestamptz[],
                              $5::timestamptz[])
         on conflict (site_id, ticket_id) do update set done_at = excluded.done_at",
    )
    .bind(column(&rows, |((site, _), _)| site.as_str()))
    .bind(column(&rows, |((_, ticket), _)| ticket.0))
    .bind(column(&rows, |(_, ticket)| ticket.station.as_str()))
    .bind(column(&rows, |(_, ticket)| ticket.created_at))
    .bind(column(&rows, |(_, ticket)| ticket.done_at))
    .execute(connection)
    .await?;
    Ok(())
}

async fn add_durations(
    connection: &mut PgConnection,
    rows: &[(&DurationKey<DateTime<Utc>>, &i64)],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into hourly_duration as d (site_id, hour, measure, station, bucket, count)
         select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::int[],
                              $6::bigint[])
         on conflict (site_id, hour, measure, station, bucket) do update set
             count = d.count + excluded.count",
    )
    .bind(column(rows, |(key, _)| key.0.as_str()))
    .bind(column(rows, |(key, _)| key.1))
    .bind(column(rows, |(key, _)| key.2))
    .bind(column(rows, |(key, _)| key.3.as_str()))
    .bind(column(rows, |(key, _)| key.4))
    .bind(column(rows, |(_, count)| **count))
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_outages(
    connection: &mut PgConnection,
    figures: &Figures,
) -> Result<(), sqlx::Error> {
    let is_void = |outage: &Outage| *outage == Outage::Void;
    let (void, rows): (Vec<_>, Vec<_>) = figures
        .outages
        .iter()
        .partition(|(_, outage)| is_void(outage));
    if !void.is_empty() {
        sqlx::query(
            "delete from sold_out o
             using unnest($1::text[], $2::text[], $3::timestamptz[]) as v (site_id, sku, since)
             where o.site_id = v.site_id and o.sku = v.sku and o.since = v.since",
        )
        .bind(column(&void, |((site, ..), _)| site.as_str()))
        .bind(column(&void, |((_, sku, _), _)| sku.as_str()))
        .bind(column(&void, |((.., since), _)| *since))
        .execute(&mut *connection)
        .await?;
    }
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into sold_out (site_id, sku, since, until)
         select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[])
         on conflict (site_id, sku, since) do update set until = excluded.until",
    )
    .bind(column(&rows, |((site, ..), _)| site.as_str()))
    .bind(column(&rows, |((_, sku, _), _)| sku.as_str()))
    .bind(column(&rows, |((.., since), _)| *since))
    .bind(column(&rows, |(_, outage)| match outage {
        Outage::Until(until) => Some(*until),
        Outage::Lasts | Outage::Void => None,
    }))
    .execute(connection)
    .await?;
    Ok(())
}

async fn add_stock(
    connection: &mut PgConnection,
    rows: &[(&DayKey, &StockDay)],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into daily_stock as s (site_id, day, sku, used, on_hand)
         select * from unnest($1::text[], $2::date[], $3::text[], $4::bigint[], $5::bigint[])
         on conflict (site_id, day, sku) do update set
             used = s.used + excluded.used, on_hand = coalesce(excluded.on_hand, s.on_hand)",
    )
    .bind(column(rows, |(key, _)| key.0.as_str()))
    .bind(column(rows, |(key, _)| key.1))
    .bind(column(rows, |(key, _)| key.2.as_str()))
    .bind(column(rows, |(_, day)| day.used))
    .bind(column(rows, |(_, day)| day.on_hand))
    .execute(connection)
    .await?;
    Ok(())
}

async fn note_corrections(
    connection: &mut PgConnection,
    figures: &Figures,
) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = figures.corrections.iter().collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into stock_correction (site_id, sku, at, delta, reason)
         select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::text[])
         on conflict do nothing",
    )
    .bind(column(&rows, |((site, ..), _)| site.as_str()))
    .bind(column(&rows, |((_, sku, ..), _)| sku.as_str()))
    .bind(column(&rows, |((_, _, at, _), _)| *at))
    .bind(column(&rows, |((.., delta), _)| *delta))
    .bind(column(&rows, |(_, reason)| reason.as_str()))
    .execute(connection)
    .await?;
    Ok(())
}
