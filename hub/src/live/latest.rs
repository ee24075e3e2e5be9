//! The latest orders, as the live board's ticker shows them.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use sqlx::types::Json as Jsonb;
use uuid::Uuid;

use super::board::{Latest, LatestLine};

#[derive(sqlx::FromRow)]
struct LatestRow {
    order_id: Uuid,
    site_id: String,
    number: i32,
    state: String,
    total: i64,
    currency: String,
    placed_at: DateTime<Utc>,
    committed_at: DateTime<Utc>,
    lines: Jsonb<Vec<LatestLine>>,
}

/// The latest orders, the newest first: of one site, or of those that may be seen.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn latest(
    pool: &PgPool,
    site: Option<&str>,
    sites: Option<&[String]>,
    limit: i64,
) -> Result<Vec<Latest>, sqlx::Error> {
    let rows: Vec<LatestRow> = sqlx::query_as(
        "select o.order_id, o.site_id, o.number, o.state, o.total, o.currency, o.placed_at,
                o.committed_at,
                coalesce((select jsonb_agg(jsonb_build_object('name', l.name,
                                                              'quantity', l.quantity)
                                           order by l.line)
                          from order_line l
                          where l.site_id = o.site_id and l.order_id = o.order_id), '[]') as lines
         from (select * from site_order
               where ($1::text is null or site_id = $1)
                 and ($2::text[] is null or site_id = any($2))
               order by placed_at desc, order_id desc limit $3) o
         order by o.placed_at desc, o.order_id desc",
    )
    .bind(site)
    .bind(sites)
    .bind(limit)
    // Planned anew each time: which index is best depends on what is asked for.
    .persistent(false)
    .fetch_all(pool)
    .await?;
    let order = |row: LatestRow| Latest {
        id: row.order_id,
        site: row.site_id,
        number: row.number,
        state: row.state,
        total: row.total,
        currency: row.currency,
        placed_at: row.placed_at,
        committed_at: row.committed_at,
        lines: row.lines.0,
    };
    Ok(rows.into_iter().map(order).collect())
}
