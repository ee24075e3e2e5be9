//! Kitchen printers, as managers and cooks see them.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use sunakku_common::http::Json;
use sunakku_common::problem::Problem;

use crate::printer::PrinterShown;
use crate::state::AppState;

/// The site's printers.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Printers {
    /// In the order of the configuration.
    items: Vec<PrinterShown>,
}

/// The site's kitchen printers: whether they print, and what waits for them.
#[utoipa::path(
    get, path = "/v1/printers", tag = "operations",
    responses((status = 200, body = Printers), (status = 401, body = Problem), (status = 403, body = Problem))
)]
pub(super) async fn list(State(state): State<AppState>) -> Result<Json<Printers>, Problem> {
    let printers = state.inner.printers.iter();
    let items = printers.map(|shown| shown.borrow().clone()).collect();
    Ok(Json(Printers { items }))
}
