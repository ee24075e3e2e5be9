//! A site speaks for itself alone, whatever it tries on its own server.

use std::time::Duration;

use async_nats::{Client, ConnectOptions, Request, Subject, Subscriber};
use futures::StreamExt as _;
use serde_json::{Value, json};
use sunakku_common::chain::Chain;
use sunakku_common::event::Event;
use sunakku_common::ids::{Epoch, SiteId};
use sunakku_common::nats::{read_claims, read_creds};
use sunakku_common::subjects::Bucket;
use tokio::time::{Instant, timeout, timeout_at};
use xtask::harness::LIMIT;

use crate::scene::Scene;

/// Long enough to be sure that something does *not* come: what is allowed takes milliseconds.
const SILENCE: Duration = Duration::from_millis(700);

/// Somebody on s1's own server, with all rights there.
async fn intruder(scene: &Scene) -> Client {
    let options = ConnectOptions::new().custom_inbox_prefix("_INBOX.s1");
    scene.site(0).nats.connect(options).await.unwrap()
}

/// What the edge of s1 says of itself, which somebody on its machine can read.
pub(crate) async fn sender(scene: &Scene) -> Value {
    let creds = std::fs::read_to_string(scene.folder("s1").join("site.creds")).unwrap();
    let (jwt, _) = read_creds(&creds).unwrap();
    let redis = redis::Client::open(scene.site(0).redis.url()).unwrap();
    let mut redis = redis.get_multiplexed_async_connection().await.unwrap();
    let mut get = redis::cmd("GET");
    get.arg("{s1}:instance");
    let instance: String = get.query_async(&mut redis).await.unwrap();
    json!({"nkey": read_claims(&jwt).unwrap().sub, "instance": instance})
}

/// A batch of one event that joins on to nothing, as the first of an epoch.
fn batch(site: &str, epoch: Epoch, sender: &Value) -> Vec<u8> {
    let site: SiteId = site.parse().unwrap();
    let genesis = Chain::genesis(&site, epoch);
    let event = Event::encode(
        1,
        "2026-11-23T10:00:00.000Z",
        "menu.activated",
        r#"{"version":1}"#,
    );
    let batch = json!({
        "epoch": epoch, "from_seq": 1, "prev_chain": genesis, "chain": genesis.next(&event),
        "head": 1, "sender": sender, "events": [serde_json::from_str::<Value>(&event).unwrap()],
    });
    // Objects are written with their members by name: put the event in as it was chained.
    let text = batch.to_string();
    let as_value = serde_json::from_str::<Value>(&event).unwrap().to_string();
    text.replace(&as_value, &event).into_bytes()
}

/// Nobody of these hears one of the payloads within a while.
async fn nobody_hears(subscribers: &mut [(&str, Subscriber)], payloads: &[Vec<u8>]) {
    let until = Instant::now() + SILENCE;
    for (subject, subscriber) in subscribers {
        while let Ok(Some(message)) = timeout_at(until, subscriber.next()).await {
            let crossed = payloads.iter().any(|payload| message.payload == *payload);
            assert!(!crossed, "{subject} crossed the link");
        }
    }
}

/// The rows of the hub's ledger, without what a heart beat changes.
async fn rows_of(scene: &Scene, site: &str) -> Vec<Value> {
    let path = format!("/v1/ledger?all=true&site={site}");
    let mut rows: Vec<Value> = scene.tokens.admin.all(&path).await.unwrap();
    for row in &mut rows {
        row.as_object_mut().unwrap().remove("last_seen");
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_can_neither_speak_nor_listen_for_another() {
    let scene = Scene::start(2).await;
    scene.placed(0, "cola", 1).await;
    scene.placed(1, "cola", 1).await;
    scene.settled().await;
    let intruder = intruder(&scene).await;
    let hub = scene
        .world
        .hub
        .nats
        .connect(ConnectOptions::new())
        .await
        .unwrap();

    hears_nobody_else(&scene, &intruder, &hub).await;
    let s2 = rows_of(&scene, "s2").await;
    let sender = sender(&scene).await;
    speaks_for_nobody_else(&intruder, &hub, &sender).await;
    reads_nothing_of_another(&intruder).await;
    gets_no_answer_elsewhere(&scene, &intruder, &hub, &sender).await;
    assert_eq!(rows_of(&scene, "s2").await, s2, "s2 was touched");

    cannot_use_the_epoch_of_another(&scene, &intruder, &sender).await;
    assert_eq!(rows_of(&scene, "s2").await, s2, "s2 was touched");
    for n in 0..2 {
        scene.placed(n, "cola", 1).await;
    }
    scene.settled().await;
    scene.assert_books().await;
}

/// Nothing that it says on another site's subjects, or on the hub's own, crosses the link.
async fn speaks_for_nobody_else(intruder: &Client, hub: &Client, sender: &Value) {
    let mut crossed = Vec::new();
    for subject in [
        "up.s2.log",
        "up.s2.cred",
        "$KV.menu.s2",
        "$KV.menu.s1",
        "up.s2.x",
        "down.s2.menu",
        "down.s1.menu",
        "_INBOX.s2.x",
        "x",
    ] {
        crossed.push((subject, hub.subscribe(subject).await.unwrap()));
    }
    hub.flush().await.unwrap();
    // What is allowed does cross, so the rest could have.
    let mut allowed = hub.subscribe("up.s1.x").await.unwrap();
    hub.flush().await.unwrap();
    let probe = async || {
        intruder.publish("up.s1.x", "allowed".into()).await.unwrap();
        intruder.flush().await.unwrap();
        let heard = timeout(Duration::from_millis(100), allowed.next()).await;
        heard.map(|_| ()).map_err(|_| "not heard yet".to_owned())
    };
    wait_for_mut("the site's own subject to cross", probe).await;
    // To s2's log even what intake would take.
    let payloads = [b"forbidden".to_vec(), batch("s2", Epoch::new(), sender)];
    for payload in &payloads {
        for (subject, _) in &crossed {
            let payload = payload.clone().into();
            let sent = intruder.publish_with_reply(*subject, "_INBOX.s2.y", payload);
            sent.await.unwrap();
        }
    }
    intruder.flush().await.unwrap();
    nobody_hears(&mut crossed, &payloads).await;
}

/// It reads its own settings, and nothing else of the hub's streams.
async fn reads_nothing_of_another(intruder: &Client) {
    let ask = async |subject: &str, body: &str| {
        let request = Request::new().payload(body.to_owned().into());
        let request = request.timeout(Some(SILENCE));
        intruder.send_request(subject.to_owned(), request).await
    };
    let site: SiteId = "s1".parse().unwrap();
    let own = Bucket::Site.read(&site);
    wait_for_mut("its own settings", async || {
        let read = ask(&own, "").await.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&read.payload).into_owned();
        text.contains("Cafeteria s1").then_some(()).ok_or(text)
    })
    .await;
    let other: SiteId = "s2".parse().unwrap();
    let api = |call: &str| format!("$JS.hub.API.{call}");
    for (subject, body) in [
        (Bucket::Menu.read(&other), ""),
        (Bucket::Site.read(&other), ""),
        (
            api("DIRECT.GET.KV_site"),
            r#"{"last_by_subj":"$KV.site.s2"}"#,
        ),
        (own.clone(), r#"{"last_by_subj":"$KV.site.s2"}"#),
        (own.clone(), r#"{"multi_last":["$KV.site.s2"]}"#),
        (own.clone(), r#"{"seq":1}"#),
        (
            api("STREAM.MSG.GET.KV_site"),
            r#"{"last_by_subj":"$KV.site.s2"}"#,
        ),
        (api("STREAM.INFO.KV_site"), ""),
        (api("STREAM.NAMES"), ""),
        (api("STREAM.PURGE.KV_site"), ""),
        (api("STREAM.DELETE.KV_site"), ""),
        (api("STREAM.CREATE.X"), r#"{"name":"X","subjects":["x"]}"#),
        (
            api("CONSUMER.CREATE.KV_site"),
            r#"{"stream_name":"KV_site","config":{}}"#,
        ),
        (api("CONSUMER.CREATE.KV_site.c.$KV.site.s1"), "{}"),
        (api("INFO"), ""),
        ("$SYS.REQ.SERVER.PING".to_owned(), ""),
        ("$SYS.REQ.CLAIMS.UPDATE".to_owned(), "x"),
    ] {
        // What one's own server answers is one's own business: it knows no stream of the hub's.
        if let Ok(answer) = ask(&subject, body).await {
            let text = String::from_utf8_lossy(&answer.payload).into_owned();
            assert!(!text.contains("s2"), "{subject} {body}: {text}");
            assert!(
                answer.status.is_some(),
                "{subject} {body} was answered: {text}"
            );
        }
    }
    // Nothing was purged or deleted.
    let read = ask(&own, "").await.unwrap();
    assert!(read.status.is_none(), "{read:?}");
}

/// It can subscribe to what it likes on its own server; nothing of others comes there.
async fn hears_nobody_else(scene: &Scene, intruder: &Client, hub: &Client) {
    let mut ears = Vec::new();
    for subject in [
        "up.s2.>",
        "up.*.log",
        "up.>",
        "down.s2.>",
        "down.>",
        "_INBOX.s2.>",
        "_INBOX.>",
        ">",
    ] {
        ears.push((subject, intruder.subscribe(subject).await.unwrap()));
    }
    intruder.flush().await.unwrap();
    for subject in ["down.s2.menu", "_INBOX.s2.x", "up.s2.x", "anything"] {
        hub.publish(subject, "for s2 alone".into()).await.unwrap();
    }
    // The neighbour's log and its answers pass through the hub meanwhile.
    scene.placed(1, "tea", 1).await;
    scene.settled().await;
    hub.publish("down.s1.menu", "for s1".into()).await.unwrap();
    hub.flush().await.unwrap();
    let until = Instant::now() + SILENCE;
    for (subject, ear) in &mut ears {
        while let Ok(Some(message)) = timeout_at(until, ear.next()).await {
            let own = |of: &str| message.subject.starts_with(&format!("{of}.s1."));
            let ours = own("up") || own("down") || own("_INBOX");
            // Its own server's queue and system answers are its own business as well.
            let local = message.subject.starts_with('$') || message.subject.starts_with("jobs.");
            assert!(ours || local, "{subject} heard {}", message.subject);
            assert_ne!(message.payload, "for s2 alone");
        }
    }
}

/// A question with somebody else's reply subject is not answered there, nor anywhere.
async fn gets_no_answer_elsewhere(scene: &Scene, intruder: &Client, hub: &Client, sender: &Value) {
    let sync = scene.sync(0).await;
    let epoch: Epoch = sync["epoch"].as_str().unwrap().parse().unwrap();
    let question = batch("s1", epoch, sender);
    let replies = [
        "_INBOX.s2.x",
        "up.s2.log",
        "up.s1.log",
        "down.s2.menu",
        "_INBOX.s1",
    ];
    let mut hearing = Vec::new();
    for reply in replies {
        hearing.push((reply, hub.subscribe(reply).await.unwrap()));
    }
    hub.flush().await.unwrap();
    for reply in replies {
        let subject = Subject::from_static("up.s1.log");
        intruder
            .publish_with_reply(subject, reply, question.clone().into())
            .await
            .unwrap();
    }
    intruder.flush().await.unwrap();
    let until = Instant::now() + SILENCE;
    for (reply, subscriber) in &mut hearing {
        while let Ok(Some(message)) = timeout_at(until, subscriber.next()).await {
            let text = String::from_utf8_lossy(&message.payload);
            let is_answer = [
                "cursor",
                "refused",
                "expected_seq",
                "fork_seq",
                "diverged_at",
            ]
            .iter()
            .any(|word| text.starts_with(&format!("{{\"{word}")));
            assert!(!is_answer, "answered at {reply}: {text}");
        }
    }
    // Asked properly, the hub does answer.
    let answer = intruder
        .request("up.s1.log", question.into())
        .await
        .unwrap();
    assert!(!answer.payload.is_empty());
}

/// A batch of s1 for the epoch of s2 is s1's own affair, and s1 gets over it.
async fn cannot_use_the_epoch_of_another(scene: &Scene, intruder: &Client, sender: &Value) {
    let epoch: Epoch = Epoch(scene.epoch(1).await);
    for site in ["s1", "s2"] {
        let answer = intruder
            .request("up.s1.log", batch(site, epoch, sender).into())
            .await
            .unwrap();
        let answer = String::from_utf8_lossy(&answer.payload).into_owned();
        eprintln!("s1 with the epoch of s2, chained as {site}: {answer}");
    }
    let order = scene.placed(0, "cola", 1).await;
    scene.settled().await;
    let id: uuid::Uuid = order["id"].as_str().unwrap().parse().unwrap();
    let held: i64 = sqlx::query_scalar("select count(*) from site_order where order_id = $1")
        .bind(id)
        .fetch_one(&scene.postgres)
        .await
        .unwrap();
    assert_eq!(held, 1);
}

async fn wait_for_mut(what: &str, mut probe: impl AsyncFnMut() -> Result<(), String>) {
    let deadline = Instant::now() + LIMIT;
    loop {
        match probe().await {
            Ok(()) => return,
            Err(status) if deadline <= Instant::now() => panic!("{what}: {status}"),
            Err(_) => {}
        }
    }
}
