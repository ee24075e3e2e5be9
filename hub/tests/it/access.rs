//! Who may do what: every route by every role, and own against foreign objects.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use chrono::{TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sunakku_common::claims::{HUB_AUDIENCE, HUB_ISSUER, Role, Signer, Subject, Verifier};
use uuid::Uuid;

use crate::support::{Hub, World, order_id};

/// Every role; of a person, the place that it is bound to.
const ROLES: [(Role, Option<&str>, Option<&str>); 10] = [
    (Role::Admin, None, None),
    (Role::Auditor, None, None),
    (Role::RegionManager, Some("north"), None),
    (Role::Manager, None, Some("s1")),
    (Role::Kitchen, None, Some("s1")),
    (Role::Cashier, None, Some("s1")),
    (Role::Kiosk, None, Some("s1")),
    (Role::Board, None, Some("s1")),
    (Role::Guest, None, Some("s1")),
    (Role::Sre, None, None),
];

/// Every route, and who may call it: `*` everyone without a token, `+` with one, else by their beginnings
/// (`u` for auditors, who begin like admins); admins may call each.
const ROUTES: &[(&str, &str, &str)] = &[
    ("get", "/", "*"),
    ("get", "/audit", "*"),
    ("get", "/menu", "*"),
    ("get", "/orders", "*"),
    ("get", "/proof", "*"),
    ("get", "/analytics", "*"),
    ("get", "/people", "*"),
    ("get", "/sites", "*"),
    ("get", "/.well-known/jwks.json", "*"),
    ("get", "/livez", "*"),
    ("get", "/metrics", "*"),
    ("get", "/readyz", "*"),
    ("get", "/v1/audit", "u"),
    ("get", "/v1/commands", "urm"),
    ("post", "/v1/commands", "rm"),
    ("post", "/v1/enrol", "*"),
    ("get", "/v1/analytics/cancellations", "urm"),
    ("get", "/v1/analytics/forecast", "urm"),
    ("get", "/v1/analytics/heatmap", "urm"),
    ("get", "/v1/analytics/items", "urm"),
    ("get", "/v1/analytics/preparation", "urm"),
    ("get", "/v1/analytics/sales", "urm"),
    ("get", "/v1/analytics/sites", "urm"),
    ("get", "/v1/analytics/sold-out", "urm"),
    ("get", "/v1/analytics/stock", "urm"),
    ("get", "/v1/ledger", "urm"),
    ("get", "/v1/overview", "urm"),
    ("get", "/v1/live", "urm"),
    ("get", "/v1/sites/{id}/statements/{day}", "urm"),
    ("get", "/v1/statements/keys", "*"),
    ("get", "/v1/menus", "urm"),
    ("post", "/v1/menus", ""),
    ("get", "/v1/menus/{menu}", "urm"),
    ("put", "/v1/menus/{menu}", ""),
    ("get", "/v1/menus/{menu}/diff", "urm"),
    ("get", "/v1/menus/{menu}/effective/{site}", "urm"),
    ("get", "/v1/menus/{menu}/export", "urm"),
    ("post", "/v1/menus/{menu}/import", ""),
    ("post", "/v1/menus/{menu}/items", ""),
    ("delete", "/v1/menus/{menu}/items/{item}", ""),
    ("patch", "/v1/menus/{menu}/items/{item}", ""),
    ("delete", "/v1/menus/{menu}/overrides/{site}/{item}", "r"),
    ("put", "/v1/menus/{menu}/overrides/{site}/{item}", "r"),
    ("post", "/v1/menus/{menu}/publish", ""),
    ("delete", "/v1/menus/{menu}/regions/{region}/{item}", "r"),
    ("put", "/v1/menus/{menu}/regions/{region}/{item}", "r"),
    ("post", "/v1/menus/{menu}/rollback", ""),
    ("get", "/v1/menus/{menu}/rollout", "urm"),
    ("delete", "/v1/menus/{menu}/sites/{site}", ""),
    ("put", "/v1/menus/{menu}/sites/{site}", ""),
    ("get", "/v1/menus/{menu}/versions", "urm"),
    ("get", "/v1/menus/{menu}/versions/{version}", "urm"),
    ("get", "/v1/orders", "urm"),
    ("get", "/v1/orders/{id}", "urm"),
    ("get", "/v1/orders/{id}/timeline", "urm"),
    ("get", "/v1/pictures", "urm"),
    ("post", "/v1/pictures", ""),
    ("get", "/v1/pictures/{name}", "*"),
    ("get", "/v1/session", "+"),
    ("post", "/v1/session", "*"),
    ("post", "/v1/session/refresh", "*"),
    ("post", "/v1/session/code", "*"),
    ("post", "/v1/session/codes", "+"),
    ("post", "/v1/session/cookie", "+"),
    ("post", "/v1/session/site", "urmkc"),
    ("get", "/v1/users", "urm"),
    ("post", "/v1/users", "rm"),
    ("get", "/v1/users/{name}", "urm"),
    ("patch", "/v1/users/{name}", "rm"),
    ("post", "/v1/users/{name}/disable", "rm"),
    ("post", "/v1/users/{name}/enable", "rm"),
    ("post", "/v1/users/{name}/sign-out", "rm"),
    ("put", "/v1/users/{name}/password", "rm"),
    ("put", "/v1/users/{name}/pin", "rm"),
    ("delete", "/v1/users/{name}/pin", "rm"),
    ("get", "/v1/sites", "urm"),
    ("post", "/v1/sites", ""),
    ("patch", "/v1/sites/{id}", ""),
    ("post", "/v1/sites/{id}/archive", ""),
    ("get", "/v1/sites/{id}/devices", "urm"),
    ("get", "/v1/sites/{id}/commands", "urm"),
    ("post", "/v1/sites/{id}/commands", "rm"),
    ("post", "/v1/sites/{id}/enrolment", ""),
    ("post", "/v1/sites/{id}/revoke", ""),
    ("get", "/v1/sites/{id}/settings", "urm"),
    ("put", "/v1/sites/{id}/settings", "rm"),
    ("post", "/v1/sites/{id}/unarchive", ""),
];

fn may(role: Role, who: &str) -> bool {
    match role {
        _ if who == "+" => true,
        Role::Admin => true,
        Role::Auditor => who.contains('u'),
        Role::RegionManager => who.contains('r'),
        Role::Manager => who.contains('m'),
        Role::Kitchen => who.contains('k'),
        Role::Cashier => who.contains('c'),
        Role::Kiosk | Role::Board | Role::Guest | Role::Sre => false,
    }
}

/// Makes tokens with the hub's own key, in the session of an admin who is signed in.
struct Mint {
    signer: Signer,
    session: Uuid,
}

impl Mint {
    async fn new(world: &World, hub: &Hub) -> Result<Self> {
        let key = std::fs::read(world.sandbox.root().join("hub.key"))?;
        let signer = Signer::new(HUB_ISSUER, &key)?;
        let keys = [(signer.public(), HUB_ISSUER.to_owned())];
        let claims = Verifier::new(HUB_AUDIENCE, keys)?.verify(&hub.token("ann").await?)?;
        let session = claims.sid.context("a session")?;
        Ok(Self { signer, session })
    }

    fn token(&self, role: Role, region: Option<&str>, site: Option<&str>) -> Result<String> {
        let subject = Subject {
            site: site.map(str::parse).transpose()?,
            region: region.map(str::to_owned),
            sid: Some(self.session),
            ..Subject::new("ann", role)
        };
        let life = TimeDelta::minutes(5);
        Ok(self.signer.mint(subject, HUB_AUDIENCE, life, Utc::now())?)
    }
}

/// Sends a request and gives its status.
async fn status(
    hub: &Hub,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<Value>,
) -> Result<StatusCode> {
    let method = Method::from_bytes(method.to_uppercase().as_bytes())?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let mut request = client.request(method, hub.url(path));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    Ok(request.send().await?.status())
}

#[tokio::test]
async fn the_document_names_every_route_and_its_roles_alone_may_call_it() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let document = hub
        .send(Method::GET, "/openapi.json", None, None, 200)
        .await?;
    let paths = document["paths"].as_object().context("paths")?;
    let in_document: BTreeSet<(&str, &str)> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().into_iter().flatten();
            methods.map(move |(method, _)| (method.as_str(), path.as_str()))
        })
        .collect();
    let sign_outs = [("delete", "/v1/session"), ("delete", "/v1/session/cookie")];
    let expected: BTreeSet<_> = ROUTES.iter().map(|(m, p, _)| (*m, *p)).collect();
    let expected = &expected | &BTreeSet::from(sign_outs);
    ensure!(
        in_document == expected,
        "{in_document:?}\ninstead of\n{expected:?}"
    );

    let mint = Mint::new(&world, &hub).await?;
    let tokens: Vec<(Role, String)> = ROLES
        .into_iter()
        .map(|(role, region, site)| Ok((role, mint.token(role, region, site)?)))
        .collect::<Result<_>>()?;
    for (method, path, who) in ROUTES.iter().filter(|(_, _, who)| *who != "*") {
        let path = path.replace("{id}", &order_id().to_string());
        let path = path.replace("{version}", "1");
        let body = (*method == "post").then(|| json!({"site": "s1"}));
        for nobody in [None, Some("no.token.at-all")] {
            let got = status(&hub, method, &path, nobody, body.clone()).await?;
            ensure!(got == 401, "{method} {path} without token: {got}");
        }
        for (role, token) in &tokens {
            let got = status(&hub, method, &path, Some(token), body.clone()).await?;
            let is_let_in = got != 401 && got != 403;
            ensure!(
                is_let_in == may(*role, who) && got != 401,
                "{method} {path} as {role}: {got}"
            );
        }
    }
    // Everybody may sign out, which ends the session of all these tokens.
    for (method, path) in sign_outs {
        let got = status(&hub, method, path, None, None).await?;
        ensure!(got == 401, "{got}");
        let mint = Mint::new(&world, &hub).await?;
        for (expected, (role, region, site)) in [204, 401].into_iter().zip(&ROLES[2..]) {
            let token = mint.token(*role, *region, *site)?;
            let got = status(&hub, method, path, Some(&token), None).await?;
            ensure!(got == expected, "{path} {role}: {got}");
        }
    }
    hub.send(Method::GET, "/v1/nothing", None, None, 404)
        .await?;
    hub.send(Method::DELETE, "/v1/sites", None, None, 405)
        .await?;
    let docs = status(&hub, "get", "/docs/", None, None).await?;
    ensure!(docs == 200, "the document can be browsed: {docs}");
    Ok(())
}

fn ids(list: &Value, of: &str) -> BTreeSet<String> {
    let items = list["items"].as_array().into_iter().flatten();
    items
        .filter_map(|item| item[of].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn what_belongs_to_other_sites_does_not_exist_for_whoever_is_bound_to_some() -> Result<()> {
    let world = World::new(&["s1", "s2", "s3"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = hub.token("ann").await?;
    let region = |name: &str| Some(json!({ "region": name }));
    for (site, name) in [("s1", "north"), ("s2", "north"), ("s3", "south")] {
        let path = format!("/v1/sites/{site}");
        hub.send(Method::PATCH, &path, Some(&admin), region(name), 200)
            .await?;
    }
    let mut orders = Vec::new();
    for name in ["s1", "s2", "s3"] {
        let mut site = world.site(name).await?;
        orders.push(site.place(1, "cola", 1, 250));
        site.commit(1, 1).await?;
        let path = format!("/v1/sites/{name}/commands");
        let pause = Some(json!({"kind": "queue.pause"}));
        hub.send(Method::POST, &path, Some(&admin), pause, 201)
            .await?;
    }
    let mint = Mint::new(&world, &hub).await?;
    let north = mint.token(Role::RegionManager, Some("north"), None)?;
    let manager = mint.token(Role::Manager, None, Some("s1"))?;
    let placeless = mint.token(Role::Manager, None, None)?;
    let auditor = mint.token(Role::Auditor, None, None)?;
    for (who, sites) in [
        (&north, &["s1", "s2"][..]),
        (&manager, &["s1"]),
        (&placeless, &[]),
        (&auditor, &["s1", "s2", "s3"]),
        (&admin, &["s1", "s2", "s3"]),
    ] {
        let expected: BTreeSet<String> = sites.iter().map(|site| (*site).to_owned()).collect();
        for (path, of) in [
            ("/v1/sites", "id"),
            ("/v1/orders", "site"),
            ("/v1/ledger", "site"),
            ("/v1/commands", "site"),
        ] {
            let list = hub.send(Method::GET, path, Some(who), None, 200).await?;
            let found = ids(&list, of);
            ensure!(found == expected, "{path}: {found:?}, not {expected:?}");
            let filtered = format!("{path}?site=s3");
            if path == "/v1/orders" || path == "/v1/ledger" {
                let list = hub
                    .send(Method::GET, &filtered, Some(who), None, 200)
                    .await?;
                ensure!(ids(&list, of).contains("s3") == expected.contains("s3"));
            }
        }
        let path = "/v1/analytics/sites";
        let figures = hub.send(Method::GET, path, Some(who), None, 200).await?;
        let rows = figures["rows"].as_array().into_iter().flatten();
        let found: BTreeSet<_> = rows.filter_map(|row| row["site"].as_str()).collect();
        ensure!(found == sites.iter().copied().collect(), "{figures}");
        let orders_of_them = figures["totals"]["orders"] == sites.len();
        ensure!(orders_of_them, "one order at each: {figures}");
        let overview = hub.send(Method::GET, "/v1/overview", Some(who), None, 200);
        let overview = overview.await?;
        let rows = overview["sites"].as_array().into_iter().flatten();
        let found: BTreeSet<_> = rows.filter_map(|row| row["site"].as_str()).collect();
        ensure!(found == sites.iter().copied().collect(), "{overview}");
        let path = "/v1/sites/s3/statements/2026-01-05";
        let got = status(&hub, "get", path, Some(who), None).await?;
        ensure!(
            got == if sites.contains(&"s3") { 200 } else { 404 },
            "{path}: {got}"
        );
        for (name, order) in ["s1", "s2", "s3"].into_iter().zip(&orders) {
            let own = sites.contains(&name);
            for path in [
                format!("/v1/analytics/sales?site={name}"),
                format!("/v1/orders/{order}"),
                format!("/v1/orders/{order}/timeline"),
                format!("/v1/sites/{name}/settings"),
            ] {
                let got = status(&hub, "get", &path, Some(who), None).await?;
                ensure!(got == if own { 200 } else { 404 }, "{path}: {got}");
            }
            if who == &auditor {
                continue;
            }
            let pause = json!({"kind": "queue.pause"});
            let to_many = json!({"sites": [name, "s1"], "kind": "queue.pause"});
            for (method, path, body, done) in [
                ("put", format!("/v1/sites/{name}/settings"), json!({}), 200),
                ("post", format!("/v1/sites/{name}/commands"), pause, 201),
                ("post", "/v1/commands".to_owned(), to_many, 201),
            ] {
                let got = status(&hub, method, &path, Some(who), Some(body)).await?;
                ensure!(got == if own { done } else { 404 }, "{path}: {got}");
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_manager_of_a_region_overrides_there_and_nowhere_else() -> Result<()> {
    let world = World::new(&["s1", "s3"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = crate::support::Admin::of(&hub).await?;
    for (site, region) in [("s1", "north"), ("s3", "south")] {
        let path = format!("/v1/sites/{site}");
        admin.patch(&path, json!({ "region": region }), 200).await?;
    }
    admin.lunch(&["s1", "s3"]).await?;
    let mint = Mint::new(&world, &hub).await?;
    let north = mint.token(Role::RegionManager, Some("north"), None)?;
    for (place, own) in [
        ("overrides/s1", true),
        ("overrides/s3", false),
        ("regions/north", true),
        ("regions/south", false),
    ] {
        let path = format!("/v1/menus/lunch/{place}/burger");
        let expected = if own { 200 } else { 404 };
        let price = Some(json!({"price": 950}));
        hub.send(Method::PUT, &path, Some(&north), price, expected)
            .await?;
        hub.send(Method::DELETE, &path, Some(&north), None, expected)
            .await?;
    }
    let rollout = hub
        .send(
            Method::GET,
            "/v1/menus/lunch/rollout",
            Some(&north),
            None,
            200,
        )
        .await?;
    ensure!(ids(&rollout, "site") == BTreeSet::from(["s1".to_owned()]));
    for (site, expected) in [("s1", 200), ("s3", 404)] {
        let path = format!("/v1/menus/lunch/effective/{site}?version=draft");
        hub.send(Method::GET, &path, Some(&north), None, expected)
            .await?;
    }
    Ok(())
}
