//! Codes that sign one more browser in as whoever made them, once: for a second screen, or for a
//! script that opens one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use sqlx::types::Json as Jsonb;
use sunakku_common::claims::{Role, Subject};
use sunakku_common::down::text_hash;
use sunakku_common::http::{Caller, Json};
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;
use sunakku_common::sign_in_code::{grouped, plain, random};
use sunakku_common::telemetry::count_sign_in;
use uuid::Uuid;

use super::{check_screen, sign_in, subject};
use crate::answer::{Answer, OrProblem as _};
use crate::sessions;
use crate::state::Hub;

/// A code.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Code {
    /// Works once. A page takes it as its fragment (`/#code=…`), which browsers do not send.
    code: String,
    /// Seconds that it is good for.
    expires_in: u32,
}

/// Whom a code signs in, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    name: String,
    role: Role,
    site: Option<SiteId>,
    region: Option<String>,
    sid: Option<Uuid>,
}

/// Make a code that signs one browser in as the caller.
#[utoipa::path(post, path = "/v1/session/codes", tag = "session", security(("token" = [])),
    responses(
    (status = 201, description = "The code", body = Code),
    (status = 401, description = "No valid token", body = Problem)))]
pub(in crate::api) async fn make(
    State(hub): State<Hub>,
    Caller(claims): Caller,
) -> Answer<(StatusCode, Json<Code>)> {
    let (code, expires_in) = (random(), hub.browsers.code_seconds);
    let subject = subject(&claims);
    tracing::info!(by = subject.sub, "a sign-in code was made");
    let stored = Stored {
        name: subject.sub,
        role: subject.role,
        site: subject.site,
        region: subject.region,
        sid: subject.sid,
    };
    // Those that ran out unused go with the next one that is made.
    sqlx::query(
        "with gone as (delete from browser_code where expires_at < now())
         insert into browser_code (code_hash, subject, expires_at) values ($1, $2, $3)",
    )
    .bind(text_hash(&code))
    .bind(Jsonb(stored))
    .bind(Utc::now() + TimeDelta::seconds(expires_in.into()))
    .execute(&hub.pool)
    .await
    .or_problem()?;
    let code = grouped(&code);
    Ok((StatusCode::CREATED, Json(Code { code, expires_in })))
}

/// The body of `POST /v1/session/code`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Redeem {
    /// As it was shown; hyphens, spaces and small letters do not matter.
    code: String,
    /// The page that signs in, 1 to 16 of a-z: `dashboard`.
    screen: String,
}

/// Sign a browser in by a code, which works once. It has a session of its own, which ends no later than
/// that of the code's maker.
#[utoipa::path(post, path = "/v1/session/code", tag = "session", request_body = Redeem,
    responses(
    (status = 200, description = "Signed in, with `Set-Cookie`", body = super::SignedIn),
    (status = 401, description = "`unknown-code`", body = Problem),
    (status = 422, description = "The screen has no name", body = Problem)))]
pub(in crate::api) async fn redeem(
    State(hub): State<Hub>,
    Json(Redeem { code, screen }): Json<Redeem>,
) -> Answer<Response> {
    check_screen(&screen)?;
    // Whoever deletes the row has it: of two who come at once, one.
    let stored: Option<Jsonb<Stored>> = sqlx::query_scalar(
        "delete from browser_code where code_hash = $1 and expires_at > now() returning subject",
    )
    .bind(text_hash(&plain(&code)))
    .fetch_optional(&hub.pool)
    .await
    .or_problem()?;
    let begun = match &stored {
        Some(Jsonb(Stored { sid: Some(of), .. })) => sessions::branch(&hub.pool, *of).await?,
        _ => None,
    };
    count_sign_in("code", begun.is_some());
    let (Some(Jsonb(stored)), Some(session)) = (stored, begun) else {
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "unknown-code",
            "The code was used before, has run out or was mistyped. Make a new one, or sign in by name and password.",
        ));
    };
    let subject = Subject {
        sub: stored.name,
        role: stored.role,
        site: stored.site,
        region: stored.region,
        sid: Some(session),
    };
    sign_in(&hub, subject, &screen)
}
