//! Typed identifiers, so that an order cannot be passed where a ticket is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// A site id is used in NATS subjects and Redis keys, hence its narrow alphabet.
    #[error("a site id is 1 to 40 of the characters a-z, 0-9 and '-'")]
    Site,
    /// A code stands in scripts and file names.
    #[error("a code is 1 to 64 of the characters A-Z, a-z, 0-9, '.', '_', ':' and '-'")]
    Code,
}

/// A cafeteria: `[a-z0-9-]{1,40}`, because it becomes part of NATS subjects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SiteId(String);

impl SiteId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SiteId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if (1..=40).contains(&text.len()) && text.chars().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::Site)
        }
    }
}

impl TryFrom<String> for SiteId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<SiteId> for String {
    fn from(site: SiteId) -> Self {
        site.0
    }
}

impl fmt::Display for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A code given by people: item, option, category, station or stock unit (SKU).
/// The narrow alphabet lets scripts write it into JSON without escaping.
pub fn check_code(text: &str) -> Result<(), InvalidId> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-');
    if (1..=64).contains(&text.len()) && text.chars().all(legal) {
        Ok(())
    } else {
        Err(InvalidId::Code)
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
            utoipa::ToSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new UUIDv7 (RFC 9562): unique, and roughly ordered by time of birth.
            #[expect(clippy::new_without_default, reason = "each call gives another value")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// One order of one guest.
    OrderId
);
uuid_id!(
    /// What one station makes of one order.
    TicketId
);
uuid_id!(
    /// One life of a site's store; sequences are unique within it.
    Epoch
);
uuid_id!(
    /// Something that the hub asks of a site.
    CommandId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_id_cannot_carry_a_subject_wildcard() {
        for bad in ["", "*", "a.b", ">", "A", "ä", "a b", &"x".repeat(41)] {
            assert_eq!(bad.parse::<SiteId>(), Err(InvalidId::Site), "{bad}");
        }
        assert_eq!(
            "s-1".parse::<SiteId>().map(|s| s.to_string()),
            Ok("s-1".into())
        );
    }

    #[test]
    fn a_code_needs_no_escaping_in_json() {
        for bad in ["", "a\"b", "a\\b", "a b", "é", &"x".repeat(65)] {
            assert_eq!(check_code(bad), Err(InvalidId::Code), "{bad}");
        }
        assert_eq!(check_code("Flat_white.L:1-2"), Ok(()));
    }
}
