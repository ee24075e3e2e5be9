//! The timeline of an order: everything that happened to it, at the edge and here.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgPool;
use sunakku_common::event::{By, Event};
use sunakku_common::http::{Json, List, Path};
use sunakku_common::ids::OrderId;
use sunakku_common::problem::Problem;
use uuid::Uuid;

use super::super::access::Scope;
use super::sql;
use crate::answer::{Answer, OrProblem as _};
use crate::state::Hub;

/// Events of one order that are shown; a usual one has about ten.
const MAX_EVENTS: i64 = 1_000;

/// One thing that happened.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct TimelineRow {
    /// The event's sequence in the site's log.
    seq: i64,
    /// By the clock of the side that it happened at.
    at: DateTime<Utc>,
    /// `edge` or `hub`.
    side: &'static str,
    /// The event's kind; `hub.committed` when the hub stored the order.
    kind: String,
    /// Who did it.
    actor: Option<String>,
    /// The device it was done at.
    device: Option<String>,
    /// The event's body.
    #[schema(value_type = Object)]
    body: Value,
}

/// Everything that happened to an order, in the order of the site's log.
#[utoipa::path(get, path = "/v1/orders/{id}/timeline", tag = "orders", security(("token" = [])),
    params(("id" = OrderId, Path, description = "The order")), responses(
    (status = 200, description = "The events", body = List<TimelineRow>),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such order", body = Problem)))]
pub(in crate::api) async fn list(
    State(hub): State<Hub>,
    scope: Scope,
    Path(id): Path<OrderId>,
) -> Answer<Json<List<TimelineRow>>> {
    let order = sql::find(&hub.pool, &scope, id).await?;
    let events = events(&hub.pool, &order.site_id, id).await.or_problem()?;
    let mut items = Vec::with_capacity(events.len() + 1);
    for (epoch, seq, at, kind, text) in events {
        let is_commit = (epoch, seq) == (order.epoch, order.seq);
        items.push(edge_row(seq, at, kind, &text));
        if is_commit {
            items.push(commit_row(&order));
        }
    }
    Ok(Json(List { items, next: None }))
}

type EventRow = (Uuid, i64, DateTime<Utc>, String, String);

async fn events(pool: &PgPool, site: &str, id: OrderId) -> Result<Vec<EventRow>, sqlx::Error> {
    sqlx::query_as(
        "select e.epoch, e.seq, e.at, e.kind, e.event
         from site_event e
         join site_cursor c on c.site_id = e.site_id and c.epoch = e.epoch
         where e.site_id = $1 and e.order_id = $2
         order by c.first_seen_at, e.seq
         limit $3",
    )
    .bind(site)
    .bind(id.0)
    .bind(MAX_EVENTS)
    .fetch_all(pool)
    .await
}

fn edge_row(seq: i64, at: DateTime<Utc>, kind: String, text: &str) -> TimelineRow {
    #[derive(Deserialize)]
    struct Done {
        by: By,
    }
    let event = Event::decode(text).ok();
    let body = event.as_ref().and_then(|event| event.body().ok());
    let by = event
        .as_ref()
        .and_then(|event| event.body::<Done>().ok())
        .map(|done| done.by);
    let (actor, device) = by.map_or((None, None), |by| (Some(by.actor), by.device));
    TimelineRow {
        seq,
        at,
        side: "edge",
        kind,
        actor,
        device,
        body: body.unwrap_or(Value::Null),
    }
}

fn commit_row(order: &sql::Row) -> TimelineRow {
    TimelineRow {
        seq: order.seq,
        at: order.committed_at,
        side: "hub",
        kind: "hub.committed".to_owned(),
        actor: Some("intake".to_owned()),
        device: None,
        body: json!({ "epoch": order.epoch }),
    }
}
