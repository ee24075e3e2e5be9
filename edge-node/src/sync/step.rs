//! What an answer of the hub means for the edge: a function without IO.

use sunakku_common::chain::Chain;
use sunakku_common::sync::Answer;

use crate::store::Anchor;

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
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Everything up to here stands at the hub, and is the same there.
    Confirmed(Anchor),
    /// Send again from this sequence.
    SendFrom(u64),
    /// The hub holds another history: tell the events from `first` on in a new epoch.
    NewEpoch {
        /// First sequence that the hub does not have.
        first: u64,
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
                Next::NewEpoch {
                    first: sent.head + 1,
                    reason: "set-back",
                }
            }
        }
        Answer::Committed { cursor, .. } if cursor < sent.last_seq => Next::SendFrom(cursor + 1),
        Answer::Committed { cursor, chain } if cursor == sent.last_seq && chain != sent.chain => {
            Next::NewEpoch {
                first: sent.oldest,
                reason: "diverged",
            }
        }
        Answer::Committed { .. } => Next::Confirmed(Anchor {
            seq: sent.last_seq,
            chain: sent.chain,
        }),
        Answer::Expected { expected_seq } if expected_seq < sent.oldest => Next::NewEpoch {
            first: sent.oldest,
            reason: "trimmed",
        },
        Answer::Expected { expected_seq } => Next::SendFrom(expected_seq),
        Answer::Forked { fork_seq } => Next::NewEpoch {
            first: fork_seq,
            reason: "forked",
        },
        Answer::Diverged { .. } if sent.from_seq > sent.oldest => Next::SendFrom(sent.oldest),
        Answer::Diverged { .. } => Next::NewEpoch {
            first: sent.oldest,
            reason: "diverged",
        },
        Answer::Refused { refused, detail } => Next::Wait(format!("{refused}: {detail}")),
    }
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
        let trimmed = Next::NewEpoch {
            first: 3,
            reason: "trimmed",
        };
        assert_eq!(
            decide(&sent(5, 8), expected(2)),
            trimmed,
            "older than what is kept"
        );
    }

    #[test]
    fn a_store_that_was_set_back_never_uses_a_sequence_again() {
        assert_eq!(decide(&sent(5, 10), committed(12, 7)), Next::SendFrom(3));
        let mut verified = sent(3, 10);
        verified.confirmed_from = 3;
        let set_back = Next::NewEpoch {
            first: 11,
            reason: "set-back",
        };
        assert_eq!(decide(&verified, committed(12, 7)), set_back);
    }

    #[test]
    fn a_second_history_gets_an_epoch_of_its_own() {
        let forked = Next::NewEpoch {
            first: 6,
            reason: "forked",
        };
        assert_eq!(decide(&sent(5, 8), Answer::Forked { fork_seq: 6 }), forked);
        let diverged = || Answer::Diverged { diverged_at: 4 };
        assert_eq!(decide(&sent(5, 8), diverged()), Next::SendFrom(3));
        let everything = Next::NewEpoch {
            first: 3,
            reason: "diverged",
        };
        assert_eq!(decide(&sent(3, 8), diverged()), everything);
        assert_eq!(decide(&sent(5, 8), committed(8, 2)), everything);
    }

    #[test]
    fn a_refusal_waits() {
        let refused = Answer::Refused {
            refused: "busy".into(),
            detail: "later".into(),
        };
        assert_eq!(
            decide(&sent(5, 8), refused),
            Next::Wait("busy: later".into())
        );
    }
}
