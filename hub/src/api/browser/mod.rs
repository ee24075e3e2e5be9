//! Sign-in of people's browsers: a cookie that no script can read, good for the hub's own pages
//! alone (`sunakku_common::cookie`). `codes.rs` signs one in by a code that works once.

pub(super) mod codes;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::claims::{Claims, HUB_AUDIENCE, Role, Subject};
use sunakku_common::cookie;
use sunakku_common::http::{Caller, Json};
use sunakku_common::problem::Problem;

use crate::answer::{Answer, OrProblem as _};
use crate::sessions;
use crate::state::Hub;

/// Who a browser is signed in as.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct SignedIn {
    name: String,
    role: Role,
    /// The only region that its sign-in is for; null for all.
    region: Option<String>,
    /// Seconds that the sign-in is good for, from now on.
    expires_in: i64,
}

/// The body of `POST /v1/session/cookie`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCookie {
    /// The page that signs in, 1 to 16 of a-z: `dashboard`.
    screen: String,
}

/// Who calls.
#[utoipa::path(get, path = "/v1/session", tag = "session", security(("token" = [])), responses(
    (status = 200, description = "The one who is signed in", body = SignedIn),
    (status = 401, description = "No valid token", body = Problem)))]
pub(super) async fn who(Caller(claims): Caller) -> Json<SignedIn> {
    let expires_in = (claims.exp - Utc::now().timestamp()).max(0);
    Json(SignedIn {
        name: claims.sub.clone(),
        role: claims.role,
        region: claims.region.clone(),
        expires_in,
    })
}

/// Put a sign-in into a browser's cookie. Called by that cookie, it is good anew for as long as
/// the first time, so that an open page stays signed in.
#[utoipa::path(post, path = "/v1/session/cookie", tag = "session", request_body = NewCookie,
    security(("token" = [])), responses(
    (status = 200, description = "Signed in, with `Set-Cookie`", body = SignedIn),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The page of another host", body = Problem),
    (status = 422, description = "The screen has no name", body = Problem)))]
pub(super) async fn set(
    State(hub): State<Hub>,
    Caller(claims): Caller,
    Json(NewCookie { screen }): Json<NewCookie>,
) -> Answer<Response> {
    check_screen(&screen)?;
    hub.identity.recheck(&claims.sub).await?;
    // What the directory said may have ended the session.
    let idle = hub.identity.options().idle();
    sessions::check(&hub.pool, &claims, idle).await?;
    sign_in(&hub, subject(&claims), &screen)
}

/// Sign a browser out: its cookie is taken away, and its session is over here at once and at the sites
/// as soon as they hear of it.
#[utoipa::path(delete, path = "/v1/session/cookie", tag = "session", security(("token" = [])),
    responses(
    (status = 204, description = "Signed out"),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The page of another host", body = Problem)))]
pub(super) async fn clear(
    State(hub): State<Hub>,
    Caller(claims): Caller,
    headers: HeaderMap,
) -> Answer<Response> {
    if let Some(session) = claims.sid {
        let mut connection = hub.pool.acquire().await.or_problem()?;
        sessions::end(&mut connection, session, "signed-out").await?;
    }
    let screen = cookie::screen_name(&headers).unwrap_or("none");
    let cookie = keep(&hub, screen, "", TimeDelta::zero())?;
    Ok((StatusCode::NO_CONTENT, cookie).into_response())
}

fn check_screen(screen: &str) -> Answer<()> {
    if cookie::is_screen(screen) {
        return Ok(());
    }
    let detail = "screen: 1 to 16 of a-z";
    Err(Problem::unprocessable("invalid-body", detail))
}

/// Whom a token is of, for another one of the same.
fn subject(claims: &Claims) -> Subject {
    Subject {
        sub: claims.sub.clone(),
        role: claims.role,
        site: claims.site.clone(),
        region: claims.region.clone(),
        sid: claims.sid,
    }
}

/// The header that puts a token into a screen's cookie.
fn keep(
    hub: &Hub,
    screen: &str,
    token: &str,
    life: TimeDelta,
) -> Answer<[(HeaderName, HeaderValue); 1]> {
    let cookie = cookie::set(
        HUB_AUDIENCE,
        screen,
        token,
        life,
        hub.browsers.secure_cookies,
    )?;
    Ok([(header::SET_COOKIE, cookie)])
}

/// The answer that signs a browser in.
fn sign_in(hub: &Hub, subject: Subject, screen: &str) -> Answer<Response> {
    let life = TimeDelta::seconds(hub.browsers.session_seconds.into());
    let answer = SignedIn {
        name: subject.sub.clone(),
        role: subject.role,
        region: subject.region.clone(),
        expires_in: life.num_seconds(),
    };
    let session = hub.identity.mint_for(subject, HUB_AUDIENCE, life)?;
    let cookie = keep(hub, screen, &session.access_token, life)?;
    Ok((cookie, Json(answer)).into_response())
}
