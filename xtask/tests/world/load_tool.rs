//! `cargo load` on real servers: what it says that it did was done. Nothing here depends on speed.

use std::process::Output;

use serde_json::{Value, json};
use sunakku_common::claims::Role;
use sunakku_common::menu::Seed;
use tokio::process::Command;
use xtask::world::SiteOptions;

use crate::scene::Scene;

/// One item, counted: each order moves one SKU.
fn cake() -> Seed {
    let seed = json!({
        "menu": {
            "version": 1, "currency": "EUR",
            "categories": [{"id": "food", "name": {"en": "Food"}}],
            "items": [{
                "id": "cake", "name": {"en": "Cake"}, "category": "food", "price": 350,
                "station": "bar", "preparation_seconds": 60,
            }],
        },
        "stock": {"cake": 1_000_000},
    });
    serde_json::from_value(seed).unwrap()
}

/// Runs `cargo load` with these words; what it said, and the JSON that it wrote.
async fn load(words: &[&str]) -> (Output, Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("load.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("load").args(words).arg("--json").arg(&file);
    let output = command.kill_on_drop(true).output().await.unwrap();
    let json = std::fs::read(&file).unwrap_or_default();
    (output, serde_json::from_slice(&json).unwrap_or_default())
}

fn row<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut rows = report["rows"].as_array().into_iter().flatten();
    rows.find(|row| row["name"] == name)
        .unwrap_or_else(|| panic!("no row {name} in {report}"))
}

/// Orders that were ever placed at the site.
async fn placed(scene: &Scene) -> u64 {
    let orders = scene.manager(0).all::<Value>("/v1/orders").await.unwrap();
    orders.len() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn load_counts_what_an_edge_and_a_hub_did() {
    let scene = Scene::start_with(vec![SiteOptions::new("s1", cake())]).await;
    let (url, token) = (scene.site(0).url(), scene.manager(0).token.clone());
    let edge = ["edge", &url, "--token", &token, "--warm-up", "0"];

    // Arrivals at a rate are all served, however slow the edge is, and told to each screen.
    let (output, report) = load(
        &[
            &edge[..],
            &["--for", "2", "--arrivals", "even", "--orders", "4@20"],
            &["--watchers", "3", "--cooks", "2"],
        ]
        .concat(),
    )
    .await;
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("orders") && said.contains("p99.9"), "{said}");
    let orders = row(&report, "orders");
    assert_eq!(
        (&orders["done"], &orders["wanted_per_second"]),
        (&json!(40), &json!(20.0))
    );
    assert_eq!(placed(&scene).await, 40);
    let frames = row(&report, "answer to frame");
    assert_eq!(
        (&frames["done"], &frames["dropped"]),
        (&json!(3 * 40), &json!(0))
    );
    let bumped = row(&report, "cooks")["done"].as_u64().unwrap();
    let tickets = scene
        .manager(0)
        .all::<Value>("/v1/tickets?state=done")
        .await;
    assert_eq!(bumped, tickets.unwrap().len() as u64);

    // In a closed loop as many come as the edge takes: all of them are there.
    let (output, report) =
        load(&[&edge[..], &["--for", "1", "--guests", "2", "--menus", "2"]].concat()).await;
    assert!(output.status.success(), "{output:?}");
    let guests = row(&report, "guests")["done"].as_u64().unwrap();
    assert!(0 < guests && row(&report, "menus")["done"] != 0, "{report}");
    assert_eq!(placed(&scene).await, 40 + guests);

    // The hub's readers, who sign in by themselves.
    let admin = xtask::world::people().unwrap();
    let admin = admin
        .iter()
        .find(|person| person.role == Role::Admin)
        .unwrap();
    let hub = scene.world.hub.url();
    let sign_in = [
        "hub",
        &hub,
        "--user",
        admin.name,
        "--password",
        &admin.password,
    ];
    let (output, report) = load(
        &[
            &sign_in[..],
            &["--for", "1", "--warm-up", "0", "--readers", "2@10"],
        ]
        .concat(),
    )
    .await;
    assert!(output.status.success(), "{output:?} {report}");
    let reads = row(&report, "reads");
    assert!(
        reads["done"] != 0 && reads["refused"] == json!({}),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn load_says_what_was_refused_and_fails() {
    let scene = Scene::start_with(vec![SiteOptions::new("s1", cake())]).await;
    let (url, kitchen) = (
        scene.site(0).url(),
        scene.tokens.sites[0].kitchen.token.clone(),
    );
    // Cooks may not order.
    let words = [
        "edge",
        &url,
        "--token",
        &kitchen,
        "--warm-up",
        "0",
        "--for",
        "1",
    ];
    let (output, report) =
        load(&[&words[..], &["--orders", "2@10", "--menus", "1"]].concat()).await;
    assert!(!output.status.success(), "{output:?}");
    let orders = row(&report, "orders");
    assert_eq!(orders["done"], 0, "{report}");
    assert!(
        orders["refused"]["403 forbidden"]
            .as_u64()
            .is_some_and(|count| 0 < count),
        "{report}"
    );
    assert_eq!(placed(&scene).await, 0);
    // Whoever has no token gets no menu to order by.
    let (output, _) = load(&["edge", &url, "--orders", "1", "--for", "1"]).await;
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("401"),
        "{output:?}"
    );
}
