//! The work queue, to look at.

use axum::extract::State;
use sunakku_common::http::{Caller, Json};
use sunakku_common::problem::Problem;

use super::shared::STAFF;
use crate::queue::QueueStatus;
use crate::state::AppState;

/// How the queue stands.
#[utoipa::path(
    get, path = "/v1/queue", tag = "operations",
    responses(
        (status = 200, body = QueueStatus), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn status(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<QueueStatus>, Problem> {
    caller.require(STAFF)?;
    Ok(Json(state.inner.queue.status().await?))
}
