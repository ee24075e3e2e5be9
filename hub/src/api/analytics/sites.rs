//! Sites beside each other.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use sqlx::PgPool;
use sunakku_common::http::Query;
use sunakku_common::problem::Problem;

use super::{
    Answer, Filter, OrProblem, Report, Scope, Spans, change, orders_of, preparation, report,
    rounded, sold_out,
};
use crate::analytics::buckets;
use crate::state::Hub;

/// One site.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct SiteFigures {
    /// The site.
    site: String,
    /// What people call it.
    name: String,
    /// Its region.
    region: Option<String>,
    /// Orders that were not called off.
    orders: i64,
    /// Units on their lines.
    units: i64,
    /// Minor units.
    revenue: i64,
    /// ISO 4217 code.
    currency: String,
    /// Revenue for each order, minor units.
    average_order: Option<f64>,
    /// Orders in the time of the same length right before.
    before_orders: i64,
    /// Revenue in it, minor units.
    before_revenue: i64,
    /// By how many per cent the revenue is more than that.
    change: Option<f64>,
    /// Half of the tickets were made within, seconds.
    preparation_p50_seconds: Option<f64>,
    /// Nine in ten were made within, seconds.
    preparation_p90_seconds: Option<f64>,
    /// Time in which SKUs could not be sold, minutes, each SKU for itself.
    sold_out_minutes: f64,
    /// What was lost by that, minor units, an estimate.
    lost_revenue: i64,
}

/// Sites beside each other, the most revenue first; sites without orders as well.
#[utoipa::path(get, path = "/v1/analytics/sites", tag = "analytics", params(Filter),
    security(("token" = [])), responses(
    (status = 200, description = "The rows", body = Report<SiteFigures>),
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
    let rows = rows(&hub.pool, &spans).await.or_problem()?;
    report(&hub.pool, &spans, &filter, "sites", rows).await
}

async fn rows(pool: &PgPool, spans: &Spans) -> Result<Vec<SiteFigures>, sqlx::Error> {
    let past = spans.before();
    let (now, before, times, out) = tokio::try_join!(
        orders(pool, spans),
        orders(pool, &past),
        preparation::times(pool, spans),
        sold_out::rows(pool, spans)
    )?;
    let out = sold_out::by_site(&out);
    let row = |site: &super::spans::Site| {
        let (orders, units, revenue) = now.get(&site.id).copied().unwrap_or_default();
        let (before_orders, _, before_revenue) = before.get(&site.id).copied().unwrap_or_default();
        let times = times.get(&("preparation".to_owned(), Some(site.id.clone()), None));
        let seconds = |per_cent| {
            let bucket = buckets::quantile(&times?.counts(), per_cent)?;
            Some(rounded(buckets::preparation(bucket)))
        };
        let (sold_out_minutes, lost_revenue) = out.get(&site.id).copied().unwrap_or_default();
        SiteFigures {
            site: site.id.clone(),
            name: site.name.clone(),
            region: site.region.clone(),
            orders,
            units,
            revenue,
            currency: site.currency.clone(),
            average_order: (orders > 0).then(|| rounded(revenue as f64 / orders as f64)),
            before_orders,
            before_revenue,
            change: change(revenue, before_revenue),
            preparation_p50_seconds: seconds(50),
            preparation_p90_seconds: seconds(90),
            sold_out_minutes: rounded(sold_out_minutes),
            lost_revenue,
        }
    };
    let mut rows: Vec<SiteFigures> = spans.sites.iter().map(row).collect();
    rows.sort_by(|one, other| {
        other
            .revenue
            .cmp(&one.revenue)
            .then(one.site.cmp(&other.site))
    });
    Ok(rows)
}

/// Orders, units and revenue by site.
async fn orders(
    pool: &PgPool,
    spans: &Spans,
) -> Result<BTreeMap<String, (i64, i64, i64)>, sqlx::Error> {
    let text = format!(
        "select w.site_id, sum(h.orders)::bigint, sum(h.units)::bigint, sum(h.revenue)::bigint
         from w join {} group by 1",
        orders_of(spans)
    );
    let rows: Vec<(String, i64, i64, i64)> = spans.query(&text).fetch_all(pool).await?;
    let of = |(site, orders, units, revenue)| (site, (orders, units, revenue));
    Ok(rows.into_iter().map(of).collect())
}
