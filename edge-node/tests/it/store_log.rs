//! The log in the store: what is forgotten, what is told again, what is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::NaiveDate;
use sunakku_common::chain::Chain;
use sunakku_common::event::{By, Corrupt, EpochStarted, Event, kind};
use sunakku_common::ids::OrderId;
use sunakku_common::state::OrderState;
use sunakku_edge::store::{Anchor, Close, Operation, Placing, Step, StockMove, Store};
use xtask::harness::{LIMIT, RedisServer, Sandbox, wait_for};
use xtask::world::SiteOptions;

use crate::books::open_store;
use crate::scripts::new_order;
use crate::site::{TestSite, order_of, seed};

const HOUR: Duration = Duration::from_secs(3_600);

/// A store without an edge.
struct Bare {
    store: Store,
    redis: RedisServer,
    // Last: the server ends with it.
    _sandbox: Sandbox,
}

impl Bare {
    async fn open(log_budget_bytes: u64) -> Self {
        let sandbox = Sandbox::new().unwrap();
        let redis = RedisServer::start(&sandbox, "redis").await.unwrap();
        let site = "s1".parse().unwrap();
        let store = Store::open(&redis.edge_url(), &site, &seed().stock, log_budget_bytes)
            .await
            .unwrap();
        Self {
            store,
            redis,
            _sandbox: sandbox,
        }
    }

    async fn place(&self, cakes: u64) -> (OrderId, Placing) {
        let (id, day) = (
            OrderId::new(),
            NaiveDate::from_ymd_opt(2026, 11, 23).unwrap(),
        );
        let order = new_order(id, day, &BTreeMap::from([("cake".to_owned(), cakes)]));
        let placing = self.store.place(&operation(), &order).await.unwrap();
        (id, placing)
    }

    async fn log(&self) -> Vec<Event> {
        let entries = self.store.log_from(1, 1_000).await.unwrap();
        entries
            .iter()
            .map(|entry| Event::decode(&entry.text).unwrap())
            .collect()
    }

    async fn command<T: redis::FromRedisValue>(&self, command: &mut redis::Cmd) -> T {
        let client = redis::Client::open(self.redis.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        command.query_async(&mut connection).await.unwrap()
    }
}

fn operation() -> Operation {
    Operation::new(None, By::system("test", "test"), &())
}

/// The chain's value after the whole log.
async fn chain_of(store: &Store) -> Anchor {
    let mut at = store.anchor().await.unwrap();
    for entry in store.log_from(at.seq + 1, 1_000).await.unwrap() {
        assert_eq!(entry.seq, at.seq + 1);
        at = Anchor {
            seq: entry.seq,
            chain: at.chain.next(&entry.text),
        };
    }
    at
}

#[tokio::test]
async fn a_trimmed_log_keeps_its_chain_and_gives_its_memory_back() {
    let bare = Bare::open(1 << 40).await;
    for _ in 0..10 {
        bare.place(1).await;
    }
    let (store, head) = (&bare.store, bare.store.head().await.unwrap());
    let genesis = store.anchor().await.unwrap();
    assert_eq!(
        (genesis.seq, genesis.chain),
        (0, Chain::genesis(store.site(), head.epoch))
    );
    let mut middle = genesis;
    for entry in store.log_from(1, 6).await.unwrap() {
        middle = Anchor {
            seq: entry.seq,
            chain: middle.chain.next(&entry.text),
        };
    }
    let end = chain_of(store).await;
    assert_eq!(store.trim_log(head.epoch, middle).await.unwrap(), 6);
    assert_eq!(store.anchor().await.unwrap(), middle);
    assert_eq!(
        chain_of(store).await,
        end,
        "the chain goes on from the anchor"
    );
    assert_eq!(
        store.trim_log(head.epoch, middle).await.unwrap(),
        0,
        "a resend forgets nothing"
    );
    let other = sunakku_common::ids::Epoch::new();
    assert_eq!(
        store.trim_log(other, end).await.unwrap(),
        0,
        "another epoch's log is not ours"
    );
    assert_eq!(store.trim_log(head.epoch, end).await.unwrap(), end.seq - 6);
    let after = store.head().await.unwrap();
    assert_eq!((after.seq, after.bytes), (head.seq, 0));
    bare.place(1).await;
    assert_eq!(store.log_from(1, 10).await.unwrap()[0].seq, head.seq + 1);
}

#[tokio::test]
async fn a_new_epoch_tells_again_what_the_hub_does_not_have() {
    let bare = Bare::open(1 << 40).await;
    for _ in 0..5 {
        bare.place(1).await;
    }
    let (before, ended) = (bare.log().await, bare.store.head().await.unwrap());
    let confirmed = Anchor {
        seq: 4,
        chain: chain_of(&bare.store).await.chain,
    };
    bare.store
        .save_hub_cursor(ended.epoch, confirmed)
        .await
        .unwrap();
    bare.store.save_work_cursor(ended.epoch, 7).await.unwrap();
    let renew = async || {
        bare.store
            .start_epoch(ended.epoch, 6, "forked", HOUR)
            .await
            .unwrap()
    };
    renew().await;
    let (after, head) = (bare.log().await, bare.store.head().await.unwrap());
    let started: EpochStarted = after[0].body().unwrap();
    assert_eq!(
        (started.epoch, started.previous),
        (head.epoch, Some(ended.epoch))
    );
    assert_eq!(started.reason, "forked");
    let told = |event: &Event| (event.at, event.kind.clone(), event.body.get().to_owned());
    let again: Vec<_> = after[1..].iter().map(told).collect();
    assert_eq!(again, before[5..].iter().map(told).collect::<Vec<_>>());
    assert_eq!(
        bare.store.hub_cursor().await.unwrap(),
        None,
        "the hub has none of it"
    );
    assert_eq!(bare.store.work_cursor(head.epoch).await.unwrap(), 0);
    assert_eq!(bare.store.anchor().await.unwrap().seq, 0);
    renew().await;
    assert_eq!(bare.store.head().await.unwrap(), head, "an epoch ends once");
    let old = format!("{{s1}}:log:{}", ended.epoch);
    let (kept, life): (u64, i64) = (
        bare.command(redis::cmd("XLEN").arg(&old)).await,
        bare.command(redis::cmd("TTL").arg(&old)).await,
    );
    assert_eq!(kept, ended.seq, "the old log is kept for a while");
    assert!((1..=3_600).contains(&life), "{life}");
}

#[tokio::test]
async fn a_damaged_entry_is_told_as_damaged_in_every_epoch() {
    let bare = Bare::open(1 << 40).await;
    let seq = bare.store.head().await.unwrap().seq + 1;
    let mut forge = redis::cmd("XADD");
    forge
        .arg("{s1}:log")
        .arg(format!("{seq}-0"))
        .arg("k")
        .arg(kind::ORDER_READY);
    forge
        .arg("t")
        .arg("2026-11-23T10:00:00.000Z")
        .arg("b")
        .arg(r#"{"a":1}"#)
        .arg("s")
        .arg("x");
    let _id: String = bare.command(&mut forge).await;
    let _seq: u64 = bare
        .command(redis::cmd("HINCRBY").arg("{s1}:meta").arg("seq").arg(1))
        .await;
    let damaged = |events: Vec<Event>| {
        let events: Vec<Event> = events
            .into_iter()
            .filter(|event| event.kind == kind::LOG_CORRUPT)
            .collect();
        assert_eq!(events.len(), 1);
        events[0].body::<Corrupt>().unwrap()
    };
    let found = damaged(bare.log().await);
    assert_eq!(
        (found.kind.as_str(), found.found.as_str()),
        (kind::ORDER_READY, r#"{"a":1}"#)
    );
    let epoch = bare.store.head().await.unwrap().epoch;
    bare.store
        .start_epoch(epoch, 1, "diverged", HOUR)
        .await
        .unwrap();
    assert_eq!(damaged(bare.log().await), found);
}

#[tokio::test]
async fn a_full_log_refuses_orders_and_nothing_else() {
    let bare = Bare::open(10_000).await;
    let mut taken = Vec::new();
    loop {
        let (id, placing) = bare.place(1).await;
        if placing == Placing::LogFull {
            break;
        }
        taken.push(id);
        assert!(taken.len() < 40, "the log never fills");
    }
    let head = bare.store.head().await.unwrap();
    assert!(10_000 <= head.bytes);
    assert_eq!(bare.place(1).await.1, Placing::LogFull);
    assert_eq!(
        bare.store.head().await.unwrap(),
        head,
        "a refused order leaves no event"
    );
    let stock = bare.store.stock().await.unwrap()["cake"].on_hand;
    assert_eq!(stock, Some(50 - taken.len() as i64));
    // What was taken can be ended, and the stock be counted.
    let from: &[OrderState] = &[OrderState::Placed];
    let close = Close {
        next: OrderState::Cancelled,
        reason: None,
        from,
    };
    let closed = bare
        .store
        .close(&operation(), taken[0], &close)
        .await
        .unwrap();
    assert!(matches!(closed, Step::Made(..)), "{closed:?}");
    let adjust = StockMove::Adjust(5);
    bare.store
        .move_stock(&operation(), "cake", adjust, Some("delivery"))
        .await
        .unwrap();
    // The hub takes the log: there is room again.
    bare.store
        .trim_log(head.epoch, chain_of(&bare.store).await)
        .await
        .unwrap();
    assert!(matches!(bare.place(1).await.1, Placing::Placed { .. }));
}

#[tokio::test]
async fn the_edge_forgets_what_the_hub_has_once_retention_is_over() {
    let options = SiteOptions::new("s1", seed()).with(toml::toml! {
        [log]
        retention_hours = 0
    });
    let test = TestSite::start_with(options).await;
    for _ in 0..10 {
        let placed = test.placed(&order_of("cake", 1)).await;
        test.tickets_of(placed["id"].as_str().unwrap()).await;
    }
    let store = open_store(&test).await;
    let (head, end) = (store.head().await.unwrap(), chain_of(&store).await);
    assert_eq!(
        store.anchor().await.unwrap().seq,
        0,
        "the hub has committed nothing"
    );
    let mut confirmed = store.anchor().await.unwrap();
    for entry in store.log_from(1, 12).await.unwrap() {
        confirmed = Anchor {
            seq: entry.seq,
            chain: confirmed.chain.next(&entry.text),
        };
    }
    store.save_hub_cursor(head.epoch, confirmed).await.unwrap();
    wait_for("the log to be trimmed", LIMIT, async || {
        let anchor = store.anchor().await.map_err(|error| error.to_string())?;
        if anchor.seq < confirmed.seq {
            Err(format!("{anchor:?}"))
        } else {
            Ok(())
        }
    })
    .await
    .unwrap();
    assert_eq!(store.anchor().await.unwrap(), confirmed);
    assert_eq!(chain_of(&store).await, end);
    assert_eq!(
        test.all_orders().await.len(),
        10,
        "orders are no part of the log"
    );
}
