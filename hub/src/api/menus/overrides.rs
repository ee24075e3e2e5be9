//! What a region or a site has otherwise about an item. It belongs to the draft, and a version
//! freezes it.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sunakku_common::http::{Json, Path};
use sunakku_common::ids::SiteId;
use sunakku_common::menu::{Level, MenuFault, Override, Overrides};
use sunakku_common::problem::Problem;
use sunakku_common::text::is_printable;

use super::sites::known_site;
use crate::answer::Answer;
use crate::api::access::Scope;
use crate::audit::Entry;
use crate::author::Author;
use crate::change::{Begun, Done};
use crate::menus::edit::{Edit, Expected, no_item};
use crate::state::Hub;

/// An override in a draft.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct OverrideAnswer {
    /// `region` or `site`.
    level: Level,
    /// The region or site.
    scope: String,
    /// Code of the item.
    item: String,
    /// What is otherwise there; null when nothing is any more.
    #[serde(rename = "override")]
    over: Option<Override>,
    /// The draft's revision with it.
    revision: i64,
    /// What is wrong with the draft; it can be published when there is nothing.
    faults: Vec<MenuFault>,
}

/// Where an override is.
#[derive(Debug, Deserialize)]
pub(in crate::api) struct Place {
    menu: String,
    #[serde(alias = "region", alias = "site")]
    scope: String,
    item: String,
}

/// Set what an item is otherwise at a site; what is not given is inherited.
#[utoipa::path(put, path = "/v1/menus/{menu}/overrides/{site}/{item}", tag = "menus",
    request_body = Override, security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"),
           ("site" = String, Path, description = "The site"),
           ("item" = String, Path, description = "Code of the item")), responses(
    (status = 200, description = "The override", body = OverrideAnswer),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such menu, site or item", body = Problem),
    (status = 412, description = "The draft was changed meanwhile", body = Problem),
    (status = 422, description = "It is no override", body = Problem)))]
pub(in crate::api) async fn set_for_site(
    State(hub): State<Hub>,
    author: Author,
    scope: Scope,
    headers: HeaderMap,
    Path(place): Path<Place>,
    Json(over): Json<Override>,
) -> Answer<Response> {
    require_site(&scope, &place)?;
    set(&hub, &author, &headers, Level::Site, place, Some(over)).await
}

/// Take away what an item is otherwise at a site: it is inherited again.
#[utoipa::path(delete, path = "/v1/menus/{menu}/overrides/{site}/{item}", tag = "menus",
    security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"),
           ("site" = String, Path, description = "The site"),
           ("item" = String, Path, description = "Code of the item")), responses(
    (status = 200, description = "It is inherited", body = OverrideAnswer),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such override", body = Problem),
    (status = 412, description = "The draft was changed meanwhile", body = Problem)))]
pub(in crate::api) async fn clear_for_site(
    State(hub): State<Hub>,
    author: Author,
    scope: Scope,
    headers: HeaderMap,
    Path(place): Path<Place>,
) -> Answer<Response> {
    require_site(&scope, &place)?;
    set(&hub, &author, &headers, Level::Site, place, None).await
}

/// Set what an item is otherwise at all sites of a region; a site's own override goes before it.
#[utoipa::path(put, path = "/v1/menus/{menu}/regions/{region}/{item}", tag = "menus",
    request_body = Override, security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"),
           ("region" = String, Path, description = "The region"),
           ("item" = String, Path, description = "Code of the item")), responses(
    (status = 200, description = "The override", body = OverrideAnswer),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such menu or item", body = Problem),
    (status = 412, description = "The draft was changed meanwhile", body = Problem),
    (status = 422, description = "It is no override", body = Problem)))]
pub(in crate::api) async fn set_for_region(
    State(hub): State<Hub>,
    author: Author,
    scope: Scope,
    headers: HeaderMap,
    Path(place): Path<Place>,
    Json(over): Json<Override>,
) -> Answer<Response> {
    require_region(&scope, &place)?;
    set(&hub, &author, &headers, Level::Region, place, Some(over)).await
}

/// Take away what an item is otherwise in a region.
#[utoipa::path(delete, path = "/v1/menus/{menu}/regions/{region}/{item}", tag = "menus",
    security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"),
           ("region" = String, Path, description = "The region"),
           ("item" = String, Path, description = "Code of the item")), responses(
    (status = 200, description = "It is inherited", body = OverrideAnswer),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such override", body = Problem),
    (status = 412, description = "The draft was changed meanwhile", body = Problem)))]
pub(in crate::api) async fn clear_for_region(
    State(hub): State<Hub>,
    author: Author,
    scope: Scope,
    headers: HeaderMap,
    Path(place): Path<Place>,
) -> Answer<Response> {
    require_region(&scope, &place)?;
    set(&hub, &author, &headers, Level::Region, place, None).await
}

/// Refuses a site that is not the caller's.
fn require_site(caller: &Scope, Place { scope, .. }: &Place) -> Answer<()> {
    match caller.has(scope) {
        true => Ok(()),
        false => Err(Problem::not_found(format!("There is no site {scope}."))),
    }
}

/// Refuses a region that is not the caller's.
fn require_region(caller: &Scope, Place { scope, .. }: &Place) -> Answer<()> {
    match caller.has_region(scope) {
        true => Ok(()),
        false => Err(Problem::not_found(format!("There is no region {scope}."))),
    }
}

async fn set(
    hub: &Hub,
    author: &Author,
    headers: &HeaderMap,
    level: Level,
    place: Place,
    over: Option<Override>,
) -> Answer<Response> {
    let Place { menu, scope, item } = place;
    check(level, &scope, over.as_ref())?;
    let expected = Expected::of(headers)?;
    let mut edit = match Edit::begin(&hub.pool, author, &expected, &menu, &over).await? {
        Begun::New(edit) => edit,
        Begun::Done(answer) => return Ok(answer),
    };
    if over.is_some() {
        if edit.draft.content.document.item(&item).is_none() {
            return Err(no_item(&menu, &item));
        }
        if level == Level::Site {
            known_site(edit.change.connection(), &scope).await?;
        }
    }
    let scopes = scopes(&mut edit.draft.content.overrides, level);
    let items = scopes.entry(scope.clone()).or_default();
    let before = match &over {
        Some(over) => items.insert(item.clone(), over.clone()),
        None => items.remove(&item),
    };
    if items.is_empty() {
        scopes.remove(&scope);
    }
    if over.is_none() && before.is_none() {
        let detail = format!("Nothing is otherwise about {item} at {level} {scope}.");
        return Err(Problem::not_found(detail));
    }
    let entry = Entry {
        action: match over {
            Some(_) => "menu.override.set",
            None => "menu.override.clear",
        },
        object: &format!("menu/{menu}/{level}s/{scope}/{item}"),
        before: before.map(|before| json!(before)),
        after: over.as_ref().map(|over| json!(over)),
    };
    let edit = edit.save(entry).await?;
    let done = Done::ok(&OverrideAnswer {
        level,
        scope,
        item,
        over,
        revision: edit.draft.revision,
        faults: edit.draft.content.faults(),
    })?;
    edit.finish(done).await
}

fn scopes(
    overrides: &mut Overrides,
    level: Level,
) -> &mut BTreeMap<String, BTreeMap<String, Override>> {
    match level {
        Level::Site => &mut overrides.sites,
        _ => &mut overrides.regions,
    }
}

fn check(level: Level, scope: &str, over: Option<&Override>) -> Answer<()> {
    let is_place = match level {
        Level::Site => scope.parse::<SiteId>().is_ok(),
        _ => scope.len() <= 200 && is_printable(scope),
    };
    if !is_place {
        return Err(Problem::not_found(format!("There is no such {level}.")));
    }
    if over.is_some_and(Override::is_empty) {
        return Err(Problem::unprocessable(
            "invalid-override",
            "It says nothing. Give price, available, station or schedule, or DELETE it.",
        ));
    }
    Ok(())
}
