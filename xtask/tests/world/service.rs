//! What a service manager, a load balancer or a person sees when a program starts and ends.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use xtask::harness::{LIMIT, Process, Server as _, Spec, wait_for};
use xtask::world::{HubOptions, SiteOptions};

use crate::load::{sold, sold_everywhere};
use crate::scene::{Scene, new_key, programs, seed};

fn terminate(process: &Process) {
    let pid = Pid::from_raw(process.pid().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
}

/// Waits until a program has ended; its exit code.
async fn ended(process: &Process) -> Option<i32> {
    let probe = async || process.exit_status().ok_or_else(|| process.log_tail());
    let status = wait_for("the end", LIMIT, probe).await.unwrap();
    status.code()
}

async fn logged(process: &Process, text: &str) {
    wait_for(text, LIMIT, async || {
        let log = std::fs::read_to_string(process.log_path()).unwrap();
        log.contains(text).then_some(()).ok_or(log)
    })
    .await
    .unwrap();
}

/// Starts a program under a manager and ends it: it says that it serves, that it lives, and that it
/// stops.
async fn tells_its_manager(scene: &Scene, name: &str, program: PathBuf, folder: &Path, file: &str) {
    let socket = folder.join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_nonblocking(true).unwrap();
    let spec = Spec::new(name, program)
        .args(["--config", file, "serve"])
        .env("NOTIFY_SOCKET", socket)
        .env("WATCHDOG_USEC", "300000")
        .cwd(folder);
    let process = scene.world.sandbox.spawn(spec).unwrap();
    let hears = async |wanted: &str| {
        let probe = async || {
            let mut told = [0; 64];
            while let Ok(length) = manager.recv(&mut told) {
                if &told[..length] == wanted.as_bytes() {
                    return Ok(());
                }
            }
            Err(process.log_tail())
        };
        wait_for(wanted, LIMIT, probe).await.unwrap();
    };
    for wanted in ["READY=1", "WATCHDOG=1", "WATCHDOG=1"] {
        hears(wanted).await;
    }
    terminate(&process);
    hears("STOPPING=1").await;
    assert_eq!(ended(&process).await, Some(0), "{}", process.log_tail());
}

#[tokio::test(flavor = "multi_thread")]
async fn both_programs_tell_the_service_manager_how_they_are() {
    let scene = Scene::start(1).await;
    let (programs, hub, site) = (programs().await, &scene.world.hub, scene.site(0));
    site.process().kill().unwrap();
    let folder = site.data.join("edge");
    tells_its_manager(
        &scene,
        "edge-managed",
        programs.edge,
        &folder,
        "s1-edge.toml",
    )
    .await;
    hub.process().kill().unwrap();
    tells_its_manager(&scene, "hub-managed", programs.hub, &hub.data, "hub.toml").await;
}

/// A site whose requests may take as long as the machine that tests needs.
async fn patient() -> Scene {
    let edge = toml::toml! {
        [http]
        request_timeout_seconds = 600
        drain_seconds = 600
    };
    Scene::start_with(vec![SiteOptions::new("s1", seed()).with(edge)]).await
}

/// A request of which half is sent, so that it is being answered until the rest comes.
async fn half_an_order(scene: &Scene) -> (TcpStream, String) {
    let order = json!({ "channel": "kiosk", "lines": [{ "item": "cola", "quantity": 1 }] });
    let order = order.to_string();
    let url = scene.site(0).url();
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (kiosk, key, length) = (&scene.kiosk(0).token, new_key(), order.len());
    let (first, rest) = order.split_at(length / 2);
    let head = format!(
        "POST /v1/orders HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {kiosk}\r\n\
         Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{first}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // It has been taken when the edge counts it.
    let metrics = format!("{url}/metrics");
    wait_for("the request to be taken", LIMIT, async || {
        let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
        // The one that asks is one of them.
        text.contains("sunakku_http_requests_in_flight 2")
            .then_some(())
            .ok_or_else(|| "it is not".to_owned())
    })
    .await
    .unwrap();
    (stream, rest.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_is_told_to_end_finishes_what_it_has_begun() {
    let scene = patient().await;
    let process = scene.site(0).process();
    let (mut stream, rest) = half_an_order(&scene).await;
    terminate(process);
    logged(process, "stopping").await;
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(ended(process).await, Some(0), "{}", process.log_tail());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_is_told_to_end_twice_ends_at_once() {
    let scene = patient().await;
    let process = scene.site(0).process();
    let (_stream, _rest) = half_an_order(&scene).await;
    terminate(process);
    logged(process, "stopping").await;
    assert!(process.is_running());
    terminate(process);
    assert_eq!(ended(process).await, Some(1), "{}", process.log_tail());
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_that_are_asked_for_lose_no_order_under_load() {
    let scene = Scene::start(2).await;
    let mut told = Vec::new();
    scene
        .under_load(&mut told, async |told| {
            for n in [0, 1] {
                sold_everywhere(told, 2, 20).await;
                let process = scene.site(n).process();
                terminate(process);
                assert_eq!(ended(process).await, Some(0), "{}", process.log_tail());
                process.restart().unwrap();
                sold(told, n, 10).await;
                let hub = scene.world.hub.process();
                terminate(hub);
                assert_eq!(ended(hub).await, Some(0), "{}", hub.log_tail());
                hub.restart().unwrap();
            }
        })
        .await;
    scene.assert_holds(&told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_leaves_says_so_before_it_stops_to_take_requests() {
    let settings = toml::toml! {
        [http]
        leave_seconds = 3_600
    };
    let hub = HubOptions {
        settings,
        ..HubOptions::default()
    };
    let site = SiteOptions::new("s1", seed());
    let scene = Scene::start_on(hub, vec![site]).await;
    let (hub, admin) = (&scene.world.hub, &scene.tokens.admin);
    terminate(hub.process());
    wait_for("the hub to say no", LIMIT, async || {
        let answer = admin.get("/readyz").await.map_err(|e| e.to_string())?;
        (answer.status == 503)
            .then_some(())
            .ok_or_else(|| answer.body.to_string())
    })
    .await
    .unwrap();
    admin.get("/v1/sites").await.unwrap().expect(200).unwrap();
    terminate(hub.process());
    assert_eq!(ended(hub.process()).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_waits_for_its_redis_and_says_so_once() {
    let scene = Scene::start(1).await;
    let site = scene.site(0);
    let process = site.process();
    site.redis.kill().unwrap();
    process.restart().unwrap();
    logged(process, "waiting for redis").await;
    // It goes on to try; what it says is still one line for each cause.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let log = std::fs::read_to_string(process.log_path()).unwrap();
    let told: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once("waiting for redis"))
        .map(|(_, cause)| cause)
        .collect();
    let again = told.windows(2).find(|pair| pair[0] == pair[1]);
    assert!(!told.is_empty() && again.is_none(), "{told:#?}");
    site.redis.restart().await.unwrap();
    site.wait_ready().await.unwrap();
    scene.placed(0, "cola", 1).await;
}
