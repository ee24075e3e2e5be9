//! The people of a site as the hub tells them to it, and whose tokens are void before their end.
//!
//! They travel within the site's [`Settings`](crate::site::Settings), always all of them: a site
//! that was offline for a week needs the last word alone.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::claims::{Claims, Role};

/// People that one site is told of, at most.
pub const MAX_STAFF: usize = 500;
/// Revocations that one site is told of, at most; the newest count.
pub const MAX_REVOKED: usize = 1_000;

/// A person who may work at the site and has a PIN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StaffMember {
    /// The name to sign in with, which is also what events name the person by.
    pub name: String,
    /// What people call the person.
    pub display_name: String,
    /// What the person may do here.
    pub role: Role,
    /// What tells whether a PIN is the person's.
    pub pin: PinVerifier,
}

/// An Argon2id hash of a PIN in PHC format. It prints as `***`: a PIN has so few digits that its
/// hash gives it away to whoever has time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PinVerifier(String);

impl PinVerifier {
    /// Wraps a hash of [`crate::password::hash`].
    pub fn new(hash: impl Into<String>) -> Self {
        Self(hash.into())
    }

    /// The hash, for [`crate::password::verify`].
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PinVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Tokens that are void before their end: those of a person, or of one session, that were issued
/// at `since` or before. One that names neither voids nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The person, as a token's `sub`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The session, as a token's `sid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// When they became void.
    pub since: DateTime<Utc>,
}

impl Revocation {
    /// Whether a token is void by it. Tokens know whole seconds: one of the same second is void.
    pub fn voids(&self, claims: &Claims) -> bool {
        let is_theirs = self.sub.as_ref().is_some_and(|sub| *sub == claims.sub)
            || self.sid.is_some_and(|sid| Some(sid) == claims.sid);
        is_theirs && claims.iat <= self.since.timestamp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(sub: &str, sid: Option<Uuid>, iat: i64) -> Claims {
        Claims {
            iss: "i".into(),
            sub: sub.into(),
            aud: "a".into(),
            exp: iat + 900,
            iat,
            jti: Uuid::nil(),
            role: Role::Kitchen,
            site: None,
            region: None,
            sid,
        }
    }

    #[test]
    fn what_was_issued_up_to_then_is_void_and_nothing_else() {
        let (since, sid) = (DateTime::from_timestamp(1_000, 500_000_000), Uuid::now_v7());
        let since = since.expect("a time");
        let person = Revocation {
            sub: Some("ann".into()),
            sid: None,
            since,
        };
        assert!(person.voids(&claims("ann", None, 999)));
        assert!(person.voids(&claims("ann", Some(sid), 1_000)));
        assert!(!person.voids(&claims("ann", None, 1_001)));
        assert!(!person.voids(&claims("bob", None, 999)));
        let session = Revocation {
            sub: None,
            sid: Some(sid),
            since,
        };
        assert!(session.voids(&claims("ann", Some(sid), 1_000)));
        assert!(!session.voids(&claims("ann", Some(Uuid::now_v7()), 999)));
        assert!(!session.voids(&claims("ann", None, 999)));
    }

    #[test]
    fn a_verifier_is_written_for_the_site_and_never_printed() {
        let member = StaffMember {
            name: "ann".into(),
            display_name: "Ann".into(),
            role: Role::Cashier,
            pin: PinVerifier::new("$argon2id$x"),
        };
        assert!(!format!("{member:?}").contains("argon2"));
        let text = serde_json::to_string(&member).expect("JSON");
        let again: StaffMember = serde_json::from_str(&text).expect("the same");
        assert_eq!(again, member);
    }
}
