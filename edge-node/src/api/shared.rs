//! What the routes have in common.

use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use sunakku_common::claims::Role;
use sunakku_common::event::By;
use sunakku_common::http::{Caller, Json};
use sunakku_common::problem::Problem;
use sunakku_common::text::is_printable;

use crate::store::Freshness;

/// Tells a repeated request apart from the first: its answer is the first one's.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Everyone who works at the site.
pub(super) const STAFF: &[Role] = &[Role::Kitchen, Role::Manager];
/// Everyone and everything at the site.
pub(super) const SITE: &[Role] = &[Role::Kiosk, Role::Kitchen, Role::Manager];

/// Who a change is attributed to.
pub(super) fn by(caller: &Caller) -> By {
    let device = (caller.0.role == Role::Kiosk).then(|| caller.0.sub.clone());
    By {
        actor: caller.0.sub.clone(),
        device,
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
