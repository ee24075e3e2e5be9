//! Screens that are let in by a code that they show themselves.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sunakku_common::claims::{Role, Subject};
use sunakku_common::cookie::wanted_screen;
use sunakku_common::http::{Caller, Json};
use sunakku_common::ids::check_code;
use sunakku_common::problem::Problem;
use sunakku_common::telemetry::count_sign_in;

use super::cookie::signed_in;
use crate::api::access::too_many;
use crate::api::address::Address;
use crate::api::shared::operation;
use crate::pairing::{NotPaired, Standing};
use crate::state::AppState;
use crate::store::Device;

/// What a page can become.
const PAGES: [(&str, Role); 3] = [
    ("kiosk", Role::Kiosk),
    ("kitchen", Role::Kitchen),
    ("pickup", Role::Board),
];

/// The body of `POST /v1/pairings`.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Ask {
    /// The page: `kiosk`, `kitchen` or `pickup`.
    screen: String,
}

/// What a screen shows, and what it keeps to itself.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(in crate::api) struct Asked {
    /// Eight digits for who runs the site: Operations, Devices.
    code: String,
    /// Send it to `POST /v1/pairings/claim` until the code was typed in.
    secret: String,
    /// Seconds until another code is needed.
    expires_in: u64,
}

/// Ask to be let in as a kiosk, kitchen screen or board. Nothing comes of it until who runs the site has
/// typed the code in.
#[utoipa::path(
    post, path = "/v1/pairings", tag = "session", security(()), request_body = Ask,
    responses(
        (status = 201, body = Asked), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 429, description = "`too-many-pairings`, with `Retry-After`", body = Problem),
    )
)]
pub(in crate::api) async fn ask(
    State(state): State<AppState>,
    Address(address): Address,
    headers: HeaderMap,
    body: Result<Json<Ask>, Problem>,
) -> Result<(StatusCode, Json<Asked>), Problem> {
    let Json(Ask { screen }) = body?;
    wanted_screen(&headers)?;
    let Some(page) = PAGES.into_iter().find(|(page, _)| *page == screen) else {
        return Err(Problem::unprocessable(
            "invalid-body",
            "screen: kiosk, kitchen or pickup",
        ));
    };
    let expires_in = state
        .inner
        .config
        .identity
        .code_seconds
        .min(LONGEST_SECONDS);
    let life = Duration::from_secs(expires_in);
    let asked = state
        .inner
        .pairings
        .ask(page, address, life, Instant::now());
    let Some(asked) = asked else {
        let mut problem = Problem::too_many(
            "too-many-pairings",
            "Too many screens ask to be let in. Try again in a minute.",
        );
        problem.retry_after = Some(60);
        return Err(problem);
    };
    let (code, secret) = (asked.code, asked.secret);
    Ok((
        StatusCode::CREATED,
        Json(Asked {
            code,
            secret,
            expires_in,
        }),
    ))
}

/// The longest life of a code, seconds.
const LONGEST_SECONDS: u64 = 900;

/// The body of `POST /v1/pairings/claim`.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Claim {
    /// What `POST /v1/pairings` answered.
    secret: String,
}

/// Sign in as the device that a screen has become: the answer sets its cookie. 202 until its code was typed in.
#[utoipa::path(
    post, path = "/v1/pairings/claim", tag = "session", security(()), request_body = Claim,
    responses(
        (status = 200, body = super::cookie::SignedIn), (status = 202, description = "Ask again in a moment"),
        (status = 400, body = Problem),
        (status = 401, description = "`unknown-pairing`: ask for another code", body = Problem),
        (status = 403, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
        (status = 429, body = Problem),
    )
)]
pub(in crate::api) async fn claim(
    State(state): State<AppState>,
    Address(address): Address,
    headers: HeaderMap,
    body: Result<Json<Claim>, Problem>,
) -> Result<Response, Problem> {
    let Json(Claim { secret }) = body?;
    wanted_screen(&headers)?;
    let unknown = || {
        let detail = "This screen's code has run out. Show another one.";
        Problem::new(StatusCode::UNAUTHORIZED, "unknown-pairing", detail)
    };
    match state.inner.pairings.standing(&secret, Instant::now()) {
        Standing::Waiting => Ok(StatusCode::ACCEPTED.into_response()),
        Standing::Unknown => {
            let waits = state.inner.rates.of_address(address, Instant::now());
            Err(waits.map_or_else(too_many, |()| unknown()))
        }
        Standing::Paired(device, screen) => {
            // It may have been revoked again before it came.
            let device = state.inner.gate.device(device.id).ok_or_else(unknown)?;
            count_sign_in("pairing", true);
            tracing::info!(device = device.name, role = %device.role, screen, "a device signed in");
            let life = TimeDelta::seconds(state.inner.config.identity.screen_seconds);
            signed_in(&state, of(device), &screen, life)
        }
    }
}

/// Whom the tokens of a device are for.
pub(super) fn of(device: Device) -> Subject {
    Subject {
        sid: Some(device.id),
        ..Subject::new(device.name, device.role)
    }
}

/// The body of `POST /v1/devices`.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewDevice {
    /// What the screen shows; spaces do not matter.
    code: String,
    /// Name of the device, 1 to 64 letters, digits, `.`, `_`, `:` or `-`. A kiosk sees the orders that were
    /// placed under its name.
    name: String,
    /// What it is: `kiosk`, `kitchen` or `board`.
    kind: Role,
}

/// Let the screen in that shows a code.
#[utoipa::path(
    post, path = "/v1/devices", tag = "operations", request_body = NewDevice,
    responses(
        (status = 201, body = Device), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, description = "`unknown-pairing`: no screen shows this code", body = Problem),
        (status = 409, description = "`other-kind`, `name-taken` or `too-many-devices`", body = Problem),
        (status = 415, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(in crate::api) async fn confirm(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Json<NewDevice>, Problem>,
) -> Result<(StatusCode, Json<Device>), Problem> {
    let Json(NewDevice { code, name, kind }) = body?;
    check_code(&name)
        .map_err(|error| Problem::unprocessable("invalid-body", format!("name: {error}")))?;
    let code: String = code.chars().filter(char::is_ascii_digit).take(16).collect();
    let operation = operation(&caller, &headers, &("pair", &code, &name, kind))?;
    let (pairings, gate) = (&state.inner.pairings, &state.inner.gate);
    let confirmed = pairings.confirm(gate, &operation, (&code, name, kind));
    let device = confirmed.await?.map_err(not_paired)?;
    Ok((StatusCode::CREATED, Json(device)))
}

pub(super) fn not_paired(why: NotPaired) -> Problem {
    let status = match why {
        NotPaired::Unknown => StatusCode::NOT_FOUND,
        _ => StatusCode::CONFLICT,
    };
    Problem::new(status, why.word(), why.to_string())
}
