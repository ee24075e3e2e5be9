//! Orders and their lines in the store.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgPool;
use sqlx::types::Json as Jsonb;
use sunakku_common::ids::OrderId;
use sunakku_common::order::LineModifier;
use sunakku_common::problem::Problem;
use sunakku_common::text::Text;
use uuid::Uuid;

use super::super::access::Scope;
use crate::answer::{Answer, OrProblem as _};

/// An order as it is stored.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) site_id: String,
    pub(super) order_id: Uuid,
    pub(super) number: i32,
    pub(super) business_day: NaiveDate,
    pub(super) state: String,
    pub(super) channel: String,
    pub(super) service: Option<String>,
    pub(super) avoid: Jsonb<Vec<String>>,
    pub(super) total: i64,
    pub(super) currency: String,
    pub(super) placed_at: DateTime<Utc>,
    pub(super) pickup_at: Option<DateTime<Utc>>,
    pub(super) ready_estimate_at: DateTime<Utc>,
    pub(super) preparing_at: Option<DateTime<Utc>>,
    pub(super) ready_at: Option<DateTime<Utc>>,
    pub(super) collected_at: Option<DateTime<Utc>>,
    pub(super) closed_at: Option<DateTime<Utc>>,
    pub(super) reason: Option<String>,
    pub(super) committed_at: DateTime<Utc>,
    pub(super) epoch: Uuid,
    pub(super) seq: i64,
}

/// The order of this id; ids are unique without regard to sites.
pub(super) async fn find(pool: &PgPool, scope: &Scope, id: OrderId) -> Answer<Row> {
    let row = sqlx::query_as(
        "select * from site_order
         where order_id = $1 and ($2::text[] is null or site_id = any($2))
         order by committed_at, site_id limit 1",
    )
    .bind(id.0)
    .bind(scope.sites())
    .fetch_optional(pool)
    .await
    .or_problem()?;
    row.ok_or_else(|| Problem::not_found(format!("There is no order {id} here, or not yet.")))
}

#[derive(sqlx::FromRow)]
pub(super) struct LineRow {
    pub(super) site_id: String,
    pub(super) order_id: Uuid,
    pub(super) line: i32,
    pub(super) item: String,
    pub(super) name: Jsonb<Text>,
    pub(super) quantity: i32,
    pub(super) unit_price: i64,
    pub(super) total: i64,
    pub(super) modifiers: Jsonb<Vec<LineModifier>>,
    pub(super) note: Option<String>,
    pub(super) station: String,
}

/// The lines of the orders, in their order.
pub(super) async fn lines(pool: &PgPool, orders: &[Row]) -> Result<Vec<LineRow>, sqlx::Error> {
    let sites: Vec<&str> = orders.iter().map(|row| row.site_id.as_str()).collect();
    let ids: Vec<Uuid> = orders.iter().map(|row| row.order_id).collect();
    sqlx::query_as(
        "select l.* from unnest($1::text[], $2::uuid[]) as w (site_id, order_id)
         join order_line l on l.site_id = w.site_id and l.order_id = w.order_id
         order by l.line",
    )
    .bind(sites)
    .bind(ids)
    .fetch_all(pool)
    .await
}
