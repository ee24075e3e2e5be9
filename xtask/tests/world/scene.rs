//! A hub and sites for one test, with everybody signed in.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use sunakku_common::menu::Seed;
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;
use xtask::demo::tokens::Tokens;
use xtask::drill::quiet;
use xtask::harness::{Binaries, LIMIT, Profile, Sandbox, binaries, wait_for};
use xtask::world::{Client, HubOptions, Site, SiteOptions, World};

/// Worlds at one time: each is nine processes with two sites, and tests have their patience.
static PLACES: Semaphore = Semaphore::const_new(3);

/// How long the hub may take to get everything after a fault: reconnecting, backing off and
/// catching up on a busy machine.
const CATCH_UP: Duration = Duration::from_secs(90);

/// A running world with its callers.
pub(crate) struct Scene {
    pub(crate) tokens: Tokens,
    pub(crate) seed: Seed,
    pub(crate) postgres: PgPool,
    pub(crate) world: World,
    _place: SemaphorePermit<'static>,
}

/// The menu of the tests: burgers and meatballs share patties, the cake is counted by itself, and
/// both run out under load.
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
                item("tea", 220, "bar", json!({}), json!([])),
                item("fries", 380, "grill", json!({}), json!([])),
            ],
        },
        "stock": {"patty": 400, "cake": 200},
    });
    serde_json::from_value(seed).unwrap()
}

/// The programs as they are in the tree, built for debugging.
pub(crate) async fn programs() -> Binaries {
    let build = tokio::task::spawn_blocking(|| binaries(Profile::Debug));
    build.await.unwrap().unwrap()
}

impl Scene {
    /// A hub with so many sites: s1, s2 …
    pub(crate) async fn start(sites: usize) -> Self {
        let seed = seed();
        let sites = (1..=sites).map(|n| SiteOptions::new(format!("s{n}"), seed.clone()));
        Self::start_with(sites.collect()).await
    }

    pub(crate) async fn start_with(sites: Vec<SiteOptions>) -> Self {
        Self::start_on(HubOptions::default(), sites).await
    }

    /// The same with a hub of these settings.
    pub(crate) async fn start_on(hub: HubOptions, sites: Vec<SiteOptions>) -> Self {
        sunakku_common::install_crypto();
        let programs = programs().await;
        let place = PLACES.acquire().await.unwrap();
        let hub = HubOptions {
            sites: sites
                .iter()
                .map(|site| (site.id.clone(), "Europe/Berlin".to_owned()))
                .collect(),
            currency: "EUR".to_owned(),
            ..hub
        };
        let seed = sites[0].seed.clone().expect("these sites have one");
        let sandbox = Sandbox::new().unwrap();
        let world = World::start(sandbox, &programs, hub, sites).await.unwrap();
        let tokens = Tokens::sign_in(&world).await.unwrap();
        let postgres = PgPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(5))
            .connect_lazy(&world.hub.postgres.url())
            .unwrap();
        Self {
            tokens,
            seed,
            postgres,
            world,
            _place: place,
        }
    }

    pub(crate) fn site(&self, n: usize) -> &Site {
        &self.world.sites[n]
    }

    pub(crate) fn kiosk(&self, n: usize) -> &Client {
        &self.tokens.sites[n].kiosk
    }

    pub(crate) fn manager(&self, n: usize) -> &Client {
        &self.tokens.sites[n].manager
    }

    /// An order of this line that must be accepted.
    pub(crate) async fn placed(&self, n: usize, item: &str, quantity: u32) -> Value {
        let order = json!({
            "channel": "kiosk", "lines": [{ "item": item, "quantity": quantity }],
        });
        let answer = self.kiosk(n).order(&new_key(), &order).await.unwrap();
        answer.expect(201).unwrap().body
    }

    /// What a site says about its line to the hub.
    pub(crate) async fn sync(&self, n: usize) -> Value {
        let answer = self.manager(n).get("/v1/sync").await.unwrap();
        answer.expect(200).unwrap().body
    }

    /// The present epoch of a site's store.
    pub(crate) async fn epoch(&self, n: usize) -> Uuid {
        self.sync(n).await["epoch"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// What the hub's ledger says about a site.
    pub(crate) async fn ledger(&self, n: usize) -> Value {
        let path = format!("/v1/ledger?site={}", self.site(n).id);
        let rows = self.tokens.admin.all::<Value>(&path).await.unwrap();
        assert_eq!(rows.len(), 1, "one current epoch: {rows:?}");
        rows.into_iter().next().unwrap()
    }

    /// Waits until the line is known to be away at a site.
    pub(crate) async fn away(&self, n: usize) -> Value {
        self.sync_until(n, "the hub to be away", |sync| sync["hub"] == "away")
            .await
    }

    /// Waits until what a site says about its line to the hub is as wanted.
    pub(crate) async fn sync_until(
        &self,
        n: usize,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let probe = async || {
            let answer = self.manager(n).get("/v1/sync").await;
            let answer = answer.map_err(|error| error.to_string())?;
            if answer.status == 200 && wanted(&answer.body) {
                Ok(answer.body)
            } else {
                Err(answer.body.to_string())
            }
        };
        wait_for(what, LIMIT, probe).await.unwrap()
    }

    /// Waits until nothing moves any more and the hub has everything of every site.
    pub(crate) async fn settled(&self) {
        quiet::settled(&self.world, &self.tokens, &self.postgres, CATCH_UP)
            .await
            .unwrap();
    }
}

/// A key that nobody has used.
pub(crate) fn new_key() -> String {
    Uuid::now_v7().to_string()
}
