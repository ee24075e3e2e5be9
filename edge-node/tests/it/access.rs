//! Who may do what: every route of the OpenAPI document, with every kind of token.

use reqwest::Method;
use serde_json::Value;
use sunakku_common::claims::Role;
use xtask::harness::Sandbox;
use xtask::world::{Answer, Client, Site, SiteOptions};

use crate::bad_input::assert_problem;
use crate::site::{TestSite, binaries, seed};

/// What a kiosk may do, beside what everyone may.
const KIOSK: [(&str, &str); 13] = [
    ("get", "/v1/session"),
    ("post", "/v1/session/cookie"),
    ("delete", "/v1/session/cookie"),
    ("get", "/v1/menu"),
    ("post", "/v1/orders"),
    ("get", "/v1/orders/{id}"),
    ("post", "/v1/orders/{id}/cancel"),
    ("get", "/v1/stock"),
    ("get", "/v1/stock/{sku}"),
    ("get", "/v1/live"),
    ("get", "/v1/board"),
    ("get", "/v1/site"),
    ("post", "/v1/calls"),
];
/// What a guest's own phone may do.
const GUEST: [(&str, &str); 8] = [
    ("get", "/v1/session"),
    ("post", "/v1/session/cookie"),
    ("delete", "/v1/session/cookie"),
    ("get", "/v1/menu"),
    ("post", "/v1/orders"),
    ("get", "/v1/orders/{id}"),
    ("post", "/v1/orders/{id}/cancel"),
    ("get", "/v1/live"),
];
/// Open on this machine without a token.
const OPEN: [(&str, &str); 10] = [
    ("get", "/"),
    ("get", "/kitchen"),
    ("get", "/pickup"),
    ("get", "/ops"),
    ("post", "/v1/session"),
    ("post", "/v1/session/code"),
    ("post", "/v1/session/guest"),
    ("get", "/livez"),
    ("get", "/readyz"),
    ("get", "/metrics"),
];
/// What the role for metrics may see of a site.
const SRE: [(&str, &str); 5] = [
    ("get", "/v1/sync"),
    ("get", "/v1/site"),
    ("get", "/v1/session"),
    ("post", "/v1/session/cookie"),
    ("delete", "/v1/session/cookie"),
];

/// Every route of the document but the open ones: method and path template.
async fn routes(test: &TestSite) -> Vec<(String, String)> {
    let document = test
        .manager
        .get("/openapi.json")
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .body;
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let open = OPEN.contains(&(method.as_str(), path.as_str()));
            let said = operation["security"] == serde_json::json!([{}]);
            assert!(
                !said || open,
                "{method} {path} is open by its document, not by this test"
            );
            if !open {
                routes.push((method.clone(), path.clone()));
            }
        }
    }
    assert!(15 < routes.len(), "{routes:?}");
    routes
}

async fn call(client: &Client, method: &str, path: &str) -> Answer {
    let id = uuid::Uuid::now_v7().to_string();
    let path = path
        .replace("{id}", &id)
        .replace("{sku}", "cake")
        .replace("{line}", "1");
    let path = path.replace("/live", "/live?topics=stock");
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    client.send(client.request(method, &path)).await.unwrap()
}

async fn assert_forbidden(client: &Client, routes: &[(String, String)], may: &[(&str, &str)]) {
    for (method, path) in routes {
        let answer = call(client, method, path).await;
        if may.contains(&(method.as_str(), path.as_str())) {
            assert!(
                ![401, 403].contains(&answer.status.as_u16()),
                "{method} {path}"
            );
        } else {
            assert_eq!(answer.status, 403, "{method} {path}: {}", answer.body);
            assert_problem(&answer, 403, "forbidden");
        }
    }
}

#[tokio::test]
async fn every_route_but_the_open_ones_needs_a_token_that_can_be_believed() {
    let test = TestSite::start().await;
    let head = test.head().await;
    let parts: Vec<&str> = test.manager.token.split('.').collect();
    let swapped = test.kiosk.token.split('.').nth(1).unwrap();
    let forged = [
        String::new(),
        "garbage".to_owned(),
        "a.b.c".to_owned(),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{swapped}.{}", parts[0], parts[2]),
        format!(
            "{}.{}.{}",
            parts[0],
            parts[1],
            parts[2].chars().rev().collect::<String>()
        ),
        "x".repeat(5_000),
    ];
    for token in &forged {
        let client = test.manager.as_token(token);
        for (method, path) in routes(&test).await {
            let answer = call(&client, &method, &path).await;
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.body);
            assert_problem(&answer, 401, "unauthorized");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
    assert_eq!(test.head().await, head);
}

#[tokio::test]
async fn a_token_of_another_site_is_not_believed() {
    let test = TestSite::start().await;
    let sandbox = Sandbox::new().unwrap();
    let options = SiteOptions::new("s2", seed());
    let other = Site::start(&sandbox, &binaries(), options).await.unwrap();
    let stranger = other.client(Role::Manager).await.unwrap();
    let here = test.manager.as_token(&stranger.token);
    for (method, path) in routes(&test).await {
        assert_problem(&call(&here, &method, &path).await, 401, "unauthorized");
    }
}

#[tokio::test]
async fn no_role_reaches_beyond_its_routes() {
    let test = TestSite::start().await;
    let head = test.head().await;
    let routes = routes(&test).await;
    assert_forbidden(&test.kiosk, &routes, &KIOSK).await;
    let guest = crate::guest_sessions::guest(&test).await;
    assert_forbidden(&guest, &routes, &GUEST).await;
    let sre = test.site.client(Role::Sre).await.unwrap();
    assert_forbidden(&sre, &routes, &SRE).await;
    for (method, path) in [
        ("post", "/v1/orders"),
        ("put", "/v1/stock/{sku}"),
        ("post", "/v1/stock/{sku}/adjust"),
    ] {
        assert_problem(&call(&test.kitchen, method, path).await, 403, "forbidden");
    }
    // What a kiosk may: it has called the staff.
    assert_eq!(test.head().await, head + 1);
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_are_told_alike() {
    let test = TestSite::start().await;
    let nobody = Client::with_token(&test.site.url(), "").unwrap();
    let sign_in = async |user: &str, password: &str| {
        let body = serde_json::json!({ "user": user, "password": password });
        nobody.post("/v1/session", None, &body).await.unwrap()
    };
    let mut told: Vec<Value> = Vec::new();
    for (user, password) in [
        ("manager", "wrong"),
        ("nobody", "wrong"),
        ("manager", ""),
        ("", ""),
        ("*", "*"),
    ] {
        let answer = sign_in(user, password).await;
        assert_problem(&answer, 401, "wrong-credentials");
        told.push(answer.body);
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}
