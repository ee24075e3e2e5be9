//! Items: how much of each was sold, in how many of the orders, and compared to the time before.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use sqlx::PgPool;
use sunakku_common::http::Query;
use sunakku_common::problem::Problem;

use super::{
    Answer, Filter, OrProblem, Report, Scope, Spans, change, names, report, rounded, totals,
};
use crate::state::Hub;

/// One item.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct ItemRow {
    /// Code of the item.
    item: String,
    /// What it was last called, in the reader's language.
    name: String,
    /// Orders that have it.
    orders: i64,
    /// Units.
    units: i64,
    /// Minor units.
    revenue: i64,
    /// ISO 4217 code; an item that is sold in several has a row for each.
    currency: String,
    /// Per cent of the revenue in this currency.
    share: Option<f64>,
    /// Attach rate: per cent of the orders in this currency that have it.
    attach: Option<f64>,
    /// Units in the time of the same length right before.
    before_units: i64,
    /// By how many per cent the units are more than that; null when there were none.
    change: Option<f64>,
}

/// Items, those in most orders first.
#[utoipa::path(get, path = "/v1/analytics/items", tag = "analytics", params(Filter),
    security(("token" = [])), responses(
    (status = 200, description = "The rows, by orders", body = Report<ItemRow>),
    (status = 400, description = "`invalid-range`", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem)))]
pub(in crate::api) async fn list(
    State(hub): State<Hub>,
    scope: Scope,
    headers: HeaderMap,
    Query(filter): Query<Filter>,
) -> Answer<Response> {
    let spans = Spans::of(&hub.pool, &scope, &filter).await?;
    let rows = rows(&hub.pool, &spans, &headers).await.or_problem()?;
    report(&hub.pool, &spans, &filter, "items", rows).await
}

async fn rows(
    pool: &PgPool,
    spans: &Spans,
    headers: &HeaderMap,
) -> Result<Vec<ItemRow>, sqlx::Error> {
    let past = spans.before();
    let (now, before, totals, mut names) = tokio::try_join!(
        sold(pool, spans),
        sold(pool, &past),
        totals(pool, spans),
        names(pool, spans, headers)
    )?;
    let totals = totals.currencies;
    let before: BTreeMap<_, _> = before
        .into_iter()
        .map(|(item, currency, units, ..)| ((item, currency), units))
        .collect();
    let row = |(item, currency, units, orders, revenue): Sold| {
        let total = totals.iter().find(|total| total.currency == currency);
        let of = |part: i64, whole: Option<i64>| {
            let whole = whole.filter(|whole| *whole > 0)?;
            Some(rounded(part as f64 * 100.0 / whole as f64))
        };
        let before_units = before.get(&(item.clone(), currency.clone())).copied();
        let before_units = before_units.unwrap_or(0);
        ItemRow {
            name: names.remove(&item).unwrap_or_else(|| item.clone()),
            share: of(revenue, total.map(|total| total.revenue)),
            attach: of(orders, total.map(|total| total.orders)),
            change: change(units, before_units),
            item,
            orders,
            units,
            revenue,
            currency,
            before_units,
        }
    };
    Ok(now.into_iter().map(row).collect())
}

/// Item, currency, units, orders, revenue.
type Sold = (String, String, i64, i64, i64);

async fn sold(pool: &PgPool, spans: &Spans) -> Result<Vec<Sold>, sqlx::Error> {
    let rows = match spans.range.is_whole_days() {
        true => {
            "select w.currency, s.item, s.units, s.orders, s.revenue
             from w join weekly_sales s
               on s.site_id = w.site_id and s.week >= w.first_week and s.week < w.end_week
             union all
             select r.currency, s.item, s.units, s.orders, s.revenue
             from rest r join daily_sales s
               on s.site_id = r.site_id and s.day >= r.lo and s.day < r.hi"
        }
        false => {
            "select w.currency, s.item, s.units, s.orders, s.revenue
             from w join hourly_sales s
               on s.site_id = w.site_id and s.hour >= w.lo and s.hour < w.hi"
        }
    };
    let text = format!(
        "select item, currency, sum(units)::bigint, sum(orders)::bigint, sum(revenue)::bigint
         from ({rows}) s
         group by 1, 2 order by 4 desc, 3 desc, 1, 2"
    );
    spans.query(&text).fetch_all(pool).await
}
