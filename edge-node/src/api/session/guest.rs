//! Guests' own phones, which nobody signs in: a short token that is good for their own orders.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use chrono::TimeDelta;
use sunakku_common::claims::{Role, Subject};
use sunakku_common::cookie::wanted_screen;
use sunakku_common::http::{Json, Session};
use sunakku_common::problem::Problem;
use uuid::Uuid;

use super::cookie::{check_screen, guests_off, keep, mint};
use crate::api::address::Address;
use crate::state::AppState;

/// Let a guest's phone in: a token for the menu and its own orders. A page of this host that names
/// itself in `X-Sunakku-Screen` gets it as that screen's cookie as well.
#[utoipa::path(
    post, path = "/v1/session/guest", tag = "session", security(()),
    params(("X-Sunakku-Screen" = Option<String>, Header, description = "The page that signs in: `kiosk`")),
    responses(
        (status = 200, body = Session),
        (status = 403, description = "`guests-off`, or `cross-origin` for another site's page", body = Problem),
        (status = 422, body = Problem),
        (status = 429, description = "`too-many-guests`, with `Retry-After`", body = Problem),
    )
)]
pub(in crate::api) async fn enter(
    State(state): State<AppState>,
    Address(address): Address,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let screens = &state.inner.config.screens;
    if !screens.guests {
        return Err(guests_off());
    }
    let screen = wanted_screen(&headers)?;
    screen.map_or(Ok(()), check_screen)?;
    let admitted = state.inner.door.admit(address, Instant::now());
    admitted.map_err(too_many)?;
    let name = format!("guest:{}", Uuid::now_v7());
    let life = TimeDelta::seconds(screens.guest_seconds);
    let subject = Subject {
        sid: Some(Uuid::new_v4()),
        ..Subject::new(name.clone(), Role::Guest)
    };
    let access_token = mint(&state, subject, life)?;
    let cookie = screen.map(|screen| keep(&state, screen, &access_token, life));
    tracing::info!(name, "a guest came in");
    let session = Json(Session {
        access_token,
        token_type: "Bearer".to_owned(),
        expires_in: life.num_seconds(),
    });
    Ok(match cookie.transpose()? {
        Some(cookie) => (cookie, session).into_response(),
        None => session.into_response(),
    })
}

fn too_many(wait: Duration) -> Problem {
    let mut problem = Problem::too_many(
        "too-many-guests",
        "Too many phones come in at once. Try again in a moment, or order at a kiosk.",
    );
    problem.retry_after = Some(wait.as_secs_f64().ceil() as u32);
    problem
}
