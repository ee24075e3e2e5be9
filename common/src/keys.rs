//! Public keys of those who sign tokens and documents: Ed25519 (RFC 8032), named by their digest.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A key of the signer's could not be read or made.
#[derive(Debug, thiserror::Error)]
#[error("no Ed25519 key: {0}")]
pub struct InvalidKey(pub(crate) String);

/// The public half of a signing key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Names the key in a token's header: the first half of the key's SHA-256, hexadecimal.
    pub kid: String,
    /// The key's 32 bytes in base64url, as in a JWK (RFC 8037).
    pub x: String,
}

impl PublicKey {
    /// The key whose 32 bytes are `x` in base64url.
    pub fn from_x(x: &str) -> Result<Self, InvalidKey> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(x);
        let bytes = bytes.map_err(|error| InvalidKey(error.to_string()))?;
        if bytes.len() != 32 {
            return Err(InvalidKey(format!("{} bytes instead of 32", bytes.len())));
        }
        Ok(Self::from_bytes(&bytes))
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        Self {
            kid: HEXLOWER.encode(&digest[..16]),
            x: BASE64_URL_SAFE_NO_PAD.encode(bytes),
        }
    }
}
