//! Passwords as Argon2id hashes in PHC string format.

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};

/// A password could not be hashed: the library refused it (too long, say).
#[derive(Debug, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct Unhashable(String);

/// Hashes with a salt of its own, by the OWASP minimum (19 MiB, 2 passes, 1 lane).
/// Takes tens of milliseconds: call it off the async threads.
pub fn hash(password: &str) -> Result<String, Unhashable> {
    let hashed = Argon2::default().hash_password(password.as_bytes());
    hashed
        .map(|hash| hash.to_string())
        .map_err(|error| Unhashable(error.to_string()))
}

/// Whether `password` belongs to `hash`; false also when `hash` cannot be read.
/// Takes tens of milliseconds: call it off the async threads.
pub fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_fits_its_hash() {
        let hashed = hash("correct horse").expect("hash");
        assert!(hashed.starts_with("$argon2id$"));
        assert!(verify("correct horse", &hashed));
        assert!(!verify("battery staple", &hashed));
        assert!(!verify("", ""));
    }
}
