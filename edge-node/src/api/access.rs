//! Who may do what: one table of all routes, held to in front of every handler.
//!
//! What depends on whose the order is, or on its state, stands with its handler; a route that is not in
//! the table is not served.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use sunakku_common::claims::Role;
use sunakku_common::http::{Caller, Identified, unknown_method};
use sunakku_common::problem::Problem;

use super::address::address_of;
use crate::state::AppState;

/// Who may call a route. Admins may call each; a manager of the region may what one of the site may.
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
use Role::{Auditor, Board, Cashier, Guest, Kiosk, Kitchen, Manager, Sre};

/// Changes what belongs to the site as a whole.
const MANAGERS: Access = Roles(&[Manager]);
/// Works in the kitchen or runs the site.
const STAFF: Access = Roles(&[Kitchen, Manager]);
/// Reads what staff read.
const STAFF_READ: Access = Roles(&[Kitchen, Manager, Auditor]);
/// Hands orders over.
const COUNTER: Access = Roles(&[Cashier, Kitchen, Manager]);
/// Reads what the counter reads.
const COUNTER_READ: Access = Roles(&[Cashier, Kitchen, Manager, Auditor]);
/// Reads what a kiosk reads.
const KIOSK_READ: Access = Roles(&[Kiosk, Cashier, Kitchen, Manager, Auditor]);
/// Reads what everyone reads who orders or sees to orders; of orders, guests their own alone.
const ORDER_READ: Access = Roles(&[Guest, Kiosk, Cashier, Kitchen, Manager, Auditor]);

/// A route: method, path template, who may call it.
pub(super) type Route = (&'static str, &'static str, Access);

/// Every route.
pub(super) const ROUTES: &[Route] = &[
    ("GET", "/", Open),
    ("GET", "/kitchen", Open),
    ("GET", "/pickup", Open),
    ("GET", "/ops", Open),
    ("GET", "/ui/{version}/{*path}", Open),
    ("GET", "/pictures/{name}", Open),
    ("GET", "/docs", Open),
    ("GET", "/docs/", Open),
    ("GET", "/docs/{*rest}", Open),
    ("GET", "/openapi.json", Open),
    ("GET", "/livez", Open),
    ("GET", "/readyz", Open),
    ("GET", "/metrics", Open),
    ("POST", "/v1/session", Open),
    ("POST", "/v1/session/code", Open),
    ("POST", "/v1/session/guest", Open),
    ("POST", "/v1/session/pin", Open),
    ("POST", "/v1/pairings", Open),
    ("POST", "/v1/pairings/claim", Open),
    ("GET", "/v1/session", SignedIn),
    ("POST", "/v1/session/cookie", SignedIn),
    ("DELETE", "/v1/session/cookie", SignedIn),
    ("POST", "/v1/session/codes", MANAGERS),
    ("GET", "/v1/menu", ORDER_READ),
    ("GET", "/v1/orders", COUNTER_READ),
    (
        "POST",
        "/v1/orders",
        Roles(&[Guest, Kiosk, Cashier, Manager]),
    ),
    ("GET", "/v1/orders/{id}", ORDER_READ),
    (
        "POST",
        "/v1/orders/{id}/cancel",
        Roles(&[Guest, Kiosk, Cashier, Kitchen, Manager]),
    ),
    ("POST", "/v1/orders/{id}/collect", COUNTER),
    ("GET", "/v1/stock", KIOSK_READ),
    ("GET", "/v1/stock/{sku}", KIOSK_READ),
    ("PUT", "/v1/stock/{sku}", MANAGERS),
    ("PUT", "/v1/stock/{sku}/low-mark", MANAGERS),
    ("POST", "/v1/stock/{sku}/adjust", MANAGERS),
    ("POST", "/v1/stock/{sku}/suspend", STAFF),
    ("POST", "/v1/stock/{sku}/resume", STAFF),
    ("GET", "/v1/stock/{sku}/movements", STAFF_READ),
    (
        "GET",
        "/v1/live",
        Roles(&[Guest, Kiosk, Board, Cashier, Kitchen, Manager, Auditor]),
    ),
    (
        "GET",
        "/v1/board",
        Roles(&[Kiosk, Board, Cashier, Kitchen, Manager, Auditor]),
    ),
    (
        "GET",
        "/v1/site",
        Roles(&[Kiosk, Cashier, Kitchen, Manager, Auditor, Sre]),
    ),
    ("POST", "/v1/site/close", MANAGERS),
    ("POST", "/v1/site/open", MANAGERS),
    ("POST", "/v1/calls", Roles(&[Kiosk, Kitchen, Manager])),
    ("GET", "/v1/calls", STAFF_READ),
    ("POST", "/v1/calls/{device}/done", STAFF),
    ("GET", "/v1/printers", STAFF_READ),
    ("GET", "/v1/today", STAFF_READ),
    ("GET", "/v1/tickets", STAFF_READ),
    ("GET", "/v1/tickets/counts", STAFF_READ),
    ("GET", "/v1/tickets/{id}", STAFF_READ),
    ("POST", "/v1/tickets/{id}/acknowledge", STAFF),
    ("POST", "/v1/tickets/{id}/start", STAFF),
    ("POST", "/v1/tickets/{id}/bump", STAFF),
    ("POST", "/v1/tickets/{id}/recall", STAFF),
    ("POST", "/v1/tickets/{id}/lines/{line}/bump", STAFF),
    ("POST", "/v1/tickets/{id}/confirm", STAFF),
    ("GET", "/v1/queue", STAFF_READ),
    ("POST", "/v1/queue/pause", MANAGERS),
    ("POST", "/v1/queue/resume", MANAGERS),
    ("GET", "/v1/queue/dead", STAFF_READ),
    ("POST", "/v1/queue/dead/{id}/retry", MANAGERS),
    ("POST", "/v1/queue/dead/{id}/discard", MANAGERS),
    ("GET", "/v1/sync", Roles(&[Kitchen, Manager, Auditor, Sre])),
    ("GET", "/v1/devices", STAFF_READ),
    ("POST", "/v1/devices", MANAGERS),
    ("POST", "/v1/devices/{id}/revoke", MANAGERS),
];

/// Who may call a route; `None` for one that is not served.
fn access(method: &Method, path: &str) -> Option<Access> {
    let method = if method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    let found = ROUTES.iter().find(|(m, p, _)| *m == method && *p == path);
    found.map(|(_, _, access)| *access)
}

/// Lets nobody through to a handler who may not call its route; what is answered instead where the method is
/// none of the route's.
pub(super) fn admit(state: &AppState, request: &mut Request) -> Result<Option<Response>, Problem> {
    // What matches no path is answered by the fallback.
    let Some(path) = request.extensions().get::<MatchedPath>() else {
        return Ok(None);
    };
    let path = path.as_str();
    let Some(access) = access(request.method(), path) else {
        return Ok(Some(not_served(path)));
    };
    let shared = &state.inner;
    let caller = shared.gate.identify(request.method(), request.headers());
    let (rates, now) = (&shared.rates, Instant::now());
    let is_page = access == Open && request.method() != Method::POST;
    let waits = match &caller {
        Ok(Caller(claims)) => rates.of_caller(claims.sid, &claims.sub, now),
        Err(_) if is_page || path == CLAIM => Ok(()),
        Err(_) => rates.of_address(address_of(request, state), now),
    };
    waits.map_err(too_many)?;
    match (access, &caller) {
        (Open, _) => {}
        (SignedIn | Roles(_), Err(problem)) => return Err(problem.clone()),
        (SignedIn, Ok(_)) => {}
        (Roles(roles), Ok(caller)) => caller.require(roles)?,
    }
    request.extensions_mut().insert(Identified(caller));
    Ok(None)
}

/// Screens that wait to be let in ask here again and again, many of them of one address; those that have not
/// asked to be let in are held up by its handler.
const CLAIM: &str = "/v1/pairings/claim";

/// 429: so many at once that others would be held up.
pub(super) fn too_many(wait: Duration) -> Problem {
    let mut problem = Problem::too_many(
        "too-many-requests",
        "You send more requests than one may. Wait as long as Retry-After says.",
    );
    problem.retry_after = Some(wait.as_secs_f64().ceil().max(1.0) as u32);
    problem
}

fn not_served(path: &str) -> Response {
    let mut response = unknown_method().into_response();
    let methods = ROUTES.iter().filter(|(_, known, _)| *known == path);
    let methods: Vec<&str> = methods
        .flat_map(|(method, _, _)| {
            if *method == "GET" {
                vec!["GET", "HEAD"]
            } else {
                vec![*method]
            }
        })
        .collect();
    if let Ok(allow) = HeaderValue::try_from(methods.join(",")) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Routes of the OpenAPI document, by method and path.
    fn documented() -> Vec<(String, String, bool)> {
        let document = serde_json::to_value(super::super::openapi()).expect("JSON");
        let mut routes = Vec::new();
        for (path, operations) in document["paths"].as_object().expect("paths") {
            for (method, operation) in operations.as_object().expect("operations") {
                let open = operation["security"] == serde_json::json!([{}]);
                routes.push((method.to_uppercase(), path.clone(), open));
            }
        }
        routes
    }

    #[test]
    fn every_route_has_a_decision_and_every_decision_a_route() {
        let documented = documented();
        for (method, path, said_open) in &documented {
            let decided = ROUTES.iter().filter(|(m, p, _)| m == method && p == path);
            let decided: Vec<_> = decided.collect();
            assert_eq!(
                decided.len(),
                1,
                "{method} {path}: decide in ROUTES who may call it"
            );
            let open = decided[0].2 == Open;
            assert!(
                open == *said_open || path == "/metrics",
                "{method} {path}: its document and ROUTES differ about whether it is open"
            );
        }
        for (method, path, access) in ROUTES {
            let known = documented.iter().any(|(m, p, _)| m == method && p == path);
            let part = ["/ui/", "/docs", "/openapi.json"]
                .iter()
                .any(|start| path.starts_with(start));
            assert!(
                known || part && *access == Open,
                "{method} {path} is no route"
            );
        }
    }

    #[test]
    fn an_auditor_changes_nothing_and_a_board_reads_the_board_alone() {
        for (method, path, access) in ROUTES {
            let Roles(roles) = access else { continue };
            assert!(!roles.is_empty(), "{method} {path}");
            if roles.contains(&Auditor) {
                assert_eq!(*method, "GET", "{path}");
            }
            if roles.contains(&Board) {
                assert!(["/v1/board", "/v1/live"].contains(path), "{path}");
            }
        }
    }
}
