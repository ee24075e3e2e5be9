//! Webhooks: signed, at least once under one id, through receivers that fail in every way.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use xtask::harness::{LIMIT, Server as _, wait_for};
use xtask::world::SiteOptions;

use crate::books::read_log;
use crate::site::{TestSite, order_of, seed};

const SECRET: &str = "a secret of the test";

/// How a call is answered.
#[derive(Debug, Clone, Copy)]
enum Reply {
    Status(u16),
    /// 429 with `Retry-After` of a second.
    Busy,
    /// Never.
    Hang,
}

/// A call as it came.
#[derive(Debug, Clone)]
struct Call {
    id: String,
    body: Value,
}

#[derive(Default)]
struct Desk {
    calls: Vec<Call>,
    /// For the calls that come next; 200 for all others.
    replies: VecDeque<Reply>,
    /// For every call about this kind of event.
    by_kind: HashMap<String, Reply>,
}

/// A receiver.
struct Receiver {
    url: String,
    desk: Arc<Mutex<Desk>>,
    _serving: AbortOnDropHandle<()>,
}

async fn receive(
    State(desk): State<Arc<Mutex<Desk>>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    let expected = format!("v1,{}", BASE64_STANDARD.encode(tag.as_ref()));
    let body: Value = serde_json::from_str(&body).unwrap();
    let reply = {
        let mut desk = desk.lock().unwrap();
        let of_kind = desk.by_kind.get(body["kind"].as_str().unwrap()).copied();
        desk.calls.push(Call { id, body });
        of_kind
            .or_else(|| desk.replies.pop_front())
            .unwrap_or(Reply::Status(200))
    };
    if header("webhook-signature") != expected {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match reply {
        Reply::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Reply::Busy => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response(),
        Reply::Hang => std::future::pending().await,
    }
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let desk = Arc::new(Mutex::new(Desk::default()));
        let router = Router::new()
            .route("/hook", post(receive))
            .with_state(Arc::clone(&desk));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            desk,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    fn reply(&self, replies: &[Reply]) {
        self.desk.lock().unwrap().replies.extend(replies);
    }

    fn reply_to(&self, kind: &str, reply: Reply) {
        self.desk
            .lock()
            .unwrap()
            .by_kind
            .insert(kind.to_owned(), reply);
    }

    fn calls(&self) -> Vec<Call> {
        self.desk.lock().unwrap().calls.clone()
    }

    /// Waits until so many calls came, and answers them.
    async fn wait_for_calls(&self, count: usize) -> Vec<Call> {
        wait_for("calls", LIMIT, async || match self.calls() {
            calls if calls.len() >= count => Ok(calls),
            calls => Err(format!("{} of {count}", calls.len())),
        })
        .await
        .unwrap()
    }
}

fn hook(name: &str, url: &str, events: &[&str]) -> toml::Value {
    let events: Vec<toml::Value> = events.iter().map(|kind| (*kind).into()).collect();
    let mut hook = toml::toml! {
        timeout_seconds = 1
        max_attempts = 4
        max_in_flight = 4
        retry_min_milliseconds = 20
        retry_max_seconds = 1
    };
    for (key, value) in [("name", name), ("url", url), ("secret", SECRET)] {
        hook.insert(key.to_owned(), value.into());
    }
    hook.insert("events".to_owned(), events.into());
    hook.into()
}

async fn start(hooks: Vec<toml::Value>) -> TestSite {
    let mut options = SiteOptions::new("s1", seed());
    options.edge.insert("webhooks".to_owned(), hooks.into());
    TestSite::start_with(options).await
}

async fn letters(test: &TestSite) -> Vec<Value> {
    test.manager.all("/v1/queue/dead").await.unwrap()
}

async fn wait_for_letter(test: &TestSite) -> Value {
    wait_for("a dead letter", LIMIT, async || {
        letters(test).await.pop().ok_or("none".to_owned())
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn events_are_told_signed_and_tried_again_under_the_same_id() {
    let receiver = Receiver::start().await;
    let test = start(vec![hook("desk", &receiver.url, &["order.placed"])]).await;
    receiver.reply(&[Reply::Status(500), Reply::Busy, Reply::Hang]);
    let placed = test.placed(&order_of("cola", 2)).await;
    let calls = receiver.wait_for_calls(4).await;
    let ids: BTreeSet<&String> = calls.iter().map(|call| &call.id).collect();
    assert_eq!((calls.len(), ids.len()), (4, 1), "{calls:?}");
    let told = &calls[0].body;
    assert_eq!(
        (&told["site"], &told["kind"]),
        (&json!("s1"), &json!("order.placed"))
    );
    assert_eq!(told["body"]["order"], placed["id"]);
    assert_eq!(told["body"]["details"]["lines"][0]["quantity"], 2);
    // Tickets were made meanwhile, and nobody asked for those.
    test.tickets_of(placed["id"].as_str().unwrap()).await;
    test.placed(&order_of("cola", 1)).await;
    let calls = receiver.wait_for_calls(5).await;
    assert!(calls.iter().all(|call| call.body["kind"] == "order.placed"));
    assert_eq!(letters(&test).await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_fails_for_good_is_a_dead_letter_stops_nothing_behind_it_and_can_be_tried_again() {
    let receiver = Receiver::start().await;
    let test = start(vec![hook(
        "desk",
        &receiver.url,
        &["order.*", "ticket.started"],
    )])
    .await;
    receiver.reply_to("order.placed", Reply::Status(503));
    let placed = test.placed(&order_of("cola", 1)).await;
    let ticket = &test.tickets_of(placed["id"].as_str().unwrap()).await[0];
    test.ticket_step(ticket, "start").await;
    let letter = wait_for_letter(&test).await;
    assert_eq!(letter["attempts"].as_array().unwrap().len(), 4, "{letter}");
    assert_eq!(
        (&letter["kind"], &letter["target"]),
        (&json!("webhook"), &json!("desk"))
    );
    let failed = receiver.calls()[0].id.clone();
    assert_eq!(letter["id"], format!("webhook:desk:{failed}"));
    wait_for("those behind it", LIMIT, async || {
        let calls = receiver.calls();
        let told = |kind: &str| calls.iter().any(|call| call.body["kind"] == kind);
        if told("ticket.started") && told("order.preparing") {
            Ok(())
        } else {
            Err(format!("{calls:?}"))
        }
    })
    .await
    .unwrap();
    receiver.reply_to("order.placed", Reply::Status(200));
    let retry = format!("/v1/queue/dead/{}/retry", letter["id"].as_str().unwrap());
    test.manager.act(&retry).await.unwrap().expect(200).unwrap();
    wait_for("it to be told", LIMIT, async || {
        let told = receiver
            .calls()
            .iter()
            .filter(|call| call.id == failed)
            .count();
        if told == 5 {
            Ok(())
        } else {
            Err(format!("{told} times"))
        }
    })
    .await
    .unwrap();
    assert_eq!(letters(&test).await, Vec::<Value>::new());
    // What is wrong with the request is not sent again.
    receiver.reply_to("order.placed", Reply::Status(400));
    test.placed(&order_of("cola", 1)).await;
    let letter = wait_for_letter(&test).await;
    assert_eq!(letter["attempts"].as_array().unwrap().len(), 1, "{letter}");
}

#[tokio::test]
async fn a_dead_receiver_holds_up_no_other_and_no_kitchen() {
    let receiver = Receiver::start().await;
    let nobody = hook("nobody", "http://127.0.0.1:9/", &["*"]);
    let test = start(vec![nobody, hook("desk", &receiver.url, &["order.placed"])]).await;
    for _ in 0..20 {
        let placed = test.placed(&order_of("cola", 1)).await;
        test.tickets_of(placed["id"].as_str().unwrap()).await;
    }
    receiver.wait_for_calls(20).await;
}

#[tokio::test]
async fn every_event_is_told_though_the_edge_dies_and_jetstream_is_wiped() {
    let receiver = Receiver::start().await;
    let test = start(vec![hook(
        "desk",
        &receiver.url,
        &["order.placed", "order.cancelled"],
    )])
    .await;
    let mut orders = BTreeSet::new();
    for round in 0..3 {
        receiver.reply(&[Reply::Hang; 4]);
        for _ in 0..10 {
            let placed = test.placed(&order_of("cola", 1)).await;
            orders.insert(placed["id"].as_str().unwrap().to_owned());
        }
        receiver.wait_for_calls(round * 10 + 1).await;
        test.site.process().kill().unwrap();
        test.site.nats.kill().unwrap();
        test.site.nats.wipe().unwrap();
        test.site.nats.restart().await.unwrap();
        test.site.restart().await.unwrap();
    }
    wait_for("all orders to be told", 2 * LIMIT, async || {
        let calls = receiver.calls();
        let told: BTreeSet<&str> = calls
            .iter()
            .filter(|call| call.body["kind"] == "order.placed")
            .map(|call| call.body["body"]["order"].as_str().unwrap())
            .collect();
        let missing = orders
            .iter()
            .filter(|order| !told.contains(order.as_str()))
            .count();
        if missing == 0 {
            Ok(())
        } else {
            Err(format!("{missing} are missing"))
        }
    })
    .await
    .unwrap();
    // One id for each event, however often it was told.
    let mut ids: HashMap<String, String> = HashMap::new();
    for call in receiver.calls() {
        let seq = call.body["seq"].to_string();
        assert_eq!(ids.entry(seq).or_insert(call.id.clone()), &call.id);
    }
    let events = read_log(&test).await;
    let placed = events
        .iter()
        .filter(|event| event.kind == "order.placed")
        .count();
    assert_eq!(ids.len(), placed);
}
