//! The pickup board: which numbers are being prepared, and which are ready.

use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::http::Json;
use sunakku_common::problem::Problem;
use sunakku_common::state::OrderState;

use crate::state::AppState;
use crate::store::{OrderFilter, OrderRecord};

/// Numbers of each kind that fit on a board.
const NUMBERS: usize = 200;

/// What the board shows.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Board {
    /// Orders that the kitchen has, in the order in which they were taken.
    preparing: Vec<Shown>,
    /// Orders to be collected, the latest first.
    ready: Vec<Shown>,
}

/// A number on the board.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct Shown {
    /// The pickup number.
    number: u32,
    /// Since when it stands there.
    since: DateTime<Utc>,
}

/// What the pickup board shows now: at most 200 numbers of each kind. Ready ones leave it after
/// the time that is set.
#[utoipa::path(
    get, path = "/v1/board", tag = "orders",
    responses(
        (status = 200, body = Board), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn board(State(state): State<AppState>) -> Result<Json<Board>, Problem> {
    let (store, now) = (&state.inner.store, Utc::now());
    let (open, _more) = store.orders(OrderFilter::Open, 0, 2 * NUMBERS).await?;
    let cooking = open.iter().filter(|order| is_in_kitchen(order, now));
    let preparing = cooking.map(|order| shown(order, OrderState::Preparing));
    let clear = i64::from(state.inner.config.pickup.clear_seconds);
    let oldest = now - TimeDelta::seconds(clear);
    let ready = store.latest_ready(NUMBERS).await?;
    let ready = ready.iter().map(|order| shown(order, OrderState::Ready));
    Ok(Json(Board {
        preparing: preparing.take(NUMBERS).collect(),
        ready: ready
            .filter(|shown| clear == 0 || oldest <= shown.since)
            .collect(),
    }))
}

/// Whether an order is being prepared, or about to be; one for later is not yet.
fn is_in_kitchen(order: &OrderRecord, now: DateTime<Utc>) -> bool {
    let begun = !order.tickets.is_empty() || order.details.release_at() <= now;
    matches!(order.state, OrderState::Placed | OrderState::Preparing) && begun
}

fn shown(order: &OrderRecord, state: OrderState) -> Shown {
    let since = order.times.get(&state).copied();
    Shown {
        number: order.number,
        since: since.unwrap_or(order.details.placed_at),
    }
}
