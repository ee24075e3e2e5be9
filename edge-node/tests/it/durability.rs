//! An edge that could lose orders does not start, and says what to set.

use std::path::Path;
use std::process::{Command, Output};

use sunakku_common::claims::Role;
use xtask::harness::{LIMIT, Sandbox, Spec, wait_for};
use xtask::world::{Site, SiteOptions};

use crate::site::{TestSite, binaries, order_of, seed};

/// Runs the program to its end, without any of our environment that it would read.
fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(binaries().edge);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SUNAKKU_")) {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    command
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn the_edge_may_do_at_its_redis_what_it_does_and_no_more() {
    let test = TestSite::start().await;
    let client = redis::Client::open(test.site.redis.edge_url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for words in [
        "FLUSHALL",
        "FLUSHDB",
        "KEYS *",
        "SCAN 0",
        "CONFIG SET appendfsync no",
        "CONFIG REWRITE",
        "DEBUG SLEEP 0",
        "SHUTDOWN NOSAVE",
        "ACL LIST",
        "ACL SETUSER edge allcommands",
        "MONITOR",
        "CLIENT LIST",
        "REPLICAOF 127.0.0.1 1",
        "BGREWRITEAOF",
        "SCRIPT FLUSH",
        "MODULE LIST",
        "SUBSCRIBE anything",
        "GET elsewhere",
    ] {
        let mut parts = words.split(' ');
        let mut command = redis::cmd(parts.next().unwrap());
        for part in parts {
            command.arg(part);
        }
        let refused = command.query_async::<redis::Value>(&mut connection).await;
        let error = refused.expect_err(words).to_string();
        // Two are no commands at all any more.
        let gone = words.starts_with("FLUSH") && error.contains("unknown command");
        // Nobody may call this one, whoever it is.
        let off = words.starts_with("DEBUG") && error.contains("not allowed");
        assert!(
            gone || off || error.to_lowercase().contains("permission"),
            "{words}: {error}"
        );
    }
    // Nor by a script of its own.
    let mut script = redis::cmd("EVAL");
    script.arg("return redis.call('CONFIG', 'SET', 'appendfsync', 'no')");
    let refused = script.arg(0).query_async::<redis::Value>(&mut connection);
    assert!(refused.await.is_err());
    test.placed(&order_of("cola", 1)).await;
}

#[tokio::test]
async fn a_redis_that_may_forget_is_refused_with_what_to_set() {
    sunakku_common::install_crypto();
    for (arguments, needed) in [
        (["--appendfsync", "everysec"], "\"appendfsync always\""),
        (["--appendonly", "no"], "\"appendonly yes\""),
        (
            ["--maxmemory-policy", "allkeys-lru"],
            "\"maxmemory-policy noeviction\"",
        ),
        (
            ["--no-appendfsync-on-rewrite", "yes"],
            "\"no-appendfsync-on-rewrite no\"",
        ),
    ] {
        let sandbox = Sandbox::new().unwrap();
        let mut options = SiteOptions::new("s1", seed());
        options.redis_args = arguments.map(str::to_owned).to_vec();
        let site = Site::start_unready(&sandbox, &binaries(), options)
            .await
            .unwrap();
        let status = wait_for("the edge to end", LIMIT, async || {
            site.process()
                .exit_status()
                .ok_or_else(|| site.process().log_tail())
        })
        .await
        .unwrap();
        let log = site.process().log_tail();
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.contains(needed), "{log}");
        assert!(
            log.contains("redis.conf") && log.contains("--allow-volatile"),
            "{log}"
        );
        let others = [
            "appendfsync always",
            "appendonly yes",
            "noeviction",
            "rewrite no",
        ];
        let named = others.iter().filter(|other| log.contains(*other)).count();
        assert_eq!(named, 1, "only what is wrong: {log}");
    }
}

#[tokio::test]
async fn whoever_allows_a_volatile_redis_gets_it_with_a_loud_warning() {
    sunakku_common::install_crypto();
    let sandbox = Sandbox::new().unwrap();
    let mut options = SiteOptions::new("s1", seed());
    options.redis_args = ["--appendonly", "no"].map(str::to_owned).to_vec();
    let site = Site::start_unready(&sandbox, &binaries(), options)
        .await
        .unwrap();
    wait_for("the edge to refuse", LIMIT, async || {
        site.process()
            .exit_status()
            .ok_or_else(|| site.process().log_tail())
    })
    .await
    .unwrap();
    let spec = Spec::new("volatile-edge", binaries().edge).cwd(site.data.join("edge"));
    let spec = spec.args(["--config", "s1-edge.toml", "serve", "--allow-volatile"]);
    let edge = sandbox.spawn(spec).unwrap();
    wait_for("the edge", LIMIT, async || {
        let kiosk = site
            .client(Role::Kiosk)
            .await
            .map_err(|error| error.to_string())?;
        let order = crate::site::order_of("cake", 1);
        let answer = kiosk
            .order("k", &order)
            .await
            .map_err(|error| error.to_string())?;
        if answer.status == 201 {
            Ok(())
        } else {
            Err(answer.body.to_string())
        }
    })
    .await
    .unwrap();
    let log = edge.log_tail();
    assert!(log.contains("ACCEPTED ORDERS CAN BE LOST"), "{log}");
    let metrics = reqwest::get(format!("{}/metrics", site.url()))
        .await
        .unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(
        metrics.contains("sunakku_durability_ok{store=\"redis\"} 0"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_ends_with_64_and_names_the_key() {
    let sandbox = Sandbox::new().unwrap();
    let folder = sandbox.folder("config").unwrap();
    for (toml, key) in [
        ("[http]\nlisten = 7", "http.listen"),
        ("[http]\nmax_websockets = 0", "http.max_websockets"),
        ("[http]\nlisen = \"x\"", "lisen"),
        ("[site]\nid = \"A site\"", "site.id"),
        ("[site]\ntime_zone = \"Mars/Olympus\"", "site.time_zone"),
        (
            "[site]\nbusiness_day_starts = \"25:00\"",
            "site.business_day_starts",
        ),
        ("[log]\nbudget_bytes = 1", "log.budget_bytes"),
        ("[orders]\nmax_lines = -1", "orders.max_lines"),
        (
            "[identity]\nsession_seconds = 0",
            "identity.session_seconds",
        ),
        ("[nonsense]\na = 1", "nonsense"),
        ("this is no TOML", "config.toml"),
    ] {
        std::fs::write(folder.join("config.toml"), toml).unwrap();
        let output = run(
            &folder,
            &["--config", "config.toml", "serve", "--check"],
            &[],
        );
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{toml}: {said}");
        assert!(said.contains(key), "{toml}: {said}");
    }
    let output = run(
        &folder,
        &["--config", "nowhere.toml", "serve", "--check"],
        &[],
    );
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("nowhere.toml"));
    let wrong = [("SUNAKKU_HTTP__MAX_WEBSOCKETS", "many")];
    let output = run(&folder, &["serve", "--check"], &wrong);
    assert_eq!(output.status.code(), Some(64), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr)
            .to_lowercase()
            .contains("max_websockets")
    );
}

#[tokio::test]
async fn the_effective_configuration_shows_no_secret() {
    let sandbox = Sandbox::new().unwrap();
    let folder = sandbox.folder("config").unwrap();
    let toml = r#"
        [redis]
        url = "redis://:hunter2@localhost:6379/0"
        [[identity.users]]
        name = "ann"
        password_hash = "$argon2id$secret"
        role = "manager"
    "#;
    std::fs::write(folder.join("config.toml"), toml).unwrap();
    let environment = [
        ("SUNAKKU_NATS__URL", "nats://edge:hunter3@localhost:4222"),
        ("SUNAKKU_HTTP__LISTEN", "127.0.0.1:7777"),
    ];
    let output = run(
        &folder,
        &["--config", "config.toml", "serve", "--check"],
        &environment,
    );
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for secret in ["hunter2", "hunter3", "argon2id"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    for known in ["127.0.0.1:7777", "ann", "***", "max_websockets"] {
        assert!(shown.contains(known), "{known}: {shown}");
    }
}

#[tokio::test]
async fn a_seed_that_is_no_menu_is_told_with_its_faults() {
    let sandbox = Sandbox::new().unwrap();
    let mut seed = seed();
    seed.menu.items[1].price = -1;
    seed.menu.items[2].id = "burger".to_owned();
    let options = SiteOptions::new("s1", seed);
    let site = Site::start_unready(&sandbox, &binaries(), options)
        .await
        .unwrap();
    wait_for("the edge to end", LIMIT, async || {
        site.process()
            .exit_status()
            .ok_or_else(|| site.process().log_tail())
    })
    .await
    .unwrap();
    let log = site.process().log_tail();
    assert!(
        log.contains("items[1].price") && log.contains("items[2].id"),
        "{log}"
    );
}

#[tokio::test]
async fn an_edge_waits_for_its_redis_and_needs_nothing_else() {
    use xtask::harness::Server as _;
    let test = TestSite::start().await;
    test.site.process().kill().unwrap();
    test.site.redis.kill().unwrap();
    test.site.nats.kill().unwrap();
    test.site.process().restart().unwrap();
    wait_for("the edge to wait", LIMIT, async || {
        let log = test.site.process().log_tail();
        if log.contains("waiting for redis") {
            Ok(())
        } else {
            Err(log)
        }
    })
    .await
    .unwrap();
    assert!(test.site.process().is_running());
    test.site.redis.restart().await.unwrap();
    test.site.wait_ready().await.unwrap();
    let ready = test
        .manager
        .get("/readyz")
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .body;
    let expected = serde_json::json!({
        "ready": true, "degraded": true, "redis": true, "nats": false, "hub": false,
    });
    assert_eq!(ready, expected);
    let kiosk = test.site.client(Role::Kiosk).await.unwrap();
    let order = crate::site::order_of("cake", 1);
    kiosk.order("k", &order).await.unwrap().expect(201).unwrap();
}
