//! What the hub decides about a group of batches, without IO: a function of what it holds and of
//! what came. Batches of one site in one group are judged one after the other.

use std::collections::{BTreeMap, BTreeSet};

use sunakku_common::chain::Chain;
use sunakku_common::event::Event;
use sunakku_common::ids::{Epoch, SiteId};
use sunakku_common::sync::{Answer, Batch, Position, Verdict, judge};

use super::request::{Request, refusal};

/// One event that is to be appended.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) site: &'a SiteId,
    pub(super) epoch: Epoch,
    pub(super) event: Event,
    /// Its exact text.
    pub(super) text: &'a str,
    /// The chain's value after it.
    pub(super) chain: Chain,
}

/// What is decided about one batch.
#[derive(Debug)]
pub(super) struct Judged<'a> {
    pub(super) answer: Answer,
    pub(super) duplicates: usize,
    pub(super) entries: Vec<Entry<'a>>,
}

impl Judged<'_> {
    pub(super) fn of(answer: Answer) -> Self {
        Self {
            answer,
            duplicates: 0,
            entries: Vec::new(),
        }
    }
}

/// One epoch of one site: what is held of it, and what the group changes.
#[derive(Debug, Clone)]
pub(super) struct Log {
    pub(super) position: Position,
    /// The chain's value at those sequences that the group's batches reach.
    pub(super) held: BTreeMap<u64, Chain>,
    /// The edge's chain at our cursor, as far as it told.
    pub(super) chain_edge: Chain,
    pub(super) head: u64,
    /// What the group adds.
    pub(super) gaps: u64,
    pub(super) duplicates: u64,
    pub(super) forks: u64,
    /// Whether a batch of the group was for it.
    pub(super) is_touched: bool,
}

impl Log {
    /// As it is stored.
    pub(super) fn stored(position: Position, chain_edge: Chain, head: u64) -> Self {
        Self {
            position,
            held: BTreeMap::from([(position.cursor, position.chain)]),
            chain_edge,
            head,
            gaps: 0,
            duplicates: 0,
            forks: 0,
            is_touched: false,
        }
    }

    fn new(site: &SiteId, epoch: Epoch) -> Self {
        let chain = Chain::genesis(site, epoch);
        Self::stored(Position { cursor: 0, chain }, chain, 0)
    }
}

/// What is known of one site.
#[derive(Debug, Default)]
pub(super) struct Site {
    pub(super) current: Option<Epoch>,
    /// The current epoch, and those that the group's batches name.
    pub(super) logs: BTreeMap<Epoch, Log>,
    /// Whether the group made another epoch the current one.
    pub(super) has_new_epoch: bool,
}

/// What is known of the sites that the group's batches come from.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) sites: BTreeMap<SiteId, Site>,
}

impl Group {
    /// Whether there is anything to store.
    pub(super) fn is_touched(&self) -> bool {
        self.touched().next().is_some()
    }

    /// Whether a site began a new epoch.
    pub(super) fn has_new_epoch(&self) -> bool {
        self.sites.values().any(|site| site.has_new_epoch)
    }

    /// The logs that batches were for, in the order of site and epoch.
    pub(super) fn touched(&self) -> impl Iterator<Item = (&SiteId, Epoch, &Log, bool)> {
        self.sites.iter().flat_map(|(id, site)| {
            let touched = site.logs.iter().filter(|(_, log)| log.is_touched);
            touched.map(move |(epoch, log)| (id, *epoch, log, site.current == Some(*epoch)))
        })
    }

    /// Decides about a batch and notes what it changes, for the batches after it as well.
    pub(super) fn judge<'a>(&mut self, request: &'a Request) -> Judged<'a> {
        let Request { site: id, batch } = request;
        let Some(site) = self.sites.get_mut(id) else {
            let detail = "this site is not known here: add it at the hub first";
            return Judged::of(refusal("unknown-site", detail));
        };
        if let Some(log) = site.logs.get_mut(&batch.epoch) {
            if site.current == Some(batch.epoch) {
                return log.judge(id, batch);
            }
            let detail = "the site has begun a newer epoch since";
            return Judged::of(refusal("superseded", detail));
        }
        if batch.from_seq > 1 {
            return Judged::of(Answer::Expected { expected_seq: 1 });
        }
        let mut log = Log::new(id, batch.epoch);
        let judged = log.judge(id, batch);
        if matches!(judged.answer, Answer::Committed { .. }) {
            site.logs.insert(batch.epoch, log);
            site.current = Some(batch.epoch);
            site.has_new_epoch = true;
        }
        judged
    }
}

impl Log {
    fn judge<'a>(&mut self, site: &'a SiteId, batch: &'a Batch) -> Judged<'a> {
        match judge(batch, self.position, &self.held) {
            Verdict::Append { duplicates, chains } => {
                self.is_touched = true;
                self.append(site, batch, duplicates, &chains)
            }
            Verdict::Answer(answer) => {
                self.note(batch, &answer);
                Judged::of(answer)
            }
        }
    }

    fn append<'a>(
        &mut self,
        site: &'a SiteId,
        batch: &'a Batch,
        duplicates: usize,
        chains: &[Chain],
    ) -> Judged<'a> {
        let numbered = (batch.from_seq..).zip(&batch.events).zip(chains);
        let mut entries = Vec::with_capacity(batch.events.len() - duplicates);
        for ((seq, raw), chain) in numbered.skip(duplicates) {
            let text = raw.get();
            let event = match Event::decode(text) {
                Ok(event) => event,
                // `judge` has decoded it before: this cannot happen, and must not pass.
                Err(error) => return Judged::of(refusal("malformed", &error.to_string())),
            };
            entries.push((
                seq,
                Entry {
                    site,
                    epoch: batch.epoch,
                    event,
                    text,
                    chain: *chain,
                },
            ));
        }
        let mut taken = Vec::with_capacity(entries.len());
        for (seq, entry) in entries {
            self.held.insert(seq, entry.chain);
            self.position = Position {
                cursor: seq,
                chain: entry.chain,
            };
            taken.push(entry);
        }
        if batch.from_seq - 1 + batch.events.len() as u64 == self.position.cursor {
            self.chain_edge = batch.chain;
        }
        self.head = batch.head;
        self.duplicates += duplicates as u64;
        let Position { cursor, chain } = self.position;
        Judged {
            answer: Answer::Committed { cursor, chain },
            duplicates,
            entries: taken,
        }
    }

    /// Notes what a batch that was not taken tells about the edge.
    fn note(&mut self, batch: &Batch, answer: &Answer) {
        match answer {
            Answer::Expected { .. } => self.gaps += 1,
            Answer::Forked { .. } | Answer::Diverged { .. } => {
                self.forks += 1;
                if let Some(chain) = chain_at(batch, self.position.cursor) {
                    self.chain_edge = chain;
                }
            }
            // It is not to be believed in anything.
            Answer::Refused { .. } | Answer::Committed { .. } => return,
        }
        self.head = batch.head;
        self.is_touched = true;
    }
}

/// The edge's chain at `seq`, if the batch reaches it.
fn chain_at(batch: &Batch, seq: u64) -> Option<Chain> {
    let events = usize::try_from(seq.checked_sub(batch.from_seq - 1)?).ok()?;
    let reached = batch.events.get(..events)?;
    Some(
        reached
            .iter()
            .fold(batch.prev_chain, |chain, event| chain.next(event.get())),
    )
}

/// The ranges of sequences at which [`judge`] needs to know the chain, beyond the cursor's own.
pub(super) fn needed<'a>(
    group: &'a Group,
    requests: &'a [Request],
) -> impl Iterator<Item = (&'a SiteId, Epoch, u64, u64)> {
    let mut seen = BTreeSet::new();
    requests.iter().filter_map(move |Request { site, batch }| {
        let log = group.sites.get(site)?.logs.get(&batch.epoch)?;
        let first = batch.from_seq.saturating_sub(1).max(1);
        let last = (batch.from_seq.saturating_sub(1) + batch.events.len() as u64)
            .min(log.position.cursor.saturating_sub(1));
        (first <= last && seen.insert((site, batch.epoch, first, last))).then_some((
            site,
            batch.epoch,
            first,
            last,
        ))
    })
}

#[cfg(test)]
#[path = "group_tests.rs"]
mod tests;
