//! The line to the hub, and the proof.

use axum::extract::State;
use chrono::Utc;
use serde::{Deserialize, Serialize};
use sunakku_common::event::Event;
use sunakku_common::http::Json;
use sunakku_common::ids::Epoch;
use sunakku_common::problem::Problem;

use crate::state::AppState;
use crate::store::StoreError;

/// How the log stands, here and at the hub.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct SyncAnswer {
    /// `connected` or `away`.
    hub: String,
    /// Why the hub is away, in words.
    problem: Option<String>,
    /// The life of the store that the sequences belong to.
    epoch: Epoch,
    /// The last sequence of the site log.
    head: u64,
    /// The last sequence that the hub has committed.
    cursor: u64,
    /// Events that it has not.
    lag_events: u64,
    /// Age of the oldest of them.
    oldest_unsent_seconds: u64,
    /// The edge's hash chain at `cursor`; the hub's ledger shows the same.
    chain: String,
    /// Version of the menu that the site sells by.
    menu_version: u64,
    /// Days of disconnection left until the log is full; null while nothing was told.
    days_left: Option<f64>,
}

/// How the log stands, here and at the hub.
#[utoipa::path(
    get, path = "/v1/sync", tag = "operations",
    responses(
        (status = 200, body = SyncAnswer), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn status(State(state): State<AppState>) -> Result<Json<SyncAnswer>, Problem> {
    Ok(Json(state.sync_answer().await?))
}

impl AppState {
    pub(super) async fn sync_answer(&self) -> Result<SyncAnswer, StoreError> {
        let shared = &self.inner;
        let status = shared.sync.borrow().clone();
        let head = shared.store.head().await?;
        let cursor = if status.epoch == head.epoch {
            status.cursor
        } else {
            0
        };
        let lag_events = head.seq.saturating_sub(cursor);
        let mut oldest_unsent_seconds = 0;
        if lag_events > 0
            && let Some(entry) = shared.store.log_from(cursor + 1, 1).await?.first()
            && let Ok(event) = Event::decode(&entry.text)
        {
            let age = (Utc::now() - event.at).num_seconds();
            oldest_unsent_seconds = u64::try_from(age).unwrap_or(0);
        }
        let hub = if status.connected {
            "connected"
        } else {
            "away"
        };
        Ok(SyncAnswer {
            hub: hub.to_owned(),
            problem: status.problem,
            epoch: head.epoch,
            head: head.seq,
            cursor,
            lag_events,
            oldest_unsent_seconds,
            chain: status.chain.to_string(),
            menu_version: shared.menus.current().menu.version,
            days_left: shared.health.borrow().days_left,
        })
    }
}
