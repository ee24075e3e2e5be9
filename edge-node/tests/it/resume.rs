//! Screens whose connection is cut, whose edge is restarted, whose store begins anew.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use xtask::harness::{LIMIT, Server, wait_for};

use crate::books::read_log;
use crate::guests::Guests;
use crate::live::seq;
use crate::screen::Screen;
use crate::site::{TestSite, order_of};

/// Sequences of the log's ticket events.
async fn ticket_events(test: &TestSite) -> Vec<u64> {
    let events = read_log(test).await;
    let tickets = events
        .iter()
        .filter(|event| event.kind.starts_with("ticket."));
    tickets.map(|event| event.seq).collect()
}

/// Follows the tickets from `seq` on through `cuts` cut connections, then to the end.
async fn follow_through_cuts(
    test: &TestSite,
    mut at: u64,
    cuts: u64,
    end: &CancellationToken,
) -> Vec<u64> {
    let mut seen = Vec::new();
    for cut in 0.. {
        let whole = cuts <= cut && end.is_cancelled();
        let head = if whole { test.head().await } else { u64::MAX };
        let mut screen = Screen::follow(test, &format!("topics=tickets&from={at}")).await;
        // Between a moment and longer than a beat.
        let life = Duration::from_millis(1 + cut * 7 % 60);
        let deadline = Instant::now() + if whole { LIMIT } else { life };
        while at < head
            && let left = deadline.saturating_duration_since(Instant::now())
            && let Some(frame) = screen.next_within(left).await
        {
            assert_ne!(frame["type"], "snapshot", "after {at}: {frame}");
            assert!(at <= seq(&frame), "after {at}: {frame}");
            if frame["type"] == "ticket" {
                assert!(at < seq(&frame), "twice: {frame}");
                seen.push(seq(&frame));
            }
            at = seq(&frame);
        }
        if whole {
            assert_eq!(at, head);
            return seen;
        }
    }
    unreachable!()
}

/// A cook at work until told to stop: makes whatever is open.
async fn cook(test: &TestSite, end: &CancellationToken) {
    while !end.is_cancelled() {
        let tickets: Vec<Value> = test.kitchen.all("/v1/tickets").await.unwrap();
        for ticket in tickets.iter().take(30) {
            for step in ["start", "bump"] {
                let path = format!("/v1/tickets/{}/{step}", ticket["id"].as_str().unwrap());
                test.kitchen.act(&path).await.unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn screens_cut_off_a_thousand_times_see_every_ticket_event_once() {
    let test = TestSite::start().await;
    test.set_stock("patty", 1_000_000).await;
    let (from, end) = (test.head().await, CancellationToken::new());
    let guests = Guests::arrive(&test.kiosk, 2);
    let following = (0..2).map(|n| follow_through_cuts(&test, from, 500 + n, &end));
    let work = async {
        guests.buy(300).await;
        guests.leave().await;
        wait_for("the kitchen to keep up", LIMIT, async || {
            let queue = test
                .manager
                .get("/v1/queue")
                .await
                .map_err(|error| error.to_string())?;
            if queue.body["orders_waiting"] == 0 {
                Ok(())
            } else {
                Err(queue.body.to_string())
            }
        })
        .await
        .unwrap();
        end.cancel();
    };
    let (seen, (), ()) = tokio::join!(join_all(following), work, cook(&test, &end));
    let told = ticket_events(&test).await;
    let expected: Vec<u64> = told.into_iter().filter(|seq| from < *seq).collect();
    assert!(300 < expected.len());
    for screen in seen {
        assert_eq!(screen, expected);
    }
}

#[tokio::test]
async fn a_screen_resumes_after_the_edge_was_restarted() {
    let test = TestSite::start().await;
    let mut screen = Screen::follow(&test, "topics=orders").await;
    let at = seq(&screen.next().await.unwrap());
    let placed = test.placed(&order_of("cola", 1)).await;
    assert_eq!(screen.news().await["data"]["id"], placed["id"]);
    let mut other = Screen::follow(&test, "topics=orders").await;
    test.site.process().terminate(LIMIT).await.unwrap();
    let farewell = other.close_frame().await.unwrap();
    assert_eq!(u16::from(farewell.code), 1001, "{farewell:?}");
    test.site.process().restart().unwrap();
    test.site.wait_ready().await.unwrap();
    let again = test.placed(&order_of("cola", 1)).await;
    let mut screen = Screen::follow(&test, &format!("topics=orders&from={at}")).await;
    assert_eq!(screen.news().await["data"]["id"], placed["id"]);
    assert_eq!(screen.news().await["data"]["id"], again["id"]);
}

#[tokio::test]
async fn a_new_epoch_is_told_with_a_snapshot() {
    let test = TestSite::start().await;
    test.placed(&order_of("cake", 1)).await;
    let mut screen = Screen::follow(&test, "topics=orders,stock").await;
    let before = screen.next().await.unwrap();
    test.site.redis.kill().unwrap();
    test.site.redis.wipe().unwrap();
    test.site.redis.restart().await.unwrap();
    let after = loop {
        let frame = screen.news().await;
        if frame["type"] == "snapshot" {
            break frame;
        }
    };
    assert_ne!(after["data"]["epoch"], before["data"]["epoch"]);
    assert_eq!(after["data"]["orders"], json!([]));
    let full = json!({
        "sku": "cake", "on_hand": 50, "suspended": false, "low_mark": null, "low": false,
    });
    assert!(after["data"]["stock"].as_array().unwrap().contains(&full));
    let placed = test.placed(&order_of("cake", 1)).await;
    assert_eq!(screen.news().await["data"]["id"], placed["id"]);
}
