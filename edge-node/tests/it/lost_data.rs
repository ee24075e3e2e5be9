//! A Redis that comes back with less than it had answered for: nothing is given away twice, and
//! the edge goes on by itself.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use sunakku_common::event::{EpochStarted, kind};
use sunakku_common::ids::Epoch;
use xtask::harness::{LIMIT, Server, wait_for};

use crate::books::{assert_balanced, assert_cooked_once, assert_there, open_store, read_log};
use crate::faults::{START, busy};
use crate::guests::{Guests, Sale, Visit};
use crate::screen::Screen;
use crate::site::{TestSite, order_of};

pub(crate) async fn epoch(test: &TestSite) -> Epoch {
    let sync = test
        .manager
        .get("/v1/sync")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    sync.body["epoch"].as_str().unwrap().parse().unwrap()
}

/// So many orders, one guest after the other being served.
async fn sell(test: &TestSite, orders: u64) -> Visit {
    let guests = Guests::arrive(&test.kiosk, 8);
    guests.buy(orders).await;
    guests.leave().await
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &target);
        } else {
            fs::copy(source, target).unwrap();
        }
    }
}

/// The part of the append-only file that is being written.
fn newest_increment(data: &Path) -> PathBuf {
    let files = fs::read_dir(data.join("appendonlydir")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let increments = files.filter(|path| path.to_str().unwrap().ends_with(".incr.aof"));
    let number = |path: &PathBuf| -> u64 {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.split('.').find_map(|part| part.parse().ok()).unwrap()
    };
    increments.max_by_key(number).unwrap()
}

/// Guests are served again, in another epoch than `ended`; why it began.
async fn sell_in_new_epoch(test: &TestSite, guests: Guests, ended: Epoch) -> (Visit, String) {
    guests.buy(60).await;
    let visit = guests.leave().await;
    let events = read_log(test).await;
    assert_eq!(events[0].kind, kind::EPOCH_STARTED);
    let started: EpochStarted = events[0].body().unwrap();
    assert_ne!(started.epoch, ended);
    assert_eq!(epoch(test).await, started.epoch);
    (visit, started.reason)
}

fn assert_numbers_differ<'a>(sales: impl IntoIterator<Item = &'a Sale>) {
    let mut seen = BTreeSet::new();
    for sale in sales {
        assert!(
            seen.insert(sale.number),
            "number {} was given twice",
            sale.number
        );
    }
}

/// The last sequence of the log that ended with an epoch, and of which the store kept a copy.
async fn last_of_ended(test: &TestSite, ended: Epoch) -> u64 {
    let client = redis::Client::open(test.site.redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut last = redis::cmd("XREVRANGE");
    last.arg(format!("{{{}}}:log:{ended}", test.site.id))
        .arg("+")
        .arg("-")
        .arg("COUNT")
        .arg(1);
    let found: redis::streams::StreamRangeReply = last.query_async(&mut connection).await.unwrap();
    found.ids[0].id.split('-').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_redis_begins_a_new_epoch_and_sells_on() {
    let test = TestSite::start_with(busy()).await;
    let (before, ended) = (sell(&test, 60).await, epoch(&test).await);
    test.site.redis.kill().unwrap();
    test.site.redis.wipe().unwrap();
    let guests = Guests::arrive(&test.kiosk, 8);
    test.site.redis.restart().await.unwrap();
    let (after, reason) = sell_in_new_epoch(&test, guests, ended).await;
    assert_eq!(reason, "born");
    assert_numbers_differ(before.sales.iter().chain(&after.sales));
    let first = before.sales.len() as u64 + 1;
    assert_balanced(&test, &after.sales, first, &START).await;
    assert_cooked_once(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_set_back_uses_no_sequence_and_no_number_again() {
    let test = TestSite::start_with(busy()).await;
    let copy = test.sandbox.folder("copy").unwrap();
    let kept = sell(&test, 60).await;
    // Nothing is to follow by itself.
    assert_cooked_once(&test).await;
    test.site.redis.kill().unwrap();
    copy_folder(test.site.redis.data(), &copy);
    test.site.redis.restart().await.unwrap();
    test.site.wait_ready().await.unwrap();
    let (head, ended) = (test.head().await, epoch(&test).await);
    let lost = sell(&test, 20).await;
    test.site.redis.kill().unwrap();
    test.site.redis.wipe().unwrap();
    copy_folder(&copy, test.site.redis.data());
    // They are there before it is, and order faster than anybody looks after it.
    let guests = Guests::arrive(&test.kiosk, 8);
    test.site.redis.restart().await.unwrap();
    let (after, reason) = sell_in_new_epoch(&test, guests, ended).await;
    assert_eq!(reason, "set-back");
    assert_eq!(
        last_of_ended(&test, ended).await,
        head,
        "the old log was written to"
    );
    assert_numbers_differ(kept.sales.iter().chain(&lost.sales).chain(&after.sales));
    let there: Vec<Sale> = kept.sales.into_iter().chain(after.sales).collect();
    assert_there(&test, &there, &START).await;
    assert_cooked_once(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_set_back_before_the_last_epoch_begins_another_one() {
    let test = TestSite::start_with(busy()).await;
    let copy = test.sandbox.folder("copy").unwrap();
    sell(&test, 20).await;
    let first = epoch(&test).await;
    test.site.redis.kill().unwrap();
    copy_folder(test.site.redis.data(), &copy);
    test.site.redis.wipe().unwrap();
    test.site.redis.restart().await.unwrap();
    sell(&test, 20).await;
    let second = epoch(&test).await;
    test.site.redis.kill().unwrap();
    test.site.redis.wipe().unwrap();
    copy_folder(&copy, test.site.redis.data());
    let guests = Guests::arrive(&test.kiosk, 8);
    test.site.redis.restart().await.unwrap();
    sell_in_new_epoch(&test, guests, second).await;
    assert_ne!(epoch(&test).await, first);
}

#[tokio::test]
async fn an_epoch_that_another_process_began_is_taken_over_and_not_ended() {
    let test = TestSite::start_with(busy()).await;
    sell(&test, 20).await;
    let (store, ended) = (open_store(&test).await, epoch(&test).await);
    let hour = Duration::from_secs(3_600);
    store.start_epoch(ended, 1, "by hand", hour).await.unwrap();
    let begun = store.head().await.unwrap().epoch;
    sell(&test, 20).await;
    // Some beats are longer than the edge takes to look after its store.
    let mut screen = Screen::follow(&test, "topics=stock").await;
    let mut beats = 0;
    while beats < 3 {
        let frame = screen.next().await.unwrap();
        beats += u32::from(frame["type"] == "beat");
        assert_eq!(frame["data"]["epoch"], begun.to_string());
    }
    assert_eq!(store.head().await.unwrap().epoch, begun);
    assert_cooked_once(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_half_written_vanishes_whole_and_takes_nothing_with_it() {
    let test = TestSite::start_with(busy()).await;
    let (visit, before) = (sell(&test, 60).await, epoch(&test).await);
    test.site.redis.kill().unwrap();
    let file = newest_increment(test.site.redis.data());
    let mut bytes = fs::read(&file).unwrap();
    bytes.extend(
        b"*1\r\n$5\r\nMULTI\r\n*4\r\n$7\r\nHINCRBY\r\n$9\r\n{s1}:meta\r\n$3\r\nseq\r\n$1\r\n1\r\n",
    );
    bytes.extend(b"*5\r\n$4\r\nXADD\r\n$8\r\n{s1}:l");
    fs::write(&file, bytes).unwrap();
    test.site.redis.restart().await.unwrap();
    test.site.wait_ready().await.unwrap();
    assert_balanced(&test, &visit.sales, 1, &START).await;
    let more = sell(&test, 20).await;
    assert_eq!(epoch(&test).await, before);
    let all: Vec<Sale> = visit.sales.into_iter().chain(more.sales).collect();
    assert_balanced(&test, &all, 1, &START).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_file_costs_whole_changes_and_a_new_epoch() {
    let test = TestSite::start_with(busy()).await;
    let (visit, ended) = (sell(&test, 60).await, epoch(&test).await);
    assert_cooked_once(&test).await;
    let last = test.placed(&order_of("cake", 1)).await;
    test.tickets_of(last["id"].as_str().unwrap()).await;
    test.site.redis.kill().unwrap();
    let file = newest_increment(test.site.redis.data());
    let bytes = fs::read(&file).unwrap();
    // In the middle of the last event, which is that of a ticket.
    let append = bytes.windows(4).rposition(|word| word == b"XADD").unwrap();
    fs::write(&file, &bytes[..append + 40]).unwrap();
    test.site.redis.restart().await.unwrap();
    wait_for("a new epoch", LIMIT, async || {
        let sync = test
            .manager
            .get("/v1/sync")
            .await
            .map_err(|error| error.to_string())?;
        let now = sync.body["epoch"].as_str().unwrap_or_default().to_owned();
        if sync.status == 200 && now != ended.to_string() {
            Ok(())
        } else {
            Err(now)
        }
    })
    .await
    .unwrap();
    let events = read_log(&test).await;
    let started: EpochStarted = events[0].body().unwrap();
    assert_eq!(started.reason, "set-back");
    let ids: BTreeSet<String> = test
        .all_orders()
        .await
        .iter()
        .map(|order: &Value| order["id"].as_str().unwrap().to_owned())
        .collect();
    let lost: Vec<&Sale> = visit
        .sales
        .iter()
        .filter(|sale| !ids.contains(&sale.id))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert_cooked_once(&test).await;
}
