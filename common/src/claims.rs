//! Who a caller is: EdDSA (Ed25519) JSON Web Tokens after RFC 7519, RFC 8037 and RFC 8725.
//! Only the holder of a private key mints; everyone else verifies with the public one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use crate::ids::SiteId;
use crate::jws;
use crate::keys::{InvalidKey, PublicKey};
use crate::state::text_enum;

text_enum!(
    /// What a caller may do.
    Role {
        /// Everything, at the hub and at every site.
        Admin = "admin",
        /// The sites of one region, as their manager would.
        RegionManager = "region-manager",
        /// Everything at one site.
        Manager = "manager",
        /// Tickets, stock and orders of one site.
        Kitchen = "kitchen",
        /// Orders of one site, at its counter.
        Cashier = "cashier",
        /// A touch kiosk: the menu, and orders of its own guests.
        Kiosk = "kiosk",
        /// A pickup board: the numbers that wait and are called.
        Board = "board",
        /// A guest's own phone: the menu, and its own orders.
        Guest = "guest",
        /// Reads all and changes nothing.
        Auditor = "auditor",
        /// Metrics alone.
        Sre = "sre",
    }
);

/// The audience of the hub's own API.
pub const HUB_AUDIENCE: &str = "sunakku:hub";
/// The issuer of the hub's tokens.
pub const HUB_ISSUER: &str = "sunakku:hub";

/// The audience of one site's API, which is also the issuer of its own tokens.
pub fn site_audience(site: &SiteId) -> String {
    format!("sunakku:site:{site}")
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who minted it.
    pub iss: String,
    /// The person or device.
    pub sub: String,
    /// Where it is good.
    pub aud: String,
    /// Until when, seconds since 1970.
    pub exp: i64,
    /// Since when, seconds since 1970.
    pub iat: i64,
    /// Unique per token.
    pub jti: Uuid,
    /// What its holder may do.
    pub role: Role,
    /// The only site at which its holder may do so; none means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// The only region in whose sites its holder may do so; none means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The session or the paired device that the token belongs to, and is revoked with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
}

/// Whom a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The person or device.
    pub sub: String,
    /// What it may do.
    pub role: Role,
    /// Its site, when it has one.
    pub site: Option<SiteId>,
    /// Its region, when it has one.
    pub region: Option<String>,
    /// Its session or pairing, when it can be revoked.
    pub sid: Option<Uuid>,
}

impl Subject {
    /// One that is bound to no site, region or session.
    pub fn new(sub: impl Into<String>, role: Role) -> Self {
        Self {
            sub: sub.into(),
            role,
            site: None,
            region: None,
            sid: None,
        }
    }
}

/// Why a token is not believed. Callers learn no more than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// No token came.
    #[error("a token is needed: send it as \"Authorization: Bearer …\"")]
    Missing,
    /// It is damaged, foreign, for another audience or signed by an unknown key.
    #[error("the token is not valid here: sign in again")]
    Invalid,
    /// It was good once.
    #[error("the token has expired: sign in again")]
    Expired,
}

/// Mints tokens.
pub struct Signer {
    issuer: String,
    key: EncodingKey,
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl Signer {
    /// A new private key in PKCS#8.
    pub fn generate_pkcs8() -> Result<Vec<u8>, InvalidKey> {
        let made = Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8());
        Ok(made
            .map_err(|error| InvalidKey(error.to_string()))?
            .as_ref()
            .to_vec())
    }

    /// A signer with this private key, naming itself `issuer`.
    pub fn new(issuer: impl Into<String>, pkcs8: &[u8]) -> Result<Self, InvalidKey> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8);
        let pair = pair.map_err(|error| InvalidKey(error.to_string()))?;
        Ok(Self {
            issuer: issuer.into(),
            key: EncodingKey::from_ed_der(pkcs8),
            public: PublicKey::from_bytes(pair.public_key().as_ref()),
            pair,
        })
    }

    /// The key by which its tokens are verified.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// A payload as a signed document of the type `typ`, which no token is.
    pub fn document(&self, typ: &str, payload: &[u8]) -> String {
        jws::sign(&self.pair, &self.public, typ, payload)
    }

    /// A token for `subject` at `audience`, good for `life` from `now` on.
    pub fn mint(
        &self,
        subject: Subject,
        audience: &str,
        life: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<String, InvalidKey> {
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: subject.sub,
            aud: audience.to_owned(),
            exp: (now + life).timestamp(),
            iat: now.timestamp(),
            jti: Uuid::now_v7(),
            role: subject.role,
            site: subject.site,
            region: subject.region,
            sid: subject.sid,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(self.public.kid.clone());
        jsonwebtoken::encode(&header, &claims, &self.key)
            .map_err(|error| InvalidKey(error.to_string()))
    }
}

/// Believes tokens of known keys for one audience.
pub struct Verifier {
    audience: String,
    /// By `kid`: the key, and the only issuer that may use it.
    keys: HashMap<String, (DecodingKey, String)>,
    /// What tokens say whose signature was found good, by their digest: a signature takes longer to
    /// verify than most requests take otherwise, and the same few tokens come again and again. Whose
    /// keys are believed never changes in one verifier, so a good signature stays good.
    seen: Mutex<HashMap<Print, Arc<Claims>>>,
}

/// SHA-256 of a token.
type Print = [u8; 32];

/// What a token says that it is (RFC 8725, 3.11): no other kind of JWT passes for one.
const TOKEN_TYPE: &str = "at+jwt";
/// Tokens longer than this are not even parsed.
const MAX_TOKEN_BYTES: usize = 4_096;
/// How far two clocks may differ, seconds.
const LEEWAY_SECONDS: u64 = 30;
/// Tokens that are kept in mind; when there are more it begins anew.
const MAX_SEEN: usize = 4_096;

impl Verifier {
    /// Believes the tokens that `keys` signed, each for the issuer named with it.
    pub fn new<'a>(
        audience: impl Into<String>,
        keys: impl IntoIterator<Item = (&'a PublicKey, String)>,
    ) -> Result<Self, InvalidKey> {
        let decoded = keys.into_iter().map(|(public, issuer)| {
            let key = DecodingKey::from_ed_components(&public.x);
            let key = key.map_err(|error| InvalidKey(error.to_string()))?;
            Ok((public.kid.clone(), (key, issuer)))
        });
        Ok(Self {
            audience: audience.into(),
            keys: decoded.collect::<Result<_, _>>()?,
            seen: Mutex::default(),
        })
    }

    /// Believes no token at all.
    pub fn nobody(audience: impl Into<String>) -> Self {
        Self {
            audience: audience.into(),
            keys: HashMap::new(),
            seen: Mutex::default(),
        }
    }

    /// The audience whose tokens are believed.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// What the token says, when it can be believed.
    pub fn verify(&self, token: &str) -> Result<Arc<Claims>, Distrust> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Distrust::Invalid);
        }
        let digest: Print = Sha256::digest(token).into();
        if let Some(known) = self.known(&digest, Utc::now().timestamp()) {
            return known;
        }
        let claims = Arc::new(self.verify_anew(token)?);
        let mut seen = self.lock();
        if MAX_SEEN <= seen.len() {
            seen.clear();
        }
        seen.insert(digest, Arc::clone(&claims));
        Ok(claims)
    }

    /// What a token says that was found good before; its end is looked at each time.
    fn known(&self, digest: &Print, now: i64) -> Option<Result<Arc<Claims>, Distrust>> {
        let claims = Arc::clone(self.lock().get(digest)?);
        let is_over = claims.exp < now - LEEWAY_SECONDS as i64;
        Some(if is_over {
            Err(Distrust::Expired)
        } else {
            Ok(claims)
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Print, Arc<Claims>>> {
        // A panic while holding it leaves the map whole.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verify_anew(&self, token: &str) -> Result<Claims, Distrust> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| Distrust::Invalid)?;
        // Whoever marks a member as critical wants it understood, and none is here (RFC 7515).
        if header.typ.as_deref() != Some(TOKEN_TYPE) || header.crit.is_some() {
            return Err(Distrust::Invalid);
        }
        let kid = header.kid.ok_or(Distrust::Invalid)?;
        // The key decides algorithm and issuer; what else the header says is not asked.
        let (key, issuer) = self.keys.get(&kid).ok_or(Distrust::Invalid)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_audience(&[&self.audience]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        match jsonwebtoken::decode::<Claims>(token, key, &validation) {
            Ok(token) => Ok(token.claims),
            Err(error) => Err(match error.kind() {
                jsonwebtoken::errors::ErrorKind::ExpiredSignature => Distrust::Expired,
                _ => Distrust::Invalid,
            }),
        }
    }
}

#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
