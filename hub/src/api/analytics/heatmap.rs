//! When people order: by weekday and hour of the sites' clocks.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use chrono::Datelike as _;
use serde::Serialize;
use sqlx::PgPool;
use sunakku_common::http::Query;
use sunakku_common::problem::Problem;

use super::{Answer, Filter, OrProblem, Report, Scope, Spans, report, rounded};
use crate::state::Hub;

/// One hour of one weekday.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct HeatmapRow {
    /// 1 for Monday to 7 for Sunday.
    weekday: i32,
    /// 0 to 23, as the sites' clocks show it.
    hour: i32,
    /// Orders in all such hours.
    orders: i64,
    /// Units in them.
    units: i64,
    /// Such weekdays in the range that have begun.
    days: i64,
    /// Orders in such an hour on the average of those days.
    average: Option<f64>,
}

/// Orders by weekday and hour. Hours without any order have no row.
#[utoipa::path(get, path = "/v1/analytics/heatmap", tag = "analytics", params(Filter),
    security(("token" = [])), responses(
    (status = 200, description = "The rows, by weekday and hour", body = Report<HeatmapRow>),
    (status = 400, description = "`invalid-range`", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem)))]
pub(in crate::api) async fn list(
    State(hub): State<Hub>,
    scope: Scope,
    Query(filter): Query<Filter>,
) -> Answer<Response> {
    let spans = Spans::of(&hub.pool, &scope, &filter).await?;
    let cells = match spans.range.is_whole_days() {
        true => by_days(&hub.pool, &spans).await,
        false => by_hours(&hub.pool, &spans).await,
    };
    let days = days(&spans);
    let row = |((weekday, hour), (orders, units))| {
        let days = days.get(&weekday).copied().unwrap_or(0);
        HeatmapRow {
            weekday,
            hour,
            orders,
            units,
            days,
            average: (days > 0).then(|| rounded(orders as f64 / days as f64)),
        }
    };
    let rows = cells.or_problem()?.into_iter().map(row).collect();
    report(&hub.pool, &spans, &filter, "heatmap", rows).await
}

/// Orders and units by weekday and hour.
type Cells = BTreeMap<(i32, i32), (i64, i64)>;

/// Of the hours that the days keep.
async fn by_days(pool: &PgPool, spans: &Spans) -> Result<Cells, sqlx::Error> {
    let days: Vec<(i32, Vec<i64>, Vec<i64>)> = spans
        .query(
            "select extract(isodow from d.day)::int, d.hour_orders, d.hour_units
             from w join daily_orders d
               on d.site_id = w.site_id and d.day >= w.first_day and d.day < w.end_day",
        )
        .fetch_all(pool)
        .await?;
    let mut sums = [[(0, 0); 24]; 8];
    for (weekday, orders, units) in days {
        // From 1 to 7.
        let Some(hours) = usize::try_from(weekday).ok().and_then(|n| sums.get_mut(n)) else {
            continue;
        };
        for (sum, (orders, units)) in hours.iter_mut().zip(orders.into_iter().zip(units)) {
            *sum = (sum.0 + orders, sum.1 + units);
        }
    }
    let cells = (0..).zip(sums).flat_map(|(weekday, hours)| {
        let cells = (0..).zip(hours).filter(|(_, (orders, _))| *orders > 0);
        cells.map(move |(hour, sum)| ((weekday, hour), sum))
    });
    Ok(cells.collect())
}

/// Of a range that begins or ends within a day.
async fn by_hours(pool: &PgPool, spans: &Spans) -> Result<Cells, sqlx::Error> {
    let cells: Vec<(i32, i32, i64, i64)> = spans
        .query(
            "select extract(isodow from h.hour at time zone w.zone)::int,
                    extract(hour from h.hour at time zone w.zone)::int,
                    sum(h.orders)::bigint, sum(h.units)::bigint
             from w join hourly_orders h
               on h.site_id = w.site_id and h.hour >= w.lo and h.hour < w.hi
             group by 1, 2",
        )
        .fetch_all(pool)
        .await?;
    let cell = |(weekday, hour, orders, units)| ((weekday, hour), (orders, units));
    Ok(cells.into_iter().map(cell).collect())
}

/// How often each weekday comes in the range, up to today.
fn days(spans: &Spans) -> BTreeMap<i32, i64> {
    let mut days = BTreeMap::new();
    let first = spans.each().map(|(_, span)| span.first_day).min();
    let end = spans.each().map(|(_, span)| span.end_day).max();
    if let (Some(first), Some(end)) = (first, end) {
        let today = spans.today();
        for day in first
            .iter_days()
            .take_while(|day| *day < end && *day <= today)
        {
            let weekday = day.weekday().number_from_monday().cast_signed();
            *days.entry(weekday).or_default() += 1;
        }
    }
    days
}
