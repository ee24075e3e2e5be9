//! Cookies of screens: who is signed in, for longer, and no more.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::claims::{Distrust, Role, Subject, site_audience};
use sunakku_common::cookie;
use sunakku_common::event::SessionMoved;
use sunakku_common::http::{Caller, Json};
use sunakku_common::problem::Problem;

use crate::api::address::Address;
use crate::api::shared::operation;
use crate::config::Screens;
use crate::gate::begun;
use crate::state::AppState;
use crate::store::Whom;

/// Who a screen is signed in as.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(in crate::api) struct SignedIn {
    name: String,
    role: Role,
    /// Seconds that the sign-in is good for, from now on.
    expires_in: i64,
}

/// Who calls, and what its page needs to know of the site.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(in crate::api) struct Who {
    #[serde(flatten)]
    signed_in: SignedIn,
    site: SiteAnswer,
    screens: Screens,
}

/// The site, as screens show it.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SiteOfScreen)]
struct SiteAnswer {
    id: String,
    /// Name for guests.
    name: String,
    /// IANA name.
    time_zone: String,
}

/// The body of `POST /v1/session/cookie`.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewCookie {
    /// The page that signs in, 1 to 16 of a-z: `kiosk`, `kitchen`, `pickup`, `ops`.
    screen: String,
}

/// Who calls, and what its page needs to know of the site.
#[utoipa::path(
    get, path = "/v1/session", tag = "session",
    responses((status = 200, body = Who), (status = 401, body = Problem), (status = 403, body = Problem))
)]
pub(in crate::api) async fn who(
    State(state): State<AppState>,
    Caller(claims): Caller,
) -> Json<Who> {
    let (config, site) = (&state.inner.config, &state.inner.site);
    Json(Who {
        signed_in: SignedIn {
            name: claims.sub.clone(),
            role: claims.role,
            expires_in: (claims.exp - Utc::now().timestamp()).max(0),
        },
        site: SiteAnswer {
            id: config.site.id.to_string(),
            name: site.name(),
            time_zone: site.time_zone().name().to_owned(),
        },
        screens: config.screens.clone(),
    })
}

/// Put a token into a screen's cookie. Called by that cookie, it signs the screen in for as long
/// again as the first time, so that one that is in use stays signed in.
#[utoipa::path(
    post, path = "/v1/session/cookie", tag = "session", request_body = NewCookie,
    responses(
        (status = 200, body = SignedIn), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 422, body = Problem),
    )
)]
pub(in crate::api) async fn set(
    State(state): State<AppState>,
    Caller(claims): Caller,
    body: Result<Json<NewCookie>, Problem>,
) -> Result<Response, Problem> {
    let Json(NewCookie { screen }) = body?;
    check_screen(&screen)?;
    let config = &state.inner.config;
    let longest = match claims.role {
        Role::Guest if !config.screens.guests => return Err(guests_off()),
        Role::Guest => config.screens.guest_seconds,
        _ => config.identity.screen_seconds,
    };
    let mut life = TimeDelta::seconds((claims.exp - claims.iat).clamp(1, longest));
    if let Some(begun) = begun(claims.sid) {
        let end = begun + TimeDelta::seconds(config.identity.max_session_seconds);
        life = life.min(end - Utc::now());
        if life <= TimeDelta::zero() {
            return Err(Distrust::Expired.into());
        }
    }
    let subject = Subject {
        sub: claims.sub.clone(),
        role: claims.role,
        site: claims.site.clone(),
        region: claims.region.clone(),
        sid: claims.sid,
    };
    signed_in(&state, subject, &screen, life)
}

/// Sign a screen out: its cookie is taken away, and its session or pairing ended.
#[utoipa::path(
    delete, path = "/v1/session/cookie", tag = "session",
    responses(
        (status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(in crate::api) async fn clear(
    State(state): State<AppState>,
    Address(address): Address,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(session) = caller.0.sid {
        let gate = &state.inner.gate;
        let operation = operation(&caller, &headers, &("sign out", session))?;
        if gate.device(session).is_some() {
            let reason = Some("signed out".to_owned());
            gate.revoke(&operation, (session, Whom::Known), reason)
                .await?;
        } else {
            let event = SessionMoved {
                user: caller.0.sub.clone(),
                role: caller.0.role,
                method: "cookie".to_owned(),
                address: Some(address),
                until: None,
                by: operation.by().clone(),
            };
            gate.end(&operation, session, &event).await?;
        }
    }
    let screen = cookie::screen_name(&headers).unwrap_or("none");
    let cookie = keep(&state, screen, "", TimeDelta::zero())?;
    let gone = axum::http::StatusCode::NO_CONTENT;
    Ok((gone, cookie).into_response())
}

pub(super) fn check_screen(screen: &str) -> Result<(), Problem> {
    if cookie::is_screen(screen) {
        return Ok(());
    }
    Err(Problem::unprocessable(
        "invalid-body",
        "screen: 1 to 16 of a-z",
    ))
}

/// 403: guests' own phones are not let in.
pub(super) fn guests_off() -> Problem {
    Problem::new(
        axum::http::StatusCode::FORBIDDEN,
        "guests-off",
        "This site takes no orders from guests' own phones. Order at a kiosk or at the counter.",
    )
}

/// A token of this site's, good for `life` from now on.
pub(super) fn mint(state: &AppState, subject: Subject, life: TimeDelta) -> Result<String, Problem> {
    let audience = site_audience(&state.inner.config.site.id);
    let token = state
        .inner
        .signer
        .mint(subject, &audience, life, Utc::now());
    token.map_err(|error| {
        tracing::error!(%error, "no token could be minted");
        Problem::internal()
    })
}

/// The header that puts a token into a screen's cookie.
pub(super) fn keep(
    state: &AppState,
    screen: &str,
    token: &str,
    life: TimeDelta,
) -> Result<[(HeaderName, HeaderValue); 1], Problem> {
    let config = &state.inner.config;
    let audience = site_audience(&config.site.id);
    let secure = config.identity.secure_cookies;
    let cookie = cookie::set(&audience, screen, token, life, secure)?;
    Ok([(header::SET_COOKIE, cookie)])
}

/// The answer that signs a screen in.
pub(super) fn signed_in(
    state: &AppState,
    subject: Subject,
    screen: &str,
    life: TimeDelta,
) -> Result<Response, Problem> {
    let answer = SignedIn {
        name: subject.sub.clone(),
        role: subject.role,
        expires_in: life.num_seconds(),
    };
    let token = mint(state, subject, life)?;
    let cookie = keep(state, screen, &token, life)?;
    Ok((cookie, Json(answer)).into_response())
}
