//! Writes what a run of events adds to the figures: one or two statements per table.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use sqlx::types::Json;

use super::figures::{DayKey, DurationKey, Figures, HourKey, Outage, SalesKey, StockDay};
use super::fold::Sold;
use super::write::column;
use super::write_longer;

pub(super) async fn all(
    connection: &mut PgConnection,
    figures: &Figures,
) -> Result<(), sqlx::Error> {
    let is_some = |sold: &Sold| *sold != Sold::default();
    let sales: Vec<_> = figures.sales.iter().filter(|(_, s)| is_some(s)).collect();
    let days: Vec<_> = figures.days.iter().filter(|(_, s)| is_some(s)).collect();
    let orders: Vec<_> = figures.orders.iter().filter(|(_, s)| is_some(s)).collect();
    if !sales.is_empty() {
        add_sales(connection, &sales).await?;
    }
    if !days.is_empty() {
        add_days(connection, &days).await?;
    }
    if !orders.is_empty() {
        add_orders(connection, &orders).await?;
    }
    if sales.iter().any(|(_, sold)| sold.orders < 0) {
        drop_empty(connection, figures).await?;
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
    note_corrections(connection, figures).await?;
    write_longer::all(connection, figures).await
}

/// In two steps: the row's check would already refuse the *proposal* of a negative row.
async fn add_sales(
    connection: &mut PgConnection,
    rows: &[(&SalesKey, &Sold)],
) -> Result<(), sqlx::Error> {
    let sites = column(rows, |(key, _)| key.0.as_str());
    let hours = column(rows, |(key, _)| key.1);
    let items = column(rows, |(key, _)| key.2.as_str());
    sqlx::query(
        "insert into hourly_sales (site_id, hour, item)
         select * from unnest($1::text[], $2::timestamptz[], $3::text[])
         on conflict do nothing",
    )
    .bind(&sites)
    .bind(&hours)
    .bind(&items)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "update hourly_sales s set
             units = s.units + u.units, orders = s.orders + u.orders,
             revenue = s.revenue + u.revenue
         from unnest($1::text[], $2::timestamptz[], $3::text[], $4::bigint[], $5::bigint[],
                     $6::bigint[]) as u (site_id, hour, item, units, orders, revenue)
         where s.site_id = u.site_id and s.hour = u.hour and s.item = u.item",
    )
    .bind(sites)
    .bind(hours)
    .bind(items)
    .bind(column(rows, |(_, sold)| sold.units))
    .bind(column(rows, |(_, sold)| sold.orders))
    .bind(column(rows, |(_, sold)| sold.revenue))
    .execute(connection)
    .await?;
    Ok(())
}

async fn add_days(
    connection: &mut PgConnection,
    rows: &[(&DayKey, &Sold)],
) -> Result<(), sqlx::Error> {
    let sites = column(rows, |(key, _)| key.0.as_str());
    let days = column(rows, |(key, _)| key.1);
    let items = column(rows, |(key, _)| key.2.as_str());
    sqlx::query(
        "insert into daily_sales (site_id, day, item)
         select * from unnest($1::text[], $2::date[], $3::text[])
         on conflict do nothing",
    )
    .bind(&sites)
    .bind(&days)
    .bind(&items)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "update daily_sales s set
             units = s.units + u.units, orders = s.orders + u.orders,
             revenue = s.revenue + u.revenue
         from unnest($1::text[], $2::date[], $3::text[], $4::bigint[], $5::bigint[],
                     $6::bigint[]) as u (site_id, day, item, units, orders, revenue)
         where s.site_id = u.site_id and s.day = u.day and s.item = u.item",
    )
    .bind(sites)
    .bind(days)
    .bind(items)
    .bind(column(rows, |(_, sold)| sold.units))
    .bind(column(rows, |(_, sold)| sold.orders))
    .bind(column(rows, |(_, sold)| sold.revenue))
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
    .bind(sites)
    .bind(hours)
    .bind(column(rows, |(_, sold)| sold.units))
    .bind(column(rows, |(_, sold)| sold.orders))
    .bind(column(rows, |(_, sold)| sold.revenue))
    .execute(connection)
    .await?;
    Ok(())
}

/// What is called off may leave nothing of an hour or a day: then there is no row, as if it had
/// never been placed.
async fn drop_empty(connection: &mut PgConnection, figures: &Figures) -> Result<(), sqlx::Error> {
    let rows: Vec<_> = figures.sales.keys().collect();
    sqlx::query(
        "delete from hourly_sales s
         using unnest($1::text[], $2::timestamptz[], $3::text[]) as u (site_id, hour, item)
         where s.site_id = u.site_id and s.hour = u.hour and s.item = u.item and s.orders = 0",
    )
    .bind(column(&rows, |key| key.0.as_str()))
    .bind(column(&rows, |key| key.1))
    .bind(column(&rows, |key| key.2.as_str()))
    .execute(&mut *connection)
    .await?;
    let rows: Vec<_> = figures.days.keys().collect();
    sqlx::query(
        "delete from daily_sales s
         using unnest($1::text[], $2::date[], $3::text[]) as u (site_id, day, item)
         where s.site_id = u.site_id and s.day = u.day and s.item = u.item and s.orders = 0",
    )
    .bind(column(&rows, |key| key.0.as_str()))
    .bind(column(&rows, |key| key.1))
    .bind(column(&rows, |key| key.2.as_str()))
    .execute(&mut *connection)
    .await?;
    let rows: Vec<_> = figures.orders.keys().collect();
    sqlx::query(
        "delete from hourly_orders s
         using unnest($1::text[], $2::timestamptz[]) as u (site_id, hour)
         where s.site_id = u.site_id and s.hour = u.hour and s.orders = 0",
    )
    .bind(column(&rows, |key| key.0.as_str()))
    .bind(column(&rows, |key| key.1))
    .execute(connection)
    .await?;
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
