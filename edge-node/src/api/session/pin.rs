//! Sign-in of the site's staff by PIN, by what the hub last told of them: it works while the hub is away.

use axum::extract::State;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sunakku_common::claims::Subject;
use sunakku_common::http::{Caller, Json, Session};
use sunakku_common::problem::Problem;
use uuid::Uuid;

use super::attempt::Attempt;
use super::cookie;
use crate::api::address::Address;
use crate::state::AppState;

/// Characters of a name or PIN.
const MAX_CHARS: usize = 64;

/// The body of `POST /v1/session/pin`.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ByPin {
    /// Name.
    user: String,
    /// PIN, as it was set at the hub.
    pin: String,
}

/// Sign in by name and PIN, also while the hub is away. After five wrong PINs of one person at one device the next
/// try has to wait, each time twice as long; others sign in there all the while.
#[utoipa::path(
    post, path = "/v1/session/pin", tag = "session", security(()), request_body = ByPin,
    responses(
        (status = 200, body = Session), (status = 400, body = Problem),
        (status = 401, description = "`wrong-credentials`", body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 429, description = "`too-many-tries`, with `Retry-After`", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(in crate::api) async fn sign_in(
    State(state): State<AppState>,
    Address(address): Address,
    caller: Result<Caller, Problem>,
    body: Result<Json<ByPin>, Problem>,
) -> Result<Json<Session>, Problem> {
    let Json(ByPin { user, pin }) = body?;
    if [&user, &pin]
        .iter()
        .any(|text| MAX_CHARS < text.chars().count())
    {
        let detail = format!("user and pin: at most {MAX_CHARS} characters");
        return Err(Problem::unprocessable("invalid-body", detail));
    }
    let known = state.inner.gate.staff(&user);
    let attempt = Attempt {
        user: user.clone(),
        secret: pin,
        method: "pin",
        known,
        address,
    };
    let role = attempt.judge(&state, caller).await?;
    let life = TimeDelta::seconds(state.inner.config.identity.pin_session_seconds);
    let subject = Subject {
        site: Some(state.inner.config.site.id.clone()),
        sid: Some(Uuid::now_v7()),
        ..Subject::new(user, role)
    };
    let access_token = cookie::mint(&state, subject, life)?;
    Ok(Json(Session {
        access_token,
        token_type: "Bearer".to_owned(),
        expires_in: life.num_seconds(),
    }))
}
