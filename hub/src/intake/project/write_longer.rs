//! Writes what a run of events adds to the figures by day and week, from which sums over many sites and
//! days are answered.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, Days, NaiveDate};
use sqlx::{AssertSqlSafe, PgConnection};
use sunakku_common::ids::SiteId;

use super::figures::{ByHour, DayKey, DurationKey, Figures, ItemDay, OrderDay};
use super::order::Sold;
use super::write_figures::{SoldTable, add_sold};
use crate::database::column;

const WEEKLY: SoldTable = SoldTable {
    name: "weekly_sales",
    at: "week",
    kind: "date",
};

pub(super) async fn all(
    connection: &mut PgConnection,
    figures: &Figures,
) -> Result<(), sqlx::Error> {
    let orders = figures.order_days.iter();
    let orders: Vec<_> = orders
        .filter(|(_, day)| **day != OrderDay::default())
        .collect();
    if !orders.is_empty() {
        add_orders(connection, &orders).await?;
    }
    let items = figures.item_days.iter();
    let items: Vec<_> = items
        .filter(|(_, day)| **day != ItemDay::default())
        .collect();
    if !items.is_empty() {
        add_items(connection, &items).await?;
    }
    let mut weeks: BTreeMap<DayKey, Sold> = BTreeMap::new();
    for ((site, day, item), sold) in &figures.days {
        let key = (site.clone(), monday(*day), item.clone());
        weeks.entry(key).or_default().add(sold, 1);
    }
    add_sold(connection, &WEEKLY, &weeks).await?;
    if !figures.day_durations.is_empty() {
        add_durations(connection, &figures.day_durations).await?;
    }
    if !figures.stock.is_empty() {
        sum_stock(connection, figures).await?;
    }
    Ok(())
}

/// The Monday of the week that a date is in.
fn monday(day: NaiveDate) -> NaiveDate {
    let after = day.weekday().num_days_from_monday();
    // The calendar's first days have none: they are a week of their own.
    day.checked_sub_days(Days::new(after.into())).unwrap_or(day)
}

/// The hours of many rows, one after the other.
fn hours<'a, K, R: 'a>(rows: &[(&'a K, &'a R)], of: fn(&R) -> &ByHour) -> Vec<i64> {
    rows.iter().flat_map(|(_, row)| *of(row)).collect()
}

/// In two steps, as the sales are: a check would already refuse the *proposal* of a negative row.
async fn add_orders(
    connection: &mut PgConnection,
    rows: &[(&(SiteId, NaiveDate), &OrderDay)],
) -> Result<(), sqlx::Error> {
    let sites = column(rows, |(key, _)| key.0.as_str());
    let days = column(rows, |(key, _)| key.1);
    sqlx::query(
        "insert into daily_orders (site_id, day)
         select * from unnest($1::text[], $2::date[]) on conflict do nothing",
    )
    .bind(&sites)
    .bind(&days)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "update daily_orders s set
             orders = s.orders + u.orders, units = s.units + u.units,
             revenue = s.revenue + u.revenue,
             hour_orders = array(select x.old + x.more
                 from unnest(s.hour_orders, ($6::bigint[])[24 * u.n - 23 : 24 * u.n])
                          with ordinality as x (old, more, hour) order by x.hour),
             hour_units = array(select x.old + x.more
                 from unnest(s.hour_units, ($7::bigint[])[24 * u.n - 23 : 24 * u.n])
                          with ordinality as x (old, more, hour) order by x.hour)
         from (select site_id, day, orders, units, revenue, n::int
               from unnest($1::text[], $2::date[], $3::bigint[], $4::bigint[], $5::bigint[])
                        with ordinality as u (site_id, day, orders, units, revenue, n)) u
         where s.site_id = u.site_id and s.day = u.day",
    )
    .bind(&sites)
    .bind(&days)
    .bind(column(rows, |(_, day)| day.all.orders))
    .bind(column(rows, |(_, day)| day.all.units))
    .bind(column(rows, |(_, day)| day.all.revenue))
    .bind(hours(rows, |day| &day.orders))
    .bind(hours(rows, |day| &day.units))
    .execute(&mut *connection)
    .await?;
    if rows.iter().any(|(_, day)| day.all.orders < 0) {
        sqlx::query(
            "delete from daily_orders s using unnest($1::text[], $2::date[]) as u (site_id, day)
             where s.site_id = u.site_id and s.day = u.day and s.orders = 0",
        )
        .bind(sites)
        .bind(days)
        .execute(connection)
        .await?;
    }
    Ok(())
}

async fn add_items(
    connection: &mut PgConnection,
    rows: &[(&DayKey, &ItemDay)],
) -> Result<(), sqlx::Error> {
    let sites = column(rows, |(key, _)| key.0.as_str());
    let days = column(rows, |(key, _)| key.1);
    let items = column(rows, |(key, _)| key.2.as_str());
    sqlx::query(
        "insert into daily_item_hours (site_id, day, item)
         select * from unnest($1::text[], $2::date[], $3::text[]) on conflict do nothing",
    )
    .bind(&sites)
    .bind(&days)
    .bind(&items)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "update daily_item_hours s set
             units = array(select x.old + x.more
                 from unnest(s.units, ($4::bigint[])[24 * u.n - 23 : 24 * u.n])
                          with ordinality as x (old, more, hour) order by x.hour),
             revenue = array(select x.old + x.more
                 from unnest(s.revenue, ($5::bigint[])[24 * u.n - 23 : 24 * u.n])
                          with ordinality as x (old, more, hour) order by x.hour)
         from (select site_id, day, item, n::int
               from unnest($1::text[], $2::date[], $3::text[])
                        with ordinality as u (site_id, day, item, n)) u
         where s.site_id = u.site_id and s.day = u.day and s.item = u.item",
    )
    .bind(&sites)
    .bind(&days)
    .bind(&items)
    .bind(hours(rows, |day| &day.units))
    .bind(hours(rows, |day| &day.revenue))
    .execute(&mut *connection)
    .await?;
    if rows
        .iter()
        .any(|(_, day)| day.units.iter().any(|units| *units < 0))
    {
        sqlx::query(
            "delete from daily_item_hours s
             using unnest($1::text[], $2::date[], $3::text[]) as u (site_id, day, item)
             where s.site_id = u.site_id and s.day = u.day and s.item = u.item
               and 0 = all (s.units)",
        )
        .bind(sites)
        .bind(days)
        .bind(items)
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// Adds to the histograms of days and weeks: what is there and what is new, bucket by bucket.
async fn add_durations(
    connection: &mut PgConnection,
    days: &BTreeMap<DurationKey<NaiveDate>, i64>,
) -> Result<(), sqlx::Error> {
    for (table, at, begin) in [
        (
            "daily_duration",
            "day",
            (|day| day) as fn(NaiveDate) -> NaiveDate,
        ),
        ("weekly_duration", "week", monday),
    ] {
        let text = format!(
            "with u as (
                 select * from unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::int[],
                                      $6::bigint[]) as u (site_id, at, measure, station, bucket, count))
             insert into {table} (site_id, {at}, measure, station, buckets, counts)
             select site_id, at, measure, station, array_agg(bucket order by bucket),
                    array_agg(count order by bucket)
             from (select site_id, at, measure, station, bucket, sum(count)::bigint as count
                   from (select * from u
                         union all
                         select d.site_id, d.{at}, d.measure, d.station, b.bucket, b.count
                         from (select distinct site_id, at, measure, station from u) k
                         join {table} d on d.site_id = k.site_id and d.{at} = k.at
                          and d.measure = k.measure and d.station = k.station
                         cross join unnest(d.buckets, d.counts) as b (bucket, count)) known_and_new
                   group by 1, 2, 3, 4, 5) sums
             group by 1, 2, 3, 4
             on conflict (site_id, {at}, measure, station) do update set
                 buckets = excluded.buckets, counts = excluded.counts"
        );
        let rows: Vec<_> = days.iter().collect();
        sqlx::query(AssertSqlSafe(text))
            .bind(column(&rows, |(key, _)| key.0.as_str()))
            .bind(column(&rows, |(key, _)| begin(key.1)))
            .bind(column(&rows, |(key, _)| key.2))
            .bind(column(&rows, |(key, _)| key.3.as_str()))
            .bind(column(&rows, |(key, _)| key.4))
            .bind(column(&rows, |(_, count)| **count))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Sums up the weeks of the days that were changed: a count takes the place of an earlier one of its day, so
/// that there is nothing to add.
async fn sum_stock(connection: &mut PgConnection, figures: &Figures) -> Result<(), sqlx::Error> {
    let weeks = figures.stock.keys();
    let weeks: BTreeSet<_> = weeks
        .map(|(site, day, sku)| (site.as_str(), monday(*day), sku.as_str()))
        .collect();
    let weeks: Vec<_> = weeks.into_iter().collect();
    sqlx::query(
        "insert into weekly_stock (site_id, week, sku, used, on_hand, counted)
         select u.site_id, u.week, u.sku, d.used, d.on_hand, d.counted
         from unnest($1::text[], $2::date[], $3::text[]) as u (site_id, week, sku)
         cross join lateral (
             select sum(s.used)::bigint as used, coalesce(sum(s.on_hand), 0)::bigint as on_hand,
                    count(s.on_hand) as counted
             from generate_series(0, 6) as n
             join daily_stock s on s.site_id = u.site_id and s.day = u.week + n and s.sku = u.sku) d
         on conflict (site_id, week, sku) do update set
             used = excluded.used, on_hand = excluded.on_hand, counted = excluded.counted",
    )
    .bind(column(&weeks, |(site, ..)| *site))
    .bind(column(&weeks, |(_, week, _)| *week))
    .bind(column(&weeks, |(.., sku)| *sku))
    .execute(connection)
    .await?;
    Ok(())
}
