//! What a guest saw accepted outlives every server that is killed, frozen, wiped or set back.

use std::time::Duration;

use serde_json::json;
use xtask::harness::{LIMIT, Server};
use xtask::world::SiteOptions;

use crate::books::{assert_balanced, assert_cooked_once};
use crate::guests::Guests;
use crate::site::{TestSite, seed};

/// Enough for a busy test but for the cakes, which sell out in the middle of it.
pub(crate) const START: [(&str, i64); 2] = [("patty", 50_000), ("cake", 150)];
pub(crate) const GUESTS: usize = 12;

/// A site with [`START`] at hand.
pub(crate) fn busy() -> SiteOptions {
    let mut seed = seed();
    for (sku, units) in START {
        seed.stock
            .insert(sku.to_owned(), u32::try_from(units).unwrap());
    }
    SiteOptions::new("s1", seed)
}

async fn assert_whole(test: &TestSite, guests: Guests) -> Duration {
    let visit = guests.leave().await;
    assert_balanced(test, &visit.sales, 1, &START).await;
    let slowest = assert_cooked_once(test).await;
    assert!(
        0 < visit.sold_out,
        "the cakes were to sell out: {} sales",
        visit.sales.len()
    );
    slowest
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_the_edge_is_killed_again_and_again() {
    let test = TestSite::start_with(busy()).await;
    let guests = Guests::arrive(&test.kiosk, GUESTS);
    for _ in 0..5 {
        guests.buy(60).await;
        test.site.process().kill().unwrap();
        guests.suffer(5).await;
        test.site.process().restart().unwrap();
    }
    guests.buy(60).await;
    assert_whole(&test, guests).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_redis_is_killed_again_and_again() {
    // So small that the file is rewritten all the time, which a kill then meets.
    let mut options = busy();
    let rewrite = [
        "--auto-aof-rewrite-min-size",
        "64kb",
        "--auto-aof-rewrite-percentage",
        "10",
    ];
    options.redis_args = rewrite.map(str::to_owned).to_vec();
    let test = TestSite::start_with(options).await;
    let guests = Guests::arrive(&test.kiosk, GUESTS);
    for round in 0..6 {
        guests.buy(60).await;
        test.site.redis.kill().unwrap();
        if round == 2 {
            // Until the edge gives up waiting for it.
            guests.suffer(5).await;
        }
        test.site.redis.restart().await.unwrap();
    }
    guests.buy(60).await;
    assert_whole(&test, guests).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_notice_nothing_when_nats_server_is_killed_again_and_again() {
    let test = TestSite::start_with(busy()).await;
    let guests = Guests::arrive(&test.kiosk, GUESTS);
    for _ in 0..5 {
        guests.buy(40).await;
        test.site.nats.kill().unwrap();
        guests.buy(40).await;
        test.site.nats.restart().await.unwrap();
    }
    guests.buy(40).await;
    assert_eq!(guests.troubled(), 0);
    let slowest = assert_whole(&test, guests).await;
    assert!(
        slowest < Duration::from_secs(5),
        "a ticket came after {slowest:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_everything_fails_at_once() {
    let test = TestSite::start_with(busy()).await;
    let guests = Guests::arrive(&test.kiosk, GUESTS);
    for round in 0..6 {
        guests.buy(40).await;
        test.site.nats.kill().unwrap();
        test.site.redis.kill().unwrap();
        if round % 2 == 0 {
            test.site.process().kill().unwrap();
        } else {
            // A stop that is asked for ends what was begun, as far as it can without Redis.
            let ended = test.site.process().terminate(LIMIT).await.unwrap();
            assert_eq!(ended.and_then(|status| status.code()), Some(0));
        }
        if round == 2 {
            test.site.nats.wipe().unwrap();
        }
        test.site.process().restart().unwrap();
        tokio::try_join!(test.site.redis.restart(), test.site.nats.restart()).unwrap();
    }
    guests.buy(40).await;
    assert_whole(&test, guests).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_hangs_is_answered_with_503_in_time_and_nothing_is_lost() {
    let test = TestSite::start_with(busy()).await;
    let guests = Guests::arrive(&test.kiosk, GUESTS);
    guests.buy(200).await;
    test.site.redis.stop().unwrap();
    guests.suffer(GUESTS as u64).await;
    let ready = test.manager.get("/readyz").await.unwrap();
    assert_eq!(
        (ready.status.as_u16(), &ready.body["redis"]),
        (503, &json!(false))
    );
    test.site.redis.cont().unwrap();
    guests.buy(100).await;
    let visit = guests.leave().await;
    assert!(
        visit.slowest < Duration::from_secs(6),
        "{:?}",
        visit.slowest
    );
    assert_balanced(&test, &visit.sales, 1, &START).await;
    assert_cooked_once(&test).await;
}
