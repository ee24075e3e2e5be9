//! The hub as a test plays it: its nats-server with the two buckets, and the commands it sends.

use async_nats::Client;
use async_nats::jetstream::kv::{Config, Store as Bucket};
use async_nats::jetstream::stream::Republish;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sunakku_common::down::{MenuDown, MenuVersion, NextMenu};
use sunakku_common::event::Event;
use sunakku_common::ids::{CommandId, SiteId};
use sunakku_common::menu::Menu;
use sunakku_common::site::Settings;
use sunakku_common::subjects;
use xtask::harness::{HubNats, LIMIT, NatsServer, Sandbox, wait_for};
use xtask::world::SiteOptions;

use crate::books::read_log;
use crate::site::{TestSite, seed};

/// See the module.
pub(crate) struct HeadOffice {
    pub(crate) nats: NatsServer,
    pub(crate) client: Client,
    menus: Bucket,
    sites: Bucket,
    // Last: the server ends with it.
    sandbox: Sandbox,
}

/// How long the tests' edges go without asking; a push is what they hear of.
pub(crate) const SELDOM: i64 = 3_600;

impl HeadOffice {
    /// A hub that pushes what it writes, or does not.
    pub(crate) async fn start(pushes: bool) -> Self {
        let sandbox = Sandbox::new().unwrap();
        let options = HubNats {
            name: "hub-nats".into(),
            folder: sandbox.root().join("hub"),
        };
        let nats = NatsServer::start_hub(&sandbox, options).await.unwrap();
        let client = nats
            .connect(async_nats::ConnectOptions::new())
            .await
            .unwrap();
        let bucket = async |bucket: subjects::Bucket| {
            let (source, destination) = bucket.republish();
            let republish = Republish {
                source,
                destination,
                headers_only: false,
            };
            let config = Config {
                bucket: bucket.name().to_owned(),
                history: 1,
                republish: pushes.then_some(republish),
                ..Config::default()
            };
            let jetstream = async_nats::jetstream::new(client.clone());
            jetstream.create_key_value(config).await.unwrap()
        };
        let menus = bucket(subjects::Bucket::Menu).await;
        let sites = bucket(subjects::Bucket::Site).await;
        Self {
            nats,
            client,
            menus,
            sites,
            sandbox,
        }
    }

    /// A site with the tests' seed and a line to this hub, which it asks every so many seconds.
    pub(crate) async fn site(&self, reread_seconds: i64) -> TestSite {
        self.site_with(reread_seconds, toml::Table::new()).await
    }

    /// The same with more settings.
    pub(crate) async fn site_with(&self, reread_seconds: i64, more: toml::Table) -> TestSite {
        let menu = toml::Table::from_iter([("reread_seconds".to_owned(), reread_seconds.into())]);
        let mut settings = toml::Table::from_iter([("menu".to_owned(), menu.into())]);
        settings.extend(more);
        let folder = self
            .sandbox
            .folder(format!("box-{}", uuid::Uuid::now_v7()))
            .unwrap();
        self.nats.let_in("s1", &folder).unwrap();
        let options = SiteOptions {
            enrolled: Some(folder),
            ..SiteOptions::new("s1", seed())
        };
        let test = TestSite::start_with(options.with(settings)).await;
        self.nats.wait_linked(1).await.unwrap();
        test.site.nats.wait_linked(1).await.unwrap();
        self.wait_heard().await;
        test
    }

    /// Waits until what is told to the site is heard by its edge: what comes before is lost.
    async fn wait_heard(&self) {
        let site = "s1".parse().unwrap();
        let subjects = [
            subjects::menu(&site),
            subjects::settings(&site),
            subjects::command(&site),
        ];
        wait_for("the edge to listen", LIMIT, async || {
            let links = self.nats.monitored("leafz?subs=1").await;
            let links = links.map_err(|error| format!("{error:#}"))?;
            let heard = &links["leafs"][0]["subscriptions_list"];
            let hears = |subject: &String| {
                let list = heard.as_array();
                list.is_some_and(|list| list.iter().any(|one| one == subject.as_str()))
            };
            subjects
                .iter()
                .all(hears)
                .then_some(())
                .ok_or_else(|| heard.to_string())
        })
        .await
        .unwrap();
    }

    /// Writes what the site is to sell by, now and later.
    pub(crate) async fn write(&self, down: &MenuDown) {
        let text = serde_json::to_vec(down).unwrap();
        self.menus.put("s1", text.into()).await.unwrap();
    }

    /// Writes a menu that is in force.
    pub(crate) async fn publish(&self, menu: &Menu) {
        self.write(&down(Some(menu), None)).await;
    }

    /// Writes the site's settings.
    pub(crate) async fn configure(&self, settings: &Settings) {
        let text = serde_json::to_vec(settings).unwrap();
        self.sites.put("s1", text.into()).await.unwrap();
    }

    /// Sends commands: id, kind, values, and for how many seconds they are good.
    pub(crate) async fn send(&self, commands: &[(CommandId, &str, Value, i64)]) {
        let commands = commands.iter().map(|(id, kind, args, seconds)| {
            let expires_at = Utc::now() + TimeDelta::seconds(*seconds);
            json!({"id": id, "author": "ann", "kind": kind, "args": args, "expires_at": expires_at})
        });
        let message = json!({"site": "s1", "commands": commands.collect::<Vec<_>>()});
        let subject = subjects::command(&"s1".parse().unwrap());
        let payload = message.to_string();
        self.client.publish(subject, payload.into()).await.unwrap();
        self.client.flush().await.unwrap();
    }
}

/// What the hub keeps for site s1.
pub(crate) fn down(current: Option<&Menu>, next: Option<(DateTime<Utc>, &Menu)>) -> MenuDown {
    let version = |menu: &Menu| MenuVersion::of(menu).unwrap();
    MenuDown {
        site: "s1".parse().unwrap(),
        code: "main".to_owned(),
        current: current.map(version),
        next: next.map(|(at, menu)| NextMenu {
            at,
            menu: version(menu),
        }),
    }
}

/// A version of the seed's menu in which the cake costs `price`.
pub(crate) fn menu(version: u64, price: i64) -> Menu {
    let mut menu = seed().menu;
    (menu.id, menu.version) = ("main".to_owned(), version);
    let cake = menu
        .items
        .iter_mut()
        .find(|item| item.id == "cake")
        .unwrap();
    cake.price = price;
    menu
}

/// Settings as the hub has them.
pub(crate) fn settings(revision: u64, more: Value) -> Settings {
    let mut settings = json!({
        "site": "s1", "revision": revision, "name": "Harbour", "time_zone": "Europe/Berlin",
        "currency": "EUR",
    });
    let more = more.as_object().unwrap().clone();
    settings.as_object_mut().unwrap().extend(more);
    serde_json::from_value(settings).unwrap()
}

impl TestSite {
    /// `/v1/site`.
    pub(crate) async fn shown(&self) -> Value {
        let site = self.manager.get("/v1/site").await.unwrap();
        site.expect(200).unwrap().body
    }

    /// Waits until `/v1/site` is as wanted.
    pub(crate) async fn site_until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, LIMIT, async || {
            let site = self.manager.get("/v1/site").await;
            let site = site.map_err(|error| error.to_string())?.body;
            wanted(&site)
                .then(|| site.clone())
                .ok_or_else(|| site.to_string())
        })
        .await
        .unwrap()
    }

    /// Waits until the site sells by this version.
    pub(crate) async fn sells_by(&self, version: u64) -> Value {
        let what = format!("version {version}");
        self.site_until(&what, |site| site["menu"]["version"] == version)
            .await
    }

    /// The events of a kind in the log.
    pub(crate) async fn told(&self, kind: &str) -> Vec<Event> {
        let mut events = read_log(self).await;
        events.retain(|event| event.kind == kind);
        events
    }

    /// Waits until the log has so many events of a kind.
    pub(crate) async fn told_until(&self, kind: &str, count: usize) -> Vec<Event> {
        wait_for(kind, LIMIT, async || {
            let events = self.told(kind).await;
            let found = events.len();
            (count <= found)
                .then_some(events)
                .ok_or_else(|| format!("{found} of {count}"))
        })
        .await
        .unwrap()
    }
}

/// The site of the tests.
pub(crate) fn site_id() -> SiteId {
    "s1".parse().unwrap()
}
