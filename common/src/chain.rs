//! The hash chain over a site's log: both sides compute it, so that both can prove that they
//! hold the same events in the same order.
//!
//! `chain(0) = SHA-256("sunakku:<site>:<epoch>")`, `chain(n) = SHA-256(chain(n-1) ‖ event(n))`
//! where `event(n)` is the event's JSON text as [`crate::event::Event::encode`] writes it.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{Epoch, SiteId};

/// The chain's value after one event: a SHA-256 digest, in hexadecimal on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Chain(pub [u8; 32]);

impl Chain {
    /// The value before the first event; bound to site and epoch.
    pub fn genesis(site: &SiteId, epoch: Epoch) -> Self {
        Self(Sha256::digest(format!("sunakku:{site}:{epoch}")).into())
    }

    /// The value after one more event.
    #[must_use]
    pub fn next(&self, event: &str) -> Self {
        Self(
            Sha256::new()
                .chain_update(self.0)
                .chain_update(event)
                .finalize()
                .into(),
        )
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(f)
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({self})")
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a chain value is 64 hexadecimal digits")]
pub struct InvalidChain;

impl FromStr for Chain {
    type Err = InvalidChain;

    fn from_str(text: &str) -> Result<Self, InvalidChain> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(InvalidChain);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or(InvalidChain);
            let value = digit(pair[0])? * 16 + digit(pair[1])?;
            *byte = u8::try_from(value).map_err(|_| InvalidChain)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Chain {
    type Error = InvalidChain;

    fn try_from(text: String) -> Result<Self, InvalidChain> {
        text.parse()
    }
}

impl From<Chain> for String {
    fn from(chain: Chain) -> Self {
        chain.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_depends_on_site_epoch_order_and_every_byte() {
        let (a, b): (SiteId, SiteId) = ("a".parse().expect("id"), "b".parse().expect("id"));
        let epoch = Epoch::new();
        let start = Chain::genesis(&a, epoch);
        assert_ne!(start, Chain::genesis(&b, epoch));
        assert_ne!(start, Chain::genesis(&a, Epoch::new()));
        assert_ne!(start.next("x").next("y"), start.next("y").next("x"));
        assert_ne!(start.next("x"), start.next("x "));
    }

    #[test]
    fn a_chain_value_survives_its_text() {
        let epoch = Epoch::new();
        let value = Chain::genesis(&"a".parse().expect("id"), epoch);
        assert_eq!(value.to_string().parse(), Ok(value));
        for bad in ["", "zz", &"g".repeat(64), &"ä".repeat(32)] {
            assert_eq!(bad.parse::<Chain>(), Err(InvalidChain));
        }
    }
}
