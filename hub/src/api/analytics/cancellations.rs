//! Orders that came to nothing, and why.

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use sunakku_common::http::Query;
use sunakku_common::problem::Problem;

use super::{Answer, Filter, MAX_ROWS, OrProblem, Report, Scope, Spans, report};
use crate::state::Hub;

/// Orders that came to nothing for one reason.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub(in crate::api) struct CancellationRow {
    /// The site.
    site: String,
    /// `cancelled`, `rejected` or `expired`. An expired order was made and not collected: it counts as
    /// sold besides.
    state: String,
    /// As it was told; empty when it was not.
    reason: String,
    /// Orders.
    orders: i64,
    /// What they came to, minor units.
    amount: i64,
    /// ISO 4217 code.
    currency: String,
}

/// Orders that were cancelled, rejected or not collected, by the time of their placing.
#[utoipa::path(get, path = "/v1/analytics/cancellations", tag = "analytics", params(Filter),
    security(("token" = [])), responses(
    (status = 200, description = "The rows, the most frequent first", body = Report<CancellationRow>),
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
    let rows: Vec<CancellationRow> = spans
        .query(
            "select w.site_id as site, o.state, coalesce(o.reason, '') as reason,
                    count(*) as orders, sum(o.total)::bigint as amount, w.currency
             from w join site_order o
               on o.site_id = w.site_id and o.placed_at >= w.lo and o.placed_at < w.hi
              and o.state in ('cancelled', 'rejected', 'expired')
             group by 1, 2, 3, w.currency
             order by 4 desc, 5 desc, 1, 2, 3
             limit $8",
        )
        .bind(MAX_ROWS as i64 + 1)
        .fetch_all(&hub.pool)
        .await
        .or_problem()?;
    report(&hub.pool, &spans, &filter, "cancellations", rows).await
}
