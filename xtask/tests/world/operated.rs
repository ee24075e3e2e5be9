//! What an operator does: doctor, backup and restore, a proxy in front, and one order followed through
//! all logs. The programs and scripts are those that are shipped.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::process::Child;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use xtask::harness::ports::Port;
use xtask::harness::{LIMIT, Server as _, Spec, wait_for, workspace_root};
use xtask::world::{Client, SiteOptions};

use crate::load::sold_everywhere;
use crate::observed::find;
use crate::scene::{Scene, new_key, programs, seed};

/// Runs `program --config <file> doctor --json`; whether it found no fault, and what it found.
async fn doctor(program: &PathBuf, folder: PathBuf, config: &str) -> (bool, Value) {
    let mut command = tokio::process::Command::new(program);
    command.arg("--config").arg(folder.join(config));
    command.args(["doctor", "--json"]).current_dir(&folder);
    let output = command.output().await.unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let found = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"));
    (output.status.success(), found)
}

/// The outcomes of a group.
fn outcomes(report: &Value, group: &str) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let of_group = findings.filter(|found| found["group"] == group);
    of_group
        .map(|found| found["outcome"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn doctors_find_what_is_wrong_and_nothing_else() {
    let scene = Scene::start(1).await;
    let (programs, hub, site) = (programs().await, &scene.world.hub, scene.site(0));
    scene.placed(0, "cola", 1).await;
    scene.settled().await;
    let edge = async || doctor(&programs.edge, site.data.join("edge"), "s1-edge.toml").await;
    let office = async || doctor(&programs.hub, hub.data.clone(), "hub.toml").await;
    for (is_well, report) in [edge().await, office().await] {
        assert!(is_well, "{report:#}");
        let findings = report["findings"].as_array().unwrap();
        assert!(8 <= findings.len(), "{report:#}");
    }

    // A user of Redis who may do everything is told of.
    let mut command = tokio::process::Command::new(&programs.edge);
    let folder = site.data.join("edge");
    command.arg("--config").arg(folder.join("s1-edge.toml"));
    command.args(["doctor", "--json"]).current_dir(&folder);
    let output = command.env("SUNAKKU_REDIS__URL", site.redis.url());
    let told = output.output().await.unwrap().stdout;
    let report = serde_json::from_slice(&told).unwrap();
    assert!(
        outcomes(&report, "redis").contains(&"warning".to_owned()),
        "{report:#}"
    );

    site.redis.kill().unwrap();
    let (is_well, report) = edge().await;
    assert!(!is_well, "{report:#}");
    assert_eq!(outcomes(&report, "redis"), ["fault"], "{report:#}");
    site.redis.restart().await.unwrap();

    let broken = "update site_cursor set chain_edge = sha256('another')";
    hub.line.cut();
    scene.away(0).await;
    sqlx::query(broken).execute(&scene.postgres).await.unwrap();
    let (is_well, report) = office().await;
    assert!(!is_well, "{report:#}");
    assert_eq!(outcomes(&report, "sites"), ["fault"], "{report:#}");
    hub.postgres.kill().unwrap();
    let (is_well, report) = office().await;
    assert!(!is_well, "{report:#}");
    assert_eq!(outcomes(&report, "postgres"), ["fault"], "{report:#}");
}

/// Runs a script of deploy/backup.
fn script(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(workspace_root().join("deploy/backup").join(name));
    command.args(arguments);
    command.envs(variables.iter().copied());
    command.output().unwrap()
}

fn succeed(output: Output) -> String {
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{told}");
    told
}

/// The only backup in a folder.
fn only_backup(folder: &std::path::Path) -> PathBuf {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut backups = paths.filter(|path| path.is_dir());
    let backup = backups.next().unwrap();
    assert_eq!(backups.next(), None);
    backup
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_is_backed_up_while_it_sells_and_restored_into_a_new_epoch() {
    let scene = Scene::start(1).await;
    let site = scene.site(0);
    let data = site.redis.data().to_str().unwrap().to_owned();
    let folder = scene.world.sandbox.folder("backups").unwrap();
    let to = folder.to_str().unwrap();
    let key = folder.with_extension("key");
    std::fs::write(&key, "a passphrase").unwrap();
    let key = key.to_str().unwrap();
    let variables = [("SUNAKKU_REDIS_DIR", &*data), ("SUNAKKU_BACKUP_KEY", key)];
    let first = scene.placed(0, "cake", 1).await;
    let mut told = Vec::new();
    scene
        .under_load(&mut told, async |told| {
            sold_everywhere(told, 1, 20).await;
            succeed(script("backup", &["edge", to], &variables));
            sold_everywhere(told, 1, 20).await;
        })
        .await;
    scene.settled().await;
    let before = scene.epoch(0).await;
    assert!(folder.join("last-success").is_file());
    let backup = only_backup(&folder);
    let backup = backup.to_str().unwrap();

    // Over what is there it is refused.
    let refused = script("restore", &["edge", backup], &variables);
    assert!(!refused.status.success());
    site.redis.kill().unwrap();
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::create_dir_all(&data).unwrap();
    succeed(script("restore", &["edge", backup], &variables));
    site.redis.restart().await.unwrap();
    site.wait_ready().await.unwrap();
    scene.settled().await;
    assert_ne!(scene.epoch(0).await, before, "the store was set back");
    let path = format!("/v1/orders/{}", first["id"].as_str().unwrap());
    let kept = scene.manager(0).get(&path).await.unwrap();
    assert_eq!(kept.expect(200).unwrap().body["id"], first["id"]);
    scene.placed(0, "cola", 1).await;
    scene.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_is_backed_up_while_it_commits_and_restored_with_equal_chains() {
    let tools = ["pg_dump", "pg_restore", "psql"];
    if tools.iter().any(|tool| find(tool).is_none()) {
        eprintln!("NOT RUN: {tools:?} are not on PATH (Debian: postgresql-client)");
        return;
    }
    let scene = Scene::start(2).await;
    let hub = &scene.world.hub;
    let url = hub.postgres.url();
    let folder = scene.world.sandbox.folder("backups").unwrap();
    let variables = [("SUNAKKU_POSTGRES__URL", &*url)];
    let mut told = Vec::new();
    scene
        .under_load(&mut told, async |told| {
            sold_everywhere(told, 2, 20).await;
            let to = folder.to_str().unwrap();
            succeed(script("backup", &["hub", to], &variables));
            sold_everywhere(told, 2, 20).await;
        })
        .await;
    scene.settled().await;
    let orders = scene.count("select count(*) from site_order").await;
    let backup = only_backup(&folder);
    let dump = backup.join("hub.dump");

    // A damaged one is refused.
    let sound = std::fs::read(&dump).unwrap();
    let mut damaged = sound.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&dump, damaged).unwrap();
    let restore = ["hub", backup.to_str().unwrap()];
    let refused = script("restore", &restore, &variables);
    assert!(!refused.status.success());
    std::fs::write(&dump, sound).unwrap();

    hub.process().kill().unwrap();
    for empty in ["drop schema public cascade", "create schema public"] {
        sqlx::query(empty).execute(&scene.postgres).await.unwrap();
    }
    succeed(script("restore", &restore, &variables));
    hub.restart().await.unwrap();
    // The sites send what came after the backup.
    scene.assert_holds(&told).await;
    assert_eq!(scene.count("select count(*) from site_order").await, orders);
    for n in [0, 1] {
        assert_eq!(scene.ledger(n).await["chain_equal"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_and_a_live_screen_pass_a_real_nginx() {
    let Some(nginx) = find("nginx") else {
        let required = std::env::var_os("SUNAKKU_NGINX").is_some();
        assert!(!required, "nginx is not on PATH");
        eprintln!("NOT RUN: nginx is not on PATH");
        return;
    };
    let scene = Scene::start(1).await;
    let folder = scene.world.sandbox.folder("nginx").unwrap();
    let (tls, plain) = (Port::take().unwrap(), Port::take().unwrap());
    let ca = folder.join("ca");
    for arguments in [vec!["init"], vec!["issue", "web", "localhost", "127.0.0.1"]] {
        let mut command = Command::new(workspace_root().join("deploy/ca/sunakku-ca"));
        command.args(arguments).env("SUNAKKU_CA", &ca);
        succeed(command.output().unwrap());
    }
    let shipped = workspace_root().join("deploy/nginx/sunakku.conf");
    let shipped = std::fs::read_to_string(shipped).unwrap();
    let edge = scene.site(0).url();
    let edge = edge.trim_start_matches("http://");
    let lines = shipped.lines().filter(|line| !line.contains("listen [::]"));
    let site = lines.collect::<Vec<_>>().join("\n");
    let site = site
        .replace("127.0.0.1:8080", edge)
        .replace("listen 443", &format!("listen {}", tls.address()))
        .replace("listen 80", &format!("listen {}", plain.address()))
        .replace("/etc/sunakku/web", &ca.join("web").display().to_string());
    let home = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {home}/{name};"))
        .join(" ");
    let config = format!(
        "daemon off; master_process off; pid {home}/pid; error_log stderr; events {{}}\n\
         http {{ access_log off; {temporary}\n{site}\n}}\n"
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, config).unwrap();
    let spec = Spec::new("nginx", nginx).args(["-p".into(), folder.clone(), "-c".into(), file]);
    let process = scene.world.sandbox.spawn(spec).unwrap();

    let root = std::fs::read(ca.join("root.pem")).unwrap();
    let root = reqwest::Certificate::from_pem(&root).unwrap();
    let http = reqwest::Client::builder()
        .add_root_certificate(root)
        .timeout(LIMIT)
        .build()
        .unwrap();
    let url = format!("https://{}", tls.address());
    wait_for("nginx", LIMIT, async || {
        if !process.is_running() {
            return Err(process.log_tail());
        }
        let answer = http.get(format!("{url}/readyz")).send().await;
        let status = answer.map_err(|error| format!("{error:?}"))?.status();
        (status == 200)
            .then_some(())
            .ok_or_else(|| status.to_string())
    })
    .await
    .unwrap();
    let kiosk = &scene.tokens.sites[0].kiosk.token;
    let order = json!({ "channel": "kiosk", "lines": [{ "item": "cola", "quantity": 1 }] });
    let place = http.post(format!("{url}/v1/orders")).bearer_auth(kiosk);
    let place = place.header("Idempotency-Key", new_key()).json(&order);
    let answer = place.send().await.unwrap();
    assert_eq!(answer.status(), 201);
    assert!(answer.headers().contains_key("strict-transport-security"));
    // What the proxy hands on is not from this machine, though its connection is.
    let metrics = http.get(format!("{url}/metrics")).send().await.unwrap();
    assert_eq!(metrics.status(), 401);

    let live = format!("wss://{}/v1/live?topics=menu", tls.address());
    let mut request = live.into_client_request().unwrap();
    let protocols = format!("sunakku.v1, bearer.{kiosk}");
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", protocols.parse().unwrap());
    let (stream, _openssl) = over_tls(&tls.address(), &ca.join("root.pem"));
    let (mut socket, answer) = tokio_tungstenite::client_async(request, stream)
        .await
        .unwrap();
    assert_eq!(answer.status(), 101);
    let frame = tokio::time::timeout(LIMIT, socket.next()).await.unwrap();
    assert!(frame.unwrap().unwrap().is_text());
    socket.close(None).await.unwrap();
}

/// A TLS connection, by `openssl s_client`: it ends when the certificate is not one of the root's.
fn over_tls(address: &str, root: &std::path::Path) -> (impl AsyncRead + AsyncWrite + use<>, Child) {
    let mut child = tokio::process::Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-verify_return_error",
            "-verify_ip",
            "127.0.0.1",
        ])
        .args(["-connect", address, "-CAfile"])
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let ends = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    (tokio::io::join(ends.0, ends.1), child)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_runs_from_the_kiosk_through_all_logs_to_the_database() {
    let verbose = toml::toml! {
        [telemetry]
        format = "json"
        filter = "info,sunakku_edge=debug,sunakku_common=debug"
    };
    let site = SiteOptions::new("s1", seed()).with(verbose);
    let scene = Scene::start_with(vec![site]).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let kiosk: &Client = scene.kiosk(0);
    let order = json!({ "channel": "kiosk", "lines": [{ "item": "cola", "quantity": 1 }] });
    let request = kiosk
        .request(reqwest::Method::POST, "/v1/orders")
        .json(&order);
    let request = request
        .header("Idempotency-Key", new_key())
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
    kiosk.send(request).await.unwrap().expect(201).unwrap();
    scene.settled().await;
    let told = "select count(distinct kind) from site_event where event like '%' || $1 || '%'";
    let kinds: i64 = sqlx::query_scalar(told)
        .bind(trace)
        .fetch_one(&scene.postgres)
        .await
        .unwrap();
    assert!(2 <= kinds, "the order and its tickets, not {kinds}");
    let log = scene.site(0).process().log_path();
    wait_for("the log of the edge", LIMIT, async || {
        let text = std::fs::read_to_string(&log).unwrap();
        let lines = text.lines().filter(|line| line.contains(trace));
        let lines: Vec<Value> = lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let has = |message: &str| lines.iter().any(|line| line["message"] == message);
        (has("answered") && has("the job is done"))
            .then_some(())
            .ok_or_else(|| format!("{lines:#?}"))
    })
    .await
    .unwrap();
}
