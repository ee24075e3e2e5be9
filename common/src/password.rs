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

/// The work that checking a hash takes: algorithm, version and costs, in PHC format. None when it is
/// no hash. Two hashes of the same work take as long, whoever they belong to.
pub fn work(hash: &str) -> Option<String> {
    let hash = PasswordHash::new(hash).ok()?;
    let version = hash.version.map_or(0, u32::from);
    let has_digest = hash.salt.is_some() && hash.hash.is_some();
    has_digest.then(|| format!("{} {version} {}", hash.algorithm, hash.params))
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
        assert_eq!(
            work(&hashed).as_deref(),
            Some("argon2id 19 m=19456,t=2,p=1")
        );
        assert_eq!(work("$argon2id$v=19$m=19456,t=2,p=1"), None);
        assert_eq!(work("hunter2"), None);
    }
}
