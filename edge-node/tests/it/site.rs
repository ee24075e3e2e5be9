//! A site for a test: real Redis, real nats-server, the real program.

use std::path::PathBuf;

use serde_json::{Value, json};
use sunakku_common::claims::Role;
use sunakku_common::menu::Seed;
use xtask::harness::{Binaries, LIMIT, Sandbox, wait_for};
use xtask::world::{Client, Site, SiteOptions};

/// A running site with its callers.
pub(crate) struct TestSite {
    pub(crate) kiosk: Client,
    pub(crate) kitchen: Client,
    pub(crate) manager: Client,
    pub(crate) site: Site,
    // Last: the servers end with it.
    pub(crate) sandbox: Sandbox,
}

/// The menu of the tests: burgers and meatballs share patties, the cake is counted by itself.
pub(crate) fn seed() -> Seed {
    let item = |id: &str, price: i64, station: &str, consumes: Value, modifiers: Value| {
        json!({
            "id": id, "name": {"en": id, "ja": format!("{id}ですよ")}, "category": "food",
            "price": price, "station": station, "consumes": consumes, "modifiers": modifiers,
            "preparation_seconds": 60,
        })
    };
    let extra = json!([{
        "id": "extra", "name": {"en": "Extra"}, "max": 2, "options": [
            {"id": "double", "name": {"en": "Double"}, "price": 250, "consumes": {"patty": 1}},
            {"id": "onion", "name": {"en": "Onion"}, "price": 0},
        ],
    }]);
    let seed = json!({
        "menu": {
            "version": 1, "currency": "EUR",
            "categories": [{"id": "food", "name": {"en": "Food", "ja": "食べ物"}}],
            "items": [
                item("burger", 900, "grill", json!({"patty": 1}), extra),
                item("meatball", 400, "grill", json!({"patty": 2}), json!([])),
                item("cake", 350, "bar", json!({}), json!([])),
                item("cola", 250, "bar", json!({}), json!([])),
            ],
        },
        "stock": {"patty": 100, "cake": 50},
    });
    serde_json::from_value(seed).unwrap()
}

/// The program under test; the hub plays no part here.
pub(crate) fn binaries() -> Binaries {
    Binaries {
        edge: PathBuf::from(env!("CARGO_BIN_EXE_sunakku-edge")),
        hub: PathBuf::new(),
    }
}

impl TestSite {
    /// A site with the tests' menu.
    pub(crate) async fn start() -> Self {
        Self::start_with(SiteOptions::new("s1", seed())).await
    }

    pub(crate) async fn start_with(options: SiteOptions) -> Self {
        sunakku_common::install_crypto();
        let sandbox = Sandbox::new().unwrap();
        let site = Site::start(&sandbox, &binaries(), options).await.unwrap();
        let kiosk = site.client(Role::Kiosk).await.unwrap();
        let kitchen = site.client(Role::Kitchen).await.unwrap();
        let manager = site.client(Role::Manager).await.unwrap();
        Self {
            kiosk,
            kitchen,
            manager,
            site,
            sandbox,
        }
    }

    /// Sets what is at hand of a SKU.
    pub(crate) async fn set_stock(&self, sku: &str, on_hand: u32) {
        let path = format!("/v1/stock/{sku}");
        let set = self
            .manager
            .put(&path, &json!({ "on_hand": on_hand }))
            .await
            .unwrap();
        set.expect(200).unwrap();
    }

    /// What is at hand of a SKU.
    pub(crate) async fn stock(&self, sku: &str) -> Option<i64> {
        let rows: Vec<Value> = self.kiosk.all("/v1/stock").await.unwrap();
        let row = rows.into_iter().find(|row| row["sku"] == sku).unwrap();
        row["on_hand"].as_i64()
    }

    /// Takes an order that must be accepted.
    pub(crate) async fn placed(&self, order: &Value) -> Value {
        self.kiosk
            .order(&new_key(), order)
            .await
            .unwrap()
            .expect(201)
            .unwrap()
            .body
    }

    /// An order as it stands.
    pub(crate) async fn order(&self, id: &str) -> Value {
        self.manager
            .get(&format!("/v1/orders/{id}"))
            .await
            .unwrap()
            .expect(200)
            .unwrap()
            .body
    }

    /// All orders that the site keeps.
    pub(crate) async fn all_orders(&self) -> Vec<Value> {
        self.manager.all("/v1/orders?state=all").await.unwrap()
    }

    /// Waits until the order has its tickets, and answers them.
    pub(crate) async fn tickets_of(&self, id: &str) -> Vec<Value> {
        wait_for("the order's tickets", LIMIT, async || {
            let tickets: Vec<Value> = self
                .kitchen
                .all("/v1/tickets")
                .await
                .map_err(|error| error.to_string())?;
            let mine: Vec<Value> = tickets.into_iter().filter(|t| t["order"] == id).collect();
            if mine.is_empty() {
                Err("none yet".to_owned())
            } else {
                Ok(mine)
            }
        })
        .await
        .unwrap()
    }

    /// Does one step of a ticket that must be allowed.
    pub(crate) async fn ticket_step(&self, ticket: &Value, step: &str) -> Value {
        let path = format!("/v1/tickets/{}/{step}", ticket["id"].as_str().unwrap());
        self.kitchen
            .act(&path)
            .await
            .unwrap()
            .expect(200)
            .unwrap()
            .body
    }

    /// Waits until a metric without labels has this value.
    pub(crate) async fn wait_for_metric(&self, name: &str, value: f64) {
        wait_for(name, LIMIT, async || {
            let request = self.manager.request(reqwest::Method::GET, "/metrics");
            let answer = request.send().await.map_err(|error| error.to_string())?;
            let text = answer.text().await.map_err(|error| error.to_string())?;
            let shown = text.lines().find_map(|line| line.strip_prefix(name));
            let shown = shown.ok_or("it is not there")?;
            if shown.trim().parse() == Ok(value) {
                Ok(())
            } else {
                Err(shown.to_owned())
            }
        })
        .await
        .unwrap();
    }

    /// The last sequence of the site log.
    pub(crate) async fn head(&self) -> u64 {
        let sync = self
            .manager
            .get("/v1/sync")
            .await
            .unwrap()
            .expect(200)
            .unwrap();
        sync.body["head"].as_u64().unwrap()
    }
}

/// A key that nobody has used.
pub(crate) fn new_key() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// An order of one line.
pub(crate) fn order_of(item: &str, quantity: i64) -> Value {
    order(&[json!({ "item": item, "quantity": quantity })])
}

/// An order of these lines.
pub(crate) fn order(lines: &[Value]) -> Value {
    json!({ "channel": "kiosk", "lines": lines })
}
