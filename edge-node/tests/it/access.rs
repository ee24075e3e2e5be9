//! Who may do what: every route of the OpenAPI document, with every kind of token.

use reqwest::Method;
use serde_json::Value;
use sunakku_common::claims::{HUB_ISSUER, Role, Signer, Subject};
use sunakku_common::event::kind;
use xtask::harness::Sandbox;
use xtask::world::{Answer, Client, Site, SiteOptions};

use crate::bad_input::assert_problem;
use crate::site::{TestSite, binaries, seed};

/// Open on this machine without a token.
const OPEN: [(&str, &str); 14] = [
    ("get", "/"),
    ("get", "/kitchen"),
    ("get", "/pickup"),
    ("get", "/ops"),
    ("get", "/pictures/{name}"),
    ("post", "/v1/session"),
    ("post", "/v1/session/code"),
    ("post", "/v1/session/guest"),
    ("post", "/v1/session/pin"),
    ("post", "/v1/pairings"),
    ("post", "/v1/pairings/claim"),
    ("get", "/livez"),
    ("get", "/readyz"),
    ("get", "/metrics"),
];

/// Every role but `admin`, who may everything.
const ROLES: [Role; 9] = [
    Role::RegionManager,
    Role::Manager,
    Role::Kitchen,
    Role::Cashier,
    Role::Kiosk,
    Role::Board,
    Role::Guest,
    Role::Auditor,
    Role::Sre,
];

const ALL: &str = "manager kitchen cashier kiosk board guest auditor sre";
const MANAGER: &str = "manager";
const STAFF: &str = "manager kitchen";
const STAFF_READ: &str = "manager kitchen auditor";
const ORDERS_READ: &str = "manager kitchen cashier kiosk guest auditor";
const STOCK_READ: &str = "manager kitchen cashier kiosk auditor";

/// Who may call what, said once more than in the program. A manager of the region may what one of
/// the site may.
const MATRIX: [(&str, &str, &str); 47] = [
    ("get", "/v1/session", ALL),
    ("post", "/v1/session/cookie", ALL),
    ("delete", "/v1/session/cookie", ALL),
    ("post", "/v1/session/codes", MANAGER),
    ("get", "/v1/menu", ORDERS_READ),
    ("get", "/v1/orders", "manager kitchen cashier auditor"),
    ("post", "/v1/orders", "manager cashier kiosk guest"),
    ("get", "/v1/orders/{id}", ORDERS_READ),
    (
        "post",
        "/v1/orders/{id}/cancel",
        "manager kitchen cashier kiosk guest",
    ),
    ("post", "/v1/orders/{id}/collect", "manager kitchen cashier"),
    ("get", "/v1/stock", STOCK_READ),
    ("get", "/v1/stock/{sku}", STOCK_READ),
    ("put", "/v1/stock/{sku}", MANAGER),
    ("get", "/v1/stock/{sku}/movements", STAFF_READ),
    ("put", "/v1/stock/{sku}/low-mark", MANAGER),
    ("post", "/v1/stock/{sku}/adjust", MANAGER),
    ("post", "/v1/stock/{sku}/suspend", STAFF),
    ("post", "/v1/stock/{sku}/resume", STAFF),
    (
        "get",
        "/v1/live",
        "manager kitchen cashier kiosk board guest auditor",
    ),
    (
        "get",
        "/v1/board",
        "manager kitchen cashier kiosk board auditor",
    ),
    (
        "get",
        "/v1/site",
        "manager kitchen cashier kiosk auditor sre",
    ),
    ("post", "/v1/site/close", MANAGER),
    ("post", "/v1/site/open", MANAGER),
    ("post", "/v1/calls", "manager kitchen kiosk"),
    ("get", "/v1/calls", STAFF_READ),
    ("post", "/v1/calls/{device}/done", STAFF),
    ("get", "/v1/printers", STAFF_READ),
    ("get", "/v1/today", STAFF_READ),
    ("get", "/v1/tickets", STAFF_READ),
    ("get", "/v1/tickets/counts", STAFF_READ),
    ("get", "/v1/tickets/{id}", STAFF_READ),
    ("post", "/v1/tickets/{id}/acknowledge", STAFF),
    ("post", "/v1/tickets/{id}/start", STAFF),
    ("post", "/v1/tickets/{id}/bump", STAFF),
    ("post", "/v1/tickets/{id}/recall", STAFF),
    ("post", "/v1/tickets/{id}/lines/{line}/bump", STAFF),
    ("post", "/v1/tickets/{id}/confirm", STAFF),
    ("get", "/v1/queue", STAFF_READ),
    ("post", "/v1/queue/pause", MANAGER),
    ("post", "/v1/queue/resume", MANAGER),
    ("get", "/v1/queue/dead", STAFF_READ),
    ("post", "/v1/queue/dead/{id}/retry", MANAGER),
    ("post", "/v1/queue/dead/{id}/discard", MANAGER),
    ("get", "/v1/sync", "manager kitchen auditor sre"),
    ("get", "/v1/devices", STAFF_READ),
    ("post", "/v1/devices", MANAGER),
    ("post", "/v1/devices/{id}/revoke", MANAGER),
];

/// A hub, as far as a site knows it: by its key.
pub(crate) struct Hub {
    signer: Signer,
}

impl Hub {
    pub(crate) fn new() -> Self {
        sunakku_common::install_crypto();
        let key = Signer::generate_pkcs8().unwrap();
        let signer = Signer::new(HUB_ISSUER, &key).unwrap();
        Self { signer }
    }

    /// A site that believes it.
    pub(crate) async fn site(&self) -> TestSite {
        self.site_with(toml::Table::new()).await
    }

    /// The same with more settings.
    pub(crate) async fn site_with(&self, more: toml::Table) -> TestSite {
        let key = toml::Value::from(self.signer.public().x.clone());
        let identity = toml::Table::from_iter([("hub_public_key".to_owned(), key)]);
        let edge = toml::Table::from_iter([("identity".to_owned(), identity.into())]);
        let options = SiteOptions::new("s1", seed()).with(edge).with(more);
        TestSite::start_with(options).await
    }

    pub(crate) fn mint(&self, subject: Subject, audience: &str) -> String {
        let life = chrono::TimeDelta::minutes(10);
        let now = chrono::Utc::now();
        self.signer.mint(subject, audience, life, now).unwrap()
    }

    /// Somebody with a role, as the hub lets him in at site `s1`.
    pub(crate) fn client(&self, test: &TestSite, role: Role) -> Client {
        let subject = Subject::new(format!("the-{role}"), role);
        test.manager
            .as_token(&self.mint(subject, "sunakku:site:s1"))
    }
}

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
        .replace("{device}", "nowhere")
        .replace("{line}", "1");
    let path = path.replace("/live", "/live?topics=orders");
    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
    client.send(client.request(method, &path)).await.unwrap()
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
async fn every_role_may_call_its_routes_and_no_others() {
    let hub = Hub::new();
    let test = hub.site().await;
    let mut routes = routes(&test).await;
    let known = &MATRIX;
    for (method, path) in &routes {
        let decided = known.iter().filter(|row| row.0 == method && row.1 == path);
        assert_eq!(
            decided.count(),
            1,
            "{method} {path}: say in MATRIX who may call it"
        );
    }
    assert_eq!(routes.len(), known.len(), "MATRIX has routes that are none");
    // Signing out ends what the others are called with.
    routes.sort_by_key(|(method, _)| method == "delete");
    for role in ROLES {
        let client = hub.client(&test, role);
        let name = match role {
            Role::RegionManager => "manager",
            role => role.as_str(),
        };
        for (method, path) in &routes {
            let row = known
                .iter()
                .find(|row| row.0 == method && row.1 == path)
                .unwrap();
            let answer = call(&client, method, path).await;
            if row.2.split(' ').any(|may| may == name) {
                let status = answer.status.as_u16();
                assert!(
                    ![401, 403, 405].contains(&status),
                    "{role}: {method} {path}: {status}"
                );
            } else {
                assert_problem(&answer, 403, "forbidden");
            }
        }
        if role == Role::Auditor {
            let head = test.head().await;
            for (method, path) in routes.iter().filter(|(method, _)| method != "get") {
                call(&client, method, path).await;
            }
            assert_eq!(test.head().await, head, "an auditor changes nothing");
        }
    }
}

#[tokio::test]
async fn orders_of_others_are_not_there_for_kiosks_and_guests() {
    let hub = Hub::new();
    let test = hub.site().await;
    let guest = crate::guest_sessions::guest(&test).await;
    let other = crate::guest_sessions::guest(&test).await;
    let second = test
        .manager
        .as_token(&hub.mint(Subject::new("kiosk-2", Role::Kiosk), "sunakku:site:s1"));
    let cashier = hub.client(&test, Role::Cashier);
    let order = crate::site::order_of("cola", 1);
    for (owner, stranger) in [
        (&test.kiosk, &second),
        (&second, &test.kiosk),
        (&guest, &other),
        (&guest, &test.kiosk),
    ] {
        let placed = owner.order(&crate::site::new_key(), &order).await.unwrap();
        let id = placed.expect(201).unwrap().body["id"]
            .as_str()
            .unwrap()
            .to_owned();
        let (path, cancel) = (
            format!("/v1/orders/{id}"),
            format!("/v1/orders/{id}/cancel"),
        );
        assert_problem(&stranger.get(&path).await.unwrap(), 404, "not-found");
        assert_problem(&stranger.act(&cancel).await.unwrap(), 404, "not-found");
        assert_eq!(cashier.get(&path).await.unwrap().status, 200);
        assert_eq!(owner.get(&path).await.unwrap().status, 200);
        assert_eq!(owner.act(&cancel).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_cashier_places_for_the_counter_hands_over_and_calls_off_before_cooking_alone() {
    let hub = Hub::new();
    let test = hub.site().await;
    let cashier = hub.client(&test, Role::Cashier);
    let order = crate::site::order_of("cola", 1);
    let placed = cashier
        .order(&crate::site::new_key(), &order)
        .await
        .unwrap();
    let placed = placed.expect(201).unwrap().body;
    assert_eq!(placed["channel"], "counter");
    let id = placed["id"].as_str().unwrap();
    let ticket = test.tickets_of(id).await.remove(0);
    test.ticket_step(&ticket, "start").await;
    let why = serde_json::json!({ "reason": "changed his mind" });
    let cancel = format!("/v1/orders/{id}/cancel");
    let late = cashier.post(&cancel, None, &why).await.unwrap();
    assert_problem(&late, 409, "illegal-transition");
    test.ticket_step(&ticket, "bump").await;
    let collected = cashier
        .act(&format!("/v1/orders/{id}/collect"))
        .await
        .unwrap();
    assert_eq!(collected.expect(200).unwrap().body["state"], "collected");
}

#[tokio::test]
async fn a_token_of_the_hubs_is_good_for_its_own_site_alone() {
    let hub = Hub::new();
    let test = hub.site().await;
    let manager = || Subject::new("ann", Role::Manager);
    let of = |site: &str| Subject {
        site: Some(site.parse().unwrap()),
        ..manager()
    };
    let here = "sunakku:site:s1";
    for (subject, audience, status) in [
        (manager(), here, 200),
        (of("s1"), here, 200),
        (of("s2"), here, 401),
        (manager(), "sunakku:site:s2", 401),
        (manager(), "sunakku:hub", 401),
    ] {
        let client = test.manager.as_token(&hub.mint(subject.clone(), audience));
        let answer = client.get("/v1/queue").await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{subject:?} {audience}");
    }
    let foreign = Hub::new().mint(manager(), here);
    let answer = test
        .manager
        .as_token(&foreign)
        .get("/v1/queue")
        .await
        .unwrap();
    assert_problem(&answer, 401, "unauthorized");
}

#[tokio::test]
async fn sign_ins_by_password_stand_in_the_log_and_whoever_guesses_cannot_fill_it() {
    let test = TestSite::start().await;
    let nobody = Client::with_token(&test.site.url(), "").unwrap();
    let sign_in = async |user: &str, password: &str| {
        let body = serde_json::json!({ "user": user, "password": password });
        nobody.post("/v1/session", None, &body).await.unwrap()
    };
    let people = xtask::world::people().unwrap();
    let right = |role| people.iter().find(|person| person.role == role).unwrap();
    let manager = right(Role::Manager);
    let answer = sign_in(manager.name, &manager.password).await;
    let token = answer.expect(200).unwrap().body["access_token"].clone();
    let caller = nobody.as_token(token.as_str().unwrap());
    caller.get("/v1/queue").await.unwrap().expect(200).unwrap();
    let told = test.told(kind::SESSION_SIGNED_IN).await;
    let body: Value = told[0].body().unwrap();
    assert_eq!(body["user"], "manager");
    assert_eq!(body["role"], "manager");
    assert_eq!(body["method"], "password");
    assert_eq!(body["address"], "127.0.0.1");

    for _ in 0..20 {
        sign_in("nobody-here", "guess").await;
        sign_in(manager.name, "guess").await;
    }
    let locked = sign_in(manager.name, &manager.password).await;
    assert_problem(&locked, 429, "too-many-tries");
    assert!(locked.headers.contains_key("retry-after"));
    test.told_until(kind::SESSION_LOCKED, 1).await;
    let refused = test.told(kind::SESSION_REFUSED).await;
    assert_eq!(refused.len(), 5, "one who guesses does not fill the log");
    for event in &refused {
        assert_eq!(event.body::<Value>().unwrap()["user"], "manager");
    }
    // Others sign in there all the while.
    let kitchen = right(Role::Kitchen);
    let answer = sign_in(kitchen.name, &kitchen.password).await;
    answer.expect(200).unwrap();
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
