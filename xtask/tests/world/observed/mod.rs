//! What an operator sees: a real Prometheus scrapes a hub and its sites. Every query of every
//! dashboard has data, and alerts fire in the faults that they are made for.
//!
//! Needs `prometheus` and `promtool` on `PATH`. Without them the test says so and is not run,
//! unless `SUNAKKU_PROMETHEUS=required`.

mod prometheus;
mod troubles;

use std::path::PathBuf;

use redis::cmd;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use xtask::demo::guests::{self, Told};
use xtask::demo::staff::{self, Pace};
use xtask::harness::{LIMIT, RedisServer, Server as _, wait_for, workspace_root};
use xtask::world::SiteOptions;

use crate::scene::{Scene, seed};
pub(crate) use prometheus::find;
use prometheus::{Prometheus, lint};

/// Orders a second: enough that every window has some.
const RATE: f64 = 4.0;
const PACE: Pace = Pace {
    cooking: std::time::Duration::from_millis(50),
    collecting: std::time::Duration::from_millis(50),
};

/// What the second site of the scene has from the start: a printer that is not there, a webhook
/// that nobody answers, a certificate and a backup that are missing, and little room for its log.
const TROUBLED: [&str; 6] = [
    "SunakkuPrinterDown",
    "SunakkuDeadLetters",
    "SunakkuCertificateExpiring",
    "SunakkuCertificateEnds",
    "SunakkuBackupStale",
    "SunakkuLogDaysLeft",
];

#[tokio::test(flavor = "multi_thread")]
async fn dashboards_have_data_and_alerts_fire_in_their_faults() {
    let Some((prometheus, promtool)) = tools() else {
        return;
    };
    let scene = Scene::start_with(sites()).await;
    publish_menu(&scene).await;
    let prometheus = Prometheus::start(&scene, prometheus).await;
    let stop = CancellationToken::new();
    let story = async {
        metrics_pass_the_linter(&scene, &promtool).await;
        dashboards_have_data(&prometheus).await;
        prometheus.fires(&["SunakkuWatchdog"]).await;
        prometheus.fires(&TROUBLED).await;
        faults(&scene, &prometheus).await;
        stop.cancel();
    };
    tokio::join!(story, lunch(&scene, &stop));
}

/// Guests and cooks at every site.
async fn lunch(scene: &Scene, stop: &CancellationToken) {
    let told = Told::default();
    let kiosks = scene.tokens.sites.iter();
    let kiosks: Vec<_> = kiosks.map(|site| site.kiosk.clone()).collect();
    let guests = guests::rush(&kiosks, &scene.seed.menu, RATE, &told, stop);
    let cooks = scene.tokens.sites.iter();
    let cooks = cooks.map(|site| staff::cook(&site.kitchen, PACE, stop));
    tokio::join!(guests, futures::future::join_all(cooks));
}

/// Prometheus and its tool, unless this machine has none and nobody wants them.
fn tools() -> Option<(PathBuf, PathBuf)> {
    let found = find("prometheus").zip(find("promtool"));
    if found.is_none() {
        let required = std::env::var_os("SUNAKKU_PROMETHEUS").is_some();
        assert!(!required, "prometheus and promtool are not on PATH");
        eprintln!("NOT RUN: prometheus and promtool are not on PATH");
    }
    found
}

fn sites() -> Vec<SiteOptions> {
    let (printer, webhook) = ("127.0.0.1:9", "http://127.0.0.1:9/");
    let troubled = toml::toml! {
        [log]
        budget_bytes = 1_000_000
        [watch]
        certificates = { web = "no-such.pem" }
        backups = { redis = "no-such-file" }
        [[printers]]
        name = "hot"
        address = printer
        stations = ["grill"]
        expire_seconds = 5
        [[webhooks]]
        name = "erp"
        url = webhook
        secret = "whsec_c2VjcmV0"
        events = ["order.ready"]
    };
    vec![
        SiteOptions::new("s1", seed()),
        SiteOptions::new("s2", seed()).with(troubled),
    ]
}

/// So that there is a published version; the sites go on by their seed.
async fn publish_menu(scene: &Scene) {
    let admin = &scene.tokens.admin;
    let request = admin.request(reqwest::Method::POST, "/v1/menus/lunch/import");
    let request = request.header("If-Match", "*");
    let content = json!({ "document": scene.seed.menu });
    let imported = admin.send(request.json(&content)).await.unwrap();
    imported.expect(201).unwrap();
    let note = json!({ "note": "first" });
    let published = admin.post("/v1/menus/lunch/publish", None, &note).await;
    published.unwrap().expect(201).unwrap();
}

async fn metrics_pass_the_linter(scene: &Scene, promtool: &PathBuf) {
    for url in [scene.world.hub.url(), scene.site(1).url()] {
        let text = reqwest::get(format!("{url}/metrics")).await.unwrap();
        let text = text.text().await.unwrap();
        assert!(text.contains("sunakku_build_info"), "{text}");
        assert_eq!(lint(promtool, &text), "", "promtool check metrics of {url}");
    }
}

/// Every query of every panel has data. What each panel shows goes into the file `SUNAKKU_PANELS`, as a table.
async fn dashboards_have_data(prometheus: &Prometheus) {
    let mut rows =
        vec!["| dashboard | panel | unit | series | values |\n|---|---|---|---|---|".to_owned()];
    for name in ["fleet", "site", "hub", "kitchen"] {
        let path = workspace_root().join(format!("grafana/dashboards/{name}.json"));
        let text = std::fs::read_to_string(path).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let query = target["expr"].as_str().unwrap();
                let query = query
                    .replace("$site", ".*")
                    .replace("$__rate_interval", "15s");
                let what = format!("data for {} of {name}", panel["title"]);
                let samples = wait_for(&what, 2 * LIMIT, async || {
                    prometheus.try_query(&query).await
                })
                .await
                .unwrap();
                rows.push(shown(name, panel, &samples));
            }
        }
        for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
            let query = annotation["expr"].as_str().unwrap();
            let query = query
                .replace("$site", ".*")
                .replace("$__rate_interval", "15s");
            // There may be nothing to show, but Prometheus must be able to read it.
            if let Err(error) = prometheus.try_query(&query).await {
                assert!(error.ends_with("no data"), "{error}");
            }
        }
    }
    eprintln!("{} queries of the dashboards have data", rows.len() - 1);
    if let Some(file) = std::env::var_os("SUNAKKU_PANELS") {
        std::fs::write(file, rows.join("\n") + "\n").unwrap();
    }
}

/// A row of the table: the first three series of one query, by their labels.
fn shown(dashboard: &str, panel: &Value, samples: &[Value]) -> String {
    let series = |sample: &Value| {
        let labels = sample["metric"].as_object().unwrap().iter();
        let labels =
            labels.filter(|(name, _)| !["__name__", "instance", "job"].contains(&name.as_str()));
        let labels: Vec<_> = labels.map(|(_, value)| value.as_str().unwrap()).collect();
        let value: f64 = sample["value"][1].as_str().unwrap().parse().unwrap();
        format!("{} {value:.4}", labels.join(" ")).trim().to_owned()
    };
    let values: Vec<String> = samples.iter().take(3).map(series).collect();
    let unit = panel["fieldConfig"]["defaults"]["unit"].as_str();
    let (title, unit) = (panel["title"].as_str().unwrap(), unit.unwrap_or("none"));
    let (number, values) = (samples.len(), values.join("; "));
    format!("| {dashboard} | {title} | {unit} | {number} | {values} |")
}

async fn faults(scene: &Scene, prometheus: &Prometheus) {
    let (world, first) = (&scene.world, scene.site(0));
    let calm = prometheus.firing().await.unwrap();
    for quiet in [
        "SunakkuDependencyDown",
        "SunakkuSiteSilent",
        "SunakkuProofBroken",
        "SunakkuStoreBegunAnew",
        "SunakkuParkedEvents",
        "SunakkuDurabilityDegraded",
        "SunakkuQueuePaused",
        "SunakkuAuthBruteForce",
        "SunakkuTargetDown",
        "SunakkuEventGap",
    ] {
        assert!(
            !calm.contains(quiet),
            "{quiet} fires while all is well: {calm:?}"
        );
    }

    configure(&first.redis, &["appendfsync", "everysec"]).await;
    prometheus.fires(&["SunakkuDurabilityDegraded"]).await;
    configure(&first.redis, &["appendfsync", "always"]).await;

    configure(&first.redis, &["maxmemory", "1mb"]).await;
    prometheus.fires(&["SunakkuMemoryFilling"]).await;
    configure(&first.redis, &["maxmemory", "4gb"]).await;

    let reason = json!({ "reason": "a test" });
    let paused = scene
        .manager(0)
        .post("/v1/queue/pause", None, &reason)
        .await;
    paused.unwrap().expect(200).unwrap();
    prometheus.fires(&["SunakkuQueuePaused"]).await;
    let resumed = scene.manager(0).act("/v1/queue/resume").await;
    resumed.unwrap().expect(200).unwrap();

    // The rate of refusals is looked at over seconds here, so somebody guesses all the time.
    let guessing = async {
        loop {
            let wrong = json!({ "user": "manager", "password": "guess" });
            let _refused = scene.kiosk(0).post("/v1/session", None, &wrong).await;
        }
    };
    tokio::select! {
        () = prometheus.fires(&["SunakkuAuthBruteForce"]) => {}
        () = guessing => {}
    }

    first.redis.kill().unwrap();
    prometheus
        .fires(&[
            "SunakkuDependencyDown",
            "SunakkuOrderErrorBudgetFastBurn",
            "SunakkuOrderErrorBudgetSlowBurn",
            "SunakkuOrderErrorBudgetLeak",
        ])
        .await;
    first.redis.restart().await.unwrap();
    first.wait_ready().await.unwrap();

    first.redis.kill().unwrap();
    std::fs::remove_dir_all(first.redis.data()).unwrap();
    std::fs::create_dir_all(first.redis.data()).unwrap();
    first.redis.restart().await.unwrap();
    prometheus.fires(&["SunakkuStoreBegunAnew"]).await;

    // While the line is cut nobody writes the sites' rows but us.
    world.hub.line.cut();
    prometheus.fires(&["SunakkuSiteSilent"]).await;
    let broken = "update site_cursor set chain_edge = sha256('another') where is_current";
    sqlx::query(broken).execute(&scene.postgres).await.unwrap();
    let parked = "insert into parked_event (site_id, epoch, seq, kind, event, reason)
                  values ('s1', gen_random_uuid(), 1, 'order.placed', '{}', 'a test')";
    sqlx::query(parked).execute(&scene.postgres).await.unwrap();
    let wrong = ["SunakkuProofBroken", "SunakkuParkedEvents"];
    prometheus.fires(&wrong).await;
    world.hub.line.heal();

    world.hub.process().kill().unwrap();
    prometheus.fires(&["SunakkuTargetDown"]).await;
    world.hub.restart().await.unwrap();
}

async fn configure(server: &RedisServer, setting: &[&str]) {
    let client = redis::Client::open(server.url()).unwrap();
    let connection = client.get_multiplexed_async_connection().await;
    let mut connection = connection.unwrap();
    let mut command = cmd("CONFIG");
    command.arg("SET").arg(setting);
    command.exec_async(&mut connection).await.unwrap();
}
