//! The pickup board, orders that nobody collects, and how many of what is still to be made.

use std::collections::BTreeMap;

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use sunakku_common::event::{OrderMoved, TicketMoved, kind};
use xtask::harness::{LIMIT, wait_for};
use xtask::world::SiteOptions;

use crate::bad_input::assert_problem;
use crate::books::read_log;
use crate::site::{TestSite, order, order_of, seed};

async fn start(settings: toml::Table) -> TestSite {
    TestSite::start_with(SiteOptions::new("s1", seed()).with(settings)).await
}

async fn board(test: &TestSite) -> (Vec<u64>, Vec<u64>) {
    let board = test
        .kiosk
        .get("/v1/board")
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .body;
    let numbers = |name: &str| -> Vec<u64> {
        let rows = board[name].as_array().unwrap().iter();
        rows.map(|row| {
            assert!(row["since"].is_string(), "{row}");
            row["number"].as_u64().unwrap()
        })
        .collect()
    };
    (numbers("preparing"), numbers("ready"))
}

async fn bump_all(test: &TestSite, order: &str) -> Vec<Value> {
    let tickets = test.tickets_of(order).await;
    for ticket in &tickets {
        test.ticket_step(ticket, "bump").await;
    }
    tickets
}

async fn wait_for_state(test: &TestSite, id: &str, state: &str) -> Value {
    wait_for(state, LIMIT, async || {
        let order = test.order(id).await;
        if order["state"] == state {
            Ok(order)
        } else {
            Err(order["state"].to_string())
        }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn numbers_move_over_the_board_as_their_orders_do() {
    let test = TestSite::start().await;
    let first = test.placed(&order_of("cola", 1)).await;
    test.placed(&order_of("burger", 1)).await;
    let mut later = order_of("cola", 1);
    later["pickup_at"] = json!(chrono::Utc::now() + chrono::TimeDelta::hours(3));
    test.placed(&later).await;
    assert_eq!(board(&test).await, (vec![1, 2], vec![]));
    let id = first["id"].as_str().unwrap();
    let tickets = bump_all(&test, id).await;
    assert_eq!(board(&test).await, (vec![2], vec![1]));
    // Recalled after its number was called, with a reason.
    let path = format!("/v1/tickets/{}/recall", tickets[0]["id"].as_str().unwrap());
    let long = json!({ "reason": "x".repeat(201) });
    let refused = test.kitchen.post(&path, None, &long).await.unwrap();
    assert_problem(&refused, 422, "invalid-body");
    let why = json!({ "reason": "no lemon" });
    test.kitchen
        .post(&path, None, &why)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(board(&test).await, (vec![1, 2], vec![]));
    let events = read_log(&test).await;
    let recalled = events
        .iter()
        .find(|event| event.kind == kind::TICKET_RECALLED)
        .unwrap();
    assert_eq!(
        recalled.body::<TicketMoved>().unwrap().reason.as_deref(),
        Some("no lemon")
    );
    bump_all(&test, id).await;
    assert_eq!(board(&test).await, (vec![2], vec![1]));
    let collect = format!("/v1/orders/{id}/collect");
    test.kitchen
        .act(&collect)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(board(&test).await, (vec![2], vec![]));
}

#[tokio::test]
async fn an_order_that_nobody_collects_expires_and_a_recalled_one_does_not() {
    let test = start(toml::toml! {
        [pickup]
        expire_seconds = 5
    })
    .await;
    let recalled = test.placed(&order_of("cola", 1)).await;
    let recalled = recalled["id"].as_str().unwrap();
    let tickets = bump_all(&test, recalled).await;
    test.ticket_step(&tickets[0], "recall").await;
    let left = test.placed(&order_of("cake", 1)).await;
    let left = left["id"].as_str().unwrap();
    bump_all(&test, left).await;
    // Its time goes on while the edge is down.
    test.site.restart().await.unwrap();
    let expired = wait_for_state(&test, left, "expired").await;
    assert_eq!(expired["reason"], "not collected in time");
    let collect = format!("/v1/orders/{left}/collect");
    let late = test.kitchen.act(&collect).await.unwrap();
    assert_problem(&late, 409, "illegal-transition");
    assert_eq!(test.order(recalled).await["state"], "preparing");
    assert_eq!(test.stock("cake").await, Some(49), "it was cooked");
    let events = read_log(&test).await;
    let of_kind: Vec<_> = events
        .iter()
        .filter(|event| event.kind == kind::ORDER_EXPIRED)
        .collect();
    assert_eq!(of_kind.len(), 1);
    assert_eq!(of_kind[0].body::<OrderMoved>().unwrap().by.actor, "pickup");
}

#[tokio::test]
async fn a_number_leaves_the_board_before_its_order_expires() {
    let test = start(toml::toml! {
        [pickup]
        clear_seconds = 1
    })
    .await;
    let placed = test.placed(&order_of("cola", 1)).await;
    bump_all(&test, placed["id"].as_str().unwrap()).await;
    wait_for("the board to be clear", LIMIT, async || {
        match board(&test).await {
            (preparing, ready) if preparing.is_empty() && ready.is_empty() => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
    assert_eq!(
        test.order(placed["id"].as_str().unwrap()).await["state"],
        "ready"
    );
}

type ByItem = BTreeMap<(String, String), u64>;

async fn counts(test: &TestSite, query: &str) -> ByItem {
    let path = format!("/v1/tickets/counts{query}");
    let counts = test
        .kitchen
        .get(&path)
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .body;
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let row = |row: &Value| {
        let key = (text(row, "station"), text(row, "item"));
        (key, row["quantity"].as_u64().unwrap())
    };
    counts["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(row)
        .collect()
}

/// The same, counted from the tickets as cooks see them.
async fn recount(test: &TestSite) -> ByItem {
    let mut counts = ByItem::new();
    for ticket in test.kitchen.all::<Value>("/v1/tickets").await.unwrap() {
        for line in ticket["lines"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|line| line["done"] == false)
        {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let key = (text(&ticket["station"]), text(&line["item"]));
            *counts.entry(key).or_default() += line["quantity"].as_u64().unwrap();
        }
    }
    counts
}

#[tokio::test]
async fn all_day_counts_equal_the_open_tickets_after_every_step() {
    let test = TestSite::start().await;
    for sku in ["patty", "cake"] {
        test.set_stock(sku, 10_000).await;
    }
    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut tickets: Vec<Value> = Vec::new();
    for _ in 0..60 {
        if random.random_bool(0.4) {
            let items = ["burger", "cake", "cola", "meatball"];
            let line = |random: &mut StdRng| json!({"item": items.choose(random).unwrap(), "quantity": random.random_range(1..4)});
            let lines = [line(&mut random), line(&mut random)];
            let placed = test.placed(&order(&lines)).await;
            tickets.extend(test.tickets_of(placed["id"].as_str().unwrap()).await);
        } else if let Some(ticket) = tickets.choose(&mut random) {
            let step = ["start", "bump", "lines/1/bump", "recall"]
                .choose(&mut random)
                .unwrap();
            let path = format!("/v1/tickets/{}/{step}", ticket["id"].as_str().unwrap());
            let status = test.kitchen.act(&path).await.unwrap().status;
            assert!([200, 409].contains(&status.as_u16()), "{status}");
        }
        assert_eq!(counts(&test, "").await, recount(&test).await);
    }
    let of_bar = counts(&test, "?station=bar").await;
    let mut all = counts(&test, "").await;
    all.retain(|(station, _), _| station == "bar");
    assert_eq!(of_bar, all);
}
