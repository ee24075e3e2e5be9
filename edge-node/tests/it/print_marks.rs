//! The marks of prints and of tickets that nobody has seen, in any order of steps: a printed ticket
//! is never printed again, a copy is always known, and an unseen one is told of once.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use sunakku_common::event::By;
use sunakku_common::ids::{OrderId, TicketId};
use sunakku_common::state::OrderState;
use sunakku_edge::store::{Beginning, Close, Operation, Print, Step, Store, TicketMove};
use xtask::harness::{RedisServer, Sandbox};

use crate::scripts::{new_order, new_ticket};
use crate::site::seed;

const PRINTERS: [&str; 2] = ["hot", "spare"];

#[derive(Debug, Clone, Copy)]
enum Do {
    Begin(usize, bool),
    End(usize),
    Acknowledge,
    Start,
    Bump,
    Cancel,
    Escalate,
}

fn any_step() -> impl Strategy<Value = Do> {
    prop_oneof![
        6 => (0..PRINTERS.len(), any::<bool>())
            .prop_map(|(printer, unless)| Do::Begin(printer, unless)),
        2 => (0..PRINTERS.len()).prop_map(Do::End),
        2 => Just(Do::Acknowledge),
        1 => Just(Do::Start),
        1 => Just(Do::Bump),
        1 => Just(Do::Cancel),
        2 => Just(Do::Escalate),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    None,
    Begun,
    Printed,
}

/// What is to be of one ticket.
struct Expected {
    marks: [Mark; 2],
    waiting: bool,
    open: bool,
    seen: bool,
    told: bool,
}

impl Expected {
    fn begin(&mut self, printer: usize, unless_acknowledged: bool) -> Beginning {
        let again = self.marks[printer] == Mark::Begun;
        if self.marks[printer] == Mark::Printed {
            Beginning::Printed
        } else if !self.open || unless_acknowledged && self.seen {
            Beginning::Unwanted
        } else {
            self.marks[printer] = Mark::Begun;
            Beginning::Begun { again }
        }
    }

    /// Whether somebody has still to be told that nobody has seen it.
    fn is_unseen(&self) -> bool {
        self.open && !self.seen && !self.told
    }
}

fn made<T>(step: &Step<T>) -> bool {
    matches!(step, Step::Made(..))
}

async fn agree(redis: &str, steps: &[Do]) {
    let site = format!("p-{}", uuid::Uuid::now_v7().simple());
    let site = site.parse().unwrap();
    let store = Store::open(redis, &site, &seed().stock, 1 << 40)
        .await
        .unwrap();
    let (order, ticket) = (OrderId::new(), TicketId::new());
    let operation = || Operation::new(None, By::system("test", "test"), &());
    let day = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
    let placed = new_order(order, day, &BTreeMap::new());
    store.place(&operation(), &placed).await.unwrap();
    let tickets = [new_ticket(order, ticket, 2)];
    assert!(store.route(order, &tickets).await.unwrap());
    let mut expected = Expected {
        marks: [Mark::None; 2],
        waiting: true,
        open: true,
        seen: false,
        told: false,
    };
    for step in steps {
        let print = |printer: usize, unless_acknowledged| Print {
            printer: PRINTERS[printer],
            ticket,
            order,
            unless_acknowledged,
        };
        match *step {
            Do::Begin(printer, unless) => {
                let found = store.begin_print(print(printer, unless)).await.unwrap();
                assert_eq!(found, expected.begin(printer, unless), "{steps:?}");
            }
            Do::End(printer) => {
                store.end_print(print(printer, false), "job").await.unwrap();
                expected.marks[printer] = Mark::Printed;
            }
            Do::Acknowledge => {
                let step = store
                    .acknowledge_ticket(&operation(), ticket)
                    .await
                    .unwrap();
                assert_eq!(made(&step), expected.open && !expected.seen, "{steps:?}");
                expected.seen |= made(&step);
            }
            Do::Start | Do::Bump => {
                let cooking = match step {
                    Do::Start => TicketMove::Start,
                    _ => TicketMove::Bump,
                };
                let operation = operation();
                let step = store.move_ticket(&operation, ticket, cooking, None);
                let step = made(&step.await.unwrap());
                let bump = cooking == TicketMove::Bump;
                assert_eq!(
                    step,
                    expected.open && (bump || expected.waiting),
                    "{steps:?}"
                );
                expected.seen |= step;
                expected.waiting &= !step;
                expected.open &= !(step && bump);
            }
            Do::Cancel => {
                use OrderState::{Cancelled, Placed, Preparing};
                let close = Close {
                    next: Cancelled,
                    reason: None,
                    from: &[Placed, Preparing],
                };
                let step = store.close(&operation(), order, &close).await.unwrap();
                assert_eq!(made(&step), expected.open, "{steps:?}");
                expected.open = false;
            }
            Do::Escalate => {
                let told = store.escalate_ticket(ticket).await.unwrap();
                assert_eq!(told, expected.is_unseen(), "{steps:?}");
                expected.told |= told;
            }
        }
        let later = store.now() + TimeDelta::hours(1);
        let unseen = store.unseen_before(later, 10).await.unwrap();
        assert_eq!(unseen.contains(&ticket), expected.is_unseen(), "{steps:?}");
        for (printer, mark) in expected.marks.iter().enumerate() {
            let printed = store.is_printed(print(printer, false)).await.unwrap();
            assert_eq!(printed, *mark == Mark::Printed, "{steps:?}");
        }
    }
    let entries = store.log_from(1, 1_000).await.unwrap();
    let told = entries
        .iter()
        .filter(|entry| entry.kind == "ticket.escalated");
    assert_eq!(told.count(), usize::from(expected.told), "{steps:?}");
}

#[test]
fn marks_follow_the_rules_in_any_order_of_steps() {
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
    let histories = prop::collection::vec(any_step(), 1..30);
    TestRunner::new(config)
        .run(&histories, |steps| {
            runtime.block_on(agree(&redis.edge_url(), &steps));
            Ok(())
        })
        .unwrap();
}
