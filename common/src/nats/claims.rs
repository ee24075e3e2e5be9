//! The claims: JWTs as nats-server reads them (`nats-io/jwt`, version 2).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use nkeys::error::Error;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ids::SiteId;
use crate::subjects;

/// Keys of boxes that are not let in, each with the second up to which that goes for what was
/// issued to it.
pub type Revocations = BTreeMap<String, i64>;

/// What a JWT says, as far as anybody here asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// The key that signed it.
    pub iss: String,
    /// The key that it is about.
    pub sub: String,
    /// Name: of a site's user, the site.
    #[serde(default)]
    pub name: String,
    /// When it was issued, seconds since 1970.
    pub iat: i64,
    /// When it ends; never when absent.
    #[serde(default)]
    pub exp: Option<i64>,
}

/// The account of the hub and its sites.
#[derive(Debug)]
pub struct Account<'a> {
    /// Its public key.
    pub id: &'a str,
    /// Public key that vouches for the hub's own users.
    pub hub_signer: &'a str,
    /// Public keys that vouch for sites.
    pub site_signers: &'a [String],
    /// Boxes that are not let in.
    pub revocations: &'a Revocations,
}

/// Seconds since 1970, by this machine's clock.
pub fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// Signs claims about `subject`.
pub(super) fn sign(
    issuer: &KeyPair,
    subject: &str,
    name: &str,
    exp: Option<i64>,
    nats: &Value,
) -> Result<String, Error> {
    let iat = now();
    let mut claims = json!({
        "jti": format!("{subject}-{iat}"), "iat": iat, "iss": issuer.public_key(), "sub": subject,
        "name": name, "nats": nats,
    });
    if let Some(exp) = exp {
        claims["exp"] = exp.into();
    }
    let header = URL_SAFE_NO_PAD.encode(br#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    let body = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(body.as_bytes())?);
    Ok(format!("{body}.{signature}"))
}

/// What a JWT says. The signature is *not* checked: for decisions that do not depend on it.
pub fn read_claims(jwt: &str) -> Option<Claims> {
    let claims = URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok()
}

/// A credentials file, as nats-server and the client libraries read it.
pub fn creds(jwt: &str, seed: &str) -> String {
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

/// JWT and seed of such a file.
pub fn read_creds(text: &str) -> Option<(String, String)> {
    let after = |mark: &str| {
        let mut lines = text.lines().skip_while(|line| !line.contains(mark));
        lines.nth(1).map(|line| line.trim().to_owned())
    };
    Some((
        after("BEGIN NATS USER JWT")?,
        after("BEGIN USER NKEY SEED")?,
    ))
}

/// What lets a box in as a site. Its rights are those of the signer's scope: it has none of its own.
///
/// # Errors
/// When the signer cannot sign, because it has no seed.
pub fn site_user(
    signer: &KeyPair,
    account: &str,
    site: &SiteId,
    key: &str,
    exp: i64,
) -> Result<String, Error> {
    let nats = json!({"type": "user", "version": 2, "issuer_account": account});
    sign(signer, key, site.as_str(), Some(exp), &nats)
}

/// What lets a process of the hub's own in, with all rights in the account.
///
/// # Errors
/// When the signer cannot sign, because it has no seed.
pub fn hub_user(signer: &KeyPair, account: &str, key: &str) -> Result<String, Error> {
    let nats = json!({
        "type": "user", "version": 2, "issuer_account": account,
        "subs": -1, "data": -1, "payload": -1,
    });
    sign(signer, key, "hub", None, &nats)
}

impl Account<'_> {
    /// The claims, signed by the operator's signing key.
    ///
    /// # Errors
    /// When the operator cannot sign, because it has no seed.
    pub fn sign(&self, operator: &KeyPair) -> Result<String, Error> {
        let mut signers = vec![json!(self.hub_signer)];
        signers.extend(self.site_signers.iter().map(|signer| scope(signer)));
        let mut limits = no_limits();
        for resource in ["mem_storage", "disk_storage", "streams", "consumer"] {
            limits[resource] = (-1).into();
        }
        let nats = json!({
            "type": "account", "version": 2, "limits": limits, "signing_keys": signers,
            "revocations": self.revocations,
        });
        sign(operator, self.id, "SUNAKKU", None, &nats)
    }
}

/// The rights of every user whom the site signer vouches for: those of the site in its name.
fn scope(signer: &str) -> Value {
    let (publish, subscribe) = subjects::site_rights("{{name()}}");
    json!({
        "kind": "user_scope", "key": signer, "role": "site",
        "template": {
            "pub": {"allow": publish}, "sub": {"allow": subscribe},
            "subs": -1, "data": -1, "payload": -1, "allowed_connection_types": ["LEAFNODE"],
        },
    })
}

/// An account's limits, all open.
pub(super) fn no_limits() -> Value {
    json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_can_be_read_and_checked() {
        let (signer, user) = (KeyPair::new_account(), KeyPair::new_user());
        let site: SiteId = "s-1".parse().expect("an id");
        let jwt = site_user(&signer, "A1", &site, &user.public_key(), 7).expect("signed");
        let claims = read_claims(&jwt).expect("claims");
        assert_eq!(
            (claims.iss, claims.sub),
            (signer.public_key(), user.public_key())
        );
        assert_eq!((claims.name.as_str(), claims.exp), ("s-1", Some(7)));
        let (body, signature) = jwt.rsplit_once('.').expect("a signature");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
        signer
            .verify(body.as_bytes(), &signature)
            .expect("the signer's");
        let both = read_creds(&creds("a.b.c", "SU"));
        assert_eq!(both, Some(("a.b.c".to_owned(), "SU".to_owned())));
        assert_eq!(read_creds("hello"), None);
        for odd in ["", "a.b.c", "a.e30.c"] {
            assert_eq!(read_claims(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_site_signer_gives_the_rights_of_the_name_alone() {
        let scope = scope("A1").to_string();
        assert!(scope.contains("up.{{name()}}.>") && scope.contains("_INBOX.{{name()}}.>"));
        assert!(
            !scope.contains("CONSUMER") && scope.contains("LEAFNODE"),
            "{scope}"
        );
    }
}
