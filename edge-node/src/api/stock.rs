//! Stock at hand.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::http::{Caller, Json, List, MaybeJson, Page, Path, Query};
use sunakku_common::pricing::StockLevel;
use sunakku_common::problem::Problem;
use sunakku_common::text::is_printable;

use super::shared::{Why, fresh, operation, reason_text};
use crate::state::AppState;
use crate::store::{StockMove, StockMoving, StockRow};

/// Units that can be added or taken at once.
const MAX_UNITS: i64 = 1_000_000;

/// The body of an adjustment.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Adjustment {
    /// Units added or, negative, taken.
    delta: i64,
    /// Why: delivery, waste, a miscount.
    reason: String,
}

/// The body of a count.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Count {
    /// Units at hand; null to stop counting.
    #[serde(deserialize_with = "Option::deserialize")]
    on_hand: Option<u32>,
}

/// Every SKU of the menu, and those that are counted or off sale; by name.
async fn rows(state: &AppState) -> Result<Vec<StockRow>, Problem> {
    let uncounted = StockLevel {
        on_hand: None,
        suspended: false,
    };
    let skus = state.inner.menus.current().menu.skus().into_iter();
    let mut levels: BTreeMap<String, StockLevel> = skus.map(|sku| (sku, uncounted)).collect();
    levels.extend(state.inner.store.stock().await?);
    let suspensions = state.inner.store.suspensions().await?;
    let marks = state.inner.store.low_marks().await?;
    let to_count = state.inner.store.to_count().await?;
    let row = |(sku, level): (String, StockLevel)| StockRow {
        suspended_until: suspensions.get(&sku).copied(),
        to_count: to_count.contains(&sku),
        ..StockRow::new(sku.clone(), level, marks.get(&sku).copied())
    };
    Ok(levels.into_iter().map(row).collect())
}

/// What is at hand of every SKU of the menu, and of those that are counted.
#[utoipa::path(
    get, path = "/v1/stock", tag = "stock", params(Page),
    responses(
        (status = 200, body = List<StockRow>),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Query(page): Query<Page>,
) -> Result<Json<List<StockRow>>, Problem> {
    let after = page.after.clone().unwrap_or_default();
    let rest = rows(&state).await?.into_iter();
    let rest = rest.filter(|row| row.sku > after);
    let mut items: Vec<StockRow> = rest.take(page.limit() + 1).collect();
    let more = items.len() > page.limit();
    items.truncate(page.limit());
    let next = items.last().filter(|_| more).map(|row| row.sku.clone());
    Ok(Json(List { items, next }))
}

/// What is at hand of one SKU.
#[utoipa::path(
    get, path = "/v1/stock/{sku}", tag = "stock", params(("sku" = String, Path)),
    responses(
        (status = 200, body = StockRow), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn get(
    State(state): State<AppState>,
    Path(sku): Path<String>,
) -> Result<Json<StockRow>, Problem> {
    let mut rows = rows(&state).await?.into_iter();
    rows.find(|row| row.sku == sku)
        .map(Json)
        .ok_or_else(unknown_sku)
}

/// Whether the SKU is one of the menu, or was ever counted or taken off sale.
pub(super) fn is_known(state: &AppState, sku: &str) -> bool {
    let live = &state.inner.live;
    state.inner.menus.current().menu.skus().contains(sku)
        || live.with_stock(|stock| stock.levels.contains_key(sku))
}

pub(super) fn unknown_sku() -> Problem {
    Problem::not_found("Nothing on the menu takes from this SKU, and none was counted.")
}

async fn change(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    sku: &str,
    change: StockMove,
    reason: Option<&str>,
) -> Result<Response, Problem> {
    let store = &state.inner.store;
    if !is_known(state, sku) {
        return Err(unknown_sku());
    }
    let operation = operation(caller, headers, &(sku, change, reason))?;
    match store.move_stock(&operation, sku, change, reason).await? {
        StockMoving::Made(row, freshness) => Ok(fresh(row, freshness)),
        StockMoving::Uncounted => Err(Problem::conflict(
            "not-counted",
            format!("\"{sku}\" is not counted. Set its count first: PUT /v1/stock/{sku}."),
        )),
        StockMoving::Changed => Err(Problem::internal()),
        StockMoving::Negative { on_hand } => Err(Problem::conflict(
            "negative-stock",
            format!("Only {on_hand} of \"{sku}\" are at hand; count it first if that is wrong."),
        )
        .with("on_hand", on_hand)),
    }
}

/// Count a SKU: sets what is at hand.
#[utoipa::path(
    put, path = "/v1/stock/{sku}", tag = "stock", params(("sku" = String, Path)),
    request_body = Count,
    responses(
        (status = 200, body = StockRow), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn set(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(sku): Path<String>,
    body: Result<Json<Count>, Problem>,
) -> Result<Response, Problem> {
    let Json(Count { on_hand }) = body?;
    if on_hand.is_some_and(|units| i64::from(units) > MAX_UNITS) {
        let detail = format!("on_hand: must be 0 to {MAX_UNITS}");
        return Err(Problem::unprocessable("invalid-body", detail));
    }
    let step = on_hand.map_or(StockMove::Uncount, StockMove::Set);
    change(&state, &caller, &headers, &sku, step, Some("count")).await
}

/// The body of a low-stock mark.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LowMark {
    /// The SKU is low when so many or fewer are at hand; null for what the menu says.
    #[serde(deserialize_with = "Option::deserialize")]
    low_mark: Option<u32>,
}

/// Set from how many units on a SKU is shown as low.
#[utoipa::path(
    put, path = "/v1/stock/{sku}/low-mark", tag = "stock", params(("sku" = String, Path)),
    request_body = LowMark,
    responses(
        (status = 200, body = StockRow), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn mark(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(sku): Path<String>,
    body: Result<Json<LowMark>, Problem>,
) -> Result<Response, Problem> {
    let Json(LowMark { low_mark }) = body?;
    if low_mark.is_some_and(|units| i64::from(units) > MAX_UNITS) {
        let detail = format!("low_mark: must be 0 to {MAX_UNITS}, or null");
        return Err(Problem::unprocessable("invalid-body", detail));
    }
    let step = StockMove::Mark(low_mark);
    change(&state, &caller, &headers, &sku, step, None).await
}

/// Add units to a SKU or take some away.
#[utoipa::path(
    post, path = "/v1/stock/{sku}/adjust", tag = "stock", params(("sku" = String, Path)),
    request_body = Adjustment,
    responses(
        (status = 200, body = StockRow), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, description = "`negative-stock` or `not-counted`", body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn adjust(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(sku): Path<String>,
    body: Result<Json<Adjustment>, Problem>,
) -> Result<Response, Problem> {
    let Json(Adjustment { delta, reason }) = body?;
    let count = reason.chars().count();
    let odd = count > 200 || reason.trim().is_empty() || !is_printable(&reason);
    if odd || delta == 0 || !(-MAX_UNITS..=MAX_UNITS).contains(&delta) {
        let detail = format!("delta: not 0, within {MAX_UNITS}; reason: 1 to 200 characters");
        return Err(Problem::unprocessable("invalid-body", detail));
    }
    change(
        &state,
        &caller,
        &headers,
        &sku,
        StockMove::Adjust(delta),
        Some(&reason),
    )
    .await
}

/// The body of a suspension.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Suspension {
    /// When it is on sale again by itself; within the next 7 days. Never when absent.
    #[serde(default)]
    until: Option<DateTime<Utc>>,
    /// At most 200 characters.
    #[serde(default)]
    reason: Option<String>,
}

/// How far ahead a suspension may end.
const MAX_SUSPENSION: TimeDelta = TimeDelta::days(7);

/// Take a SKU off sale ("86"), until a time if one is given.
#[utoipa::path(
    post, path = "/v1/stock/{sku}/suspend", tag = "stock", params(("sku" = String, Path)),
    request_body = Option<Suspension>,
    responses(
        (status = 200, body = StockRow), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn suspend(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(sku): Path<String>,
    body: Result<MaybeJson<Suspension>, Problem>,
) -> Result<Response, Problem> {
    let MaybeJson(body) = body?;
    let Suspension { until, reason } = body.unwrap_or_default();
    let (reason, now) = (reason_text(reason)?, Utc::now());
    if until.is_some_and(|until| until <= now || now + MAX_SUSPENSION < until) {
        let detail = "until: must be within the next 7 days";
        return Err(Problem::unprocessable("invalid-body", detail));
    }
    let step = StockMove::Suspend(until);
    change(&state, &caller, &headers, &sku, step, reason.as_deref()).await
}

/// Put a SKU on sale again.
#[utoipa::path(
    post, path = "/v1/stock/{sku}/resume", tag = "stock", params(("sku" = String, Path)),
    request_body = Option<Why>,
    responses(
        (status = 200, body = StockRow), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(super) async fn resume(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(sku): Path<String>,
    body: Result<MaybeJson<Why>, Problem>,
) -> Result<Response, Problem> {
    let MaybeJson(body) = body?;
    let reason = reason_text(body.and_then(|body| body.reason))?;
    change(
        &state,
        &caller,
        &headers,
        &sku,
        StockMove::Resume,
        reason.as_deref(),
    )
    .await
}
