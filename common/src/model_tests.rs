use proptest::prelude::*;

use super::*;

const SKUS: [&str; 3] = ["patty", "cake", "cola"];

/// Something to do, with orders and tickets named by their place in line.
#[derive(Debug, Clone)]
enum Step {
    Place(Vec<(usize, u64)>),
    Route(usize, u32),
    Cancel(usize, bool),
    Collect(usize),
    Reject(usize),
    Retry(usize),
    Cook(usize, Cooking),
    Stock(usize, Restock),
}

fn step() -> impl Strategy<Value = Step> {
    let cooking = prop_oneof![
        Just(Cooking::Start),
        Just(Cooking::Bump),
        (0_u32..4).prop_map(Cooking::BumpLine),
        Just(Cooking::Acknowledge),
        Just(Cooking::Recall),
        Just(Cooking::Confirm),
    ];
    let restock = prop_oneof![
        (-30_i64..30).prop_map(Restock::Adjust),
        (0_u32..30).prop_map(Restock::Set),
        Just(Restock::Uncount),
        Just(Restock::Suspend),
        Just(Restock::Resume),
    ];
    prop_oneof![
        3 => prop::collection::vec((0..SKUS.len(), 1_u64..6), 1..3).prop_map(Step::Place),
        3 => (0_usize..8, 1_u32..4).prop_map(|(order, lines)| Step::Route(order, lines)),
        1 => (0_usize..8, any::<bool>()).prop_map(|(order, late)| Step::Cancel(order, late)),
        1 => (0_usize..8).prop_map(Step::Collect),
        1 => (0_usize..8).prop_map(Step::Reject),
        1 => (0_usize..8).prop_map(Step::Retry),
        4 => (0_usize..16, cooking).prop_map(|(ticket, step)| Step::Cook(ticket, step)),
        2 => (0..SKUS.len(), restock).prop_map(|(sku, change)| Step::Stock(sku, change)),
    ]
}

fn stock() -> BTreeMap<String, u32> {
    BTreeMap::from([("patty".to_owned(), 20), ("cake".to_owned(), 5)])
}

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 23).expect("a date")
}

/// What is asked, or nothing when the step names what is not there.
fn ask(model: &Model, step: &Step) -> Option<Ask> {
    let order = |n: usize| model.orders.keys().nth(n).copied();
    Some(match step {
        Step::Place(claims) => Ask::Place {
            order: OrderId::new(),
            day: day(),
            claims: claims
                .iter()
                .map(|(sku, units)| (SKUS[*sku].to_owned(), *units))
                .collect(),
        },
        Step::Route(n, lines) => {
            let tickets = vec![(TicketId::new(), *lines), (TicketId::new(), 1)];
            Ask::Route {
                order: order(*n)?,
                tickets,
            }
        }
        Step::Cancel(n, late) => {
            use OrderState::{Cancelled, Placed, Preparing, Ready};
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
            next: OrderState::Collected,
            from: vec![OrderState::Ready],
        },
        Step::Reject(n) => Ask::Close {
            order: order(*n)?,
            next: OrderState::Rejected,
            from: vec![OrderState::Placed],
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
    })
}

/// What is at hand by the log alone: every change added up, each checked against the count that
/// it tells.
fn counted(log: &[Fact]) -> BTreeMap<String, i64> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for change in log.iter().flat_map(|fact| &fact.stock) {
        let sum = sums.entry(change.sku.clone()).or_default();
        *sum += change.delta;
        assert_eq!(change.on_hand.unwrap_or(0), *sum, "{change:?}");
        assert!(0 <= *sum, "{change:?}");
    }
    sums
}

/// Each order's step leads where the table of steps lets it.
fn assert_legal(before: &Model, after: &Model) {
    for (id, order) in &before.orders {
        let (from, to) = (order.state, after.orders[id].state);
        // A bump may lead through preparing to ready at once.
        let through = OrderState::Preparing;
        let legal =
            from == to || from.may_become(to) || from.may_become(through) && through.may_become(to);
        assert!(legal, "{from} → {to}");
    }
}

proptest! {
    #[test]
    fn whatever_is_asked_stock_adds_up_and_numbers_count_up(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut model = Model::new(&stock());
        for step in &steps {
            let before = model.clone();
            let Some(ask) = ask(&model, step) else { continue };
            let answered = model.apply(None, &ask);
            assert_legal(&before, &model);
            if answered.facts.is_empty() {
                prop_assert_eq!(&model.stock, &before.stock);
                prop_assert_eq!(&model.orders, &before.orders);
            }
        }
        let sums = counted(&model.log);
        for (sku, units) in &model.stock {
            prop_assert_eq!(sums.get(sku), Some(units));
        }
        let mut numbers: Vec<u32> = model.orders.values().map(|order| order.number).collect();
        numbers.sort_unstable();
        let expected: Vec<u32> = (1..).take(model.orders.len()).collect();
        prop_assert_eq!(numbers, expected);
    }

    #[test]
    fn a_repetition_answers_the_same_and_changes_nothing(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut model = Model::new(&stock());
        for (n, step) in steps.iter().enumerate() {
            let Some(ask) = ask(&model, step) else { continue };
            let (key, request) = (format!("k{n}"), format!("{step:?}"));
            let keyed = Keyed { key: &key, request: &request };
            let first = model.apply(Some(keyed), &ask);
            let log = model.log.len();
            if first.facts.is_empty() {
                continue;
            }
            let again = model.apply(Some(keyed), &ask);
            prop_assert_eq!(again.outcome, first.outcome);
            prop_assert!(again.replayed);
            let other = Keyed { request: "other", ..keyed };
            prop_assert_eq!(model.apply(Some(other), &ask).outcome, Outcome::KeyReused);
            prop_assert_eq!(model.log.len(), log);
        }
    }
}

#[test]
fn a_refused_order_leaves_its_key_free() {
    let mut model = Model::new(&stock());
    let keyed = Keyed {
        key: "k",
        request: "six cakes",
    };
    let claims = BTreeMap::from([("cake".to_owned(), 6)]);
    let ask = Ask::Place {
        order: OrderId::new(),
        day: day(),
        claims,
    };
    let refused = model.apply(Some(keyed), &ask);
    assert!(matches!(refused.outcome, Outcome::Short(_)), "{refused:?}");
    let more = Ask::Stock {
        sku: "cake".to_owned(),
        change: Restock::Adjust(1),
    };
    model.apply(None, &more);
    let placed = model.apply(Some(keyed), &ask);
    assert!(
        matches!(placed.outcome, Outcome::Placed { number: 1, .. }),
        "{placed:?}"
    );
}
