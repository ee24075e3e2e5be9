//! Sign-in of the site's staff by PIN, by what the hub last told of them: it works while the hub is away.

use std::time::Duration;

use axum::extract::State;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sunakku_common::claims::{Role, Subject};
use sunakku_common::event::{By, SessionMoved, cause, kind};
use sunakku_common::http::{Caller, Json, Session};
use sunakku_common::problem::Problem;
use sunakku_common::telemetry::count_sign_in;
use sunakku_common::trace;
use uuid::Uuid;

use super::{NOBODY, cookie, verify, wrong};
use crate::api::address::Address;
use crate::state::AppState;
use crate::store::{Operation, Patience, Try};

/// Wrong PINs of one person at one device.
const AT_DEVICE: Patience = Patience {
    free: 5,
    first: Duration::from_secs(30),
    longest: Duration::from_secs(3_600),
    forgotten: Duration::from_secs(86_400),
};
/// Wrong PINs of one person at all screens together that are no paired devices: whoever brings many
/// addresses has no more tries for it. At paired devices the person signs in all the while.
const ELSEWHERE: Patience = Patience {
    free: 20,
    ..AT_DEVICE
};
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
    let paired = caller.ok().and_then(|caller| caller.0.sid);
    let device = paired.and_then(|id| state.inner.gate.device(id));
    let by = By {
        actor: user.clone(),
        device: device.as_ref().map(|device| device.name.clone()),
        cause: cause::REQUEST.to_owned(),
        trace: trace::current(),
        span: trace::current_span(),
    };
    let place = match &device {
        Some(device) => device.id.to_string(),
        None => address.to_string(),
    };
    let here = ["pin", place.as_str(), user.as_str()];
    let elsewhere = ["pin", "elsewhere", user.as_str()];
    let store = &state.inner.store;
    let begin = async |who: &[&str], patience| {
        let operation = Operation::new(None, by.clone(), &());
        match store.begin_try(&operation, who, patience).await? {
            Try::Free(wait) => Ok(wait),
            Try::Locked(wait) => Err(too_many(wait)),
        }
    };
    let mut wait = begin(&here, AT_DEVICE).await?;
    if device.is_none() {
        wait = wait.max(begin(&elsewhere, ELSEWHERE).await?);
    }
    let known = state.inner.gate.staff(&user);
    let hash = known.as_ref().map_or(NOBODY, |(_, hash)| hash.as_str());
    let fits = verify(&state, pin, hash.to_owned()).await?;
    count_sign_in("pin", known.is_some() && fits);
    let moved = |role: Role| SessionMoved {
        user: user.clone(),
        role,
        method: "pin".to_owned(),
        address: Some(address),
        until: None,
        by: by.clone(),
    };
    let (role, _) = match known {
        Some(known) if fits => known,
        known => {
            tracing::info!(user, %address, "a PIN was refused");
            if let Some((role, _)) = known {
                // Told on the side, so that a person who is known takes no longer than one who is not.
                tell_refused(&state, moved(role), wait);
            }
            return Err(wrong());
        }
    };
    store.forget_tries(&here).await?;
    store.forget_tries(&elsewhere).await?;
    let operation = Operation::new(None, by.clone(), &());
    store
        .tell_session(&operation, kind::SESSION_SIGNED_IN, &moved(role), None)
        .await?;
    tracing::info!(user, %role, "signed in by PIN");
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

fn tell_refused(state: &AppState, event: SessionMoved, wait: Duration) {
    let store = state.inner.store.clone();
    let told = async move {
        let tell = async |kind, event: &SessionMoved| {
            let operation = Operation::new(None, event.by.clone(), &());
            let told = store.tell_session(&operation, kind, event, None).await;
            if let Err(error) = told {
                let error = crate::store::ErrorChain(&error).to_string();
                tracing::warn!(error, user = event.user, kind, "the log does not tell");
            }
        };
        tell(kind::SESSION_REFUSED, &event).await;
        if !wait.is_zero() {
            let until = Some(store.now() + wait);
            tell(kind::SESSION_LOCKED, &SessionMoved { until, ..event }).await;
        }
    };
    state.inner.tasks.spawn(told);
}

fn too_many(wait: Duration) -> Problem {
    let mut problem = Problem::too_many(
        "too-many-tries",
        "Too many wrong PINs for this name here. Wait, or sign in at another device.",
    );
    problem.retry_after = Some(wait.as_secs_f64().ceil() as u32);
    problem
}
