use proptest::prelude::*;

use super::*;
use crate::ids::SiteId;

/// A log on either side: the texts of its events, numbered from 1.
#[derive(Clone)]
struct Log {
    genesis: Chain,
    epoch: Epoch,
    events: Vec<String>,
}

impl Log {
    fn new() -> Self {
        let epoch = Epoch::new();
        let site: SiteId = "s1".parse().expect("id");
        Self {
            genesis: Chain::genesis(&site, epoch),
            epoch,
            events: Vec::new(),
        }
    }

    fn append(&mut self, body: &str) {
        let seq = self.events.len() as u64 + 1;
        self.events
            .push(Event::encode(seq, "2026-11-23T10:00:00.000Z", "k", body));
    }

    fn chains(&self) -> BTreeMap<u64, Chain> {
        let mut chain = self.genesis;
        let mut chains = BTreeMap::from([(0, chain)]);
        for (seq, event) in (1..).zip(&self.events) {
            chain = chain.next(event);
            chains.insert(seq, chain);
        }
        chains
    }

    fn position(&self) -> Position {
        let cursor = self.events.len() as u64;
        Position {
            cursor,
            chain: self.chains()[&cursor],
        }
    }

    /// The events `from..=to` as a batch.
    fn batch(&self, from: u64, to: u64) -> Batch {
        let raw = |text: &String| RawValue::from_string(text.clone()).expect("JSON");
        let events = &self.events[from as usize - 1..to as usize];
        Batch {
            epoch: self.epoch,
            from_seq: from,
            prev_chain: self.chains()[&(from - 1)],
            events: events.iter().map(raw).collect(),
            chain: self.chains()[&to],
            head: self.events.len() as u64,
            sender: None,
        }
    }
}

fn log_of(events: usize) -> Log {
    let mut log = Log::new();
    (0..events).for_each(|n| log.append(&n.to_string()));
    log
}

/// The hub's side: takes what [`judge`] lets through.
fn offer(hub: &mut Log, batch: &Batch) -> Answer {
    match judge(batch, hub.position(), &hub.chains()) {
        Verdict::Answer(answer) => answer,
        Verdict::Append { duplicates, chains } => {
            assert_eq!(chains.len(), batch.events.len());
            let new = batch.events[duplicates..]
                .iter()
                .map(|event| event.get().to_owned());
            hub.events.extend(new);
            let Position { cursor, chain } = hub.position();
            Answer::Committed { cursor, chain }
        }
    }
}

#[test]
fn a_batch_sent_twice_changes_nothing() {
    let edge = log_of(5);
    let mut hub = Log {
        events: Vec::new(),
        ..edge.clone()
    };
    let first = offer(&mut hub, &edge.batch(1, 5));
    assert_eq!(offer(&mut hub, &edge.batch(1, 5)), first);
    assert_eq!(hub.events, edge.events);
}

#[test]
fn a_gap_is_answered_with_what_is_expected() {
    let edge = log_of(5);
    let mut hub = Log {
        events: edge.events[..2].to_vec(),
        ..edge.clone()
    };
    assert_eq!(
        offer(&mut hub, &edge.batch(4, 5)),
        Answer::Expected { expected_seq: 3 }
    );
    assert_eq!(hub.events.len(), 2);
}

#[test]
fn a_wrong_chain_changes_nothing() {
    let edge = log_of(5);
    let mut hub = Log {
        events: edge.events[..2].to_vec(),
        ..edge.clone()
    };
    let mut batch = edge.batch(3, 5);
    batch.prev_chain = batch.prev_chain.next("lie");
    assert!(matches!(offer(&mut hub, &batch), Answer::Refused { .. }));
    let mut batch = edge.batch(3, 5);
    batch.chain = batch.chain.next("lie");
    assert!(matches!(offer(&mut hub, &batch), Answer::Refused { .. }));
    let mut batch = edge.batch(3, 5);
    batch.events.swap(0, 1);
    assert!(matches!(offer(&mut hub, &batch), Answer::Refused { .. }));
    assert_eq!(hub.events.len(), 2);
}

#[test]
fn a_second_history_is_told_from_the_first_at_the_place_where_they_part() {
    let hub_events = log_of(6);
    let mut edge = Log {
        events: hub_events.events[..3].to_vec(),
        ..hub_events.clone()
    };
    (0..4).for_each(|n| edge.append(&format!("\"second {n}\"")));
    let mut hub = hub_events.clone();
    assert_eq!(
        offer(&mut hub, &edge.batch(7, 7)),
        Answer::Diverged { diverged_at: 6 }
    );
    assert_eq!(
        offer(&mut hub, &edge.batch(1, 7)),
        Answer::Forked { fork_seq: 4 }
    );
    assert_eq!(hub.events, hub_events.events);
}

#[test]
fn an_empty_batch_tells_where_the_hub_stands() {
    let edge = log_of(3);
    let mut hub = edge.clone();
    let mut batch = edge.batch(1, 1);
    batch.events.clear();
    batch.chain = batch.prev_chain;
    let Position { cursor, chain } = hub.position();
    assert_eq!(offer(&mut hub, &batch), Answer::Committed { cursor, chain });
}

proptest! {
    /// Whatever runs of the log arrive, in whatever order and however often, the hub holds a
    /// prefix of the edge's log; and an edge that follows the answers gets everything in.
    #[test]
    fn the_hub_holds_a_prefix_and_answers_lead_to_the_end(
        size in 1_u64..40,
        runs in prop::collection::vec((1_u64..40, 0_u64..12), 0..40),
    ) {
        let edge = log_of(size as usize);
        let mut hub = Log { events: Vec::new(), ..edge.clone() };
        for (from, length) in runs {
            let from = from.min(size);
            let before = hub.events.len();
            offer(&mut hub, &edge.batch(from, (from + length).min(size)));
            prop_assert!(hub.events.len() >= before);
            prop_assert_eq!(&hub.events[..], &edge.events[..hub.events.len()]);
        }
        let mut next = size;
        for _ in 0..size + 2 {
            match offer(&mut hub, &edge.batch(next, (next + 3).min(size))) {
                Answer::Committed { cursor, chain } => {
                    prop_assert_eq!(chain, edge.chains()[&cursor]);
                    if cursor == size { break }
                    next = cursor + 1;
                }
                Answer::Expected { expected_seq } => next = expected_seq,
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            }
        }
        prop_assert_eq!(hub.events, edge.events);
    }
}
