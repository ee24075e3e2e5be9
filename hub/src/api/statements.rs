//! Daily statements, signed, and the keys by which they are checked.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sunakku_common::http::{Json, Path};
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;

use super::access::Scope;
use crate::answer::{Answer, OrProblem as _};
use crate::state::Hub;
use crate::statements::{DOCUMENT_TYPE, Statement, statement};

/// The media type of a JWS in compact form (RFC 7515, 9.2.1).
const JOSE: &str = "application/jose";

/// The keys that ever signed a statement (RFC 7517).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct StatementKeys {
    /// The newest first; statements name theirs in `kid`.
    keys: Vec<StatementKey>,
}

/// A public key (RFC 8037).
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub(super) struct StatementKey {
    /// Always `OKP`.
    kty: String,
    /// Always `Ed25519`.
    crv: String,
    /// Always `EdDSA`.
    alg: String,
    /// The key's name.
    kid: String,
    /// The key, base64url.
    x: String,
    /// From when on it signs.
    signs_from: DateTime<Utc>,
    /// Since when it is known that somebody else may have it: statements that were first seen later prove
    /// nothing.
    revoked_at: Option<DateTime<Utc>>,
}

/// What a site's log says of one day of its calendar, signed.
///
/// A JWS in compact form (RFC 7515) by Ed25519 (RFC 8037) of the type `sunakku-statement+jws`, whose payload is the
/// statement as JSON; the statement alone when `Accept` names `application/json`. `sunakku-hub statement verify` checks it.
#[utoipa::path(get, path = "/v1/sites/{id}/statements/{day}", tag = "ledger", security(("token" = [])),
    params(("id" = String, Path, description = "The site"),
           ("day" = NaiveDate, Path, description = "A date of its calendar")), responses(
    (status = 200, description = "The statement", content(
        (Statement = "application/json"), (String = "application/jose"))),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site, or the day has not begun", body = Problem)))]
pub(super) async fn get(
    State(hub): State<Hub>,
    scope: Scope,
    headers: HeaderMap,
    Path((site, day)): Path<(SiteId, NaiveDate)>,
) -> Answer<Response> {
    scope.require(&site)?;
    let found = statement(&hub.pool, &site, day).await.map_err(|error| {
        tracing::warn!(%site, %day, "no statement: {error:#}");
        Problem::unavailable("database-unavailable", "It cannot be read now. Try again.")
    })?;
    let found = found.ok_or_else(|| Problem::not_found(format!("There is no site {site}.")))?;
    if found.from > Utc::now() {
        let detail = format!("The day {day} has not begun at {site}.");
        return Err(Problem::not_found(detail));
    }
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok()).unwrap_or("");
    if accept.contains("application/json") {
        return Ok(Json(found).into_response());
    }
    let payload = serde_json::to_vec(&found).map_err(|_| Problem::internal())?;
    let document = hub.identity.document(DOCUMENT_TYPE, &payload);
    let name = format!("attachment; filename=\"statement-{site}-{day}.jws\"");
    let name = HeaderValue::try_from(name).map_err(|_| Problem::internal())?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(JOSE)),
        (header::CONTENT_DISPOSITION, name),
        (header::VARY, HeaderValue::from_static("accept")),
    ];
    Ok((headers, document + "\n").into_response())
}

/// Every key that signs statements or did, also those that sign tokens no more: statements are kept for
/// years.
#[utoipa::path(get, path = "/v1/statements/keys", tag = "ledger",
    responses((status = 200, description = "The keys", body = StatementKeys)))]
pub(super) async fn keys(State(hub): State<Hub>) -> Answer<Json<StatementKeys>> {
    let keys = sqlx::query_as(
        "select 'OKP' as kty, 'Ed25519' as crv, 'EdDSA' as alg, kid, public_key as x, signs_from,
                revoked_at
         from signing_key order by signs_from desc, kid",
    )
    .fetch_all(&hub.pool)
    .await
    .or_problem()?;
    Ok(Json(StatementKeys { keys }))
}
