//! Whether the edge lives, whether it can take orders, and its metrics.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use sunakku_common::http::{Caller, Json, may_read_metrics};
use sunakku_common::problem::Problem;

use crate::state::AppState;

/// The process runs. Asks nobody else.
#[utoipa::path(
    get, path = "/livez", tag = "health", security(()), responses((status = 200, body = String))
)]
pub(super) async fn livez() -> &'static str {
    "ok"
}

/// What the edge needs, and whether it has it.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Readiness {
    /// Whether orders can be taken and kept.
    ready: bool,
    /// Whether something is missing that orders do not need.
    degraded: bool,
    /// Redis answers.
    redis: bool,
    /// The site's nats-server answers.
    nats: bool,
    /// The hub answers.
    hub: bool,
}

/// Orders can be taken and kept. Without nats-server or hub the edge is ready, but degraded.
#[utoipa::path(
    get, path = "/readyz", tag = "health", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = Readiness))
)]
pub(super) async fn readyz(State(state): State<AppState>) -> (StatusCode, Json<Readiness>) {
    let shared = &state.inner;
    let redis = shared.store.ping().await.is_ok();
    let connected = shared.nats.connection_state();
    let nats = connected == async_nats::connection::State::Connected;
    let hub = shared.sync.borrow().connected;
    let ready = redis && !shared.stop.is_cancelled();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(Readiness {
            ready,
            degraded: !(nats && hub),
            redis,
            nats,
            hub,
        }),
    )
}

/// Prometheus metrics: open on this machine, with the role `sre` elsewhere.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses((status = 200, body = String), (status = 401, body = Problem), (status = 403, body = Problem))
)]
pub(super) async fn metrics(
    State(state): State<AppState>,
    peer: ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    caller: Result<Caller, Problem>,
) -> Result<String, Problem> {
    may_read_metrics(&peer, &headers, caller)?;
    Ok(state.inner.metrics.render())
}
