//! A draft as a file, out and in.

use axum::extract::State;
use axum::extract::rejection::StringRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;
use sunakku_common::http::{Json, Path, Query};
use sunakku_common::problem::Problem;

use crate::answer::{Answer, OrProblem as _};
use crate::author::Author;
use crate::menus::content::Content;
use crate::menus::draft;
use crate::menus::edit::{Expected, check_storable, etag, no_menu};
use crate::menus::file::{Format, Unreadable, Unwritable, read, write};
use crate::menus::import::{Imported, store};
use crate::state::Hub;

/// How it is written.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Export {
    /// `json` or `csv`.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// How it is read.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Import {
    /// `true` to change nothing and only tell what would change.
    #[serde(default)]
    dry_run: bool,
}

/// The draft as JSON, or as a table for spreadsheets.
#[utoipa::path(get, path = "/v1/menus/{menu}/export", tag = "menus", security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"), Export), responses(
    (status = 200, description = "The draft", content(
        (Content = "application/json"), (String = "text/csv"))),
    (status = 400, description = "The query cannot be read", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such menu", body = Problem),
    (status = 409, description = "`not-a-table`: only JSON can say what it holds", body = Problem)))]
pub(in crate::api) async fn export(
    State(hub): State<Hub>,
    Path(menu): Path<String>,
    Query(Export { format }): Query<Export>,
) -> Answer<Response> {
    let draft = draft::load(&hub.pool, &menu).await.or_problem()?;
    let draft = draft.ok_or_else(|| no_menu(&menu))?;
    let text = write(&draft.content, format).map_err(unwritable)?;
    let file = format!("attachment; filename=\"{menu}.{}\"", format.as_str());
    let file = HeaderValue::try_from(file).map_err(|_| Problem::internal())?;
    let tag = HeaderValue::try_from(etag(draft.revision)).map_err(|_| Problem::internal())?;
    let kind = HeaderValue::from_static(format.media_type());
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, file),
        (header::ETAG, tag),
    ];
    Ok((headers, text).into_response())
}

/// Replace the draft by a file, or make a menu of it: JSON or, with `Content-Type: text/csv`, a
/// table. For a menu that is there already it wants `If-Match`, as a replacement does.
#[utoipa::path(post, path = "/v1/menus/{menu}/import", tag = "menus", security(("token" = [])),
    request_body(content((Content = "application/json"), (String = "text/csv"))),
    params(("menu" = String, Path, description = "Code of the menu"), Import,
           ("If-Match" = Option<String>, Header, description = "ETag of the draft that is replaced, or *")),
    responses(
    (status = 200, description = "What it changes", body = Imported),
    (status = 201, description = "It is a new menu", body = Imported),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 412, description = "The draft was changed meanwhile", body = Problem),
    (status = 415, description = "It is neither JSON nor CSV", body = Problem),
    (status = 422, description = "`invalid-file`, for a table with its `faults` by line and column", body = Problem),
    (status = 428, description = "If-Match is missing", body = Problem)))]
pub(in crate::api) async fn import(
    State(hub): State<Hub>,
    author: Author,
    headers: HeaderMap,
    Path(menu): Path<String>,
    Query(Import { dry_run }): Query<Import>,
    body: Result<String, StringRejection>,
) -> Answer<Response> {
    let body = body.map_err(|rejection| {
        let slug = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => "body-too-large",
            _ => "malformed-body",
        };
        Problem::new(rejection.status(), slug, rejection.body_text())
    })?;
    let content = read(&body, format_of(&headers)?).map_err(unreadable)?;
    let content = content.named(&menu);
    check_storable(&content)?;
    if dry_run {
        let known = draft::load(&hub.pool, &menu).await.or_problem()?;
        let before = known.map_or_else(|| content.emptied(), |draft| draft.content);
        let answer = Imported::of(&menu, None, &before, &content)?;
        return Ok(Json(answer).into_response());
    }
    let expected = Expected::of(&headers)?;
    store(&hub.pool, &author, &expected, &menu, content).await
}

fn format_of(headers: &HeaderMap) -> Answer<Format> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let of_kind = |format: &Format| format.media_type().starts_with(kind) && !kind.is_empty();
    [Format::Json, Format::Csv]
        .into_iter()
        .find(of_kind)
        .ok_or_else(|| {
            Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Send the menu with Content-Type application/json or text/csv.",
            )
        })
}

fn unreadable(error: Unreadable) -> Problem {
    let detail = format!("{error}. Nothing was changed; mend the file and send it again.");
    let problem = Problem::unprocessable("invalid-file", detail);
    match error {
        Unreadable::Json(_) => problem,
        Unreadable::Table(faults) => problem.with("faults", json!(faults)),
    }
}

fn unwritable(error: Unwritable) -> Problem {
    match error {
        Unwritable::Loses => Problem::conflict(
            "not-a-table",
            "This draft holds something that a table cannot say without loss. Mend its faults, or \
             export it as JSON.",
        ),
        Unwritable::Failed => Problem::internal(),
    }
}
