//! Secrets stay where they belong: after a run that used every kind of them, none is in anything that
//! programs write, answer or show.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use xtask::harness::{LIMIT, Server as _, wait_for};
use xtask::world::{Client, SiteOptions, people};

use crate::scene::{Scene, programs, seed};

/// A PIN that is no number of anything else.
const PIN: &str = "739105284617";
/// The secret of a webhook.
const CANARY: &str = "Y2FuYXJ5LTViMGYyYzc0ZDE";

/// Every secret of the run, by what it is.
type Secrets = BTreeMap<String, String>;
/// Everything that was written, answered or shown, by where it was found.
type Told = BTreeMap<String, String>;

/// The password of `scheme://user:password@…`.
fn password_of(url: &str) -> String {
    let rest = url.split("://").nth(1).unwrap();
    let user = rest.split('@').next().unwrap();
    user.split(':').nth(1).unwrap().to_owned()
}

/// Uses each kind of secret, rightly and wrongly.
async fn use_secrets(scene: &Scene) -> Secrets {
    let (hub, site, admin) = (&scene.world.hub, scene.site(0), &scene.tokens.admin);
    let mut secrets = Secrets::new();
    let mut keep = |what: &str, secret: &str| {
        assert!(8 < secret.len(), "{what} is no secret");
        secrets.insert(what.to_owned(), secret.to_owned());
    };
    for person in people().unwrap() {
        keep(&format!("password of {}", person.name), &person.password);
        keep(&format!("hash of {}", person.name), &person.hash);
    }
    keep("password of Postgres", &password_of(&hub.postgres.url()));
    keep("password of Redis", &password_of(&site.redis.url()));
    keep(
        "the edge's password of Redis",
        &password_of(&site.redis.edge_url()),
    );
    keep("password of nats-server", &password_of(&site.nats.url()));
    keep("token at the hub", &admin.token);
    for (what, client) in [
        ("token of a kiosk", scene.kiosk(0)),
        ("token of a manager", scene.manager(0)),
    ] {
        keep(what, &client.token);
    }

    let new = json!({"name": "kit", "display_name": "Kit", "role": "kitchen", "site": "s1"});
    admin
        .post("/v1/users", None, &new)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    let long = "the words that nobody else would say";
    for (path, body) in [
        ("/v1/users/kit/password", json!({ "password": long })),
        ("/v1/users/kit/pin", json!({ "pin": PIN })),
    ] {
        admin.put(path, &body).await.unwrap().expect(200).unwrap();
    }
    keep("a new password", long);
    keep("a PIN", PIN);
    let nobody = Client::with_token(&hub.url(), "").unwrap();
    let sign_in = async |password: &str, status| {
        let body = json!({"user": "kit", "password": password});
        let answer = nobody.post("/v1/session", None, &body).await.unwrap();
        answer.expect(status).unwrap().body
    };
    let wrong = "words that are not the right ones";
    sign_in(wrong, 401).await;
    keep("a wrong password", wrong);
    let tokens = sign_in(long, 200).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    keep("a refresh token", refresh);
    keep("a person's token", tokens["access_token"].as_str().unwrap());
    let again = json!({ "refresh_token": refresh });
    let next = nobody
        .post("/v1/session/refresh", None, &again)
        .await
        .unwrap();
    next.expect(200).unwrap();

    // The PIN at the site, once the site was told; then a wrong one.
    let screen = Client::with_token(&site.url(), "").unwrap();
    let by_pin = async |pin: &str| {
        let body = json!({"user": "kit", "pin": pin});
        screen.post("/v1/session/pin", None, &body).await.unwrap()
    };
    wait_for("kit to be known at the site", LIMIT, async || {
        let answer = by_pin(PIN).await;
        (answer.status == 200)
            .then_some(())
            .ok_or(answer.body.to_string())
    })
    .await
    .unwrap();
    by_pin("918273645546").await.expect(401).unwrap();
    keep("a wrong PIN", "918273645546");
    let wanted = json!({"role": "kiosk", "name": "k2"});
    let code = scene.manager(0).post("/v1/session/codes", None, &wanted);
    let code = code.await.unwrap().expect(201).unwrap().body;
    keep("a screen's code", code["code"].as_str().unwrap());
    keep(
        "a token that lets a box in",
        &hub.token("s1", true).await.unwrap(),
    );
    let creds = std::fs::read_to_string(scene.folder("s1").join("site.creds")).unwrap();
    let seed = creds.lines().find(|line| line.starts_with("SU"));
    keep("the seed of a box", seed.unwrap());
    keep("the secret of a webhook", CANARY);
    secrets
}

/// Runs a program of ours; what it says.
async fn says(program: &Path, folder: &Path, config: &str, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::new(program);
    command
        .arg("--config")
        .arg(folder.join(config))
        .args(arguments);
    let output = command.current_dir(folder).output().await.unwrap();
    [output.stdout, output.stderr]
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .concat()
}

async fn everything(scene: &Scene) -> Told {
    let (hub, site, programs) = (&scene.world.hub, scene.site(0), programs().await);
    let mut told = Told::new();
    let logs = scene.world.sandbox.root().join("logs");
    for log in std::fs::read_dir(logs).unwrap() {
        let path = log.unwrap().path();
        let text = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&text).into_owned();
        told.insert(path.display().to_string(), text);
    }
    let (edge, office) = (site.data.join("edge"), &hub.data);
    for arguments in [&["serve", "--check"][..], &["doctor", "--json"]] {
        let what = arguments.join(" ");
        let text = says(&programs.edge, &edge, "s1-edge.toml", arguments).await;
        told.insert(format!("sunakku-edge {what}"), text);
        let text = says(&programs.hub, office, "hub.toml", arguments).await;
        told.insert(format!("sunakku-hub {what}"), text);
    }
    for (what, url) in [("edge", site.url()), ("hub", hub.url())] {
        for path in ["/metrics", "/readyz?verbose", "/openapi.json"] {
            let text = reqwest::get(format!("{url}{path}")).await.unwrap();
            told.insert(format!("{what}{path}"), text.text().await.unwrap());
        }
    }
    let audit: Vec<Value> = scene.tokens.admin.all("/v1/audit").await.unwrap();
    told.insert("the audit".to_owned(), json!(audit).to_string());
    let events: Vec<String> = sqlx::query_scalar("select event::text from site_event")
        .fetch_all(&scene.postgres)
        .await
        .unwrap();
    told.insert("the site's log".to_owned(), events.concat());
    for process in [
        hub.process(),
        hub.nats.process(),
        hub.postgres.process(),
        site.process(),
        site.nats.process(),
        site.redis.process(),
    ] {
        let line = std::fs::read(format!("/proc/{}/cmdline", process.pid())).unwrap();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        told.insert(format!("the process {}", process.name()), line);
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_of_a_run_is_in_a_log_a_metric_a_shown_setting_the_audit_or_a_process_list() {
    let settings = toml::toml! {
        [[webhooks]]
        name = "till"
        url = "http://127.0.0.1:9/"
        secret = "whsec_Y2FuYXJ5LTViMGYyYzc0ZDE="
        events = ["order.*"]
    };
    let site = SiteOptions::new("s1", seed()).with(settings);
    let scene = Scene::start_with(vec![site]).await;
    let secrets = use_secrets(&scene).await;
    scene.placed(0, "cola", 1).await;
    scene.settled().await;
    let told = everything(&scene).await;
    // Positive control: what is looked through is what the run said.
    for (place, word) in [
        ("the audit", "user.pin"),
        ("the site's log", "session.refused"),
        ("sunakku-edge serve --check", "till"),
        ("sunakku-hub serve --check", "***"),
        ("hub/metrics", "sunakku_auth_attempts_total"),
        ("edge/metrics", "sunakku_auth_attempts_total"),
        ("the process hub", "serve"),
    ] {
        let text = &told[place];
        assert!(
            text.contains(word),
            "{place} says nothing of {word}: {text}"
        );
    }
    let logs = told.keys().filter(|place| place.contains("/logs/")).count();
    assert!(6 <= logs, "{:?}", told.keys());
    for (what, secret) in &secrets {
        for (place, text) in &told {
            assert!(!text.contains(secret.as_str()), "{what} is in {place}");
        }
    }
}
