//! The kitchen gets each order's tickets once, whatever becomes of nats-server and its store.

use std::fs;
use std::path::Path;
use std::time::Duration;

use async_nats::{ConnectOptions, jetstream};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sunakku_common::event::{TicketCreated, kind};
use sunakku_common::ids::OrderId;
use sunakku_edge::store::{NewOrder, Operation, Placing};
use xtask::harness::{LIMIT, Server, wait_for};

use crate::books::{assert_cooked_once, open_store, read_log};
use crate::dead_letters::switch;
use crate::guests::Guests;
use crate::scripts::new_order;
use crate::site::{TestSite, order_of};
use crate::waiting::assert_told;

pub(crate) async fn queue(test: &TestSite) -> Value {
    test.manager
        .get("/v1/queue")
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .body
}

/// The site's nats-server as the edge sees it.
pub(crate) async fn jetstream(test: &TestSite) -> jetstream::Context {
    let options = ConnectOptions::new().custom_inbox_prefix("_INBOX.s1");
    jetstream::new(test.site.nats.connect(options).await.unwrap())
}

/// Takes an order and waits for its tickets.
async fn cook(test: &TestSite) {
    let placed = test.placed(&order_of("cola", 1)).await;
    test.tickets_of(placed["id"].as_str().unwrap()).await;
}

/// Waits until jobs go through the queue.
pub(crate) async fn wait_for_queue(test: &TestSite) {
    wait_for("a job to go through the queue", LIMIT, async || {
        let before = queue(test).await["done"].as_u64();
        cook(test).await;
        let after = queue(test).await;
        if before < after["done"].as_u64() {
            Ok(())
        } else {
            Err(after.to_string())
        }
    })
    .await
    .unwrap();
}

/// Tries again while the server writes new files into it.
fn empty_folder(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let remove = || match path.is_dir() {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        let gone = (0..100).any(|_| remove().is_ok() || !path.exists());
        assert!(gone, "{} stays", path.display());
    }
}

#[tokio::test]
async fn without_nats_server_tickets_come_the_direct_way_and_the_queue_is_used_again() {
    let test = TestSite::start().await;
    wait_for_queue(&test).await;
    test.site.nats.kill().unwrap();
    let done = queue(&test).await["done"].clone();
    for _ in 0..5 {
        cook(&test).await;
    }
    let without = queue(&test).await;
    assert_eq!(
        (&without["done"], &without["connected"]),
        (&done, &json!(false))
    );
    test.site.nats.restart().await.unwrap();
    wait_for_queue(&test).await;
    assert_eq!(queue(&test).await["connected"], true);
    assert_cooked_once(&test).await;
}

#[tokio::test]
async fn a_nats_server_that_hangs_holds_up_no_ticket() {
    let test = TestSite::start().await;
    wait_for_queue(&test).await;
    test.site.nats.stop().unwrap();
    for _ in 0..5 {
        cook(&test).await;
    }
    let slowest = assert_cooked_once(&test).await;
    test.site.nats.cont().unwrap();
    assert!(
        slowest < Duration::from_secs(6),
        "a ticket came after {slowest:?}"
    );
    wait_for_queue(&test).await;
    assert_cooked_once(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_jetstream_costs_no_ticket() {
    let test = TestSite::start().await;
    let guests = Guests::arrive(&test.kiosk, 4);
    guests.buy(20).await;
    test.site.nats.kill().unwrap();
    test.site.nats.wipe().unwrap();
    test.site.nats.restart().await.unwrap();
    guests.buy(20).await;
    guests.leave().await;
    wait_for_queue(&test).await;
    assert_cooked_once(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jetstream_deleted_under_its_running_server_costs_no_ticket() {
    let test = TestSite::start().await;
    let guests = Guests::arrive(&test.kiosk, 4);
    guests.buy(20).await;
    empty_folder(test.site.nats.data());
    guests.buy(40).await;
    guests.leave().await;
    cook(&test).await;
    assert_cooked_once(&test).await;
    assert_eq!(queue(&test).await["orders_waiting"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_deleted_by_its_name_is_made_again() {
    let test = TestSite::start().await;
    let guests = Guests::arrive(&test.kiosk, 4);
    guests.buy(20).await;
    jetstream(&test).await.delete_stream("JOBS").await.unwrap();
    guests.buy(20).await;
    guests.leave().await;
    wait_for_queue(&test).await;
    assert_cooked_once(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_the_queue_lost_are_done_though_it_goes_on_with_others() {
    let test = TestSite::start().await;
    let guests = Guests::arrive(&test.kiosk, 4);
    switch(&test, "pause").await;
    let stream = jetstream(&test).await.get_stream("JOBS").await.unwrap();
    // While nobody takes jobs, some wait in the stream, and those that do are lost with it.
    wait_for("jobs to wait for long", LIMIT, async || {
        let waiting = queue(&test).await["oldest_seconds"].as_u64();
        let jobs = stream.get_info().await.map_err(|error| error.to_string())?;
        if Some(4) <= waiting && jobs.state.messages > 0 {
            Ok(())
        } else {
            Err(format!("{waiting:?}, {} jobs", jobs.state.messages))
        }
    })
    .await
    .unwrap();
    let lost = stream.purge().await.unwrap().purged;
    assert!(lost > 0);
    switch(&test, "resume").await;
    wait_for("it to be done all the same", LIMIT, async || {
        let waiting = queue(&test).await["oldest_seconds"].as_u64();
        if waiting < Some(3) {
            Ok(())
        } else {
            Err(format!("{waiting:?}"))
        }
    })
    .await
    .unwrap();
    guests.leave().await;
    assert_cooked_once(&test).await;
}

#[tokio::test]
async fn a_job_that_cannot_be_read_blocks_nobody() {
    let test = TestSite::start().await;
    wait_for_queue(&test).await;
    let jetstream = jetstream(&test).await;
    let nobody = json!({
        "order": uuid::Uuid::now_v7(), "epoch": uuid::Uuid::now_v7(), "seq": 1,
        "release_at": "2020-01-01T00:00:00Z", "lane": "normal",
    });
    for poison in [
        "",
        "{",
        "\u{0}\u{1}",
        r#"{"order":7}"#,
        &"x".repeat(500_000),
        &nobody.to_string(),
    ] {
        let ack = jetstream
            .publish("jobs.route.normal", poison.to_owned().into())
            .await
            .unwrap();
        ack.await.unwrap();
    }
    wait_for_queue(&test).await;
    wait_for("the poison to be gone", LIMIT, async || {
        let mut stream = jetstream
            .get_stream("JOBS")
            .await
            .map_err(|error| error.to_string())?;
        let info = stream.info().await.map_err(|error| error.to_string())?;
        if info.state.messages == 0 {
            Ok(())
        } else {
            Err(format!("{:?}", info.state))
        }
    })
    .await
    .unwrap();
    assert_cooked_once(&test).await;
    // All but the last, which can be read and is about no order that there is.
    let letters: Vec<Value> = test.manager.all("/v1/queue/dead").await.unwrap();
    assert_eq!(letters.len(), 5, "{letters:?}");
    let path = format!("/v1/queue/dead/{}", letters[0]["id"].as_str().unwrap());
    let retried = test.manager.act(&format!("{path}/retry")).await.unwrap();
    assert_eq!(
        (retried.status.as_u16(), retried.problem()),
        (409, "illegal-transition")
    );
}

/// When an order's ticket came.
async fn routed_at(test: &TestSite, order: &Value) -> DateTime<Utc> {
    test.tickets_of(order["id"].as_str().unwrap()).await;
    let of_order = |created: &TicketCreated| json!(created.order) == order["id"];
    let events = read_log(test)
        .await
        .into_iter()
        .filter(|event| event.kind == kind::TICKET_CREATED);
    let mut events = events.filter(|event| of_order(&event.body().unwrap()));
    events.next().unwrap().at
}

#[tokio::test]
async fn a_scheduled_order_holds_its_stock_at_once_and_is_cooked_in_time() {
    let test = TestSite::start().await;
    wait_for_queue(&test).await;
    // The grill, which has nothing else to do, takes a minute for it.
    let begin = Utc::now() + TimeDelta::seconds(2);
    let scheduled = |begin: DateTime<Utc>| {
        let mut request = order_of("burger", 1);
        request["pickup_at"] = json!(begin + TimeDelta::seconds(60));
        request
    };
    let placed = test.placed(&scheduled(begin)).await;
    let called_off = test.placed(&scheduled(begin)).await;
    assert_eq!(test.stock("patty").await, Some(98));
    assert_eq!(placed["ready_estimate_at"], placed["pickup_at"]);
    let cancel = format!("/v1/orders/{}/cancel", called_off["id"].as_str().unwrap());
    test.kiosk.act(&cancel).await.unwrap().expect(200).unwrap();
    cook(&test).await;
    let came = routed_at(&test, &placed).await;
    let in_time = |begin: DateTime<Utc>, came: DateTime<Utc>| {
        begin <= came && came < begin + TimeDelta::seconds(60)
    };
    assert!(in_time(begin, came), "{came} for {begin}");
    let ticket = &test.tickets_of(placed["id"].as_str().unwrap()).await[0];
    test.ticket_step(ticket, "bump").await;
    assert_told(&test, "burger", 60).await;
    // Without nats-server as well.
    test.site.nats.kill().unwrap();
    let begin = Utc::now() + TimeDelta::seconds(2);
    let placed = test.placed(&scheduled(begin)).await;
    let came = routed_at(&test, &placed).await;
    assert!(in_time(begin, came), "{came} for {begin}");
    assert_eq!(
        test.order(called_off["id"].as_str().unwrap()).await["tickets"],
        json!([])
    );
}

/// An order as the edge would have taken it.
fn order_for(pickup_at: Option<DateTime<Utc>>) -> NewOrder {
    let mut order = new_order(OrderId::new(), Utc::now().date_naive(), &Default::default());
    order.details.pickup_at = pickup_at;
    let line = json!({
        "line": 1, "item": "cola", "name": {"en": "cola"}, "quantity": 1, "unit_price": 250,
        "total": 250, "station": "bar",
    });
    order.details.lines = vec![serde_json::from_value(line).unwrap()];
    order
}

#[tokio::test]
async fn orders_for_next_week_do_not_stand_in_the_way_of_a_forgotten_one() {
    let test = TestSite::start().await;
    test.site.process().kill().unwrap();
    let store = open_store(&test).await;
    let next_week = Some(Utc::now() + TimeDelta::days(7));
    let mut last = None;
    for pickup_at in (0..600).map(|n| next_week.filter(|_| n < 599)) {
        let order = order_for(pickup_at);
        let operation = Operation::system("test", "test");
        let placing = store.place(&operation, &order).await.unwrap();
        assert!(matches!(placing, Placing::Placed { .. }));
        last = Some(order.details.id);
    }
    // The queue was given all of it and has lost it.
    let head = store.head().await.unwrap();
    store.save_work_cursor(head.epoch, head.seq).await.unwrap();
    test.site.restart().await.unwrap();
    test.tickets_of(&last.unwrap().to_string()).await;
    let queue = queue(&test).await;
    assert_eq!(
        (&queue["orders_waiting"], &queue["oldest_seconds"]),
        (&json!(599), &json!(0))
    );
}
