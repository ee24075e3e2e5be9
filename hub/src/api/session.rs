//! Signing in and out, and the keys by which others believe a sign-in.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sunakku_common::claims::{Subject, site_audience};
use sunakku_common::http::{Caller, Json, Session, SignIn};
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;

use super::access::Scope;
use crate::answer::{Answer, OrProblem as _};
use crate::author::Peer;
use crate::sessions::{self, Tokens};
use crate::state::Hub;

/// A sign-in: a token to call with, and one to prolong it with.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct SignedIn {
    #[serde(flatten)]
    session: Session,
    /// Send it to `POST /v1/session/refresh` before the session ends; it works once.
    refresh_token: String,
    /// Seconds that the refresh token is good for.
    refresh_expires_in: i64,
}

impl From<Tokens> for SignedIn {
    fn from(tokens: Tokens) -> Self {
        Self {
            session: tokens.access,
            refresh_token: tokens.refresh,
            refresh_expires_in: tokens.refresh_expires_in,
        }
    }
}

/// Sign in at the hub.
#[utoipa::path(post, path = "/v1/session", tag = "session", request_body = SignIn, responses(
    (status = 200, description = "A token for the hub", body = SignedIn),
    (status = 401, description = "User and password do not match", body = Problem),
    (status = 429, description = "`too-many-tries`", body = Problem),
    (status = 503, description = "`directory-unavailable`", body = Problem)))]
pub(super) async fn sign_in(
    State(hub): State<Hub>,
    Peer(address): Peer,
    Json(SignIn { user, password }): Json<SignIn>,
) -> Answer<Json<SignedIn>> {
    let person = hub.identity.sign_in(&user, password, address).await?;
    let tokens = sessions::begin(&hub.pool, &hub.identity, &person).await?;
    Ok(Json(tokens.into()))
}

/// The body of `POST /v1/session/refresh`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Refresh {
    /// From the answer before.
    refresh_token: String,
}

/// Prolong a session. The token is exchanged for the next one; if it comes again, the session is
/// ended, for somebody else has it too.
#[utoipa::path(post, path = "/v1/session/refresh", tag = "session", request_body = Refresh,
    responses(
    (status = 200, description = "The next tokens", body = SignedIn),
    (status = 401, description = "The session is over: sign in again", body = Problem),
    (status = 503, description = "`directory-unavailable`", body = Problem)))]
pub(super) async fn refresh(
    State(hub): State<Hub>,
    Json(Refresh { refresh_token }): Json<Refresh>,
) -> Answer<Json<SignedIn>> {
    let tokens = sessions::refresh(&hub.pool, &hub.identity, &refresh_token).await?;
    Ok(Json(tokens.into()))
}

/// Sign out: the session is over here at once, and at the sites as soon as they hear of it.
#[utoipa::path(delete, path = "/v1/session", tag = "session", security(("token" = [])),
    responses(
    (status = 204, description = "Signed out"),
    (status = 401, description = "No valid token", body = Problem)))]
pub(super) async fn sign_out(State(hub): State<Hub>, Caller(claims): Caller) -> Answer<StatusCode> {
    if let Some(session) = claims.sid {
        let mut connection = hub.pool.acquire().await.or_problem()?;
        sessions::end(&mut connection, session, "signed-out").await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// The site to sign in at.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SiteSignIn {
    /// Its id.
    #[schema(value_type = String)]
    site: SiteId,
}

/// Turn a sign-in at the hub into a token for a site: any for admins and auditors, those of their
/// region for region managers, their own for all others.
#[utoipa::path(post, path = "/v1/session/site", tag = "session", request_body = SiteSignIn,
    security(("token" = [])), responses(
    (status = 200, description = "A token for the site", body = Session),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem)))]
pub(super) async fn sign_in_at_site(
    State(hub): State<Hub>,
    Caller(claims): Caller,
    scope: Scope,
    Json(SiteSignIn { site }): Json<SiteSignIn>,
) -> Answer<Json<Session>> {
    scope.require(&site)?;
    let is_known: bool = sqlx::query_scalar("select exists (select from site where site_id = $1)")
        .bind(site.as_str())
        .fetch_one(&hub.pool)
        .await
        .or_problem()?;
    if !is_known {
        return Err(Problem::not_found(format!("There is no site {site}.")));
    }
    let audience = site_audience(&site);
    let subject = Subject {
        sub: claims.sub.clone(),
        role: claims.role,
        site: Some(site),
        region: claims.region.clone(),
        sid: claims.sid,
    };
    Ok(Json(hub.identity.mint(subject, &audience)?))
}

/// A set of keys (RFC 7517).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct KeySet {
    /// The keys; tokens name theirs in `kid`.
    keys: Vec<Key>,
}

/// A public key (RFC 8037).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Key {
    /// Always `OKP`.
    kty: &'static str,
    /// Always `Ed25519`.
    crv: &'static str,
    /// Always `EdDSA`.
    alg: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    purpose: &'static str,
    /// The key's name.
    kid: String,
    /// The key, base64url.
    x: String,
}

/// The keys by which this hub's tokens are verified, the newest first.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "session",
    responses((status = 200, description = "The keys", body = KeySet)))]
pub(super) async fn keys(State(hub): State<Hub>) -> Json<KeySet> {
    let keys = hub.identity.public_keys().into_iter().map(|public| Key {
        kty: "OKP",
        crv: "Ed25519",
        alg: "EdDSA",
        purpose: "sig",
        kid: public.kid,
        x: public.x,
    });
    Json(KeySet {
        keys: keys.collect(),
    })
}
