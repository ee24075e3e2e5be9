//! The append protocol as a state machine: every interleaving, up to a depth, of appending, lost
//! requests, lost and late answers, crashes, an edge that is set back and a hub that is restored. What
//! decides is what decides in production ([`super::step::decide`], [`judge`]); around it stands as little
//! as is needed of a store and a hub.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::hash::{Hash, Hasher};

use serde_json::value::RawValue;
use sunakku_common::chain::Chain;
use sunakku_common::event::Event;
use sunakku_common::ids::{Epoch, SiteId};
use sunakku_common::sync::{Answer, Batch, Position, Verdict, judge};

use super::step::{Next, Sent, decide};
use crate::store::{Again, Anchor};

/// Steps of one story.
const DEPTH: usize = 8;
/// Steps after which everything must be at the hub once nothing fails any more.
const HEAL: usize = 40;
/// Entries of a batch, so that a log takes several.
const BATCH: usize = 2;

/// What happened, by a number of its own; 0 for the begin of an epoch.
type Fact = u32;

#[derive(Clone, Hash)]
struct Edge {
    epoch: u32,
    /// What was forgotten of the log's beginning, and what is kept.
    anchor: u64,
    log: Vec<Fact>,
    /// Entries of the log that were told again from another epoch, the begin included.
    again: usize,
    /// Ended epochs: their own facts that are kept.
    ended: Vec<Vec<Fact>>,
    /// The stored cursor.
    cursor: Option<u64>,
    /// Forgotten facts, so that the chain at the anchor can be computed.
    forgotten: Vec<Fact>,
}

/// What the edge's process has in memory.
#[derive(Clone, Hash)]
struct Progress {
    at: u64,
    confirmed_from: u64,
    greet: bool,
}

#[derive(Clone, Hash, Default)]
struct Hub {
    /// Facts by epoch.
    logs: BTreeMap<u32, Vec<Fact>>,
    current: Option<u32>,
}

#[derive(Clone, Hash)]
struct Message {
    epoch: u32,
    from_seq: u64,
    facts: Vec<Fact>,
    /// The facts before it, which its chain stands for.
    before: Vec<Fact>,
    head: u64,
}

#[derive(Clone, Hash)]
struct World {
    edge: Edge,
    progress: Progress,
    hub: Hub,
    /// A request that nobody waits for any more, and that still arrives.
    late: Option<Message>,
    edge_copy: Option<Edge>,
    hub_copy: Option<Hub>,
    /// Names for facts and epochs that were not used yet.
    next_fact: Fact,
    next_epoch: u32,
    /// Facts that no store at the site holds any more, because it was set back.
    gone: BTreeSet<Fact>,
    left: Left,
}

/// How often each thing may still happen.
#[derive(Clone, Copy, Hash)]
struct Left {
    appends: u8,
    losses: u8,
    restarts: u8,
    set_backs: u8,
    restores: u8,
    trims: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Append,
    Exchange,
    LoseRequest,
    LoseAnswer,
    Delay,
    ArriveLate,
    RestartEdge,
    CopyEdge,
    SetEdgeBack,
    CopyHub,
    RestoreHub,
    Trim,
}

const ACTS: [Act; 12] = [
    Act::Append,
    Act::Exchange,
    Act::LoseRequest,
    Act::LoseAnswer,
    Act::Delay,
    Act::ArriveLate,
    Act::RestartEdge,
    Act::CopyEdge,
    Act::SetEdgeBack,
    Act::CopyHub,
    Act::RestoreHub,
    Act::Trim,
];

fn site() -> SiteId {
    "s1".parse().expect("a site's id")
}

fn epoch(number: u32) -> Epoch {
    let text = format!("00000000-0000-7000-8000-{number:012}");
    text.parse().expect("an epoch")
}

fn text(seq: u64, fact: Fact) -> String {
    Event::encode(seq, "2026-11-26T12:00:00.000Z", "fact", &fact.to_string())
}

/// The chain of an epoch after these facts.
fn chain(number: u32, facts: &[Fact]) -> Chain {
    let genesis = Chain::genesis(&site(), epoch(number));
    let numbered = (1..).zip(facts);
    numbered.fold(genesis, |chain, (seq, fact)| chain.next(&text(seq, *fact)))
}

impl Edge {
    fn head(&self) -> u64 {
        self.anchor + self.log.len() as u64
    }

    /// All facts of the epoch, forgotten ones too.
    fn whole(&self) -> Vec<Fact> {
        [&self.forgotten[..], &self.log[..]].concat()
    }

    /// What `start_epoch.lua` does.
    fn begin_epoch(&mut self, next: u32, again: Again) {
        let own: Vec<Fact> = self.log_from(self.again as u64 + 1);
        let told: Vec<Fact> = match again {
            Again::From(first) => self.log_from(first),
            Again::Everything => [self.ended.concat(), own.clone()].concat(),
        };
        let told: Vec<Fact> = told.into_iter().filter(|fact| *fact != 0).collect();
        self.ended.push(own);
        self.epoch = next;
        (self.anchor, self.forgotten) = (0, Vec::new());
        self.again = told.len() + 1;
        self.log = [vec![0], told].concat();
        self.cursor = None;
    }

    fn log_from(&self, first: u64) -> Vec<Fact> {
        let skip = first.saturating_sub(self.anchor + 1);
        self.log[self.log.len().min(skip as usize)..].to_vec()
    }

    /// Everything that the site can still tell.
    fn kept(&self) -> BTreeSet<Fact> {
        let all = self.ended.concat().into_iter().chain(self.log.clone());
        all.filter(|fact| *fact != 0).collect()
    }
}

impl Hub {
    /// What `hub/src/intake/group.rs` does around [`judge`].
    fn take(&mut self, message: &Message) -> Answer {
        if self.current != Some(message.epoch) {
            if self.logs.contains_key(&message.epoch) {
                return Answer::Refused {
                    refused: "superseded".to_owned(),
                    detail: String::new(),
                };
            }
            if message.from_seq > 1 {
                return Answer::Expected { expected_seq: 1 };
            }
        }
        let mut log = self.logs.get(&message.epoch).cloned().unwrap_or_default();
        let position = Position {
            cursor: log.len() as u64,
            chain: chain(message.epoch, &log),
        };
        let held = (0..=log.len()).map(|n| (n as u64, chain(message.epoch, &log[..n])));
        match judge(&message.batch(), position, &held.collect()) {
            Verdict::Append { duplicates, .. } => {
                log.extend(&message.facts[duplicates..]);
                let cursor = log.len() as u64;
                let chain = chain(message.epoch, &log);
                self.logs.insert(message.epoch, log);
                self.current = Some(message.epoch);
                Answer::Committed { cursor, chain }
            }
            Verdict::Answer(answer) => answer,
        }
    }

    fn knows(&self) -> BTreeSet<Fact> {
        self.logs.values().flatten().copied().collect()
    }
}

impl Message {
    fn batch(&self) -> Batch {
        let whole = [&self.before[..], &self.facts[..]].concat();
        let numbered = (self.from_seq..).zip(&self.facts);
        let raw = |(seq, fact): (u64, &Fact)| RawValue::from_string(text(seq, *fact));
        Batch {
            epoch: epoch(self.epoch),
            from_seq: self.from_seq,
            prev_chain: chain(self.epoch, &self.before),
            events: numbered.map(|one| raw(one).expect("JSON")).collect(),
            chain: chain(self.epoch, &whole),
            head: self.head,
            sender: None,
        }
    }
}

impl World {
    fn new() -> Self {
        let edge = Edge {
            epoch: 1,
            anchor: 0,
            log: vec![0],
            again: 1,
            ended: Vec::new(),
            cursor: None,
            forgotten: Vec::new(),
        };
        let mut world = Self {
            progress: Progress {
                at: 0,
                confirmed_from: 1,
                greet: true,
            },
            edge,
            hub: Hub::default(),
            late: None,
            edge_copy: None,
            hub_copy: None,
            next_fact: 1,
            next_epoch: 2,
            gone: BTreeSet::new(),
            left: Left {
                appends: 3,
                losses: 2,
                restarts: 1,
                set_backs: 1,
                restores: 1,
                trims: 1,
            },
        };
        world.start_process();
        world
    }

    /// What `replicate` begins with.
    fn start_process(&mut self) {
        let at = self.edge.cursor.unwrap_or(self.edge.anchor);
        self.progress = Progress {
            at,
            confirmed_from: at + 1,
            greet: true,
        };
    }

    fn is_lost(&self) -> bool {
        !self.progress.greet && self.progress.at < self.edge.anchor
    }

    fn request(&self) -> Message {
        let at = self.progress.at;
        let limit = if self.progress.greet { 0 } else { BATCH };
        let facts = self.edge.log_from(at + 1).into_iter().take(limit).collect();
        Message {
            epoch: self.edge.epoch,
            from_seq: at + 1,
            facts,
            before: self.edge.whole()[..at as usize].to_vec(),
            head: self.edge.head(),
        }
    }

    /// What `follow` does with an answer.
    fn follow(&mut self, message: &Message, answer: Answer) {
        self.progress.greet = false;
        let batch = message.batch();
        let sent = Sent {
            from_seq: message.from_seq,
            last_seq: message.from_seq + message.facts.len() as u64 - 1,
            chain: batch.chain,
            head: message.head,
            oldest: self.edge.anchor + 1,
            confirmed_from: self.progress.confirmed_from,
            has_ended_epochs: !self.edge.ended.is_empty(),
        };
        let gap = matches!(answer, Answer::Expected { .. });
        match decide(&sent, answer) {
            Next::Confirmed(Anchor { seq, .. }) => {
                self.progress.at = seq;
                self.edge.cursor = Some(seq);
            }
            Next::SendFrom(seq) => {
                self.progress.at = seq - 1;
                self.progress.confirmed_from = seq;
                if gap {
                    self.edge.cursor = Some(seq - 1);
                }
                self.progress.greet = seq > message.head;
            }
            Next::NewEpoch { again, .. } => {
                self.edge.begin_epoch(self.next_epoch, again);
                self.next_epoch += 1;
                self.start_process();
            }
            Next::Wait(_) => {}
        }
    }

    /// The world after an act; none where it cannot happen.
    fn after(&self, act: Act) -> Option<Self> {
        let mut next = self.clone();
        let spend = |left: &mut u8| {
            *left = left.checked_sub(1)?;
            Some(())
        };
        match act {
            Act::Append => {
                spend(&mut next.left.appends)?;
                next.edge.log.push(next.next_fact);
                next.next_fact += 1;
            }
            // What is to be sent was forgotten meanwhile: the reader of the log says so.
            Act::Exchange if next.is_lost() => {
                let again = Again::From(next.progress.at + 1);
                next.edge.begin_epoch(next.next_epoch, again);
                next.next_epoch += 1;
                next.start_process();
            }
            Act::LoseAnswer | Act::Delay if next.is_lost() => return None,
            Act::Exchange => {
                let request = next.request();
                let answer = next.hub.take(&request);
                next.follow(&request, answer);
            }
            Act::LoseRequest => spend(&mut next.left.losses)?,
            Act::LoseAnswer => {
                spend(&mut next.left.losses)?;
                next.hub.take(&next.request());
            }
            Act::Delay => {
                spend(&mut next.left.losses)?;
                next.late = Some(next.request());
            }
            Act::ArriveLate => {
                let message = next.late.take()?;
                next.hub.take(&message);
            }
            Act::RestartEdge => {
                spend(&mut next.left.restarts)?;
                next.start_process();
            }
            Act::CopyEdge => {
                if next.edge_copy.is_some() || next.left.set_backs == 0 {
                    return None;
                }
                next.edge_copy = Some(next.edge.clone());
            }
            Act::SetEdgeBack => {
                spend(&mut next.left.set_backs)?;
                let copy = next.edge_copy.take()?;
                let lost: Vec<Fact> = next.edge.kept().difference(&copy.kept()).copied().collect();
                next.gone.extend(lost);
                next.edge = copy;
                next.start_process();
            }
            Act::CopyHub => {
                if next.hub_copy.is_some() || next.left.restores == 0 {
                    return None;
                }
                next.hub_copy = Some(next.hub.clone());
            }
            Act::RestoreHub => {
                spend(&mut next.left.restores)?;
                next.hub = next.hub_copy.take()?;
            }
            Act::Trim => {
                // Retention is longer than the time between two backups of the hub.
                if next.hub_copy.is_some() {
                    return None;
                }
                spend(&mut next.left.trims)?;
                let cursor = next.edge.cursor?;
                let count = usize::try_from(cursor.checked_sub(next.edge.anchor)?).ok()?;
                next.edge.forgotten.extend(next.edge.log.drain(..count));
                next.edge.again = next.edge.again.max(count);
                next.edge.anchor = cursor;
            }
        }
        Some(next)
    }

    fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// What must hold once nothing fails any more.
    fn assert_heals(&self, story: &[Act]) {
        let mut world = self.clone();
        if let Some(healed) = world.after(Act::ArriveLate) {
            world = healed;
        }
        for _ in 0..HEAL {
            let before = world.mark();
            world = world
                .after(Act::Exchange)
                .expect("an exchange can always be");
            if world.mark() == before {
                break;
            }
        }
        let (kept, known) = (world.edge.kept(), world.hub.knows());
        let current = world.hub.logs.get(&world.edge.epoch);
        assert_eq!(world.hub.current, Some(world.edge.epoch), "{story:?}");
        assert_eq!(
            current,
            Some(&world.edge.whole()),
            "{story:?}: the two logs differ"
        );
        let missing: Vec<_> = kept.difference(&known).collect();
        assert!(
            missing.is_empty(),
            "{story:?}: the hub never hears of {missing:?}"
        );
        let foreign = |fact: &&Fact| !kept.contains(fact) && **fact != 0;
        let foreign: Vec<_> = known.iter().filter(foreign).copied().collect();
        let explained =
            |fact: &Fact| world.gone.contains(fact) || world.edge.forgotten.contains(fact);
        assert!(
            foreign
                .iter()
                .all(|fact| explained(fact) || world.left.trims == 0),
            "{story:?}: the hub made up {foreign:?}"
        );
    }
}

#[test]
fn whatever_fails_in_whatever_order_the_hub_ends_with_everything_that_the_site_can_tell() {
    let (mut seen, mut stories) = (HashSet::new(), 0_u64);
    // Breadth first: a state is met with the fewest steps that lead to it.
    let mut open = VecDeque::from([(World::new(), Vec::new())]);
    while let Some((world, story)) = open.pop_front() {
        stories += 1;
        world.assert_heals(&story);
        if story.len() == DEPTH {
            continue;
        }
        for act in ACTS {
            if let Some(next) = world.after(act)
                && seen.insert(next.mark())
            {
                open.push_back((next, [&story[..], &[act]].concat()));
            }
        }
    }
    assert!(50_000 < stories, "only {stories} states were looked at");
    eprintln!("{stories} states of the append protocol, {DEPTH} steps deep");
}
