//! The scripts against the model: whatever is asked, both answer, change and tell the same.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use sunakku_common::event::StockChange;
use sunakku_common::ids::{OrderId, TicketId};
use sunakku_common::menu::Seed;
use sunakku_common::model::{Ask, Cooking, Keyed, Model, Restock};
use sunakku_common::state::OrderState;
use sunakku_edge::store::Store;
use xtask::harness::{RedisServer, Sandbox};

use crate::scripts::Scripts;

const SKUS: [&str; 4] = ["patty", "cake", "cola", "bun:s-1"];
/// Far fewer than steps, so that keys meet other requests.
const KEYS: u8 = 8;

/// Something to do. Orders and tickets are named by their place among those that there are.
#[derive(Debug, Clone)]
enum Step {
    Place(u32, Vec<(usize, u64)>),
    Route(usize, Vec<u32>),
    Cancel(usize, bool),
    Collect(usize),
    Reject(usize),
    Retry(usize),
    Cook(usize, Cooking),
    Stock(usize, Restock),
    /// An earlier request under its key, because its answer was lost.
    Again(usize),
    /// A step on an order and a ticket that were never there.
    Nowhere,
}

fn step() -> impl Strategy<Value = (Option<u8>, Step)> {
    let cooking = prop_oneof![
        3 => Just(Cooking::Start),
        3 => Just(Cooking::Bump),
        4 => (0_u32..5).prop_map(Cooking::BumpLine),
        2 => Just(Cooking::Acknowledge),
        2 => Just(Cooking::Recall),
        2 => Just(Cooking::Confirm),
    ];
    let restock = prop_oneof![
        4 => (-15_i64..15).prop_map(Restock::Adjust),
        2 => (0_u32..30).prop_map(Restock::Set),
        1 => Just(Restock::Uncount),
        1 => Just(Restock::Suspend),
        2 => Just(Restock::Resume),
        1 => prop::option::of(0_u32..30).prop_map(Restock::Mark),
    ];
    let claims = prop::collection::vec((0..SKUS.len(), 1_u64..6), 1..4);
    let step = prop_oneof![
        6 => (0_u32..2, claims).prop_map(|(day, claims)| Step::Place(day, claims)),
        6 => (0_usize..10, prop::collection::vec(1_u32..4, 1..4))
            .prop_map(|(order, tickets)| Step::Route(order, tickets)),
        2 => (0_usize..10, any::<bool>()).prop_map(|(order, late)| Step::Cancel(order, late)),
        2 => (0_usize..10).prop_map(Step::Collect),
        2 => (0_usize..10).prop_map(Step::Reject),
        3 => (0_usize..10).prop_map(Step::Retry),
        12 => (0_usize..12, cooking).prop_map(|(ticket, step)| Step::Cook(ticket, step)),
        4 => (0..SKUS.len(), restock).prop_map(|(sku, change)| Step::Stock(sku, change)),
        4 => (0_usize..20).prop_map(Step::Again),
        1 => Just(Step::Nowhere),
    ];
    (prop::option::of(0..KEYS), step)
}

/// What is asked, or nothing when the step names what is not there.
fn ask(model: &Model, step: &Step) -> Option<Ask> {
    use OrderState::{Cancelled, Collected, Placed, Preparing, Ready, Rejected};
    let order = |n: usize| model.orders.keys().nth(n).copied();
    Some(match step {
        Step::Place(day, claims) => {
            let claim = |(sku, units): &(usize, u64)| (SKUS[*sku].to_owned(), *units);
            let day = NaiveDate::from_ymd_opt(2026, 11, 23 + day)?;
            let claims: BTreeMap<String, u64> = claims.iter().map(claim).collect();
            Ask::Place {
                order: OrderId::new(),
                day,
                claims,
            }
        }
        Step::Route(n, lines) => {
            let tickets = lines
                .iter()
                .map(|lines| (TicketId::new(), *lines))
                .collect();
            Ask::Route {
                order: order(*n)?,
                tickets,
            }
        }
        Step::Cancel(n, late) => {
            let from = if *late {
                vec![Placed, Preparing, Ready]
            } else {
                vec![Placed]
            };
            Ask::Close {
                order: order(*n)?,
                next: Cancelled,
                from,
            }
        }
        Step::Collect(n) => Ask::Close {
            order: order(*n)?,
            next: Collected,
            from: vec![Ready],
        },
        Step::Reject(n) => Ask::Close {
            order: order(*n)?,
            next: Rejected,
            from: vec![Placed],
        },
        Step::Retry(n) => Ask::Retry { order: order(*n)? },
        Step::Cook(n, step) => {
            let mut tickets = model
                .orders
                .values()
                .flat_map(|order| order.tickets.iter().flatten());
            Ask::Cook {
                ticket: tickets.nth(*n)?.id,
                step: *step,
            }
        }
        Step::Stock(sku, change) => Ask::Stock {
            sku: SKUS[*sku].to_owned(),
            change: *change,
        },
        Step::Nowhere => Ask::Cook {
            ticket: TicketId::new(),
            step: Cooking::Bump,
        },
        Step::Again(_) => return None,
    })
}

fn stock() -> BTreeMap<String, u32> {
    BTreeMap::from([
        ("patty".to_owned(), 30),
        ("cake".to_owned(), 8),
        ("bun:s-1".to_owned(), 0),
    ])
}

fn seed() -> Seed {
    Seed {
        stock: stock(),
        ..crate::site::seed()
    }
}

/// What a key belongs to, whatever ids were made for it.
fn print_of(ask: &Ask) -> String {
    match ask {
        Ask::Place { day, claims, .. } => format!("place {day} {claims:?}"),
        Ask::Route { order, .. } => format!("route {order}"),
        other => format!("{other:?}"),
    }
}

/// One random history: after every step, model and scripts agree.
async fn agree(redis: &str, steps: &[(Option<u8>, Step)]) {
    let site = format!("m-{}", uuid::Uuid::now_v7().simple())
        .parse()
        .unwrap();
    let store = Store::open(redis, &site, &seed().stock, 1 << 40)
        .await
        .unwrap();
    let (mut scripts, mut model) = (Scripts::new(store).await, Model::new(&stock()));
    let mut asked: Vec<(String, String, Ask)> = Vec::new();
    for (key, step) in steps {
        let (key, request, ask) = match (step, ask(&model, step)) {
            (Step::Again(n), _) => match asked.iter().rev().nth(*n).cloned() {
                Some((key, request, ask)) => (Some(key), request, ask),
                None => continue,
            },
            (_, Some(ask)) => (key.map(|key| format!("k{key}")), print_of(&ask), ask),
            (_, None) => continue,
        };
        // Nobody but the edge itself deals orders to stations, and it needs no key for it.
        let key = key.filter(|_| !matches!(ask, Ask::Route { .. }));
        let keyed = key.as_deref().map(|key| Keyed {
            key,
            request: &request,
        });
        let expected = model.apply(keyed, &ask);
        let found = scripts.apply(keyed, &ask).await;
        assert_eq!(found, expected.into(), "{key:?} {ask:?}");
        asked.extend(key.map(|key| (key, request, ask)));
    }
    scripts.assert_holds(&model).await;
    assert_adds_up(&scripts.everything().await, &model);
}

/// The log alone gives the counts: start and changes, step by step.
fn assert_adds_up(changes: &[StockChange], model: &Model) {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for change in changes {
        let sum = sums.entry(&change.sku).or_default();
        *sum += change.delta;
        assert_eq!(change.on_hand.unwrap_or(0), *sum, "{change:?}");
        assert!(0 <= *sum, "{change:?}");
    }
    for (sku, units) in &model.stock {
        assert_eq!(sums.get(sku.as_str()), Some(units), "{sku}");
    }
}

#[test]
fn the_scripts_keep_the_rules_of_the_model() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sandbox = Sandbox::new().unwrap();
    let redis = runtime
        .block_on(RedisServer::start(&sandbox, "redis"))
        .unwrap();
    let seeds = FileFailurePersistence::WithSource("regressions");
    let config = Config {
        cases: 64,
        source_file: Some(file!()),
        failure_persistence: Some(Box::new(seeds)),
        ..Config::default()
    };
    let histories = prop::collection::vec(step(), 40..80);
    TestRunner::new(config)
        .run(&histories, |steps| {
            runtime.block_on(agree(&redis.edge_url(), &steps));
            Ok(())
        })
        .unwrap();
}
