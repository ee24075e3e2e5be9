//! The menu as guests see it.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sunakku_common::http::{languages, takes_gzip};
use sunakku_common::local_time::local;
use sunakku_common::problem::Problem;

use super::shared::no_menu;
use crate::menu::MenuAnswer;
use crate::state::AppState;

/// The menu in the reader's language, with live stock.
#[utoipa::path(
    get, path = "/v1/menu", tag = "menu",
    responses(
        (status = 200, body = MenuAnswer), (status = 304, description = "Not changed since the ETag"),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 503, description = "`no-menu`", body = Problem),
    )
)]
pub(super) async fn menu(
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shared = &state.inner;
    let menu = shared.menus.current();
    if menu.is_none() {
        return Err(no_menu());
    }
    let now = shared.store.now();
    let (standing, local) = (
        shared.site.standing(now),
        local(now, shared.site.time_zone()),
    );
    let rendered = menu.render(&shared.live, standing, languages(&headers), local)?;
    let known = headers.get(header::IF_NONE_MATCH);
    let json = (
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    let gzip = (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    let varies = HeaderValue::from_static("accept-encoding, accept-language, authorization");
    let mut response = if known.is_some_and(|value| *value == rendered.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if takes_gzip(&headers) {
        ([json, gzip], rendered.packed()).into_response()
    } else {
        ([json], rendered.body.clone()).into_response()
    };
    let answer = response.headers_mut();
    answer.insert(header::ETAG, rendered.etag.clone());
    answer.insert(header::VARY, varies);
    answer.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    Ok(response)
}
