//! What an answer of the hub means for the edge: a function without IO.

use sunakku_common::chain::Chain;
use sunakku_common::sync::Answer;

use crate::store::{Again, Anchor};

/// What is known when an answer comes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    /// First sequence of the batch.
    pub(super) from_seq: u64,
    /// Last sequence of the batch; `from_seq - 1` when it was empty.
    pub(super) last_seq: u64,
    /// The edge's chain at `last_seq`.
    pub(super) chain: Chain,
    /// Last sequence of the log.
    pub(super) head: u64,
    /// First sequence that is kept.
    pub(super) oldest: u64,
    /// First sequence of the run that the hub has confirmed without a break.
    pub(super) confirmed_from: u64,
    /// Whether the store had epochs before this one.
    pub(super) has_ended_epochs: bool,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Everything up to here stands at the hub, and is the same there.
    Confirmed(Anchor),
    /// Send again from this sequence.
    SendFrom(u64),
    /// The hub holds another history: tell in a new epoch what it does not have.
    NewEpoch {
        /// What it may not have.
        again: Again,
        /// Why, as a word.
        reason: &'static str,
    },
    /// Try later; the reason in words.
    Wait(String),
}

pub(super) fn decide(sent: &Sent, answer: Answer) -> Next {
    match answer {
        Answer::Committed { cursor, .. } if cursor > sent.head => {
            // The store was set back: the hub knows sequences that it has given away and would
            // give away again. First make sure that what is left is the same there.
            if sent.confirmed_from > sent.oldest {
                Next::SendFrom(sent.oldest)
            } else if sent.last_seq < sent.head {
                Next::Confirmed(Anchor {
                    seq: sent.last_seq,
                    chain: sent.chain,
                })
            } else {
                new_epoch(sent.head + 1, "set-back")
            }
        }
        Answer::Committed { cursor, .. } if cursor < sent.last_seq => Next::SendFrom(cursor + 1),
        Answer::Committed { cursor, chain } if cursor == sent.last_seq && chain != sent.chain => {
            new_epoch(sent.oldest, "diverged")
        }
        Answer::Committed { .. } => Next::Confirmed(Anchor {
            seq: sent.last_seq,
            chain: sent.chain,
        }),
        // The hub was restored from before this epoch: it may lack the end of the one before, too.
        Answer::Expected { expected_seq: 1 } if 1 < sent.from_seq && sent.has_ended_epochs => {
            Next::NewEpoch {
                again: Again::Everything,
                reason: "forgotten",
            }
        }
        Answer::Expected { expected_seq } if expected_seq < sent.oldest => {
            new_epoch(sent.oldest, "trimmed")
        }
        Answer::Expected { expected_seq } => Next::SendFrom(expected_seq),
        Answer::Forked { fork_seq } => new_epoch(fork_seq, "forked"),
        Answer::Diverged { .. } if sent.oldest < sent.from_seq => Next::SendFrom(sent.oldest),
        Answer::Diverged { .. } => new_epoch(sent.oldest, "diverged"),
        // The store was set back to an epoch that had ended. Up to the batch the hub has it all.
        Answer::Refused { refused, .. } if refused == "superseded" => {
            new_epoch(sent.from_seq, "superseded")
        }
        Answer::Refused { refused, detail } => Next::Wait(format!("{refused}: {detail}")),
    }
}

fn new_epoch(first: u64, reason: &'static str) -> Next {
    let again = Again::From(first);
    Next::NewEpoch { again, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(n: u8) -> Chain {
        Chain([n; 32])
    }

    fn sent(from_seq: u64, last_seq: u64) -> Sent {
        Sent {
            from_seq,
            last_seq,
            chain: chain(1),
            head: 10,
            oldest: 3,
            confirmed_from: 5,
            has_ended_epochs: false,
        }
    }

    fn committed(cursor: u64, n: u8) -> Answer {
        Answer::Committed {
            cursor,
            chain: chain(n),
        }
    }

    #[test]
    fn what_is_committed_is_confirmed() {
        let at = Next::Confirmed(Anchor {
            seq: 8,
            chain: chain(1),
        });
        assert_eq!(decide(&sent(5, 8), committed(8, 1)), at);
        assert_eq!(
            decide(&sent(5, 8), committed(9, 7)),
            at,
            "the hub may know more already"
        );
    }

    #[test]
    fn a_hub_that_forgot_is_told_again_from_where_it_stands() {
        let expected = |expected_seq| Answer::Expected { expected_seq };
        assert_eq!(decide(&sent(5, 8), expected(4)), Next::SendFrom(4));
        let trimmed = new_epoch(3, "trimmed");
        assert_eq!(
            decide(&sent(5, 8), expected(2)),
            trimmed,
            "older than what is kept"
        );
    }

    #[test]
    fn a_hub_that_forgot_the_whole_epoch_may_lack_the_end_of_the_one_before() {
        let expected = || Answer::Expected { expected_seq: 1 };
        let first_epoch = Sent {
            oldest: 1,
            ..sent(5, 8)
        };
        assert_eq!(decide(&first_epoch, expected()), Next::SendFrom(1));
        let later_epoch = Sent {
            has_ended_epochs: true,
            ..first_epoch
        };
        let forgotten = Next::NewEpoch {
            again: Again::Everything,
            reason: "forgotten",
        };
        assert_eq!(decide(&later_epoch, expected()), forgotten);
    }

    #[test]
    fn a_store_that_was_set_back_never_uses_a_sequence_again() {
        assert_eq!(decide(&sent(5, 10), committed(12, 7)), Next::SendFrom(3));
        let mut verified = sent(3, 10);
        verified.confirmed_from = 3;
        let set_back = new_epoch(11, "set-back");
        assert_eq!(decide(&verified, committed(12, 7)), set_back);
    }

    #[test]
    fn a_second_history_gets_an_epoch_of_its_own() {
        let forked = new_epoch(6, "forked");
        assert_eq!(decide(&sent(5, 8), Answer::Forked { fork_seq: 6 }), forked);
        let diverged = || Answer::Diverged { diverged_at: 4 };
        assert_eq!(decide(&sent(5, 8), diverged()), Next::SendFrom(3));
        let everything = new_epoch(3, "diverged");
        assert_eq!(decide(&sent(3, 8), diverged()), everything);
        assert_eq!(decide(&sent(5, 8), committed(8, 2)), everything);
    }

    #[test]
    fn a_refusal_waits_unless_the_epoch_has_ended() {
        let refused = |word: &str| Answer::Refused {
            refused: word.into(),
            detail: "later".into(),
        };
        let wait = Next::Wait("busy: later".into());
        assert_eq!(decide(&sent(5, 8), refused("busy")), wait);
        let ended = new_epoch(5, "superseded");
        assert_eq!(decide(&sent(5, 8), refused("superseded")), ended);
    }
}
