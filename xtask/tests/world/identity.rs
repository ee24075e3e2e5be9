//! Boxes that become a site, cease to be one, take each other's place, or have one identity.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtask::harness::{LIMIT, wait_for};
use xtask::world::{Client, HubOptions, Site, SiteOptions};

use crate::copies::Copy;
use crate::scene::{Scene, programs, seed};

/// Long enough to be sure that something does *not* happen: a box tries to come in each second.
const SILENCE: Duration = Duration::from_secs(3);

impl Scene {
    /// A site as the hub shows it.
    async fn shown(&self, n: usize) -> Value {
        let sites: Vec<Value> = self.tokens.admin.all("/v1/sites").await.unwrap();
        let id = &self.site(n).id;
        sites.into_iter().find(|site| site["id"] == **id).unwrap()
    }

    /// The folder of a box, and what it was started with.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.world.sandbox.folder(format!("{name}/edge")).unwrap()
    }

    async fn post(&self, path: &str) -> Value {
        let done = self.tokens.admin.post(path, None, &Value::Null).await;
        done.unwrap().expect(200).unwrap().body
    }

    /// Another box for a site, from what is in its folder.
    async fn another_box(&self, name: &str, site: &str) -> Site {
        let options = SiteOptions {
            name: name.to_owned(),
            enrolled: Some(self.folder(name)),
            ..SiteOptions::new(site, seed())
        };
        let started = Site::start(&self.world.sandbox, &programs().await, options).await;
        started.unwrap()
    }
}

/// Waits until a box says so about its line to the hub.
async fn line(manager: &Client, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    wait_for(what, 2 * LIMIT, async || {
        let sync = manager.get("/v1/sync").await;
        let sync = sync.map_err(|error| error.to_string())?.body;
        wanted(&sync)
            .then(|| sync.clone())
            .ok_or_else(|| sync.to_string())
    })
    .await
    .unwrap()
}

fn creds(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("site.creds")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_box_is_cut_off_at_once_sells_on_and_comes_back_only_when_enrolled_anew() {
    let scene = Scene::start(2).await;
    scene.placed(0, "cola", 1).await;
    scene.settled().await;
    let hub = &scene.world.hub;
    let begin = Instant::now();
    let done = scene.post("/v1/sites/s1/revoke").await;
    assert_eq!(done["revoked"], true);
    hub.nats.wait_linked(1).await.unwrap();
    eprintln!("revoke to a link that is cut: {:?}", begin.elapsed());
    tokio::time::sleep(SILENCE).await;
    hub.nats.wait_linked(1).await.unwrap();
    scene.placed(0, "cola", 1).await;
    scene.placed(1, "cola", 1).await;
    scene.away(0).await;
    assert_eq!(scene.shown(0).await["box"]["ended_why"], "revoked");

    let folder = scene.folder("s1");
    let before = creds(&folder);
    hub.enrol(&programs().await, "s1", false, &folder)
        .await
        .unwrap();
    assert_ne!(creds(&folder), before);
    // The edge tells who it is from its start on.
    scene.site(0).restart().await.unwrap();
    scene.settled().await;
    scene.assert_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_used_makes_no_second_box() {
    let scene = Scene::start(1).await;
    let (hub, programs) = (&scene.world.hub, programs().await);
    let token = hub.token("s1", true).await.unwrap();
    let (first, second) = (scene.folder("first"), scene.folder("second"));
    let output = hub.enrol_with(&programs, &token, &first).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let output = hub.enrol_with(&programs, &token, &second).await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && error.contains("used before"),
        "{error}"
    );
    assert!(!second.join("site.creds").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_box_is_replaced_by_one_that_begins_with_the_last_known_stock() {
    let scene = Scene::start(1).await;
    scene.placed(0, "cake", 3).await;
    let suspend = "/v1/stock/patty/suspend";
    let off = scene.manager(0).post(suspend, None, &json!({})).await;
    off.unwrap().expect(200).unwrap();
    scene.settled().await;
    let (before, old_epoch) = (scene.shown(0).await, scene.epoch(0).await);

    let hub = &scene.world.hub;
    let folder = scene.folder("s1-new");
    hub.enrol(&programs().await, "s1", true, &folder)
        .await
        .unwrap();
    hub.nats.wait_linked(0).await.unwrap();
    let new = scene.another_box("s1-new", "s1").await;
    let manager = new
        .client(sunakku_common::claims::Role::Manager)
        .await
        .unwrap();
    let sync = line(&manager, "the new box to be heard", |sync| {
        sync["hub"] == "connected" && sync["lag_events"] == 0
    })
    .await;
    assert_ne!(sync["epoch"], json!(old_epoch));

    let stock: Vec<Value> = manager.all("/v1/stock").await.unwrap();
    let row = |sku: &str| stock.iter().find(|row| row["sku"] == sku).unwrap().clone();
    let (cake, patty) = (row("cake"), row("patty"));
    assert_eq!(
        (&cake["on_hand"], &cake["to_count"]),
        (&json!(197), &json!(true))
    );
    assert_eq!(
        (&patty["on_hand"], &patty["suspended"]),
        (&json!(400), &json!(true))
    );
    assert_eq!(row("tea")["to_count"], Value::Null);
    let counted = manager
        .put("/v1/stock/cake", &json!({"on_hand": 190}))
        .await;
    assert_eq!(
        counted.unwrap().expect(200).unwrap().body["to_count"],
        Value::Null
    );
    // Not taken over once more.
    new.restart().await.unwrap();
    let cake = manager.get("/v1/stock/cake").await.unwrap().body;
    assert_eq!(
        (&cake["on_hand"], &cake["to_count"]),
        (&json!(190), &Value::Null)
    );

    let shown = scene.shown(0).await;
    assert_ne!(shown["box"]["nkey"], before["box"]["nkey"]);
    // The old one sells on by itself, and is heard no more.
    scene.placed(0, "cola", 1).await;
    scene.away(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_boxes_with_one_identity_the_second_is_refused_and_an_alarm_rings() {
    let scene = Scene::start(1).await;
    scene.placed(0, "cola", 1).await;
    scene.settled().await;
    assert_eq!(scene.shown(0).await["identity_conflict"], Value::Null);
    let epoch = scene.epoch(0).await;
    // A disk that was copied: the store, the credentials, all of it.
    let copy = Copy::take(&scene, &scene.site(0).redis).await;
    copy.put_to(&scene.world.sandbox.folder("s1-copy").unwrap().join("redis"));
    for file in ["edge.toml", "enrolled.conf", "site.creds"] {
        let (from, to) = (
            scene.folder("s1").join(file),
            scene.folder("s1-copy").join(file),
        );
        std::fs::copy(from, to).unwrap();
    }
    scene.settled().await;
    let second = scene.another_box("s1-copy", "s1").await;
    let manager = second
        .client(sunakku_common::claims::Role::Manager)
        .await
        .unwrap();
    let refused = |sync: &Value| {
        let problem = sync["problem"].as_str().unwrap_or_default();
        problem.starts_with("identity-conflict")
    };
    line(&manager, "the second box to be refused", refused).await;
    wait_for("the alarm", LIMIT, async || {
        let shown = scene.shown(0).await;
        let rings = shown["identity_conflict"].is_object();
        rings.then_some(()).ok_or_else(|| shown.to_string())
    })
    .await
    .unwrap();
    // Started again it is the same box.
    second.restart().await.unwrap();
    line(&manager, "the second box to be refused again", refused).await;
    // The first one goes on in its epoch.
    scene.placed(0, "cake", 1).await;
    scene.settled().await;
    assert_eq!(scene.epoch(0).await, epoch);
    scene.site(0).restart().await.unwrap();
    scene.placed(0, "cake", 1).await;
    scene.settled().await;
    assert_eq!(scene.epoch(0).await, epoch);
    scene.assert_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_renewed_before_they_end_and_the_site_stays_heard() {
    let seconds = 30;
    let settings = toml::toml! {
        [nats]
        credential_seconds = 30
    };
    let hub = HubOptions {
        settings,
        ..HubOptions::default()
    };
    let scene = Scene::start_on(hub, vec![SiteOptions::new("s1", seed())]).await;
    let end = |folder: &Path| {
        let (jwt, _) = sunakku_common::nats::read_creds(&creds(folder)).unwrap();
        sunakku_common::nats::read_claims(&jwt)
            .unwrap()
            .exp
            .unwrap()
    };
    let folder = scene.folder("s1");
    let first = end(&folder);
    let limit = Duration::from_secs(2 * seconds);
    wait_for("other credentials", limit, async || {
        (first < end(&folder))
            .then_some(())
            .ok_or_else(|| "the first ones".to_owned())
    })
    .await
    .unwrap();
    wait_for("the end of the first", limit, async || {
        let now = sunakku_common::nats::now();
        (first < now)
            .then_some(())
            .ok_or_else(|| format!("{} s to go", first - now))
    })
    .await
    .unwrap();
    scene.placed(0, "cola", 1).await;
    scene.settled().await;
}
