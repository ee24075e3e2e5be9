//! Which sites have a menu, and what it is like at one of them.

use axum::extract::State;
use axum::response::Response;
use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use sunakku_common::http::{Json, Path, Query};
use sunakku_common::ids::SiteId;
use sunakku_common::menu::{Category, Daypart, Item, ItemOrigin, canonical};
use sunakku_common::money::Currency;
use sunakku_common::problem::Problem;

use super::versions::no_version;
use crate::answer::{Answer, OrProblem as _};
use crate::api::access::Scope;
use crate::audit::Entry;
use crate::author::Author;
use crate::change::{Begun, Change, Done};
use crate::menus::edit::no_menu;
use crate::menus::schedule::plan;
use crate::menus::wanted::{self, read_zone, timings};
use crate::menus::{draft, versions};
use crate::state::Hub;

/// What is known of a site here.
#[derive(sqlx::FromRow)]
pub(super) struct SiteRow {
    pub(super) site_id: String,
    pub(super) region: Option<String>,
    pub(super) time_zone: String,
    pub(super) currency: String,
    pub(super) menu_id: Option<String>,
}

impl SiteRow {
    /// The id, which was checked when it was stored.
    pub(super) fn id(&self) -> Answer<SiteId> {
        self.site_id.parse().map_err(|_| Problem::internal())
    }
}

/// The site.
pub(super) async fn known_site(connection: &mut PgConnection, site: &str) -> Answer<SiteRow> {
    let row = sqlx::query_as(
        "select site_id, region, time_zone, currency, menu_id from site where site_id = $1",
    )
    .bind(site)
    .fetch_optional(connection)
    .await
    .or_problem()?;
    row.ok_or_else(|| Problem::not_found(format!("There is no site {site}.")))
}

/// The same, locked until the end of the transaction. Intake locks this row too, for as long as a
/// commit takes.
async fn lock_site(connection: &mut PgConnection, site: &str) -> Answer<SiteRow> {
    sqlx::query("select from site where site_id = $1 for no key update")
        .bind(site)
        .execute(&mut *connection)
        .await
        .or_problem()?;
    known_site(connection, site).await
}

/// The menu of a site.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Assignment {
    /// The site.
    site: String,
    /// Code of its menu; null for none.
    menu: Option<String>,
}

/// Give a site this menu: from then on it is to run what is published of it.
#[utoipa::path(put, path = "/v1/menus/{menu}/sites/{site}", tag = "menus",
    security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"),
           ("site" = String, Path, description = "The site")), responses(
    (status = 200, description = "The site has it", body = Assignment),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such menu or site", body = Problem),
    (status = 409, description = "`other-currency`", body = Problem)))]
pub(in crate::api) async fn assign(
    State(hub): State<Hub>,
    author: Author,
    Path((menu, site)): Path<(String, String)>,
) -> Answer<Response> {
    let mut change = match Change::begin(&hub.pool, &author, &()).await? {
        Begun::New(change) => change,
        Begun::Done(answer) => return Ok(answer),
    };
    let connection = change.connection();
    // Publishing checks the currency of all sites under this lock.
    let draft = draft::lock(connection, &menu).await.or_problem()?;
    let draft = draft.ok_or_else(|| no_menu(&menu))?;
    let known = lock_site(connection, &site).await?;
    let mut currencies = vec![draft.content.document.currency];
    let published = versions::find(&mut *connection, &menu, draft.published);
    let published = published.await.or_problem()?;
    currencies.extend(published.map(|content| content.document.currency));
    if let Some(other) = currencies.iter().find(|one| one.code() != known.currency) {
        let (own, other) = (&known.currency, other.code());
        let detail = format!("Site {site} sells in {own}, menu {menu} has its prices in {other}.");
        return Err(Problem::conflict("other-currency", detail));
    }
    set(&mut change, &known, Some(&menu)).await?;
    let answer = Assignment {
        site,
        menu: Some(menu),
    };
    change.commit(Done::ok(&answer)?).await
}

/// Take this menu from a site. It sells on by what it has until it gets another.
#[utoipa::path(delete, path = "/v1/menus/{menu}/sites/{site}", tag = "menus",
    security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"),
           ("site" = String, Path, description = "The site")), responses(
    (status = 200, description = "The site has none", body = Assignment),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "The site does not have this menu", body = Problem)))]
pub(in crate::api) async fn release(
    State(hub): State<Hub>,
    author: Author,
    Path((menu, site)): Path<(String, String)>,
) -> Answer<Response> {
    let mut change = match Change::begin(&hub.pool, &author, &()).await? {
        Begun::New(change) => change,
        Begun::Done(answer) => return Ok(answer),
    };
    let known = lock_site(change.connection(), &site).await?;
    if known.menu_id.as_ref() != Some(&menu) {
        let detail = format!("Site {site} does not have menu {menu}.");
        return Err(Problem::not_found(detail));
    }
    set(&mut change, &known, None).await?;
    let answer = Assignment { site, menu: None };
    change.commit(Done::ok(&answer)?).await
}

async fn set(change: &mut Change, site: &SiteRow, menu: Option<&str>) -> Answer<()> {
    let connection = change.connection();
    sqlx::query("update site set menu_id = $2 where site_id = $1")
        .bind(&site.site_id)
        .bind(menu)
        .execute(&mut *connection)
        .await
        .or_problem()?;
    let menu_of = |menu: Option<&str>| menu.map(|menu| json!({ "menu": menu }));
    let entry = Entry {
        action: "site.menu",
        object: &format!("site/{}", site.site_id),
        before: menu_of(site.menu_id.as_deref()),
        after: menu_of(menu),
    };
    change.audit(entry).await
}

/// Which menu is shown.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Shown {
    /// A version, or `draft`; what the site is to run now when not given.
    version: Option<String>,
}

/// A menu as one site has it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Effective {
    /// Code of the menu.
    menu: String,
    /// The site.
    site: String,
    /// The site's region.
    region: Option<String>,
    /// The version; null for the draft.
    version: Option<i64>,
    /// SHA-256 of what the site gets.
    hash: String,
    /// Of all prices.
    currency: Currency,
    /// The menu's parts of the day.
    dayparts: Vec<Daypart>,
    /// The menu's categories.
    categories: Vec<Category>,
    /// The items, with where their values come from.
    items: Vec<EffectiveItem>,
}

/// An item as one site has it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct EffectiveItem {
    #[serde(flatten)]
    item: Item,
    /// Where each value comes from that can be overridden.
    origin: ItemOrigin,
}

/// What a site has of this menu, with the origin of each value.
#[utoipa::path(get, path = "/v1/menus/{menu}/effective/{site}", tag = "menus",
    security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"),
           ("site" = String, Path, description = "The site"), Shown), responses(
    (status = 200, description = "The menu of the site", body = Effective),
    (status = 400, description = "The query cannot be read", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such menu, site or version", body = Problem)))]
pub(in crate::api) async fn effective(
    State(hub): State<Hub>,
    scope: Scope,
    Path((menu, site)): Path<(String, String)>,
    Query(shown): Query<Shown>,
) -> Answer<Json<Effective>> {
    if !scope.has(&site) {
        return Err(Problem::not_found(format!("There is no site {site}.")));
    }
    let draft = draft::load(&hub.pool, &menu).await.or_problem()?;
    let draft = draft.ok_or_else(|| no_menu(&menu))?;
    let mut connection = hub.pool.acquire().await.or_problem()?;
    let known = known_site(&mut connection, &site).await?;
    let id = known.id()?;
    let version = match shown.version.as_deref() {
        Some("draft") => None,
        Some(text) => Some(text.parse().map_err(|_| {
            Problem::bad_request("invalid-query", "version is a number or \"draft\".")
        })?),
        None => {
            let timings = timings(&mut *connection, &menu).await.or_problem()?;
            let zone = read_zone(&known.time_zone).or_problem()?;
            let now = plan(&timings, zone, Utc::now()).now;
            Some(now.ok_or_else(|| {
                let detail = format!("No version of menu {menu} is in effect. Ask for the draft.");
                Problem::not_found(detail)
            })?)
        }
    };
    let content = match version {
        Some(version) => {
            let found = versions::find(&mut *connection, &menu, version).await;
            found
                .or_problem()?
                .ok_or_else(|| no_version(&menu, version))?
        }
        None => draft.content,
    };
    let region = known.region.as_deref();
    let (document, overrides) = (&content.document, &content.overrides);
    let origins = overrides.origins(document, region, &id);
    let effective = wanted::effective(document, overrides, version.unwrap_or(0), region, &id);
    let hash = canonical::hash(&effective).map_err(|_| Problem::internal())?;
    let items = effective.items.into_iter().zip(origins);
    Ok(Json(Effective {
        menu,
        site,
        version,
        hash,
        currency: effective.currency,
        dayparts: effective.dayparts,
        categories: effective.categories,
        items: items
            .map(|(item, origin)| EffectiveItem { item, origin })
            .collect(),
        region: known.region,
    }))
}
