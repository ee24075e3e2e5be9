//! Who may do what: one table of all routes, held to in front of every handler, and the sites that
//! a caller is bound to.
//!
//! A route that is not in the table is not served. What is another site's does not exist for whoever
//! is bound to some: it is answered with 404, and lists leave it out.

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sunakku_common::claims::{Claims, Role};
use sunakku_common::http::{Caller, Identified, identify, unknown_method};
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;

use crate::answer::{Answer, OrProblem as _};
use crate::sessions;
use crate::state::Hub;

/// Who may call a route. Admins may call each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everyone, without a token. (`/metrics` asks for more elsewhere than on this machine.)
    Open,
    /// Everyone whose token is believed.
    SignedIn,
    /// These roles.
    Roles(&'static [Role]),
}

use Access::{Open, Roles, SignedIn};
use Role::{Auditor, Cashier, Kitchen, Manager, RegionManager};

/// Changes what belongs to all sites, or to who there is.
const ADMINS: Access = Roles(&[]);
/// Reads what belongs to all sites.
const ADMINS_READ: Access = Roles(&[Auditor]);
/// Reads the menus, which all sites share.
const MENU_READ: Access = Roles(&[Auditor, RegionManager, Manager]);
/// Changes what a region has of its own.
const REGION: Access = Roles(&[RegionManager]);
/// Changes what belongs to a site; region and site managers, theirs alone.
const SITE: Access = Roles(&[RegionManager, Manager]);
/// Reads what belongs to a site; region and site managers, theirs alone.
const SITE_READ: Access = Roles(&[Auditor, RegionManager, Manager]);

/// A route: method, path template, who may call it.
pub(super) type Route = (&'static str, &'static str, Access);

/// Every route.
pub(super) const ROUTES: &[Route] = &[
    ("GET", "/livez", Open),
    ("GET", "/readyz", Open),
    ("GET", "/metrics", Open),
    ("GET", "/.well-known/jwks.json", Open),
    ("GET", "/", Open),
    ("GET", "/orders", Open),
    ("GET", "/menu", Open),
    ("GET", "/analytics", Open),
    ("GET", "/sites", Open),
    ("GET", "/people", Open),
    ("GET", "/audit", Open),
    ("GET", "/proof", Open),
    ("GET", "/v1/session", SignedIn),
    ("POST", "/v1/session", Open),
    ("DELETE", "/v1/session", SignedIn),
    ("POST", "/v1/session/refresh", Open),
    ("POST", "/v1/session/cookie", SignedIn),
    ("DELETE", "/v1/session/cookie", SignedIn),
    ("POST", "/v1/session/codes", SignedIn),
    ("POST", "/v1/session/code", Open),
    (
        "POST",
        "/v1/session/site",
        Roles(&[Auditor, RegionManager, Manager, Kitchen, Cashier]),
    ),
    ("POST", "/v1/enrol", Open),
    ("GET", "/v1/sites", SITE_READ),
    ("POST", "/v1/sites", ADMINS),
    ("PATCH", "/v1/sites/{id}", ADMINS),
    ("POST", "/v1/sites/{id}/archive", ADMINS),
    ("POST", "/v1/sites/{id}/unarchive", ADMINS),
    ("POST", "/v1/sites/{id}/enrolment", ADMINS),
    ("POST", "/v1/sites/{id}/revoke", ADMINS),
    ("GET", "/v1/sites/{id}/settings", SITE_READ),
    ("PUT", "/v1/sites/{id}/settings", SITE),
    ("GET", "/v1/sites/{id}/devices", SITE_READ),
    ("GET", "/v1/sites/{id}/commands", SITE_READ),
    ("POST", "/v1/sites/{id}/commands", SITE),
    ("GET", "/v1/commands", SITE_READ),
    ("POST", "/v1/commands", SITE),
    ("GET", "/v1/orders", SITE_READ),
    ("GET", "/v1/orders/{id}", SITE_READ),
    ("GET", "/v1/orders/{id}/timeline", SITE_READ),
    ("GET", "/v1/overview", SITE_READ),
    ("GET", "/v1/live", SITE_READ),
    ("GET", "/v1/ledger", SITE_READ),
    ("GET", "/v1/sites/{id}/statements/{day}", SITE_READ),
    ("GET", "/v1/statements/keys", Open),
    ("GET", "/v1/analytics/sales", SITE_READ),
    ("GET", "/v1/analytics/heatmap", SITE_READ),
    ("GET", "/v1/analytics/items", SITE_READ),
    ("GET", "/v1/analytics/sold-out", SITE_READ),
    ("GET", "/v1/analytics/preparation", SITE_READ),
    ("GET", "/v1/analytics/cancellations", SITE_READ),
    ("GET", "/v1/analytics/stock", SITE_READ),
    ("GET", "/v1/analytics/sites", SITE_READ),
    ("GET", "/v1/analytics/forecast", SITE_READ),
    ("GET", "/v1/audit", ADMINS_READ),
    ("GET", "/v1/users", SITE_READ),
    ("POST", "/v1/users", SITE),
    ("GET", "/v1/users/{name}", SITE_READ),
    ("PATCH", "/v1/users/{name}", SITE),
    ("POST", "/v1/users/{name}/disable", SITE),
    ("POST", "/v1/users/{name}/enable", SITE),
    ("POST", "/v1/users/{name}/sign-out", SITE),
    ("PUT", "/v1/users/{name}/password", SITE),
    ("PUT", "/v1/users/{name}/pin", SITE),
    ("DELETE", "/v1/users/{name}/pin", SITE),
    ("GET", "/v1/pictures", MENU_READ),
    ("POST", "/v1/pictures", ADMINS),
    ("GET", "/v1/pictures/{name}", Open),
    ("GET", "/v1/menus", MENU_READ),
    ("POST", "/v1/menus", ADMINS),
    ("GET", "/v1/menus/{menu}", MENU_READ),
    ("PUT", "/v1/menus/{menu}", ADMINS),
    ("GET", "/v1/menus/{menu}/diff", MENU_READ),
    ("GET", "/v1/menus/{menu}/export", MENU_READ),
    ("POST", "/v1/menus/{menu}/import", ADMINS),
    ("POST", "/v1/menus/{menu}/items", ADMINS),
    ("PATCH", "/v1/menus/{menu}/items/{item}", ADMINS),
    ("DELETE", "/v1/menus/{menu}/items/{item}", ADMINS),
    ("PUT", "/v1/menus/{menu}/overrides/{site}/{item}", REGION),
    ("DELETE", "/v1/menus/{menu}/overrides/{site}/{item}", REGION),
    ("PUT", "/v1/menus/{menu}/regions/{region}/{item}", REGION),
    ("DELETE", "/v1/menus/{menu}/regions/{region}/{item}", REGION),
    ("POST", "/v1/menus/{menu}/publish", ADMINS),
    ("POST", "/v1/menus/{menu}/rollback", ADMINS),
    ("GET", "/v1/menus/{menu}/rollout", SITE_READ),
    ("PUT", "/v1/menus/{menu}/sites/{site}", ADMINS),
    ("DELETE", "/v1/menus/{menu}/sites/{site}", ADMINS),
    ("GET", "/v1/menus/{menu}/effective/{site}", SITE_READ),
    ("GET", "/v1/menus/{menu}/versions", MENU_READ),
    ("GET", "/v1/menus/{menu}/versions/{version}", MENU_READ),
];

/// Who may call a route; `None` for one that is not served.
fn access(method: &Method, path: &str) -> Option<Access> {
    let method = match *method {
        Method::HEAD => "GET",
        _ => method.as_str(),
    };
    let found = ROUTES.iter().find(|(m, p, _)| *m == method && *p == path);
    found.map(|(_, _, access)| *access)
}

/// Layer: lets nobody through to a handler who may not call its route.
pub(super) async fn guard(
    State(hub): State<Hub>,
    path: MatchedPath,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let Some(access) = access(request.method(), path.as_str()) else {
        return Ok(not_served(path.as_str()));
    };
    if access != Open {
        hub.identity.ready().await?;
    }
    let caller = identify(
        &hub.identity.verifier(),
        request.method(),
        request.headers(),
    );
    match access {
        Open => {}
        SignedIn => check_session(&hub, &caller.clone()?).await?,
        Roles(roles) => {
            let caller = caller.clone()?;
            caller.require(roles)?;
            check_session(&hub, &caller).await?;
        }
    }
    request.extensions_mut().insert(Identified(caller));
    Ok(next.run(request).await)
}

/// Refuses a token whose session is over, however long the token itself would be good.
async fn check_session(hub: &Hub, Caller(claims): &Caller) -> Answer<()> {
    sessions::check(&hub.pool, claims, hub.identity.options().idle()).await
}

fn not_served(path: &str) -> Response {
    let mut response = unknown_method().into_response();
    let methods = ROUTES.iter().filter(|(_, known, _)| *known == path);
    let methods: Vec<&str> = methods.map(|(method, _, _)| *method).collect();
    if let Ok(allow) = HeaderValue::try_from(methods.join(",")) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

/// The sites that a caller may see and act on, as far as its role and route let it act at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All of them.
    All,
    /// These, which are those of one region, or one.
    Sites {
        /// The caller's region, when it has one.
        region: Option<String>,
        /// Their ids.
        sites: Vec<String>,
    },
}

impl Scope {
    /// What a token binds its holder to. A manager whose token names no place has none.
    async fn of(claims: &Claims, hub: &Hub) -> Answer<Self> {
        Ok(match claims.role {
            Role::Admin | Role::Auditor | Role::Sre => Self::All,
            Role::RegionManager => Self::Sites {
                sites: sqlx::query_scalar("select site_id from site where region = $1")
                    .bind(&claims.region)
                    .fetch_all(&hub.pool)
                    .await
                    .or_problem()?,
                region: claims.region.clone(),
            },
            _ => Self::Sites {
                sites: claims.site.iter().map(ToString::to_string).collect(),
                region: None,
            },
        })
    }

    /// The ids of the only sites, for a query; `None` for all.
    pub(crate) fn sites(&self) -> Option<&[String]> {
        match self {
            Self::All => None,
            Self::Sites { sites, .. } => Some(sites),
        }
    }

    /// Whether a site is among them.
    pub(crate) fn has(&self, site: &str) -> bool {
        self.sites()
            .is_none_or(|sites| sites.iter().any(|one| one == site))
    }

    /// Refuses a site that is not among them as if it were not there.
    ///
    /// # Errors
    /// 404.
    pub(crate) fn require(&self, site: &SiteId) -> Answer<()> {
        match self.has(site.as_str()) {
            true => Ok(()),
            false => Err(Problem::not_found(format!("There is no site {site}."))),
        }
    }

    /// Whether a region is the caller's as a whole.
    pub(crate) fn has_region(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Sites { region, .. } => region.as_deref() == Some(name),
        }
    }
}

impl FromRequestParts<Hub> for Scope {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, hub: &Hub) -> Result<Self, Problem> {
        let Caller(claims) = Caller::from_request_parts(parts, hub).await?;
        Self::of(&claims, hub).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Routes of the OpenAPI document, by method and path, and whether they are open.
    fn documented() -> BTreeSet<(String, String, bool)> {
        let document = serde_json::to_value(super::super::document()).expect("JSON");
        let mut routes = BTreeSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("methods") {
                let security = operation["security"].as_array();
                let is_open = security.is_none_or(|ways| {
                    ways.iter()
                        .any(|way| way.as_object().is_some_and(|way| way.is_empty()))
                });
                routes.insert((method.to_uppercase(), path.clone(), is_open));
            }
        }
        routes
    }

    #[test]
    fn the_table_decides_about_every_documented_route_as_the_document_says() {
        let table: BTreeSet<(String, String, bool)> = ROUTES
            .iter()
            .map(|(method, path, access)| {
                ((*method).to_owned(), (*path).to_owned(), *access == Open)
            })
            .collect();
        assert_eq!(table.len(), ROUTES.len(), "a route stands there twice");
        let missing: Vec<_> = documented().difference(&table).cloned().collect();
        assert!(missing.is_empty(), "no or another decision: {missing:?}");
        let stale: Vec<_> = table.difference(&documented()).cloned().collect();
        assert!(stale.is_empty(), "not in the document: {stale:?}");
    }

    #[test]
    fn an_auditor_changes_nothing_and_devices_may_nothing() {
        for (method, path, access) in ROUTES {
            let Roles(roles) = access else { continue };
            let is_own = path.starts_with("/v1/session");
            assert!(
                *method == "GET" || is_own || !roles.contains(&Auditor),
                "{method} {path}"
            );
            for device in [Role::Kiosk, Role::Board, Role::Guest] {
                assert!(!roles.contains(&device), "{method} {path}");
            }
        }
    }

    #[test]
    fn a_scope_has_its_own_sites_and_region_alone() {
        let north = Scope::Sites {
            region: Some("north".into()),
            sites: vec!["s1".into()],
        };
        assert!(north.has("s1") && !north.has("s2"));
        assert!(north.has_region("north") && !north.has_region("south"));
        let one = Scope::Sites {
            region: None,
            sites: vec!["s1".into()],
        };
        assert!(!one.has_region("north"));
        assert!(Scope::All.has("s2") && Scope::All.has_region("south"));
        let foreign = north.require(&"s2".parse().expect("an id"));
        assert_eq!(foreign.expect_err("404").status, 404);
    }
}
