//! Stock: how often it turns over, and what people took out of it or put into it.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use sqlx::PgPool;
use sunakku_common::http::Query;
use sunakku_common::problem::Problem;

use super::{Answer, Filter, MAX_ROWS, OrProblem, Report, Scope, Spans, report, rounded};
use crate::state::Hub;

/// One SKU at one site.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct StockRow {
    /// The site.
    site: String,
    /// The SKU.
    sku: String,
    /// Units that orders took, less what came back with those that were called off.
    used: i64,
    /// Mean of the last counts of the days; null for what is not counted.
    average_on_hand: Option<f64>,
    /// How often what was at hand was used up: `used / average_on_hand`.
    turns: Option<f64>,
    /// Units that people took out.
    removed: i64,
    /// Units that people put in.
    added: i64,
    /// The most frequent of the reasons for taking out, by units.
    removed_for: Option<String>,
}

/// Stock by site and SKU, over the days that the range touches.
#[utoipa::path(get, path = "/v1/analytics/stock", tag = "analytics", params(Filter),
    security(("token" = [])), responses(
    (status = 200, description = "The rows, what was taken out most first", body = Report<StockRow>),
    (status = 400, description = "`invalid-range`, `too-many-rows`", body = Problem),
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
    report(&hub.pool, &spans, &filter, "stock", rows).await
}

/// What is stored of one SKU.
type Row = (String, String, i64, Option<f64>, i64, i64, Option<String>);

async fn rows(pool: &PgPool, spans: &Spans) -> Result<Vec<StockRow>, sqlx::Error> {
    let rows: Vec<Row> = spans
        .query(
            "select site_id, sku, coalesce(d.used, 0), d.average, coalesce(c.removed, 0),
                    coalesce(c.added, 0), c.removed_for
             from (select site_id, sku, sum(used)::bigint as used,
                          (sum(on_hand) / nullif(sum(counted), 0))::float8 as average
                   from (select w.site_id, s.sku, s.used, s.on_hand, s.counted
                         from w join weekly_stock s
                           on s.site_id = w.site_id
                          and s.week >= w.first_week and s.week < w.end_week
                         union all
                         select r.site_id, s.sku, s.used, coalesce(s.on_hand, 0),
                                (s.on_hand is not null)::int::bigint
                         from rest r join daily_stock s
                           on s.site_id = r.site_id and s.day >= r.lo and s.day < r.hi) s
                   group by 1, 2) d
             full join
                  (select site_id, sku, sum(removed)::bigint as removed, sum(added)::bigint as added,
                          (array_agg(reason order by removed desc, reason)
                               filter (where removed > 0))[1] as removed_for
                   from (select w.site_id, k.sku, k.reason,
                                sum(greatest(-k.delta, 0)) as removed,
                                sum(greatest(k.delta, 0)) as added
                         from w join stock_correction k
                           on k.site_id = w.site_id
                          and k.at >= (w.first_day::timestamp at time zone w.zone)
                          and k.at < (w.end_day::timestamp at time zone w.zone)
                         group by 1, 2, 3) r
                   group by 1, 2) c using (site_id, sku)
             order by 5 desc, 3 desc, 1, 2
             limit $8",
        )
        .bind(MAX_ROWS as i64 + 1)
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().map(StockRow::from).collect())
}

impl From<Row> for StockRow {
    fn from((site, sku, used, average, removed, added, removed_for): Row) -> Self {
        let average = average.filter(|average| *average > 0.0);
        Self {
            site,
            sku,
            used,
            average_on_hand: average.map(rounded),
            turns: average.map(|average| rounded(used as f64 / average)),
            removed,
            added,
            removed_for,
        }
    }
}
