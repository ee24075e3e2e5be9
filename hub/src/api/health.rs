//! `/livez`, `/readyz`, `/metrics`.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use serde::Serialize;
use sunakku_common::http::{Caller, Json, may_read_metrics};
use sunakku_common::problem::Problem;

use crate::answer::Answer;
use crate::health::Parts;
use crate::state::Hub;

/// Whether the hub can work, and what is missing.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Readiness {
    /// `ready`, `degraded` (sites are not heard; what is stored can be read) or `unready`.
    status: &'static str,
    /// The parts.
    #[serde(flatten)]
    parts: Parts,
}

/// Whether the process answers at all.
#[utoipa::path(get, path = "/livez", tag = "operation",
    responses((status = 200, description = "It does", body = String)))]
pub(super) async fn live() -> &'static str {
    "ok"
}

/// Whether the hub can be sent requests, and which part is missing.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "It can; `degraded` while NATS is away", body = Readiness),
    (status = 503, description = "It cannot, or is about to end", body = Readiness)))]
pub(super) async fn ready(State(hub): State<Hub>) -> (StatusCode, Json<Readiness>) {
    let parts = hub.health.parts();
    let status = parts.status();
    let code = match status {
        "unready" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    (code, Json(Readiness { status, parts }))
}

/// The metrics in Prometheus' text format: from this machine, or with the role `sre`.
#[utoipa::path(get, path = "/metrics", tag = "operation", security((), ("token" = [])), responses(
    (status = 200, description = "The metrics", body = String, content_type = "text/plain"),
    (status = 401, description = "From elsewhere without token", body = Problem)))]
pub(super) async fn metrics(
    State(hub): State<Hub>,
    peer: ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    caller: Result<Caller, Problem>,
) -> Answer<([(HeaderName, &'static str); 1], String)> {
    may_read_metrics(&peer, &headers, caller)?;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], hub.recorder.render()))
}
