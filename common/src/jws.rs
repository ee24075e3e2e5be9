//! Signed documents: JSON Web Signatures in compact form (RFC 7515) by Ed25519 (RFC 8037).
//!
//! What is signed are the very bytes of the payload, so nothing has to be put into a canonical form to
//! check a signature, and Ed25519 is deterministic: the same payload by the same key is the same text.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::{Deserialize, Serialize};

use crate::keys::PublicKey;

/// The protected header; nothing else of it is understood.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// A document cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// It is no compact JWS of three parts in base64url.
    #[error("this is no signed document: {0}")]
    Form(String),
    /// It says that it is something else, or is signed in another way.
    #[error("this is a document of the type {typ}, signed by {alg}; wanted are {wanted} and EdDSA")]
    Kind {
        /// What it says that it is.
        typ: String,
        /// What it says that it is signed by.
        alg: String,
        /// What was to be read.
        wanted: String,
    },
    /// None of the keys at hand signed it.
    #[error("it names the key {0}, which is not among those at hand")]
    UnknownKey(String),
    /// It is not what was signed.
    #[error("the signature does not fit: the document was changed, or signed by another key")]
    Signature,
}

/// Signs a payload as a document of the type `typ` (RFC 7515, 4.1.9), so that it passes for no other.
pub fn sign(pair: &Ed25519KeyPair, public: &PublicKey, typ: &str, payload: &[u8]) -> String {
    let header = Header {
        alg: "EdDSA".to_owned(),
        typ: typ.to_owned(),
        kid: public.kid.clone(),
    };
    // Three texts are always JSON.
    let header = serde_json::to_vec(&header).unwrap_or_default();
    let mut text = BASE64_URL_SAFE_NO_PAD.encode(header);
    text.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(payload, &mut text);
    let signature = pair.sign(text.as_bytes());
    text.push('.');
    BASE64_URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut text);
    text
}

/// The payload of a document of the type `typ` that one of `keys` signed, and that key.
///
/// # Errors
/// Why it cannot be believed.
pub fn open<'a>(
    text: &str,
    typ: &str,
    keys: &'a [PublicKey],
) -> Result<(Vec<u8>, &'a PublicKey), Unproven> {
    let form = |what: &str| Unproven::Form(what.to_owned());
    let text = text.trim_end_matches(['\r', '\n']);
    let (signed, signature) = text.rsplit_once('.').ok_or_else(|| form("no signature"))?;
    let (header, payload) = signed.split_once('.').ok_or_else(|| form("no payload"))?;
    let decode = |part: &str| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part);
        bytes.map_err(|error| Unproven::Form(error.to_string()))
    };
    let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
    let header: Header = serde_json::from_slice(&header)
        .map_err(|error| Unproven::Form(format!("its header: {error}")))?;
    if header.typ != typ || header.alg != "EdDSA" {
        return Err(Unproven::Kind {
            typ: header.typ,
            alg: header.alg,
            wanted: typ.to_owned(),
        });
    }
    let key = keys.iter().find(|key| key.kid == header.kid);
    let key = key.ok_or(Unproven::UnknownKey(header.kid))?;
    let public = decode(&key.x)?;
    UnparsedPublicKey::new(&ED25519, public)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| Unproven::Signature)?;
    Ok((payload, key))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::KeyPair as _;
    use proptest::prelude::*;

    use super::*;

    fn key() -> (Ed25519KeyPair, PublicKey) {
        let pair = Ed25519KeyPair::generate().expect("a key");
        let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key());
        let public = PublicKey::from_x(&x).expect("32 bytes");
        (pair, public)
    }

    #[test]
    fn the_example_of_the_standard_is_believed() {
        // RFC 8037, appendix A.4, whose header has no type: its signature alone is checked.
        let signed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt\
                         9g7sVvpAr_MuM0KAg";
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let [signature, x] = [signature, x].map(|part| BASE64_URL_SAFE_NO_PAD.decode(part));
        UnparsedPublicKey::new(&ED25519, x.expect("a key"))
            .verify(signed.as_bytes(), &signature.expect("a signature"))
            .expect("it fits");
    }

    #[test]
    fn a_document_is_of_one_type_and_one_key() {
        let ((pair, public), (_, other)) = (key(), key());
        let text = sign(&pair, &public, "a+jws", b"{}");
        assert_eq!(text, sign(&pair, &public, "a+jws", b"{}"));
        let keys = [other.clone(), public.clone()];
        assert_eq!(open(&text, "a+jws", &keys), Ok((b"{}".to_vec(), &public)));
        assert!(matches!(
            open(&text, "b+jws", &keys),
            Err(Unproven::Kind { .. })
        ));
        let unknown = open(&text, "a+jws", std::slice::from_ref(&other));
        assert_eq!(unknown, Err(Unproven::UnknownKey(public.kid.clone())));
        // A key that calls itself what another is called.
        let false_key = [PublicKey {
            kid: public.kid,
            ..other
        }];
        assert_eq!(open(&text, "a+jws", &false_key), Err(Unproven::Signature));
    }

    proptest! {
        #[test]
        fn no_changed_byte_is_believed(at in any::<prop::sample::Index>(), to in any::<u8>()) {
            let (pair, public) = key();
            let text = sign(&pair, &public, "a+jws", br#"{"orders":12,"net":34560}"#);
            let mut bytes = text.clone().into_bytes();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
            let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
            // A line's end after it is no part of it.
            prop_assume!(changed.trim_end_matches(['\r', '\n']) != text);
            prop_assert!(open(&changed, "a+jws", &[public]).is_err(), "{changed}");
        }
    }
}
