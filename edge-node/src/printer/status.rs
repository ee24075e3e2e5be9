//! What a printer says of itself when it is asked in real time (`DLE EOT n`), after Epson's ESC/POS
//! reference. Total: whatever bytes come, there is an answer or none.

/// Asks for the printer's status, the reason why it is offline, and its paper.
pub(super) const ASK: [u8; 9] = [0x10, 4, 1, 0x10, 4, 2, 0x10, 4, 4];
/// Asks for the paper's status in its turn (`GS r 1`): the answer comes when all before it was
/// worked off, so it proves that a ticket was printed.
pub(super) const ASK_IN_TURN: [u8; 3] = [0x1d, b'r', 1];

/// Bits that every real-time answer has alike, and what they are.
const FIXED: (u8, u8) = (0b1001_0011, 0b0001_0010);
/// Bits that every answer in its turn has alike: none is set.
const FIXED_IN_TURN: u8 = 0b1001_0000;

/// Why a printer does not print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error("it is out of paper")]
    PaperOut,
    #[error("its cover is open")]
    CoverOpen,
    #[error("it reports an error, such as a stuck cutter")]
    Error,
    #[error("it is offline")]
    Offline,
}

/// The answers to [`ASK`] that came so far, in the order of the questions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answers(Vec<u8>);

impl Answers {
    /// Takes a byte; everything that is no real-time answer is passed over.
    pub(super) fn hear(&mut self, byte: u8) {
        let (mask, fixed) = FIXED;
        if byte & mask == fixed && !self.is_complete() {
            self.0.push(byte);
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.0.len() * 3 == ASK.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What keeps it from printing, as far as it has answered.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let has = |place: usize, bits: u8| self.0.get(place).is_some_and(|byte| byte & bits != 0);
        let (offline, cause, paper) = (0, 1, 2);
        if has(paper, 0b0110_0000) || has(cause, 0b0010_0000) {
            Some(Trouble::PaperOut)
        } else if has(cause, 0b0000_0100) {
            Some(Trouble::CoverOpen)
        } else if has(cause, 0b0100_0000) {
            Some(Trouble::Error)
        } else if has(offline, 0b0000_1000) {
            Some(Trouble::Offline)
        } else {
            None
        }
    }
}

/// Whether a byte answers [`ASK_IN_TURN`].
pub(super) fn is_in_turn(byte: u8) -> bool {
    byte & FIXED_IN_TURN == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heard(bytes: &[u8]) -> Answers {
        let mut answers = Answers::default();
        bytes.iter().for_each(|byte| answers.hear(*byte));
        answers
    }

    #[test]
    fn each_trouble_is_told_by_its_bits() {
        for (bytes, expected) in [
            (&[0x12, 0x12, 0x12][..], None),
            // The roll is near its end, and the drawer is open.
            (&[0x16, 0x12, 0x1e], None),
            (&[0x1a, 0x32, 0x72], Some(Trouble::PaperOut)),
            (&[0x1a, 0x32], Some(Trouble::PaperOut)),
            (&[0x1a, 0x16, 0x12], Some(Trouble::CoverOpen)),
            (&[0x1a, 0x52, 0x12], Some(Trouble::Error)),
            (&[0x1a, 0x12, 0x12], Some(Trouble::Offline)),
            (&[0x1a], Some(Trouble::Offline)),
            (&[], None),
        ] {
            assert_eq!(heard(bytes).trouble(), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn what_is_no_answer_is_passed_over() {
        // XON, XOFF, an automatic status and a greeting.
        let noise = b"\x11\x13\x10\x00\x0f\x00hello\r\n";
        assert!(heard(noise).is_empty());
        let mut mixed = noise.to_vec();
        mixed.extend([0x12, 0xff, 0x16, b'x', 0x12, 0x1a]);
        assert_eq!(heard(&mixed), heard(&[0x12, 0x16, 0x12]));
        assert!(is_in_turn(0x00) && is_in_turn(0x0c) && !is_in_turn(0x12) && !is_in_turn(0x11));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let answers = heard(&bytes);
            let any = bytes.iter().any(|byte| byte & 0x93 == 0x12);
            prop_assert_eq!(answers.is_empty(), !any);
            prop_assert!(!(answers.is_empty() && answers.trouble().is_some()));
        }

        #[test]
        fn no_byte_is_both_kinds_of_answer(byte: u8) {
            prop_assert!(heard(&[byte]).is_empty() || !is_in_turn(byte));
        }
    }
}
