//! The faults that want more than a setting: a clock, a disk, a slow store, a thin line, a second box, a lie.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use async_nats::ConnectOptions;
use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::json;
use sqlx::Connection as _;
use sunakku_common::chain::Chain;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use xtask::harness::{PostgresServer, Server as _, WallClock, copy_folder};
use xtask::world::{Site, SiteOptions};

use super::prometheus::Prometheus;
use super::{lunch, tools};
use crate::scene::{Scene, programs, seed};
use crate::separation::sender;

/// How long the store does not answer, each time: longer than an order may take, shorter than it is waited for.
const FROZEN: Duration = Duration::from_millis(800);
/// How long a batch is on its way to the hub, and its answer back: an answer is waited for 5 s.
const SLOW: Duration = Duration::from_secs(2);
/// Of the 50 connections that Postgres has, so many are left.
const LEFT: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn alerts_fire_when_clocks_disks_lines_stores_and_boxes_fail() {
    let Some((prometheus, _)) = tools() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let clock = WallClock::find(folder.path().join("clock")).unwrap();
    let on_small_disk = small_disk(folder.path(), &programs().await.edge);
    let first = SiteOptions {
        clock: clock.clone(),
        ..SiteOptions::new("s1", seed())
    };
    // A job that fails is given up after four pauses: never before the order has waited too long.
    let edge = toml::toml! {
        [queue]
        retry_min_milliseconds = 3_000
    };
    let second = SiteOptions {
        program: on_small_disk.clone(),
        edge,
        ..SiteOptions::new("s2", seed())
    };
    let scene = Scene::start_with(vec![first, second]).await;
    let prometheus = Prometheus::start(&scene, prometheus).await;
    let stop = CancellationToken::new();
    let story = async {
        at_once(&scene, &prometheus, clock, on_small_disk.is_some()).await;
        slow_store(&scene, &prometheus).await;
        thin_line(&scene, &prometheus).await;
        second_box(&scene, &prometheus).await;
        gap(&scene, &prometheus).await;
        prometheus.is_calm(&["SunakkuRolloutFailing"]).await;
        scene.world.hub.nats.kill().unwrap();
        prometheus.fires(&["SunakkuRolloutFailing"]).await;
        stop.cancel();
    };
    tokio::join!(story, lunch(&scene, &stop));
}

/// The edge on what looks to it like a disk of 8 MiB with little left; none where nobody may mount one. The disk
/// is there for that process alone, and gone with it.
fn small_disk(folder: &Path, edge: &Path) -> Option<PathBuf> {
    let mount = "mount -t tmpfs -o size=8m tmpfs";
    let mut may = Command::new("unshare");
    may.args(["--mount", "sh", "-c", &format!("{mount} /mnt")]);
    let may = may.output();
    if !may.is_ok_and(|output| output.status.success()) {
        eprintln!("SunakkuDiskFilling is not shown: nobody may mount a disk here");
        return None;
    }
    let script = folder.join("edge-on-a-small-disk");
    let text = format!(
        "#!/bin/sh\nexec unshare --mount sh -c '{mount} ../redis && \
         head -c 7500000 /dev/zero >../redis/ballast && exec \"$0\" \"$@\"' {} \"$@\"\n",
        edge.display()
    );
    std::fs::write(&script, text).unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&script, executable).unwrap();
    Some(script)
}

/// Faults that are in nobody's way.
async fn at_once(scene: &Scene, prometheus: &Prometheus, clock: Option<WallClock>, disk: bool) {
    let mut alerts = vec![
        "SunakkuPostgresConnectionsHigh",
        "SunakkuLogCorrupt",
        "SunakkuQueueStuck",
        "SunakkuMenuRefused",
    ];
    if clock.is_some() {
        alerts.push("SunakkuClockSkew");
    }
    prometheus.fires(&["SunakkuWatchdog"]).await;
    prometheus.is_calm(&alerts).await;
    // It is full from the start.
    if disk {
        alerts.push("SunakkuDiskFilling");
    }
    if let Some(clock) = clock {
        clock.run_ahead(TimeDelta::minutes(1)).unwrap();
    }
    // As the hub's role: the last few are kept for the superuser, whom the hub is not.
    let url = PostgresServer::as_hub(&scene.world.hub.postgres.url());
    let mut taken = Vec::new();
    while let Ok(connection) = sqlx::PgConnection::connect(&url).await {
        taken.push(connection);
    }
    taken.truncate(taken.len() - LEFT);
    damage(scene).await;
    refuse_a_menu(scene).await;
    prometheus.fires(&alerts).await;
    drop(taken);
}

/// An entry of the log that does not match its checksum, and an order whose record cannot be read: its job
/// fails again and again.
async fn damage(scene: &Scene) {
    let manager = scene.manager(1);
    let reason = json!({ "reason": "so that the job waits" });
    let paused = manager.post("/v1/queue/pause", None, &reason).await;
    paused.unwrap().expect(200).unwrap();
    let order = scene.placed(1, "tea", 1).await;
    let client = redis::Client::open(scene.site(1).redis.url()).unwrap();
    let connection = client.get_multiplexed_async_connection().await;
    let mut connection = connection.unwrap();
    let mut spoil = redis::cmd("HSET");
    let key = format!("{{s2}}:order:{}", order["id"].as_str().unwrap());
    spoil.arg(key).arg("details").arg("no JSON");
    spoil.exec_async(&mut connection).await.unwrap();
    let mut forge = redis::cmd("EVAL");
    let script = "local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
                  return redis.call('XADD', KEYS[2], seq .. '-0', 'k', 'order.ready',
                                    't', '2026-11-23T10:00:00.000Z', 'b', '{}', 's', 'x')";
    forge.arg(script).arg(2).arg("{s2}:meta").arg("{s2}:log");
    forge.exec_async(&mut connection).await.unwrap();
    let resumed = manager.act("/v1/queue/resume").await;
    resumed.unwrap().expect(200).unwrap();
}

/// The hub comes back with an older menu than the sites have, as from last night's backup.
async fn refuse_a_menu(scene: &Scene) {
    for price in [401, 402] {
        scene.publish(price).await;
    }
    scene.sells_by(1, 2).await;
    for sql in [
        "alter table menu_version disable trigger menu_version_immutable",
        "delete from menu_version where version = 2",
        "alter table menu_version enable trigger menu_version_immutable",
    ] {
        sqlx::query(sql).execute(&scene.postgres).await.unwrap();
    }
    scene.give(1, "menu.reload", json!({})).await;
}

/// A store that keeps every order waiting.
async fn slow_store(scene: &Scene, prometheus: &Prometheus) {
    let (redis, alerts) = (&scene.site(1).redis, ["SunakkuOrderLatencyHigh"]);
    prometheus.is_calm(&alerts).await;
    let slow = async {
        loop {
            redis.stop().unwrap();
            sleep(FROZEN).await;
            redis.cont().unwrap();
            sleep(FROZEN / 4).await;
        }
    };
    tokio::select! {
        () = prometheus.fires(&alerts) => {}
        () = slow => {}
    }
    redis.cont().unwrap();
}

/// A line on which a site's log goes up more slowly than it grows.
async fn thin_line(scene: &Scene, prometheus: &Prometheus) {
    let alerts = ["SunakkuSyncStalled", "SunakkuSyncLag"];
    prometheus.is_calm(&alerts).await;
    let line = &scene.world.hub.line;
    line.delay(SLOW);
    let busy = async {
        loop {
            let marks = (1..=100).map(|mark| async move {
                let body = json!({ "low_mark": mark });
                let manager = scene.manager(1);
                let _late = manager.put("/v1/stock/cake/low-mark", &body).await;
            });
            join_all(marks).await;
        }
    };
    tokio::select! {
        () = prometheus.fires(&alerts) => {}
        () = busy => {}
    }
    line.delay(Duration::ZERO);
}

/// A copy of a box's disk, switched on beside it.
async fn second_box(scene: &Scene, prometheus: &Prometheus) {
    let alerts = ["SunakkuIdentityConflict", "SunakkuEventGap"];
    prometheus.is_calm(&alerts).await;
    let (first, sandbox) = (scene.site(1), &scene.world.sandbox);
    let folder = sandbox.folder("s2-copy/edge").unwrap();
    for file in ["edge.toml", "enrolled.conf", "site.creds"] {
        std::fs::copy(first.data.join("edge").join(file), folder.join(file)).unwrap();
    }
    first.redis.stop().unwrap();
    let redis = sandbox.folder("s2-copy").unwrap().join("redis");
    let copied = copy_folder(first.redis.data(), &redis);
    first.redis.cont().unwrap();
    copied.unwrap();
    let options = SiteOptions {
        name: "s2-copy".to_owned(),
        enrolled: Some(folder),
        ..SiteOptions::new("s2", None)
    };
    let programs = programs().await;
    let second = Site::start(sandbox, &programs, options).await;
    let _second = second.unwrap();
    prometheus.fires(&["SunakkuIdentityConflict"]).await;
}

/// Events that a site says it has, and that do not come: it sends the end of its log, and falls silent.
async fn gap(scene: &Scene, prometheus: &Prometheus) {
    let (site, sender) = ("s1".parse().unwrap(), sender(scene).await);
    let epoch = scene.epoch(0).await;
    scene.site(0).process().stop().unwrap();
    let chain = Chain::genesis(&site, epoch.to_string().parse().unwrap());
    let batch = json!({
        "epoch": epoch, "from_seq": 1_000_000, "prev_chain": chain, "chain": chain,
        "head": 1_000_000, "sender": sender, "events": [],
    });
    let options = ConnectOptions::new().custom_inbox_prefix("_INBOX.s1");
    let client = scene.site(0).nats.connect(options).await.unwrap();
    let subject = sunakku_common::subjects::log(&site);
    let answer = client.request(subject, batch.to_string().into()).await;
    let answer = String::from_utf8(answer.unwrap().payload.to_vec()).unwrap();
    assert!(answer.contains("expected_seq"), "{answer}");
    prometheus.fires(&["SunakkuEventGap"]).await;
    scene.site(0).process().cont().unwrap();
}
