//! Screens that are connected, and devices that were let in.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::http::{Caller, Json, MaybeJson, Path};
use sunakku_common::problem::Problem;
use uuid::Uuid;

use super::shared::{Why, operation, reason_text};
use crate::screens::Connected;
use crate::state::AppState;
use crate::store::{Device, Whom};

/// What is connected, and what was let in.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Devices {
    /// Connected screens, the longest connected first.
    items: Vec<Connected>,
    /// Devices that were let in, by name.
    paired: Vec<Paired>,
}

/// A device that was let in.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct Paired {
    #[serde(flatten)]
    device: Device,
    /// When it called last.
    last_seen: DateTime<Utc>,
    /// Whether it follows the site live now.
    connected: bool,
}

/// The screens that are connected now, at most as many as `http.max_websockets` allows, and the devices that
/// were let in, at most 1000.
#[utoipa::path(
    get, path = "/v1/devices", tag = "operations",
    responses((status = 200, body = Devices), (status = 401, body = Problem), (status = 403, body = Problem))
)]
pub(super) async fn list(State(state): State<AppState>) -> Json<Devices> {
    let items = state.inner.screens.all();
    let paired = state.inner.gate.devices().into_iter();
    let paired = paired.map(|(device, last_seen)| Paired {
        connected: items.iter().any(|row| row.device == Some(device.id)),
        device,
        last_seen,
    });
    let paired = paired.collect();
    Json(Devices { items, paired })
}

/// Let a device in no more. Its live connection is cut, and its token refused from now on.
#[utoipa::path(
    post, path = "/v1/devices/{id}/revoke", tag = "operations", params(("id" = Uuid, Path)),
    request_body = Option<Why>,
    responses(
        (status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn revoke(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    body: Result<MaybeJson<Why>, Problem>,
) -> Result<StatusCode, Problem> {
    let MaybeJson(why) = body?;
    let reason = reason_text(why.and_then(|why| why.reason))?;
    let operation = operation(&caller, &headers, &("revoke", id, &reason))?;
    match state
        .inner
        .gate
        .revoke(&operation, (id, Whom::Known), reason)
        .await?
    {
        Some(_freshness) => Ok(StatusCode::NO_CONTENT),
        None => Err(Problem::not_found(
            "There is no such device, or it was revoked before.",
        )),
    }
}
