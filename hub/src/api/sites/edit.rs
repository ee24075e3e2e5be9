//! Making sites known, changing and archiving them.

use axum::extract::State;
use axum::response::Response;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use sunakku_common::http::{Json, Path};
use sunakku_common::ids::SiteId;
use sunakku_common::money::Currency;
use sunakku_common::problem::Problem;

use crate::answer::Answer;
use crate::author::Author;
use crate::change::{Begun, Change, Done};
use crate::sites::{self, About, Known};
use crate::state::Hub;

/// A site that is to be made known.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(in crate::api) struct NewSite {
    /// 1 to 40 of `a-z`, `0-9` and `-`; it never changes.
    #[schema(value_type = String)]
    id: SiteId,
    /// What is known of it.
    #[serde(flatten)]
    about: About,
}

/// What is to be changed of a site; what is absent stays.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct SiteChange {
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What it is grouped by; null for nothing.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "given"
    )]
    #[schema(value_type = Option<String>)]
    region: Option<Option<String>>,
    /// IANA name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    time_zone: Option<Tz>,
    /// ISO 4217 code; only while the site has neither menu nor orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
}

/// Tells null from absent.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Make a site known. A box becomes it by a token of `POST /v1/sites/{id}/enrolment`.
#[utoipa::path(post, path = "/v1/sites", tag = "sites", request_body = NewSite,
    security(("token" = [])), responses(
    (status = 201, description = "The site", body = Known),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 409, description = "`site-exists`", body = Problem),
    (status = 422, description = "It makes no sense", body = Problem)))]
pub(in crate::api) async fn create(
    State(hub): State<Hub>,
    author: Author,
    Json(new): Json<NewSite>,
) -> Answer<Response> {
    let mut change = match Change::begin(&hub.pool, &author, &new).await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(change) => change,
    };
    let site = sites::create(&mut change, &new.id, &new.about).await?;
    let location = format!("/v1/sites/{}", new.id);
    change.commit(Done::created(&site, location)?).await
}

/// Change what is known of a site; it goes down to the site at once.
#[utoipa::path(patch, path = "/v1/sites/{id}", tag = "sites", request_body = SiteChange,
    params(("id" = String, Path)), security(("token" = [])), responses(
    (status = 200, description = "The site", body = Known),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem),
    (status = 409, description = "`currency-in-use`", body = Problem),
    (status = 422, description = "It makes no sense", body = Problem)))]
pub(in crate::api) async fn change(
    State(hub): State<Hub>,
    author: Author,
    Path(site): Path<SiteId>,
    Json(to): Json<SiteChange>,
) -> Answer<Response> {
    let mut change = match Change::begin(&hub.pool, &author, &to).await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(change) => change,
    };
    let changed = sites::change(&mut change, &site, |about| About {
        name: to.name.unwrap_or(about.name),
        region: to.region.unwrap_or(about.region),
        time_zone: to.time_zone.unwrap_or(about.time_zone),
        currency: to.currency.unwrap_or(about.currency),
    });
    let site = changed.await?;
    change.commit(Done::ok(&site)?).await
}

/// Archive a site: its box is not let in any more, and nothing goes down to it. What it sent stays.
#[utoipa::path(post, path = "/v1/sites/{id}/archive", tag = "sites",
    params(("id" = String, Path)), security(("token" = [])), responses(
    (status = 200, description = "The site", body = Known),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem)))]
pub(in crate::api) async fn archive(
    State(hub): State<Hub>,
    author: Author,
    Path(site): Path<SiteId>,
) -> Answer<Response> {
    set_archived(&hub, &author, &site, true).await
}

/// Take a site out of the archive. It needs a box anew: `POST /v1/sites/{id}/enrolment`.
#[utoipa::path(post, path = "/v1/sites/{id}/unarchive", tag = "sites",
    params(("id" = String, Path)), security(("token" = [])), responses(
    (status = 200, description = "The site", body = Known),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem)))]
pub(in crate::api) async fn unarchive(
    State(hub): State<Hub>,
    author: Author,
    Path(site): Path<SiteId>,
) -> Answer<Response> {
    set_archived(&hub, &author, &site, false).await
}

async fn set_archived(
    hub: &Hub,
    author: &Author,
    site: &SiteId,
    archive: bool,
) -> Answer<Response> {
    let mut change = match Change::begin(&hub.pool, author, &archive).await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(change) => change,
    };
    let site = sites::archive(&mut change, site, archive).await?;
    change.commit(Done::ok(&site)?).await
}
