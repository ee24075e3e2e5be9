//! Screens that are connected.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use sunakku_common::http::{Caller, Json};
use sunakku_common::problem::Problem;

use super::shared::STAFF;
use crate::screens::Connected;
use crate::state::AppState;

/// What is connected.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Devices {
    /// The longest connected first.
    items: Vec<Connected>,
}

/// The screens that are connected now, at most as many as `http.max_websockets` allows.
#[utoipa::path(
    get, path = "/v1/devices", tag = "operations",
    responses((status = 200, body = Devices), (status = 401, body = Problem), (status = 403, body = Problem))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<Devices>, Problem> {
    caller.require(STAFF)?;
    let items = state.inner.screens.all();
    Ok(Json(Devices { items }))
}
