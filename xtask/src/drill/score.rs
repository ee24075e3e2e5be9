//! The score card.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::account::Account;
use super::fault::Kind;

/// Findings that are printed; all of them stand in the JSON.
const TOLD: usize = 12;

/// What one kind of fault did to guests.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Line {
    /// Rounds with it.
    pub(super) staged: usize,
    /// Those in which it was not alone.
    pub(super) in_pairs: usize,
    /// Orders that were accepted from its beginning until all sites sold again and heard the hub.
    pub(super) accepted: usize,
    /// The longest that this took after it was mended, milliseconds.
    pub(super) recovered_ms: u128,
}

/// Everything.
#[derive(Debug, Default, Serialize)]
pub(super) struct Score {
    /// Repeats the plan.
    pub(super) seed: u64,
    /// Rounds that were played.
    pub(super) rounds: usize,
    /// Full accounts that were taken.
    pub(super) accounts: usize,
    /// By kind of fault.
    pub(super) faults: BTreeMap<Kind, Line>,
    /// Faults that this machine cannot stage, and why.
    pub(super) left_out: BTreeMap<Kind, &'static str>,
    /// What the last account said.
    pub(super) last: Last,
    /// What does not hold; nothing, if all is well.
    pub(super) broken: Vec<String>,
}

/// The last account, in figures.
#[derive(Debug, Default, Serialize)]
pub(super) struct Last {
    orders: crate::demo::audit::Orders,
    lost: usize,
    doubled: usize,
    oversold: i64,
    mismatched: usize,
    unanswered: usize,
    published: usize,
    commands: usize,
    called_again: usize,
    printed: usize,
    copies: usize,
}

impl Score {
    /// Notes a round.
    pub(super) fn note(&mut self, kinds: &[Kind], accepted: usize, recovered: Duration) {
        self.rounds += 1;
        for kind in kinds {
            let line = self.faults.entry(*kind).or_default();
            line.staged += 1;
            line.in_pairs += usize::from(kinds.len() > 1);
            line.accepted += accepted;
            line.recovered_ms = line.recovered_ms.max(recovered.as_millis());
        }
    }

    /// Notes an account.
    pub(super) fn account(&mut self, account: &Account, published: usize, commands: usize) {
        self.accounts += 1;
        let summary = &account.summary;
        self.last = Last {
            orders: summary.orders,
            lost: summary.lost,
            doubled: summary.doubled,
            oversold: summary.oversold,
            mismatched: summary.mismatched,
            unanswered: summary.unanswered,
            published,
            commands,
            called_again: account.called_again,
            printed: account.printed.0,
            copies: account.printed.1,
        };
        self.broken.extend(account.broken.iter().cloned());
    }

    /// Prints it.
    #[expect(clippy::print_stdout, reason = "this is a command")]
    pub(super) fn print(&self) {
        println!(
            "\nScore card of seed {}: {} rounds, {} full accounts\n",
            self.seed, self.rounds, self.accounts
        );
        println!(
            "{:<18} {:>6} {:>8} {:>9} {:>14}",
            "fault", "staged", "in pairs", "accepted", "recovered in"
        );
        for (kind, line) in &self.faults {
            println!(
                "{:<18} {:>6} {:>8} {:>9} {:>11} ms",
                kind.name(),
                line.staged,
                line.in_pairs,
                line.accepted,
                line.recovered_ms
            );
        }
        for (kind, missing) in &self.left_out {
            println!(
                "{:<18} not staged: this machine lacks {missing}",
                kind.name()
            );
        }
        let last = &self.last;
        println!(
            "\norders: sent {}, accepted {}, refused {}, committed {}; lost {}, doubled {}, oversold {}, \
             mismatched {}, unanswered {}",
            last.orders.sent,
            last.orders.accepted,
            last.orders.refused,
            last.orders.committed,
            last.lost,
            last.doubled,
            last.oversold,
            last.mismatched,
            last.unanswered,
        );
        println!(
            "admins: {} menus published, {} commands applied; tickets printed {}, {} of them as COPY; \
             webhooks called again {}",
            last.published, last.commands, last.printed, last.copies, last.called_again
        );
        for broken in self.broken.iter().take(TOLD) {
            println!("DOES NOT HOLD: {broken}");
        }
        if self.broken.len() > TOLD {
            println!("… and {} more", self.broken.len() - TOLD);
        }
        println!(
            "{}",
            if self.broken.is_empty() {
                "Everything holds."
            } else {
                "IT DOES NOT HOLD."
            }
        );
    }
}
