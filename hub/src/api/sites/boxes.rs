//! Boxes that become sites, and cease to be.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sunakku_common::enrol::{Enrol, Enrolled};
use sunakku_common::http::{Json, MaybeJson, Path};
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;

use crate::answer::Answer;
use crate::author::{Author, Peer};
use crate::change::{Begun, Change, Done};
use crate::sites::enrolment::{self, Desk, Token};
use crate::sites::lock;
use crate::state::Hub;

/// The longest life of a token, seconds.
const MAX_TOKEN_SECONDS: u32 = 7 * 86_400;

/// What kind of token is wanted.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Invitation {
    /// Whether the box that is enrolled makes room for the new one. It goes on until then.
    #[serde(default)]
    replace: bool,
    /// How long the token can be used, up to a week.
    #[serde(default = "one_hour")]
    expires_in_seconds: u32,
}

fn one_hour() -> u32 {
    3_600
}

impl Default for Invitation {
    fn default() -> Self {
        Self {
            replace: false,
            expires_in_seconds: one_hour(),
        }
    }
}

/// Make a token by which one box becomes the site. It is shown this once, so an `Idempotency-Key`
/// is of no use here; a token that was made before and not used is void.
#[utoipa::path(post, path = "/v1/sites/{id}/enrolment", tag = "sites",
    request_body = Option<Invitation>,
    params(("id" = String, Path)), security(("token" = [])), responses(
    (status = 201, description = "The token", body = Token),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem),
    (status = 409, description = "`box-exists` or `site-archived`", body = Problem),
    (status = 422, description = "It makes no sense", body = Problem)))]
pub(in crate::api) async fn invite(
    State(hub): State<Hub>,
    author: Author,
    Path(site): Path<SiteId>,
    MaybeJson(wanted): MaybeJson<Invitation>,
) -> Answer<Response> {
    let wanted = wanted.unwrap_or_default();
    if !(1..=MAX_TOKEN_SECONDS).contains(&wanted.expires_in_seconds) {
        let detail = format!("expires_in_seconds: 1 to {MAX_TOKEN_SECONDS}");
        return Err(Problem::unprocessable("invalid-body", detail));
    }
    let life = TimeDelta::seconds(wanted.expires_in_seconds.into());
    // Answers are kept under their keys, and this one must not be kept anywhere.
    let author = author.without_key();
    let mut change = match Change::begin(&hub.pool, &author, &wanted).await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(change) => change,
    };
    let token = enrolment::issue(&mut change, &site, wanted.replace, life).await?;
    let location = format!("/v1/sites/{site}/enrolment");
    change.commit(Done::created(&token, location)?).await
}

/// Become a site, by a token. This is what `sunakku-edge enrol` asks.
#[utoipa::path(post, path = "/v1/enrol", tag = "sites", request_body = Enrol, responses(
    (status = 200, description = "What the box needs", body = Enrolled),
    (status = 404, description = "`token-unknown`", body = Problem),
    (status = 409, description = "`token-used`, `box-exists`, `nkey-used` or `site-archived`",
     body = Problem),
    (status = 410, description = "`token-expired`", body = Problem),
    (status = 422, description = "The key is none, or not proven", body = Problem),
    (status = 429, description = "`too-many-tries`", body = Problem)))]
pub(in crate::api) async fn enrol(
    State(hub): State<Hub>,
    Peer(address): Peer,
    Json(asked): Json<Enrol>,
) -> Answer<Json<Enrolled>> {
    if hub.enrolments.is_over(address) {
        let detail = "Too many tries without a valid token. Try again in a minute.";
        return Err(Problem::too_many("too-many-tries", detail));
    }
    hub.identity.ready().await?;
    let hub_public_key = hub.identity.public_key().x;
    let desk = Desk {
        pool: &hub.pool,
        keys: &hub.keys,
        nats: &hub.nats,
        hub_public_key: &hub_public_key,
    };
    let done = desk.enrol(&asked, &Author::of_box(address)).await;
    if let Err(problem) = &done
        && problem.status < StatusCode::INTERNAL_SERVER_ERROR.as_u16()
    {
        hub.enrolments.failed(address);
    }
    done.map(Json)
}

/// End a site's box at once: it is cut off, and not let in again. It sells on by itself.
#[utoipa::path(post, path = "/v1/sites/{id}/revoke", tag = "sites",
    params(("id" = String, Path)), security(("token" = [])), responses(
    (status = 200, description = "Whether there was a box", body = Revoked),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem)))]
pub(in crate::api) async fn revoke(
    State(hub): State<Hub>,
    author: Author,
    Path(site): Path<SiteId>,
) -> Answer<Response> {
    let mut change = match Change::begin(&hub.pool, &author, &json!(null)).await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(change) => change,
    };
    lock(change.connection(), &site).await?;
    let revoked = enrolment::end(&mut change, &site, "revoked").await?;
    change.commit(Done::ok(&Revoked { revoked })?).await
}

/// What became of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Revoked {
    /// Whether there was a box.
    revoked: bool,
}
