//! What the routes have in common.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use sunakku_common::claims::Role;
use sunakku_common::event::{By, cause};
use sunakku_common::http::{Caller, Json, idempotency_key};
use sunakku_common::ids::check_code;
use sunakku_common::problem::Problem;
use sunakku_common::text::is_printable;
use sunakku_common::trace;

use crate::store::{Freshness, Operation};

/// Tells a repeated request apart from the first: its answer is the first one's.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Whether it is a guest who calls, at a kiosk or by his own phone: of orders he sees what was
/// placed there.
pub(super) fn is_guest(caller: &Caller) -> bool {
    matches!(caller.0.role, Role::Kiosk | Role::Guest)
}

/// Where a shared screen says which one it is.
const DEVICE: &str = "x-device";

/// The operation that a caller asks for: his key, or one of our own; his name and his device.
pub(super) fn operation(
    caller: &Caller,
    headers: &HeaderMap,
    request: &impl Serialize,
) -> Result<Operation, Problem> {
    let by = By {
        actor: caller.0.sub.clone(),
        device: device(caller, headers)?,
        cause: cause::REQUEST.to_owned(),
        trace: trace::current(),
        span: trace::current_span(),
    };
    Ok(Operation::new(idempotency_key(headers)?, by, request))
}

/// A kiosk or phone is its own device; a screen that several people use tells its name.
pub(super) fn device(caller: &Caller, headers: &HeaderMap) -> Result<Option<String>, Problem> {
    if is_guest(caller) {
        return Ok(Some(caller.0.sub.clone()));
    }
    let Some(value) = headers.get(DEVICE) else {
        return Ok(None);
    };
    match value.to_str().ok().filter(|name| check_code(name).is_ok()) {
        Some(name) => Ok(Some(name.to_owned())),
        None => Err(Problem::bad_request(
            "device-invalid",
            "X-Device must be the code of a screen: 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.' and ':'.",
        )),
    }
}

/// An answer that says when it is that of an earlier request.
pub(super) fn fresh<T: serde::Serialize>(body: T, freshness: Freshness) -> Response {
    let mut response = Json(body).into_response();
    if freshness == Freshness::Replayed {
        response
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// Why, where that is told.
#[derive(Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    /// At most 200 characters.
    #[serde(default)]
    pub(super) reason: Option<String>,
}

/// Characters of a reason.
const MAX_REASON_CHARS: usize = 200;

/// A reason as it is kept; `None` for an empty one.
pub(super) fn reason_text(reason: Option<String>) -> Result<Option<String>, Problem> {
    let reason = reason.filter(|text| !text.trim().is_empty());
    let text = reason.as_deref().unwrap_or_default();
    if text.chars().count() > MAX_REASON_CHARS || !is_printable(text) {
        let detail = format!("reason: at most {MAX_REASON_CHARS} characters, none of control");
        return Err(Problem::unprocessable("invalid-body", detail));
    }
    Ok(reason)
}

/// 503: the edge has not been given a menu yet.
pub(super) fn no_menu() -> Problem {
    Problem::unavailable(
        "no-menu",
        "This site has no menu yet. Give it one at the hub, or a seed file in its settings.",
    )
}

/// 409: not from the state in which it is.
pub(super) fn illegal_transition(state: &str, why: Option<String>) -> Problem {
    let why = why.unwrap_or_else(|| "this step does not lead out of its state".to_owned());
    Problem::conflict("illegal-transition", format!("It is {state}: {why}.")).with("state", state)
}
