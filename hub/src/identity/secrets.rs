//! Passwords and PINs: what is taken for one, and checking them without letting a flood of tries
//! take all memory and cores.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use sunakku_common::password;
use sunakku_common::problem::Problem;
use tokio::sync::Semaphore;

use crate::answer::Answer;
use crate::config;

/// Bytes of a password at most.
const MAX_PASSWORD: usize = 256;

/// Checks and hashes.
pub(super) struct Secrets {
    /// Each check takes memory and a core: more wait in line.
    at_once: Arc<Semaphore>,
    /// What the password of an unknown user is compared with, so that both take as long.
    nobody: String,
    min_chars: usize,
    /// Passwords that are known to be guessed first, in lower case.
    breached: HashSet<String>,
}

impl Secrets {
    pub(super) fn new(options: &config::Identity) -> Result<Self> {
        let file = &options.breached_passwords;
        let breached = match file.as_os_str().is_empty() {
            true => String::new(),
            false => std::fs::read_to_string(file)
                .with_context(|| format!("identity.breached_passwords: {}", file.display()))?,
        };
        Ok(Self {
            at_once: Arc::new(Semaphore::new(options.sign_ins_at_once.get())),
            nobody: password::hash("nobody's password")?,
            min_chars: options.min_password_chars.get(),
            breached: breached
                .lines()
                .map(|line| line.trim().to_lowercase())
                .collect(),
        })
    }

    /// Whether a password belongs to a hash. Without one it takes as long, and does not.
    pub(super) async fn is_right(&self, password: String, hash: Option<String>) -> Answer<bool> {
        let is_known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let is_right = self
            .at_rest(move || password::verify(&password, &hash))
            .await?;
        Ok(is_known && is_right)
    }

    pub(super) async fn hash_password(&self, name: &str, password: String) -> Answer<String> {
        let min = self.min_chars;
        let weak = |detail: String| Err(Problem::unprocessable("weak-password", detail));
        if password.chars().count() < min || MAX_PASSWORD < password.len() {
            return weak(format!(
                "password: {min} characters to {MAX_PASSWORD} bytes"
            ));
        }
        let lower = password.trim().to_lowercase();
        if lower.chars().count() < min || lower.contains(name) {
            return weak("password: not blanks, and without the name".to_owned());
        }
        if self.breached.contains(&lower) {
            return weak("password: it is known from breaches; take another".to_owned());
        }
        self.hash(password).await
    }

    pub(super) async fn hash_pin(&self, pin: String) -> Answer<String> {
        let digits: Vec<i16> = pin.bytes().map(i16::from).collect();
        let is_pin = (4..=12).contains(&digits.len()) && pin.bytes().all(|c| c.is_ascii_digit());
        let steps: HashSet<i16> = digits.windows(2).map(|pair| pair[1] - pair[0]).collect();
        if !is_pin || matches!(steps.iter().collect::<Vec<_>>()[..], [-1] | [0] | [1]) {
            let detail = "pin: 4 to 12 digits, not all the same and not counting up or down";
            return Err(Problem::unprocessable("weak-pin", detail));
        }
        self.hash(pin).await
    }

    async fn hash(&self, secret: String) -> Answer<String> {
        let hashed = self.at_rest(move || password::hash(&secret)).await?;
        hashed.map_err(|error| {
            tracing::error!(%error, "hashing failed");
            Problem::internal()
        })
    }

    /// Works off the async threads, a few at a time.
    async fn at_rest<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        let permit = Arc::clone(&self.at_once).acquire_owned().await;
        let permit = permit.map_err(|_closed| Problem::internal())?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.map_err(|_panicked| Problem::internal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(breached: &str) -> Secrets {
        let mut options = crate::Config::load(None).expect("defaults").identity;
        let file = std::env::temp_dir().join(format!("sunakku-{}", uuid::Uuid::now_v7()));
        if !breached.is_empty() {
            std::fs::write(&file, breached).expect("written");
            options.breached_passwords.clone_from(&file);
        }
        let secrets = Secrets::new(&options).expect("secrets");
        let _ = std::fs::remove_file(file);
        secrets
    }

    #[tokio::test]
    async fn an_unknown_name_takes_the_work_of_a_wrong_password() {
        let secrets = secrets("");
        let known = password::hash("a password of somebody").expect("a hash");
        assert_eq!(password::work(&secrets.nobody), password::work(&known));
        // Even whoever guesses what it is compared with does not come in.
        let nobody = "nobody's password".to_owned();
        assert!(password::verify(&nobody, &secrets.nobody));
        assert_eq!(secrets.is_right(nobody, None).await, Ok(false));
    }

    #[tokio::test]
    async fn passwords_of_breaches_are_refused_however_they_are_written() {
        let secrets = secrets("correct horse battery\n  Password of 2019 \n");
        for known in ["Correct Horse Battery", "password of 2019"] {
            let refused = secrets.hash_password("ann", known.to_owned()).await;
            let problem = refused.expect_err(known);
            assert_eq!(problem.slug(), "weak-password");
            assert!(problem.detail.contains("breaches"), "{}", problem.detail);
        }
        let other = "correct horse battery staple".to_owned();
        assert!(secrets.hash_password("ann", other).await.is_ok());
    }

    #[test]
    fn a_list_of_breaches_that_is_not_there_is_told() {
        let mut options = crate::Config::load(None).expect("defaults").identity;
        options.breached_passwords = "/no/such/list".into();
        let error = Secrets::new(&options).err().expect("refused");
        assert!(
            format!("{error:#}").contains("breached_passwords"),
            "{error:#}"
        );
    }
}
