//! Screens see everything once and in order, know that they are live, and resume where they were.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use sunakku_common::ids::Epoch;
use xtask::harness::{LIMIT, wait_for};
use xtask::world::SiteOptions;

use crate::books::open_store;
use crate::screen::{Screen, request};
use crate::site::{TestSite, order, order_of, seed};

const ALL: &str = "topics=stock,orders,tickets,menu,sync";

/// The sequence of a frame.
pub(crate) fn seq(frame: &Value) -> u64 {
    frame["seq"].as_u64().unwrap()
}

fn cake_row(on_hand: u32) -> Value {
    json!({
        "sku": "cake", "on_hand": on_hand, "suspended": false, "low_mark": null, "low": false,
    })
}

#[tokio::test]
async fn a_screen_gets_a_snapshot_and_then_what_happens() {
    let test = TestSite::start().await;
    let open = test.placed(&order_of("cake", 2)).await;
    let ticket = test
        .tickets_of(open["id"].as_str().unwrap())
        .await
        .remove(0);
    let mut screen = Screen::follow(&test, ALL).await;
    let snapshot = screen.next().await.unwrap();
    assert_eq!(
        (&snapshot["type"], seq(&snapshot)),
        (&json!("snapshot"), test.head().await)
    );
    let data = &snapshot["data"];
    assert!(data["epoch"].is_string() && snapshot["at"].is_string());
    assert_eq!(
        (&data["menu"], &data["sync"]["hub"]),
        (&json!({"version": 1}), &json!("away"))
    );
    assert_eq!(
        (&data["orders"][0]["id"], &data["orders"][0]["state"]),
        (&open["id"], &json!("placed"))
    );
    assert_eq!(
        (&data["tickets"][0]["id"], &data["tickets"][0]["done_lines"]),
        (&ticket["id"], &json!([]))
    );
    let cake = cake_row(48);
    assert!(data["stock"].as_array().unwrap().contains(&cake));
    let placed = test.placed(&order_of("cake", 3)).await;
    let news = async |screen: &mut Screen, kind: &str| loop {
        let frame = screen.news().await;
        if frame["type"] == kind {
            return frame;
        }
    };
    let told = news(&mut screen, "order").await;
    assert_eq!(
        (&told["data"]["id"], &told["data"]["number"]),
        (&placed["id"], &placed["number"])
    );
    assert_eq!(seq(&told), seq(&snapshot) + 1);
    let told = news(&mut screen, "stock").await;
    assert_eq!(told["data"], cake_row(45));
    assert_eq!(
        seq(&told),
        seq(&snapshot) + 1,
        "the frames of one event have its sequence"
    );
    let told = news(&mut screen, "ticket").await;
    assert_eq!(
        (&told["data"]["order"], &told["data"]["state"]),
        (&placed["id"], &json!("waiting"))
    );
    test.ticket_step(&ticket, "bump").await;
    let told = news(&mut screen, "ticket").await;
    assert_eq!(
        (&told["data"]["id"], &told["data"]["done_lines"]),
        (&ticket["id"], &json!([1]))
    );
    assert_eq!(
        news(&mut screen, "order").await["data"]["state"],
        "preparing"
    );
    assert_eq!(news(&mut screen, "order").await["data"]["state"], "ready");
}

#[tokio::test]
async fn a_quiet_screen_hears_every_two_seconds_that_it_is_live() {
    let test = TestSite::start().await;
    let mut screen = Screen::follow(&test, "topics=orders").await;
    let snapshot = screen.next().await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 3 {
        let beat = screen.next().await.unwrap();
        assert_eq!(
            (&beat["type"], seq(&beat)),
            (&json!("beat"), seq(&snapshot))
        );
        assert_eq!(beat["data"]["epoch"], snapshot["data"]["epoch"]);
        heard.push(Instant::now());
    }
    // The first comes at once.
    let gap = heard[2] - heard[1];
    assert!(
        Duration::from_millis(1_500) < gap && gap < Duration::from_secs(4),
        "{gap:?}"
    );
}

#[tokio::test]
async fn a_screen_that_names_its_place_gets_everything_after_it_and_no_snapshot() {
    let test = TestSite::start().await;
    let first = test.placed(&order_of("cake", 1)).await;
    test.tickets_of(first["id"].as_str().unwrap()).await;
    let from = test.head().await;
    for _ in 0..5 {
        let placed = test.placed(&order_of("cake", 1)).await;
        let ticket = &test.tickets_of(placed["id"].as_str().unwrap()).await[0];
        test.ticket_step(ticket, "bump").await;
    }
    let head = test.head().await;
    let epoch = open_store(&test).await.head().await.unwrap().epoch;
    for query in [
        format!("{ALL}&from={from}"),
        format!("{ALL}&from={from}&epoch={epoch}"),
    ] {
        let frames = Screen::follow(&test, &query).await.until(head).await;
        let mut by_seq: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for frame in frames.iter().filter(|frame| frame["type"] != "sync") {
            let kind = frame["type"].as_str().unwrap().to_owned();
            by_seq.entry(seq(frame)).or_default().push(kind);
        }
        let seqs: Vec<u64> = by_seq.keys().copied().collect();
        assert_eq!(seqs, (from + 1..=head).collect::<Vec<u64>>());
        let kinds: Vec<String> = by_seq.into_values().flatten().collect();
        let one = ["order", "stock", "ticket", "ticket", "order", "order"];
        assert_eq!(kinds, one.repeat(5));
    }
    let mut at_head = Screen::follow(&test, &format!("{ALL}&from={head}")).await;
    assert!(
        at_head
            .until(head)
            .await
            .iter()
            .all(|frame| frame["type"] == "sync")
    );
}

#[tokio::test]
async fn a_place_that_is_not_in_the_log_is_answered_with_a_snapshot() {
    let test = TestSite::start().await;
    test.placed(&order_of("cake", 1)).await;
    let head = test.head().await;
    let foreign = Epoch::new();
    for query in [
        format!("from={}", head + 1_000),
        format!("from={head}&epoch={foreign}"),
        format!("from={}", u64::MAX),
    ] {
        let mut screen = Screen::follow(&test, &format!("topics=orders&{query}")).await;
        assert_eq!(screen.next().await.unwrap()["type"], "snapshot", "{query}");
    }
    // What is no longer kept.
    let store = open_store(&test).await;
    let (epoch, mut at) = (
        store.head().await.unwrap().epoch,
        store.anchor().await.unwrap(),
    );
    for entry in store.log_from(1, 3).await.unwrap() {
        (at.seq, at.chain) = (entry.seq, at.chain.next(&entry.text));
    }
    store.trim_log(epoch, at).await.unwrap();
    let mut behind = Screen::follow(&test, "topics=orders&from=2").await;
    assert_eq!(behind.next().await.unwrap()["type"], "snapshot");
    let mut just = Screen::follow(&test, "topics=orders&from=3").await;
    assert_ne!(just.next().await.unwrap()["type"], "snapshot");
}

#[tokio::test]
async fn a_screen_hears_of_its_topics_alone() {
    let test = TestSite::start().await;
    let mut screen = Screen::follow(&test, "topics=stock").await;
    let snapshot = screen.next().await.unwrap();
    let members: Vec<&String> = snapshot["data"].as_object().unwrap().keys().collect();
    assert_eq!(members, ["epoch", "stock"]);
    let placed = test.placed(&order_of("cake", 1)).await;
    test.tickets_of(placed["id"].as_str().unwrap()).await;
    let frames = screen.until(test.head().await).await;
    let frames = frames.iter().filter(|frame| frame["type"] != "beat");
    assert_eq!(
        frames.map(|frame| &frame["type"]).collect::<Vec<_>>(),
        ["stock"]
    );
}

#[tokio::test]
async fn a_token_comes_by_header_or_subprotocol_and_decides_what_is_shown() {
    let test = TestSite::start().await;
    let refused = async |query: &str, token: &str| {
        let answer = Screen::open(request(&test, query, token)).await;
        let (status, body) = answer.err().unwrap();
        (
            status,
            body["type"]
                .as_str()
                .unwrap()
                .rsplit(':')
                .next()
                .unwrap()
                .to_owned(),
        )
    };
    assert_eq!(
        refused("topics=stock", "").await,
        (401, "unauthorized".to_owned())
    );
    assert_eq!(
        refused("topics=stock", "x").await,
        (401, "unauthorized".to_owned())
    );
    let in_url = format!(
        "topics=stock&token={0}&access_token={0}",
        test.kitchen.token
    );
    assert_eq!(refused(&in_url, "").await, (401, "unauthorized".to_owned()));
    let kiosk = &test.kiosk.token;
    assert_eq!(
        refused("topics=stock,tickets", kiosk).await,
        (403, "forbidden".to_owned())
    );
    Screen::open(request(&test, "topics=stock,orders,menu", kiosk))
        .await
        .unwrap();
    let mut browser = request(&test, "topics=tickets", "");
    let pair = format!("sunakku.v1, bearer.{}", test.kitchen.token)
        .parse()
        .unwrap();
    browser.headers_mut().insert("sec-websocket-protocol", pair);
    let mut screen = Screen::open(browser).await.unwrap();
    assert_eq!(
        screen.response.headers()["sec-websocket-protocol"],
        "sunakku.v1"
    );
    assert_eq!(screen.next().await.unwrap()["type"], "snapshot");
}

#[tokio::test]
async fn one_screen_too_many_is_told_to_come_later() {
    let options = SiteOptions::new("s1", seed()).with(toml::toml! {
        [http]
        max_websockets = 3
    });
    let test = TestSite::start_with(options).await;
    let opening = (0..3).map(|_| Screen::follow(&test, "topics=stock"));
    let mut screens = join_all(opening).await;
    let query = "topics=stock";
    let (status, body) = Screen::open(request(&test, query, &test.kitchen.token))
        .await
        .err()
        .unwrap();
    assert_eq!((status, &body["title"]), (503, &json!("too many screens")));
    screens.pop();
    wait_for("a place", LIMIT, async || {
        let answer = Screen::open(request(&test, query, &test.kitchen.token)).await;
        answer.map(|_| ()).map_err(|(status, _)| status.to_string())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn one_caller_cannot_take_the_places_of_all() {
    let options = SiteOptions::new("s1", seed()).with(toml::toml! {
        [http]
        max_websockets_per_caller = 2
    });
    let test = TestSite::start_with(options).await;
    let opening = (0..2).map(|_| Screen::follow(&test, "topics=stock"));
    let _screens = join_all(opening).await;
    let query = "topics=stock";
    let (status, body) = Screen::open(request(&test, query, &test.kitchen.token))
        .await
        .err()
        .unwrap();
    let slug = json!("urn:sunakku:problem:too-many-screens-of-caller");
    assert_eq!((status, &body["type"]), (429, &slug));
    Screen::open(request(&test, query, &test.manager.token))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_screen_that_never_reads_is_dropped_and_slows_nobody() {
    let test = TestSite::start().await;
    let sleeper = request(&test, ALL, &test.kitchen.token);
    let mut sleeper = Screen::open_with_buffer(sleeper, 4_096).await.unwrap();
    let mut awake = Screen::follow(&test, "topics=orders").await;
    awake.next().await.unwrap();
    let line = json!({"item": "cola", "quantity": 1, "note": "x".repeat(200)});
    let long = order(&vec![line; 100]);
    let dropped = async || {
        let metrics = test
            .manager
            .request(reqwest::Method::GET, "/metrics")
            .send()
            .await
            .unwrap();
        let text = metrics.text().await.unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with("sunakku_websocket_dropped_total"));
        line.unwrap().ends_with(" 1")
    };
    let mut slowest = Duration::ZERO;
    let deadline = Instant::now() + LIMIT;
    while !dropped().await {
        assert!(Instant::now() < deadline, "it was never dropped");
        let sent = Instant::now();
        let placed = test.placed(&long).await;
        while awake.news().await["data"]["id"] != placed["id"] {}
        slowest = slowest.max(sent.elapsed());
    }
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    sleeper.say("hello?").await;
    let farewell = sleeper.close_frame().await;
    assert!(farewell.is_none_or(|frame| u16::from(frame.code) == 1013));
}
