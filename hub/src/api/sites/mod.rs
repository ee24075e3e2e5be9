//! The cafeterias, whether they are heard, and which box speaks for each.

pub(super) mod boxes;
pub(super) mod devices;
pub(super) mod edit;
pub(super) mod settings;

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::types::Json as Jsonb;
use sunakku_common::http::{Json, List, Page, Query};
use sunakku_common::problem::Problem;

use super::access::Scope;
use crate::answer::{Answer, OrProblem as _};
use crate::sites::SILENT_AFTER_SECONDS;
use crate::state::Hub;

/// A site.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Site {
    /// Its id.
    id: String,
    /// What people call it.
    name: String,
    /// What it is grouped by.
    region: Option<String>,
    /// IANA name.
    time_zone: String,
    /// ISO 4217 code.
    currency: String,
    /// When it was last heard.
    last_seen: Option<DateTime<Utc>>,
    /// The last sequence of its log, as it last told.
    head: i64,
    /// The last sequence that is stored here.
    cursor: i64,
    /// Events that it has and the hub has not.
    lag_events: i64,
    /// Orders that are placed, preparing or ready.
    open_orders: i64,
    /// `online`, `silent` (not heard for 30 seconds), `never` heard, or `archived`.
    state: &'static str,
    /// Since when it is archived.
    archived_at: Option<DateTime<Utc>>,
    /// The box that speaks for it, or did last.
    #[serde(rename = "box")]
    speaker: Option<Speaker>,
    /// Set while another box speaks with the same credentials, and is refused.
    identity_conflict: Option<Conflict>,
}

/// A box that has the identity of another one, such as a disk that was copied.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Conflict {
    /// When it was first heard.
    since: DateTime<Utc>,
    /// When it was last heard; the alarm ends five minutes later.
    last_seen: DateTime<Utc>,
}

/// A box that was enrolled for a site.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Speaker {
    /// Its public key.
    nkey: String,
    /// When it was enrolled.
    enrolled_at: DateTime<Utc>,
    /// Who made its token.
    enrolled_by: String,
    /// When its credentials end, unless they are renewed.
    expires_at: DateTime<Utc>,
    /// Since when it is not let in any more.
    ended_at: Option<DateTime<Utc>>,
    /// Why: `revoked`, `replaced` or `archived`.
    ended_why: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    site_id: String,
    name: String,
    region: Option<String>,
    time_zone: String,
    currency: String,
    last_seen_at: Option<DateTime<Utc>>,
    silent_seconds: Option<f64>,
    head: i64,
    cursor: i64,
    open_orders: i64,
    archived_at: Option<DateTime<Utc>>,
    speaker: Option<Jsonb<Speaker>>,
    conflict: Option<Jsonb<Conflict>>,
}

/// All sites, by their ids.
#[utoipa::path(get, path = "/v1/sites", tag = "sites", params(Page), security(("token" = [])),
    responses(
    (status = 200, description = "The sites", body = List<Site>),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem)))]
pub(super) async fn list(
    State(hub): State<Hub>,
    scope: Scope,
    Query(page): Query<Page>,
) -> Answer<Json<List<Site>>> {
    let limit = page.limit();
    let rows = rows(&hub.pool, &scope, page.after.as_deref(), limit)
        .await
        .or_problem()?;
    let mut items: Vec<Site> = rows.into_iter().map(Site::from).collect();
    let next = (items.len() > limit).then(|| {
        items.truncate(limit);
        items.last().map(|site| site.id.clone())
    });
    Ok(Json(List {
        items,
        next: next.flatten(),
    }))
}

/// One more than `limit`, to know whether there are more.
async fn rows(
    pool: &PgPool,
    scope: &Scope,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as(
        "select s.site_id, s.name, s.region, s.time_zone, s.currency, c.last_seen_at,
                extract(epoch from now() - c.last_seen_at)::float8 as silent_seconds,
                coalesce(c.head, 0) as head, coalesce(c.cursor, 0) as cursor,
                (select count(*) from site_order o
                 where o.site_id = s.site_id and o.state in ('placed', 'preparing', 'ready'))
                    as open_orders,
                s.archived_at,
                (select to_jsonb(b) from site_box b where b.site_id = s.site_id
                 order by b.ended_at is null desc, b.enrolled_at desc limit 1) as speaker,
                (select jsonb_build_object('since', min(i.first_seen_at),
                                           'last_seen', max(i.last_seen_at))
                 from site_instance i
                 where i.site_id = s.site_id and i.state = 'refused'
                   and now() - i.last_seen_at < interval '5 minutes'
                 having count(*) > 0) as conflict
         from site s left join site_cursor c on c.site_id = s.site_id and c.is_current
         where ($1::text is null or s.site_id > $1) and ($3::text[] is null or s.site_id = any($3))
         order by s.site_id
         limit $2",
    )
    .bind(after)
    .bind(limit as i64 + 1)
    .bind(scope.sites())
    .fetch_all(pool)
    .await
}

impl From<Row> for Site {
    fn from(row: Row) -> Self {
        let state = match row.silent_seconds {
            _ if row.archived_at.is_some() => "archived",
            None => "never",
            Some(seconds) if seconds > SILENT_AFTER_SECONDS => "silent",
            Some(_) => "online",
        };
        Self {
            id: row.site_id,
            name: row.name,
            region: row.region,
            time_zone: row.time_zone,
            currency: row.currency,
            last_seen: row.last_seen_at,
            head: row.head,
            cursor: row.cursor,
            lag_events: (row.head - row.cursor).max(0),
            open_orders: row.open_orders,
            state,
            archived_at: row.archived_at,
            speaker: row.speaker.map(|Jsonb(speaker)| speaker),
            identity_conflict: row.conflict.map(|Jsonb(conflict)| conflict),
        }
    }
}
