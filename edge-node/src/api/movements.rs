//! What became of a SKU, unit by unit: sold, given back, counted, by whom and why.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::event::{By, Event, StockChange};
use sunakku_common::http::{Json, List, Page, Path, Query};
use sunakku_common::ids::OrderId;
use sunakku_common::problem::Problem;

use super::stock::{is_known, unknown_sku};
use crate::state::AppState;
use crate::store::LogEntry;

/// Entries of the log that are read at a time.
const PART: usize = 500;
/// Parts that one request reads at most; the next one goes on from there.
const PARTS: usize = 10;

/// What one event did to the SKU.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Movement {
    /// The event in the site log.
    seq: u64,
    at: DateTime<Utc>,
    /// What happened, such as `order.placed` or `stock.adjusted`.
    kind: String,
    /// Units added or, negative, taken.
    delta: i64,
    /// Units at hand after it; null when it is not counted.
    on_hand: Option<i64>,
    /// The order that took or gave back.
    order: Option<OrderId>,
    /// Its pickup number.
    number: Option<u32>,
    /// Who did it.
    by: Option<By>,
    /// Why, where that was told.
    reason: Option<String>,
}

/// What the events that move stock have in common.
#[derive(Deserialize)]
struct Moving {
    #[serde(default)]
    stock: Vec<StockChange>,
    #[serde(default)]
    order: Option<OrderId>,
    #[serde(default)]
    number: Option<u32>,
    #[serde(default)]
    by: Option<By>,
    #[serde(default)]
    reason: Option<String>,
}

/// Every movement of a SKU that the site log holds, the newest first. `next` may come with fewer
/// entries than asked for: the log is read in bounded parts.
#[utoipa::path(
    get, path = "/v1/stock/{sku}/movements", tag = "stock", params(("sku" = String, Path), Page),
    responses(
        (status = 200, body = List<Movement>), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Path(sku): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<List<Movement>>, Problem> {
    if !is_known(&state, &sku) {
        return Err(unknown_sku());
    }
    let store = &state.inner.store;
    let (mut items, mut before) = (Vec::new(), u64::MAX);
    if let Some(after) = page.after_number()? {
        before = u64::try_from(after).unwrap_or(0);
    }
    for _ in 0..PARTS {
        let part = store.log_before(before, PART).await?;
        for entry in &part {
            before = entry.seq;
            items.extend(movement(entry, &sku));
            if items.len() == page.limit() {
                let next = Some(before.to_string());
                return Ok(Json(List { items, next }));
            }
        }
        if part.len() < PART {
            return Ok(Json(List { items, next: None }));
        }
    }
    let next = Some(before.to_string());
    Ok(Json(List { items, next }))
}

/// What an entry did to the SKU; nothing also when it is damaged, which the hub is told.
fn movement(entry: &LogEntry, sku: &str) -> Option<Movement> {
    let event = Event::decode(&entry.text).ok()?;
    let moving: Moving = event.body().ok()?;
    let change = moving.stock.into_iter().find(|change| change.sku == sku)?;
    Some(Movement {
        seq: event.seq,
        at: event.at,
        kind: event.kind,
        delta: change.delta,
        on_hand: change.on_hand,
        order: moving.order,
        number: moving.number,
        by: moving.by,
        reason: moving.reason,
    })
}
