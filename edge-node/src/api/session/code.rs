//! Sign-in of screens by codes that work once.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sunakku_common::claims::Role;
use sunakku_common::event::{By, cause};
use sunakku_common::http::{Caller, Json};
use sunakku_common::ids::check_code;
use sunakku_common::problem::Problem;
use sunakku_common::sign_in_code::{grouped, plain, random};
use sunakku_common::telemetry::count_sign_in;
use sunakku_common::trace;

use super::cookie::{check_screen, signed_in};
use super::pairing::{self, not_paired};
use crate::pairing::NotPaired;
use crate::state::AppState;
use crate::store::{Grant, Operation};

/// Roles that a screen can have.
const SCREENS: [Role; 5] = [
    Role::Kiosk,
    Role::Board,
    Role::Kitchen,
    Role::Cashier,
    Role::Manager,
];

/// The body of `POST /v1/session/codes`.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewCode {
    /// What the screen may do: `kiosk`, `board`, `kitchen`, `cashier` or `manager`.
    role: Role,
    /// Name of the device, 1 to 64 letters, digits, `.`, `_`, `:` or `-`. A kiosk sees the orders
    /// that were placed under its name.
    name: String,
}

/// A code.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(in crate::api) struct Code {
    /// Works once. A page takes it as its fragment (`/kitchen#code=…`), which browsers do not send.
    code: String,
    /// Seconds that it is good for.
    expires_in: u64,
    name: String,
    role: Role,
}

/// Make a code that signs one screen in.
#[utoipa::path(
    post, path = "/v1/session/codes", tag = "session", request_body = NewCode,
    responses(
        (status = 201, body = Code), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(in crate::api) async fn make(
    State(state): State<AppState>,
    caller: Caller,
    body: Result<Json<NewCode>, Problem>,
) -> Result<(StatusCode, Json<Code>), Problem> {
    let Json(NewCode { role, name }) = body?;
    if !SCREENS.contains(&role) {
        let detail = "role: kiosk, board, kitchen, cashier or manager";
        return Err(Problem::unprocessable("invalid-body", detail));
    }
    check_code(&name)
        .map_err(|error| Problem::unprocessable("invalid-body", format!("name: {error}")))?;
    let (code, life) = (random(), state.inner.config.identity.code_seconds);
    let by = caller.0.sub.clone();
    let grant = Grant { name, role, by };
    let store = &state.inner.store;
    store
        .keep_code(&code, &grant, Duration::from_secs(life))
        .await?;
    tracing::info!(by = caller.0.sub, device = grant.name, %role, "a sign-in code was made");
    let Grant { name, role, .. } = grant;
    let code = grouped(&code);
    let expires_in = life;
    Ok((
        StatusCode::CREATED,
        Json(Code {
            code,
            expires_in,
            name,
            role,
        }),
    ))
}

/// The body of `POST /v1/session/code`.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Redeem {
    /// As it was shown; hyphens, spaces and small letters do not matter.
    code: String,
    /// The page that signs in, 1 to 16 of a-z: `kiosk`, `kitchen`, `pickup`, `ops`.
    screen: String,
}

/// Sign a screen in by a code, which works once. The answer sets a cookie that is good for the
/// site's own pages alone, and that no script can read.
#[utoipa::path(
    post, path = "/v1/session/code", tag = "session", security(()), request_body = Redeem,
    responses(
        (status = 200, body = super::cookie::SignedIn),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 409, description = "`too-many-devices`", body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(in crate::api) async fn redeem(
    State(state): State<AppState>,
    body: Result<Json<Redeem>, Problem>,
) -> Result<Response, Problem> {
    let Json(Redeem { code, screen }) = body?;
    check_screen(&screen)?;
    let grant = state.inner.store.take_code(&plain(&code)).await?;
    count_sign_in("code", grant.is_some());
    let Some(grant) = grant else {
        tracing::info!(screen, "a sign-in code was refused");
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "unknown-code",
            "The code was used before, has run out or was mistyped. Ask the site's manager for a new one.",
        ));
    };
    let by = By {
        actor: grant.by,
        device: Some(grant.name.clone()),
        cause: cause::REQUEST.to_owned(),
        trace: trace::current(),
        span: trace::current_span(),
    };
    let operation = Operation::new(None, by, &(&grant.name, grant.role));
    let device = state.inner.gate.pair(&operation, grant.name, grant.role);
    let device = device
        .await?
        .ok_or_else(|| not_paired(NotPaired::TooMany))?;
    tracing::info!(device = device.name, role = %device.role, screen, "a screen signed in");
    let life = TimeDelta::seconds(state.inner.config.identity.screen_seconds);
    signed_in(&state, pairing::of(device), &screen, life)
}
