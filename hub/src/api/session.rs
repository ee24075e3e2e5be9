//! Signing in, and the key by which others believe it.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use sunakku_common::claims::{HUB_AUDIENCE, Role, Subject, site_audience};
use sunakku_common::http::{Caller, Json, Session, SignIn};
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;

use super::Hub;
use super::error::{Answer, OrProblem as _};

/// Sign in at the hub.
#[utoipa::path(post, path = "/v1/session", tag = "session", request_body = SignIn, responses(
    (status = 200, description = "A token for the hub", body = Session),
    (status = 401, description = "User and password do not match", body = Problem)))]
pub(super) async fn sign_in(
    State(hub): State<Hub>,
    Json(SignIn { user, password }): Json<SignIn>,
) -> Answer<Json<Session>> {
    let role = hub.identity.sign_in(&user, password).await?;
    Ok(Json(
        hub.identity.mint(Subject::new(user, role), HUB_AUDIENCE)?,
    ))
}

/// The site to sign in at.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SiteSignIn {
    /// Its id.
    #[schema(value_type = String)]
    site: SiteId,
}

/// Turn a sign-in at the hub into a token for a site.
#[utoipa::path(post, path = "/v1/session/site", tag = "session", request_body = SiteSignIn,
    security(("token" = [])), responses(
    (status = 200, description = "A token for the site", body = Session),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem)))]
pub(super) async fn sign_in_at_site(
    State(hub): State<Hub>,
    caller: Caller,
    Json(SiteSignIn { site }): Json<SiteSignIn>,
) -> Answer<Json<Session>> {
    let is_known: bool = sqlx::query_scalar("select exists (select from site where site_id = $1)")
        .bind(site.as_str())
        .fetch_one(&hub.pool)
        .await
        .or_problem()?;
    if !is_known {
        return Err(Problem::not_found(format!("There is no site {site}.")));
    }
    let session = hub.identity.mint(
        Subject::new(caller.0.sub, Role::Admin),
        &site_audience(&site),
    )?;
    Ok(Json(session))
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

/// The keys by which this hub's tokens are verified.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "session",
    responses((status = 200, description = "The keys", body = KeySet)))]
pub(super) async fn keys(State(hub): State<Hub>) -> Json<KeySet> {
    let public = hub.identity.public_key();
    let key = Key {
        kty: "OKP",
        crv: "Ed25519",
        alg: "EdDSA",
        purpose: "sig",
        kid: public.kid.clone(),
        x: public.x.clone(),
    };
    Json(KeySet { keys: vec![key] })
}
