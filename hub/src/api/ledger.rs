//! The ledger: for each site, whether hub and edge hold the same.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sunakku_common::http::{Json, List, Page, Query};
use sunakku_common::problem::Problem;
use uuid::Uuid;

use super::access::Scope;
use crate::answer::{Answer, OrProblem as _};
use crate::state::Hub;

/// Where one site's log stands on both sides.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct LedgerRow {
    /// The site.
    site: String,
    /// The life of its store that the rest is about.
    epoch: Uuid,
    /// Whether it is the site's current one.
    current: bool,
    /// The last sequence of the edge's log, as it last told.
    head: i64,
    /// The last sequence that is stored here.
    cursor: i64,
    /// Batches that did not join on to what was stored; each was sent again from there.
    gaps: i64,
    /// Events that came again and were dropped.
    duplicates: i64,
    /// Batches that held another history than the stored one.
    forks: i64,
    /// Events that are kept but could not be projected.
    parked: i64,
    /// The edge's chain at the cursor, as it last told.
    chain_edge: String,
    /// The hub's chain at the cursor.
    chain_hub: String,
    /// Whether the two are the same: both hold the same events in the same order.
    chain_equal: bool,
    /// When the site was last heard.
    last_seen: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct Row {
    site_id: String,
    epoch: Uuid,
    is_current: bool,
    head: i64,
    cursor: i64,
    gaps: i64,
    duplicates: i64,
    forks: i64,
    parked: i64,
    chain_edge: String,
    chain: String,
    last_seen_at: DateTime<Utc>,
}

/// Which rows are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// One site alone.
    site: Option<String>,
    /// `true` for the epochs before the current ones as well.
    #[serde(default)]
    all: bool,
    /// Entries at most (50; 200 at most).
    limit: Option<u32>,
    /// The `next` of the answer before.
    after: Option<String>,
}

/// Head, cursor, losses and chains of each site.
#[utoipa::path(get, path = "/v1/ledger", tag = "ledger", params(Filter), security(("token" = [])),
    responses(
    (status = 200, description = "The rows, by site", body = List<LedgerRow>),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem)))]
pub(super) async fn list(
    State(hub): State<Hub>,
    scope: Scope,
    Query(filter): Query<Filter>,
) -> Answer<Json<List<LedgerRow>>> {
    let page = Page {
        limit: filter.limit,
        after: filter.after.clone(),
    };
    let limit = page.limit();
    let after = page.after.as_deref().map(place).transpose()?;
    let rows = rows(&hub.pool, &scope, &filter, after, limit)
        .await
        .or_problem()?;
    let mut items: Vec<LedgerRow> = rows.into_iter().map(LedgerRow::from).collect();
    let next = (items.len() > limit).then(|| {
        items.truncate(limit);
        items
            .last()
            .map(|row| format!("{}.{}", row.site, row.epoch))
    });
    Ok(Json(List {
        items,
        next: next.flatten(),
    }))
}

/// A row's place in the list: site and epoch.
fn place(cursor: &str) -> Answer<(&str, Uuid)> {
    let parts = cursor.split_once('.');
    let place = parts.and_then(|(site, epoch)| Some((site, Uuid::parse_str(epoch).ok()?)));
    place.ok_or_else(|| {
        Problem::bad_request("invalid-cursor", "Take `after` from the `next` of a list.")
    })
}

/// One more than `limit`, to know whether there are more.
async fn rows(
    pool: &PgPool,
    scope: &Scope,
    filter: &Filter,
    after: Option<(&str, Uuid)>,
    limit: usize,
) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as(
        "select c.site_id, c.epoch, c.is_current, c.head, c.cursor, c.gaps, c.duplicates, c.forks,
                (select count(*) from parked_event p
                 where p.site_id = c.site_id and p.epoch = c.epoch) as parked,
                encode(c.chain_edge, 'hex') as chain_edge, encode(c.chain, 'hex') as chain,
                c.last_seen_at
         from site_cursor c
         where ($1::text is null or c.site_id = $1)
           and ($2 or c.is_current)
           and ($3::text is null or (c.site_id, c.epoch) > ($3, $4::uuid))
           and ($6::text[] is null or c.site_id = any($6))
         order by c.site_id, c.epoch
         limit $5",
    )
    .bind(filter.site.as_deref())
    .bind(filter.all)
    .bind(after.map(|(site, _)| site))
    .bind(after.map(|(_, epoch)| epoch))
    .bind(limit as i64 + 1)
    .bind(scope.sites())
    .fetch_all(pool)
    .await
}

impl From<Row> for LedgerRow {
    fn from(row: Row) -> Self {
        Self {
            site: row.site_id,
            epoch: row.epoch,
            current: row.is_current,
            head: row.head,
            cursor: row.cursor,
            gaps: row.gaps,
            duplicates: row.duplicates,
            forks: row.forks,
            parked: row.parked,
            chain_equal: row.chain_edge == row.chain,
            chain_edge: row.chain_edge,
            chain_hub: row.chain,
            last_seen: row.last_seen_at,
        }
    }
}
