//! Guests who ask for somebody of the staff.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::http::{Caller, Json, Path};
use sunakku_common::problem::Problem;

use super::shared::{device, fresh, operation};
use crate::state::AppState;
use crate::store::Call;

/// A guest who asks for somebody of the staff.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct CallAnswer {
    /// The device where the guest is.
    device: String,
    /// Since when.
    since: DateTime<Utc>,
}

/// The open calls.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Calls {
    /// The oldest first; at most one of each device.
    items: Vec<CallAnswer>,
}

impl From<Call> for CallAnswer {
    fn from(Call { device, since }: Call) -> Self {
        Self { device, since }
    }
}

/// Call somebody of the staff to this device: kitchen and operations are told at once. While the
/// call is open, a further one is answered with it and tells nothing.
#[utoipa::path(
    post, path = "/v1/calls", tag = "operations",
    responses(
        (status = 200, body = CallAnswer), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn call(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let from = device(&caller, &headers)?.unwrap_or_else(|| caller.0.sub.clone());
    let operation = operation(&caller, &headers, &("call", &from))?;
    let (call, freshness) = state.inner.store.call_staff(&operation, &from).await?;
    Ok(fresh(CallAnswer::from(call), freshness))
}

/// The calls that nobody has seen to yet.
#[utoipa::path(
    get, path = "/v1/calls", tag = "operations",
    responses(
        (status = 200, body = Calls), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn list(State(state): State<AppState>) -> Result<Json<Calls>, Problem> {
    let calls = state.inner.store.calls().await?;
    let items = calls.into_iter().map(CallAnswer::from).collect();
    Ok(Json(Calls { items }))
}

/// Somebody has seen to the call of a device.
#[utoipa::path(
    post, path = "/v1/calls/{device}/done", tag = "operations", params(("device" = String, Path)),
    responses(
        (status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn done(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(from): Path<String>,
) -> Result<StatusCode, Problem> {
    let operation = operation(&caller, &headers, &("call done", &from))?;
    let answered = state.inner.store.answer_call(&operation, &from).await?;
    match answered {
        Some(_freshness) => Ok(StatusCode::NO_CONTENT),
        None => Err(Problem::not_found("This device has no open call.")),
    }
}
