//! The audit: who changed what at the hub.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgPool;
use sunakku_common::http::{Json, List, Page, Query};
use sunakku_common::problem::Problem;

use crate::answer::{Answer, OrProblem as _};
use crate::state::Hub;

/// One change.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub(super) struct AuditRow {
    /// Counts up, with gaps.
    id: i64,
    /// When it was made.
    at: DateTime<Utc>,
    /// The person, or `sunakku-hub` for a command of the program.
    who: String,
    /// Where the request came from; null for a command.
    address: Option<String>,
    /// What was done, such as `menu.publish`.
    action: String,
    /// What it was done to, such as `menu/lunch/items/burger`.
    object: String,
    /// What was there before; null for nothing.
    before: Option<Value>,
    /// What was there after; null for nothing.
    after: Option<Value>,
}

/// Which changes are wanted. What is not given does not matter.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// Made then or later.
    from: Option<DateTime<Utc>>,
    /// Made before then.
    to: Option<DateTime<Utc>>,
    /// By this person.
    who: Option<String>,
    /// Of this kind, or of all kinds of a noun: `menu.publish` or `menu`.
    action: Option<String>,
    /// Of this object or anything within it: `menu/lunch`.
    object: Option<String>,
    /// Entries at most (50; 200 at most).
    limit: Option<u32>,
    /// The `next` of the answer before.
    after: Option<String>,
}

/// Changes, newest first.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(Filter), security(("token" = [])),
    responses(
    (status = 200, description = "The changes", body = List<AuditRow>),
    (status = 400, description = "A filter cannot be read", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem)))]
pub(super) async fn list(
    State(hub): State<Hub>,
    Query(filter): Query<Filter>,
) -> Answer<Json<List<AuditRow>>> {
    let page = Page {
        limit: filter.limit,
        after: filter.after.clone(),
    };
    let (limit, after) = (page.limit(), page.after_number()?);
    let mut items = rows(&hub.pool, &filter, after, limit).await.or_problem()?;
    let next = (items.len() > limit).then(|| {
        items.truncate(limit);
        items.last().map(|row| row.id.to_string())
    });
    Ok(Json(List {
        items,
        next: next.flatten(),
    }))
}

/// One more than `limit`, to know whether there are more.
async fn rows(
    pool: &PgPool,
    filter: &Filter,
    after: Option<i64>,
    limit: usize,
) -> Result<Vec<AuditRow>, sqlx::Error> {
    sqlx::query_as(
        "select audit_id as id, at, actor as who, address, action, object, before, after
         from audit
         where ($1::timestamptz is null or at >= $1)
           and ($2::timestamptz is null or at < $2)
           and ($3::text is null or actor = $3)
           and ($4::text is null or action = $4 or starts_with(action, $4 || '.'))
           and ($5::text is null or object = $5 or starts_with(object, $5 || '/'))
           and ($6::bigint is null or audit_id < $6)
         order by audit_id desc
         limit $7",
    )
    .bind(filter.from)
    .bind(filter.to)
    .bind(filter.who.as_deref())
    .bind(filter.action.as_deref())
    .bind(filter.object.as_deref())
    .bind(after)
    .bind(limit as i64 + 1)
    // Planned anew each time: which index is best depends on the filters that are given.
    .persistent(false)
    .fetch_all(pool)
    .await
}
