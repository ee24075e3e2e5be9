//! The site: what is known of it, and whether it takes orders.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::http::{Caller, Json, MaybeJson};
use sunakku_common::problem::Problem;

use super::shared::{Why, fresh, operation, reason_text};
use crate::site::{MenuStatus, SiteShown};
use crate::state::AppState;

/// What is known of the site.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct SiteAnswer {
    #[serde(flatten)]
    site: SiteShown,
    /// How it stands with its menu.
    menu: MenuStatus,
}

/// What is known of the site, whether it takes orders, and how it stands with its menu.
#[utoipa::path(
    get, path = "/v1/site", tag = "site",
    responses(
        (status = 200, body = SiteAnswer), (status = 401, body = Problem), (status = 403, body = Problem),
    )
)]
pub(super) async fn get(State(state): State<AppState>) -> Result<Json<SiteAnswer>, Problem> {
    Ok(Json(answer(&state)))
}

fn answer(state: &AppState) -> SiteAnswer {
    SiteAnswer {
        site: state.inner.site.shown(state.inner.store.now()),
        menu: state.inner.menus.status(),
    }
}

/// The body of a closing.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Closing {
    /// Until when, within the next 14 days; until the next business day begins when absent.
    #[serde(default)]
    until: Option<DateTime<Utc>>,
    /// At most 200 characters.
    #[serde(default)]
    reason: Option<String>,
}

/// Close the site for a time: no orders are taken, those that are open are made.
#[utoipa::path(
    post, path = "/v1/site/close", tag = "site", request_body = Option<Closing>,
    responses(
        (status = 200, body = SiteAnswer), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn close(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<MaybeJson<Closing>, Problem>,
) -> Result<Response, Problem> {
    let MaybeJson(body) = body?;
    let Closing { until, reason } = body.unwrap_or_default();
    let reason = reason_text(reason)?;
    let operation = operation(&caller, &headers, &("close", until, &reason))?;
    let closing = state
        .inner
        .site
        .closing_time(until, state.inner.store.now());
    let closing = closing.ok_or_else(|| {
        let detail = "until: must be within the next 14 days";
        Problem::unprocessable("invalid-body", detail)
    })?;
    let site = &state.inner.site;
    let freshness = site.switch(&operation, Some(closing), reason).await?;
    Ok(fresh(answer(&state), freshness))
}

/// Open a site that was closed. Its opening hours go on to apply.
#[utoipa::path(
    post, path = "/v1/site/open", tag = "site", request_body = Option<Why>,
    responses(
        (status = 200, body = SiteAnswer), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn open(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<MaybeJson<Why>, Problem>,
) -> Result<Response, Problem> {
    let MaybeJson(body) = body?;
    let reason = reason_text(body.and_then(|body| body.reason))?;
    let operation = operation(&caller, &headers, &("open", &reason))?;
    let freshness = state.inner.site.switch(&operation, None, reason).await?;
    Ok(fresh(answer(&state), freshness))
}
