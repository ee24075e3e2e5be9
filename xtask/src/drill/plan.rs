//! Which faults strike when: the same for the same seed, whatever the machine does meanwhile.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;

use super::fault::Kind;

/// One fault of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Strike {
    /// What breaks.
    pub(super) kind: Kind,
    /// At which site, if it is a fault of one.
    pub(super) site: usize,
}

/// Faults at the same time, and how long they last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Round {
    /// Counts from 1.
    pub(super) number: usize,
    /// One fault, or two.
    pub(super) strikes: Vec<Strike>,
    /// How long they last.
    pub(super) length: Duration,
    /// How long it is quiet before the next round.
    pub(super) calm: Duration,
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strikes: Vec<String> = self.strikes.iter().map(Strike::to_string).collect();
        let (strikes, length) = (strikes.join(" + "), self.length.as_secs_f64());
        write!(f, "round {}: {strikes} for {length:.1} s", self.number)
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind.is_of_a_site() {
            true => write!(f, "{} at s{}", self.kind.name(), self.site + 1),
            false => f.write_str(&self.kind.name()),
        }
    }
}

/// All rounds of a seed. Every kind comes once alone before chance and pairs take over.
pub(super) fn plan(seed: u64, rounds: usize, sites: usize, kinds: &[Kind]) -> Vec<Round> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut alone = kinds.to_vec();
    alone.shuffle(&mut random);
    let mut rounds_of = Vec::new();
    for number in 1..=rounds {
        let mut strike = |kind| Strike {
            kind,
            site: random.random_range(0..sites),
        };
        let strikes = match alone.pop() {
            Some(kind) => vec![strike(kind)],
            None => pair(&mut random, kinds, sites),
        };
        rounds_of.push(Round {
            number,
            strikes,
            length: Duration::from_millis(random.random_range(100..2_500)),
            calm: Duration::from_millis(random.random_range(0..1_000)),
        });
    }
    rounds_of
}

/// Two different faults; one when there is just one kind, or when one has to be alone.
fn pair(random: &mut StdRng, kinds: &[Kind], sites: usize) -> Vec<Strike> {
    let mut chosen: Vec<Kind> = kinds.sample(random, 2).copied().collect();
    if chosen.iter().any(|kind| kind.is_always_alone()) {
        chosen.truncate(1);
    }
    let at_site = |kind| Strike {
        kind,
        site: random.random_range(0..sites),
    };
    chosen.into_iter().map(at_site).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_one_plan_and_its_beginning_does_not_depend_on_its_length() {
        let long = plan(7, 80, 3, Kind::all());
        assert_eq!(plan(7, 80, 3, Kind::all()), long);
        assert_eq!(plan(7, 12, 3, Kind::all()), long[..12]);
        assert_ne!(plan(8, 80, 3, Kind::all()), long);
    }

    #[test]
    fn every_kind_comes_alone_first_and_then_in_pairs() {
        let kinds = Kind::all();
        let rounds = plan(1, kinds.len() + 20, 2, kinds);
        let (first, then) = rounds.split_at(kinds.len());
        let mut alone: Vec<Kind> = first.iter().map(|round| round.strikes[0].kind).collect();
        alone.sort();
        let mut all = kinds.to_vec();
        all.sort();
        assert_eq!(alone, all);
        assert!(first.iter().all(|round| round.strikes.len() == 1));
        for round in then {
            let alone = round.strikes.len() == 1;
            let kinds = round.strikes.iter().map(|strike| strike.kind);
            assert!(alone || kinds.clone().all(|kind| !kind.is_always_alone()));
        }
        assert!(then.iter().any(|round| round.strikes.len() == 2));
    }
}
