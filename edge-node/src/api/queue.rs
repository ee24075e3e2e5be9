//! The work queue: how it stands, holding it back, and the jobs that failed for good.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::json;
use sunakku_common::http::{Caller, Json, List, MaybeJson, Page, Path, Query};
use sunakku_common::problem::Problem;

use super::shared::{Why, fresh, illegal_transition, operation, reason_text};
use crate::queue::QueueStatus;
use crate::state::AppState;
use crate::store::{DeadLetter, Retrying};

/// How the queue stands.
#[utoipa::path(
    get, path = "/v1/queue", tag = "operations",
    responses(
        (status = 200, body = QueueStatus), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn status(State(state): State<AppState>) -> Result<Json<QueueStatus>, Problem> {
    Ok(Json(state.inner.queue.status().await?))
}

/// Hold jobs back: orders are taken, and wait. What was begun is finished; a pause outlives
/// restarts.
#[utoipa::path(
    post, path = "/v1/queue/pause", tag = "operations", request_body = Option<Why>,
    responses(
        (status = 200, body = QueueStatus), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn pause(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<MaybeJson<Why>, Problem>,
) -> Result<Response, Problem> {
    switch(&state, &caller, &headers, true, body).await
}

/// Let jobs go on.
#[utoipa::path(
    post, path = "/v1/queue/resume", tag = "operations", request_body = Option<Why>,
    responses(
        (status = 200, body = QueueStatus), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn resume(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<MaybeJson<Why>, Problem>,
) -> Result<Response, Problem> {
    switch(&state, &caller, &headers, false, body).await
}

async fn switch(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    pause: bool,
    body: Result<MaybeJson<Why>, Problem>,
) -> Result<Response, Problem> {
    let MaybeJson(body) = body?;
    let reason = reason_text(body.and_then(|body| body.reason))?;
    let operation = operation(caller, headers, &("queue", pause, &reason))?;
    let queue = &state.inner.queue;
    let freshness = queue.switch(&operation, pause, reason).await?;
    Ok(fresh(queue.status().await?, freshness))
}

/// Jobs that failed for good, in the order in which they were given up.
#[utoipa::path(
    get, path = "/v1/queue/dead", tag = "operations", params(Page),
    responses(
        (status = 200, body = List<DeadLetter>), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn dead(
    State(state): State<AppState>,
    Query(page): Query<Page>,
) -> Result<Json<List<DeadLetter>>, Problem> {
    let after = page.after_number()?.unwrap_or(0);
    let store = &state.inner.store;
    let (items, next) = store.dead_letters(after, page.limit()).await?;
    let next = next.map(|place| place.to_string());
    Ok(Json(List { items, next }))
}

fn unknown_letter() -> Problem {
    Problem::not_found("There is no such dead letter; it may have been tried again or discarded.")
}

/// Do a dead job after all. An order that it had rejected is placed again, if its stock is there.
#[utoipa::path(
    post, path = "/v1/queue/dead/{id}/retry", tag = "operations", params(("id" = String, Path)),
    responses(
        (status = 200, description = "`{id, state: \"retried\"}`", body = Object),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem),
        (status = 409, description = "`out-of-stock` or `illegal-transition`", body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn retry(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let store = &state.inner.store;
    let operation = operation(&caller, &headers, &("retry", &id))?;
    let answer = json!({ "id": id, "state": "retried" });
    let Some(letter) = store.dead_letter(&id).await? else {
        // It may be gone because of the first try of this very request.
        let before = store.done_before(&operation).await?;
        return before
            .map(|freshness| fresh(answer, freshness))
            .ok_or_else(unknown_letter);
    };
    match store.retry_job(&operation, &letter).await? {
        Retrying::Made(freshness) => Ok(fresh(answer, freshness)),
        Retrying::Missing => Err(unknown_letter()),
        Retrying::Illegal(state) => {
            let why = "its order cannot be placed again; discard the letter";
            Err(illegal_transition(&state, Some(why.to_owned())))
        }
        Retrying::Short(levels) => {
            let short = levels.into_iter().map(|(sku, level)| {
                json!({ "sku": sku, "on_hand": level.on_hand, "suspended": level.suspended })
            });
            let detail = "What the order takes is not there any more. Count or add stock first, \
                          or discard the letter.";
            let skus: Vec<_> = short.collect();
            Err(Problem::conflict("out-of-stock", detail).with("skus", skus))
        }
    }
}

/// Give a dead job up; the reason stands in the log.
#[utoipa::path(
    post, path = "/v1/queue/dead/{id}/discard", tag = "operations", params(("id" = String, Path)),
    request_body = Why,
    responses(
        (status = 200, description = "`{id, state: \"discarded\"}`", body = Object),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn discard(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Result<MaybeJson<Why>, Problem>,
) -> Result<Response, Problem> {
    let MaybeJson(body) = body?;
    let reason = reason_text(body.and_then(|body| body.reason))?
        .ok_or_else(|| Problem::unprocessable("reason-missing", "Say why: {\"reason\": \"…\"}."))?;
    let request = ("discard", &id, &reason);
    let operation = operation(&caller, &headers, &request)?;
    let discarded = state.inner.store.discard_job(&operation, &id, &reason);
    let freshness = discarded.await?.ok_or_else(unknown_letter)?;
    Ok(fresh(json!({ "id": id, "state": "discarded" }), freshness))
}
