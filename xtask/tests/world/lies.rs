//! The reconciliation can fail: each kind of lie that is planted in Postgres or in Redis is told,
//! and nothing else.

use xtask::demo::audit::Summary;
use xtask::demo::figures;
use xtask::demo::guests::{Outcome, Told};
use xtask::drill::books;
use xtask::harness::Server as _;

use crate::load::sold_everywhere;
use crate::proof::shown;
use crate::scene::Scene;

/// What a summary says is wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Faults {
    lost: usize,
    doubled: usize,
    oversold: i64,
    mismatched: usize,
    unanswered: usize,
    /// Sites whose chains differ.
    chains: usize,
    /// Sites whose head and cursor differ.
    behind: usize,
}

fn faults(summary: &Summary) -> Faults {
    let sites = |wrong: fn(&&xtask::demo::audit::SiteSummary) -> bool| {
        summary.sites.iter().filter(wrong).count()
    };
    Faults {
        lost: summary.lost,
        doubled: summary.doubled,
        oversold: summary.oversold,
        mismatched: summary.mismatched,
        unanswered: summary.unanswered,
        chains: sites(|site| !site.chain_equal),
        behind: sites(|site| site.head != site.cursor),
    }
}

/// A lie, how it is planted and taken back, and what is to be told.
struct Lie {
    name: &'static str,
    plant: &'static str,
    take_back: &'static str,
    told: Faults,
}

const NONE: Faults = Faults {
    lost: 0,
    doubled: 0,
    oversold: 0,
    mismatched: 0,
    unanswered: 0,
    chains: 0,
    behind: 0,
};

/// The order that is lied about: any of s1, always the same.
macro_rules! one {
    () => {
        "site_id = 's1' and order_id = (select order_id from pick)"
    };
}

const LIES: &[Lie] = &[
    Lie {
        name: "an order is gone from the hub",
        plant: concat!(
            "create table kept as select * from site_order where ",
            one!(),
            ";",
            "delete from site_order where ",
            one!()
        ),
        take_back: "insert into site_order select * from kept; drop table kept",
        told: Faults { lost: 1, ..NONE },
    },
    Lie {
        name: "an order stands twice, under one key",
        plant: concat!(
            "create table twice as select * from site_order where ",
            one!(),
            ";",
            "update twice set order_id = gen_random_uuid();",
            "insert into site_order select * from twice"
        ),
        take_back: "delete from site_order where order_id in (select order_id from twice);
                    drop table twice",
        told: Faults { doubled: 1, ..NONE },
    },
    Lie {
        name: "an order was placed by nobody",
        plant: concat!(
            "create table twice as select * from site_order where ",
            one!(),
            ";",
            "update twice set order_id = gen_random_uuid(), idempotency_key = 'nobody',
                 number = 999999;",
            "insert into site_order select * from twice"
        ),
        take_back: "delete from site_order where order_id in (select order_id from twice);
                    drop table twice",
        told: Faults { doubled: 1, ..NONE },
    },
    Lie {
        name: "an order costs more",
        plant: concat!("update site_order set total = total + 1 where ", one!()),
        take_back: concat!("update site_order set total = total - 1 where ", one!()),
        told: Faults {
            mismatched: 1,
            ..NONE
        },
    },
    Lie {
        name: "an order has another number",
        plant: concat!(
            "update site_order set number = number + 100000 where ",
            one!()
        ),
        take_back: concat!(
            "update site_order set number = number - 100000 where ",
            one!()
        ),
        told: Faults {
            mismatched: 1,
            ..NONE
        },
    },
    Lie {
        name: "an order was sent under another key",
        plant: concat!(
            "update site_order set idempotency_key = 'x' || idempotency_key where ",
            one!()
        ),
        take_back: concat!(
            "update site_order set idempotency_key = substr(idempotency_key, 2) where ",
            one!()
        ),
        told: Faults {
            mismatched: 1,
            ..NONE
        },
    },
    Lie {
        name: "a line is of another quantity",
        plant: concat!(
            "update order_line set quantity = quantity + 1, total = total + unit_price
             where line = 1 and ",
            one!()
        ),
        take_back: concat!(
            "update order_line set quantity = quantity - 1, total = total - unit_price
             where line = 1 and ",
            one!()
        ),
        told: Faults {
            mismatched: 1,
            ..NONE
        },
    },
    Lie {
        name: "more was sold than there was",
        plant: "update stock_movement set delta = delta - (select taken + 7 from supply)
                where site_id = 's1' and sku = 'cake' and kind = 'stock.adjusted'",
        take_back: "update stock_movement set delta = delta + (select taken + 7 from supply)
                    where site_id = 's1' and sku = 'cake' and kind = 'stock.adjusted'",
        told: Faults {
            oversold: 7,
            ..NONE
        },
    },
    Lie {
        name: "there was less than nothing",
        plant: "insert into stock_movement
                    select site_id, epoch, 999999, sku, 0, -3, 'order.placed', null
                    from stock_movement where site_id = 's1' and sku = 'cake' limit 1",
        take_back: "delete from stock_movement where seq = 999999",
        told: Faults {
            oversold: 3,
            ..NONE
        },
    },
    Lie {
        name: "the hub's chain is another",
        plant: "update site_cursor set chain = sha256(chain) where site_id = 's1'",
        take_back: "update site_cursor c set chain = k.chain from cursors k where c.site_id = k.site_id",
        told: Faults { chains: 1, ..NONE },
    },
    Lie {
        name: "the edge had told another chain",
        plant: "update site_cursor set chain_edge = sha256(chain_edge) where site_id = 's1'",
        take_back: "update site_cursor c set chain_edge = k.chain_edge from cursors k
                    where c.site_id = k.site_id",
        told: Faults { chains: 1, ..NONE },
    },
    Lie {
        name: "the hub has not got everything",
        plant: "update site_cursor set cursor = cursor - 1 where site_id = 's2'",
        take_back: "update site_cursor set cursor = cursor + 1 where site_id = 's2'",
        told: Faults {
            chains: 1,
            behind: 1,
            ..NONE
        },
    },
];

async fn run(scene: &Scene, statements: &str) {
    for statement in statements.split(';') {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
            .execute(&scene.postgres)
            .await
            .unwrap();
    }
}

/// What stands before any lie, so that all can be taken back.
const BEFORE: &str = "
    create table pick as
        select order_id from site_order where site_id = 's1' order by number desc limit 1;
    create table cursors as select * from site_cursor;
    create table supply as
        select sum(delta) filter (where kind = 'stock.adjusted')
               - coalesce((select sum(quantity) from order_line
                           where site_id = 's1' and item = 'cake'), 0) as taken
        from stock_movement where site_id = 's1' and sku = 'cake'";

#[tokio::test(flavor = "multi_thread")]
async fn every_lie_is_told_and_nothing_else() {
    let scene = Scene::start(2).await;
    let mut told = Vec::new();
    let sell = async |told: &Told| sold_everywhere(told, 2, 30).await;
    scene.under_load(&mut told, sell).await;
    scene.assert_holds(&told).await;
    lies_of_the_dashboard(&scene).await;
    // The hub would mend its own chain, by asking the site.
    scene.world.hub.process().kill().unwrap();
    run(&scene, BEFORE).await;

    for lie in LIES {
        run(&scene, lie.plant).await;
        let summary = scene.audit(&told).await;
        assert_eq!(
            faults(&summary),
            lie.told,
            "{}: {}",
            lie.name,
            shown(&summary)
        );
        assert!(!summary.holds(), "{}", lie.name);
        run(&scene, lie.take_back).await;
        let summary = scene.audit(&told).await;
        assert!(summary.holds(), "taken back: {}", shown(&summary));
    }
    lies_of_the_books(&scene).await;
    lies_of_the_store(&scene, &told).await;
    lies_to_the_guest(&scene, &told).await;
}

/// The dashboard shows a unit that nobody sold.
async fn lies_of_the_dashboard(scene: &Scene) {
    let different = async || {
        figures::different(&scene.tokens.admin, &scene.postgres, "s1")
            .await
            .unwrap()
    };
    let item: String = sqlx::query_scalar("select min(item) from daily_sales where site_id = 's1'")
        .fetch_one(&scene.postgres)
        .await
        .unwrap();
    let plus = |units: i64| {
        // Whichever of the two the days asked for are summed up from.
        let more = |table| {
            format!(
                "update {table} set units = units + {units} where site_id = 's1' and item = '{item}'"
            )
        };
        [more("daily_sales"), more("weekly_sales")].join(";")
    };
    run(scene, &plus(1)).await;
    assert_eq!(different().await, 1);
    run(scene, &plus(-1)).await;
    assert_eq!(different().await, 0);
}

/// What the books say of a lie, how it is planted and how it is taken back.
const LIES_OF_THE_BOOKS: [[&str; 3]; 6] = [
    [
        "every epoch is there from 1",
        "create table gone as select * from site_event where site_id = 's1' and seq = 3;
         delete from site_event where site_id = 's1' and seq = 3",
        "insert into site_event select * from gone; drop table gone",
    ],
    [
        "every event could be understood",
        "insert into parked_event
             values ('s1', gen_random_uuid(), 1, 'order.placed', '{}', 'a lie', now())",
        "delete from parked_event",
    ],
    [
        "no pickup number was given twice",
        "create table numbers as select order_id, number from site_order where site_id = 's1';
         update site_order set number = 1 where site_id = 's1' and number in (1, 2)",
        "update site_order o set number = n.number from numbers n where n.order_id = o.order_id;
         drop table numbers",
    ],
    [
        "in a store's first life, stock",
        "update stock set on_hand = on_hand + 1 where site_id = 's1' and sku = 'cake'",
        "update stock set on_hand = on_hand - 1 where site_id = 's1' and sku = 'cake'",
    ],
    [
        "had each of its tickets made once",
        "create table forged as select * from site_event where site_id = 's1'
             and kind = 'ticket.created' order by seq limit 1;
         create table second as select * from site_event where site_id = 's1' and seq = 2;
         update forged set seq = 2, received_at = (select received_at from second);
         delete from site_event where site_id = 's1' and seq = 2;
         insert into site_event select * from forged",
        "delete from site_event where site_id = 's1' and seq = 2;
         insert into site_event select * from second; drop table forged; drop table second",
    ],
    [
        "sales by the hour",
        "update hourly_sales set revenue = revenue + 1",
        "update hourly_sales set revenue = revenue - 1",
    ],
];

/// Each lie breaks its own claim, and only that.
async fn lies_of_the_books(scene: &Scene) {
    for [claim, plant, take_back] in LIES_OF_THE_BOOKS {
        run(scene, plant).await;
        let broken = books::broken(&scene.postgres).await.unwrap();
        assert!(
            matches!(broken.as_slice(), [one] if one.contains(claim)),
            "{claim}: {broken:?}"
        );
        run(scene, take_back).await;
        scene.assert_books_hold().await;
    }
}

/// An order that a store has lost is still known to the guest and to the hub.
async fn lies_of_the_store(scene: &Scene, told: &[Outcome]) {
    let id: uuid::Uuid = sqlx::query_scalar("select order_id from pick")
        .fetch_one(&scene.postgres)
        .await
        .unwrap();
    let client = redis::Client::open(scene.site(0).redis.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let removed: i64 = redis::cmd("ZREM")
        .arg("{s1}:orders")
        .arg(id.to_string())
        .query_async(&mut redis)
        .await
        .unwrap();
    assert_eq!(removed, 1);
    let summary = scene.audit(told).await;
    let expected = Faults { doubled: 1, ..NONE };
    assert_eq!(faults(&summary), expected, "{}", shown(&summary));
    assert!(!summary.holds());

    // Now nobody but the guest knows it.
    run(scene, concat!("delete from site_order where ", one!())).await;
    let summary = scene.audit(told).await;
    let expected = Faults { lost: 1, ..NONE };
    assert_eq!(faults(&summary), expected, "{}", shown(&summary));
    assert!(!summary.holds());
    assert!(scene.site(0).redis.is_running());
}

/// What a guest was told differs from what stands on both sides.
async fn lies_to_the_guest(scene: &Scene, told: &[Outcome]) {
    let mut told = told.to_vec();
    let mut accepted = told
        .iter_mut()
        .filter(|outcome| outcome.site == 1 && outcome.answer.is_ok());
    let first = accepted.next().unwrap();
    first.total += 1;
    if let Ok(answer) = &mut first.answer {
        answer.total += 1;
    }
    accepted.next().unwrap().answer = Err("no-answer".to_owned());
    let summary = scene.audit(&told).await;
    let expected = Faults {
        lost: 1,
        mismatched: 1,
        unanswered: 1,
        ..NONE
    };
    assert_eq!(faults(&summary), expected, "{}", shown(&summary));
}
