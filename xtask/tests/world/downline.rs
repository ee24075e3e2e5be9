//! Menus, settings and commands on their way from the hub's database to the sites.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::join_all;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use xtask::harness::{LIMIT, Server as _, copy_folder, wait_for};

use crate::scene::Scene;

/// Versions that are published to measure how long they take.
const VERSIONS: i64 = 20;

impl Scene {
    /// Measures how long a site takes to answer with a version, and to tell a screen of it.
    async fn arrives(&self, n: usize, version: i64, since: Instant) -> (Duration, Duration) {
        let kitchen = &self.tokens.sites[n].kitchen;
        let url = format!("{}/v1/live?topics=menu", self.site(n).url());
        let mut request = url.replace("http", "ws").into_client_request().unwrap();
        let token = format!("Bearer {}", kitchen.token).parse().unwrap();
        request.headers_mut().insert("authorization", token);
        let address = request.uri().authority().unwrap().to_string();
        let tcp = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut screen, _) = tokio_tungstenite::client_async(request, tcp).await.unwrap();
        let frame = async {
            loop {
                let next = tokio::time::timeout(LIMIT, screen.next()).await.unwrap();
                let Message::Text(text) = next.unwrap().unwrap() else {
                    continue;
                };
                let frame: Value = serde_json::from_str(&text).unwrap();
                let of = match frame["type"].as_str() {
                    Some("menu") => &frame["data"]["version"],
                    Some("snapshot") => &frame["data"]["menu"]["version"],
                    _ => continue,
                };
                if *of == version {
                    return since.elapsed();
                }
            }
        };
        let answer = async {
            loop {
                let menu = self.kiosk(n).get("/v1/menu").await.unwrap();
                if menu.body["version"] == version {
                    return since.elapsed();
                }
                assert!(since.elapsed() < LIMIT, "{}", menu.body["version"]);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::join!(answer, frame)
    }
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    format!(
        "p50 {:.1} ms, p99 {:.1} ms of {}",
        at(50),
        at(99),
        times.len()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_menu_reaches_every_site_and_its_screens() {
    let scene = Scene::start(3).await;
    scene.publish(400).await;
    for n in 0..3 {
        scene.sells_by(n, 1).await;
    }
    let (mut answers, mut frames) = (Vec::new(), Vec::new());
    for version in 2..=VERSIONS {
        scene.draft(400 + version).await;
        let since = Instant::now();
        let sites = (0..3).map(|n| scene.arrives(n, version, since));
        let now = json!({});
        let (arrived, published) = tokio::join!(join_all(sites), scene.publish_draft(&now));
        assert_eq!(published, version);
        for (answer, frame) in arrived {
            answers.push(answer);
            frames.push(frame);
        }
    }
    eprintln!("publish to GET /v1/menu: {}", percentiles(answers));
    eprintln!("publish to a screen's frame: {}", percentiles(frames));
    scene.settled().await;
    let rows: Vec<(String, Option<i64>)> =
        sqlx::query_as("select site_id, version from site_menu order by site_id")
            .fetch_all(&scene.postgres)
            .await
            .unwrap();
    assert!(
        rows.iter().all(|(_, version)| *version == Some(VERSIONS)),
        "{rows:?}"
    );
    // One site alone has other opening hours, and knows them.
    let closed = json!({"opening_hours": {"week": {"mon": []}}});
    let set = scene
        .tokens
        .admin
        .put("/v1/sites/s2/settings", &closed)
        .await
        .unwrap();
    set.expect(200).unwrap();
    wait_for("s2 to be closed", LIMIT, async || {
        let site = scene.manager(1).get("/v1/site").await;
        let site = site.map_err(|error| error.to_string())?.body;
        (site["state"] == "closed")
            .then_some(())
            .ok_or_else(|| site.to_string())
    })
    .await
    .unwrap();
    let other = scene.manager(0).get("/v1/site").await.unwrap();
    assert_eq!(
        (&other.body["state"], &other.body["name"]),
        (&"open".into(), &"Cafeteria s1".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_was_cut_off_gets_the_newest_menu_and_each_command_once() {
    let scene = Scene::start(2).await;
    scene.publish(400).await;
    scene.sells_by(0, 1).await;
    scene.settled().await;
    let activated = scene.told(0, "menu.activated").await;
    scene.world.hub.line.cut();
    scene.away(0).await;
    for price in 402..=415 {
        scene.publish(price).await;
    }
    let cakes = json!({"sku": "cake", "delta": 7, "reason": "delivery"});
    let first = scene.give(0, "stock.adjust", cakes).await;
    let second = scene
        .give(0, "stock.set", json!({"sku": "patty", "on_hand": 11}))
        .await;
    let third = scene
        .give(
            0,
            "stock.adjust",
            json!({"sku": "patty", "delta": 2, "reason": "found"}),
        )
        .await;
    let refused = scene
        .give(
            0,
            "stock.adjust",
            json!({"sku": "tea", "delta": 2, "reason": "found"}),
        )
        .await;
    // Sent often, and by a hub that was started again; nothing of it is in JetStream.
    scene.world.hub.restart().await.unwrap();
    assert_eq!(
        scene.command_until(&first, "pending").await["delivered_at"],
        Value::Null
    );
    // The edge starts without a hub, and sells by what it has.
    scene.site(0).restart().await.unwrap();
    scene.sells_by(0, 1).await;
    scene.world.hub.line.heal();

    scene.sells_by(0, 15).await;
    for id in [&first, &second, &third] {
        scene.command_until(id, "applied").await;
    }
    assert_eq!(
        scene.command_until(&refused, "refused").await["reason"],
        "not-counted"
    );
    scene.settled().await;
    let stock: Vec<Value> = scene.kiosk(0).all("/v1/stock").await.unwrap();
    let on_hand =
        |sku: &str| stock.iter().find(|row| row["sku"] == sku).unwrap()["on_hand"].clone();
    assert_eq!(
        (on_hand("cake"), on_hand("patty")),
        (json!(207), json!(13)),
        "in their order, once"
    );
    assert_eq!(
        scene.told(0, "menu.activated").await,
        activated + 1,
        "the last one alone"
    );
    assert_eq!(scene.told(0, "command.applied").await, 3);
    scene.assert_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_that_were_wiped_are_made_again_and_lose_nothing() {
    let scene = Scene::start(1).await;
    scene.publish(400).await;
    scene.sells_by(0, 1).await;
    let hub = &scene.world.hub;
    hub.nats.kill().unwrap();
    hub.nats.wipe().unwrap();
    // A publish is done when the database has it.
    scene.publish(402).await;
    let reload = scene.give(0, "menu.reload", json!({})).await;
    hub.nats.restart().await.unwrap();
    scene.sells_by(0, 2).await;
    scene.command_until(&reload, "applied").await;
    // Gone under a running server as well.
    let client = hub
        .nats
        .connect(async_nats::ConnectOptions::new())
        .await
        .unwrap();
    let jetstream = async_nats::jetstream::new(client);
    jetstream.delete_stream("KV_menu").await.unwrap();
    scene.publish(403).await;
    scene.sells_by(0, 3).await;
}

/// As after a power cut, which takes what nats-server had not synced.
#[tokio::test(flavor = "multi_thread")]
async fn buckets_that_were_set_back_are_written_anew() {
    let scene = Scene::start(1).await;
    scene.publish(400).await;
    scene.sells_by(0, 1).await;
    let nats = &scene.world.hub.nats;
    nats.kill().unwrap();
    let older = scene.world.sandbox.folder("older").unwrap().join("store");
    copy_folder(nats.data(), &older).unwrap();
    nats.restart().await.unwrap();
    scene.publish(402).await;
    scene.sells_by(0, 2).await;
    nats.kill().unwrap();
    std::fs::remove_dir_all(nats.data()).unwrap();
    copy_folder(&older, nats.data()).unwrap();
    nats.restart().await.unwrap();
    // Nothing tells the hub of it: it looks.
    let client = nats.connect(async_nats::ConnectOptions::new()).await;
    let jetstream = async_nats::jetstream::new(client.unwrap());
    wait_for("the bucket to hold version 2", 2 * LIMIT, async || {
        let menus = jetstream.get_key_value("menu").await;
        let menus = menus.map_err(|error| error.to_string())?;
        let held = menus.get("s1").await.map_err(|error| error.to_string())?;
        let held: Value = serde_json::from_slice(&held.unwrap_or_default()).unwrap_or_default();
        (held["current"]["version"] == 2)
            .then_some(())
            .ok_or_else(|| held["current"]["version"].to_string())
    })
    .await
    .unwrap();
    scene.sells_by(0, 2).await;
    scene.publish(403).await;
    scene.sells_by(0, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_menu_is_reported_and_a_hub_of_yesterday_takes_none_back() {
    let scene = Scene::start(1).await;
    for price in 401..=403 {
        scene.publish(price).await;
    }
    scene.sells_by(0, 3).await;
    // As from last night's backup: the trigger that keeps versions is put aside for it.
    for sql in [
        "alter table menu_version disable trigger menu_version_immutable",
        "delete from menu_version where version = 3",
        "alter table menu_version enable trigger menu_version_immutable",
    ] {
        sqlx::query(sql).execute(&scene.postgres).await.unwrap();
    }
    let reload = scene.give(0, "menu.reload", json!({})).await;
    scene.command_until(&reload, "applied").await;
    let refused = wait_for("the refusal at the hub", 2 * LIMIT, async || {
        let row: Option<(Option<i64>, Option<String>)> =
            sqlx::query_as("select refused_version, refused_reason from site_menu")
                .fetch_optional(&scene.postgres)
                .await
                .map_err(|error| error.to_string())?;
        match row {
            Some((Some(version), Some(reason))) => Ok((version, reason)),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
    assert_eq!(refused.0, 2);
    assert!(refused.1.contains("older"), "{refused:?}");
    scene.sells_by(0, 3).await;
    let back = scene.give(0, "menu.reload", json!({"go_back": true})).await;
    scene.command_until(&back, "applied").await;
    scene.sells_by(0, 2).await;
}
