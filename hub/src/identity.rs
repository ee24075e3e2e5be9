//! Who may sign in, and the key that signs tokens.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use chrono::{TimeDelta, Utc};
use sunakku_common::claims::{
    HUB_AUDIENCE, HUB_ISSUER, PublicKey, Role, Signer, Subject, Verifier,
};
use sunakku_common::config::{User, signing_key};
use sunakku_common::http::Session;
use sunakku_common::password;
use sunakku_common::problem::Problem;
use sunakku_common::telemetry::count_sign_in;
use tokio::sync::Semaphore;

use crate::config;

/// Signs people in and mints tokens.
pub struct Identity {
    users: HashMap<String, User>,
    signer: Signer,
    verifier: Arc<Verifier>,
    life: TimeDelta,
    /// Each check of a password takes memory and a core: a flood of them waits in line.
    checks: Arc<Semaphore>,
    /// What the password of an unknown user is compared with, so that both take as long.
    nobody: String,
}

impl Identity {
    /// Reads the signing key, or makes one on first start.
    ///
    /// # Errors
    /// When the key file can be neither read nor made.
    pub fn new(config: &config::Identity, users: &[User]) -> Result<Self> {
        let signer = Signer::new(HUB_ISSUER, &signing_key(&config.key_file)?)
            .with_context(|| format!("{} holds no key", config.key_file.display()))?;
        let keys = [(signer.public(), HUB_ISSUER.to_owned())];
        let verifier = Arc::new(Verifier::new(HUB_AUDIENCE, keys)?);
        let users = users.iter().map(|user| (user.name.clone(), user.clone()));
        Ok(Self {
            users: users.collect(),
            signer,
            verifier,
            life: TimeDelta::seconds(config.session_seconds.into()),
            checks: Arc::new(Semaphore::new(config.sign_ins_at_once.get())),
            nobody: password::hash("nobody's password")?,
        })
    }

    /// Believes this hub's tokens.
    pub fn verifier(&self) -> Arc<Verifier> {
        Arc::clone(&self.verifier)
    }

    /// The key by which sites verify this hub's tokens.
    pub fn public_key(&self) -> &PublicKey {
        self.signer.public()
    }

    /// The user's role, when the password is right. An unknown user and a wrong password give
    /// the same answer after the same time.
    ///
    /// # Errors
    /// 401 when they do not match.
    pub async fn sign_in(&self, name: &str, password: String) -> Result<Role, Problem> {
        let user = self.users.get(name);
        let hash = user.map_or(self.nobody.as_str(), |user| user.password_hash.expose());
        let hash = hash.to_owned();
        let permit = Arc::clone(&self.checks).acquire_owned().await;
        let permit = permit.map_err(|_closed| Problem::internal())?;
        let checked = tokio::task::spawn_blocking(move || {
            let is_right = password::verify(&password, &hash);
            drop(permit);
            is_right
        });
        let is_right = checked.await.map_err(|_panicked| Problem::internal())?;
        count_sign_in("password", user.is_some() && is_right);
        match user {
            Some(user) if is_right => Ok(user.role),
            _ => Err(Problem::new(
                axum::http::StatusCode::UNAUTHORIZED,
                "sign-in-failed",
                "User and password do not match. Check both and try again.",
            )),
        }
    }

    /// A token for this person or device at `audience`.
    ///
    /// # Errors
    /// 500 when the library refuses to sign.
    pub fn mint(&self, subject: Subject, audience: &str) -> Result<Session, Problem> {
        self.mint_for(subject, audience, self.life)
    }

    /// The same, good for `life`.
    ///
    /// # Errors
    /// 500 when the library refuses to sign.
    pub fn mint_for(
        &self,
        subject: Subject,
        audience: &str,
        life: TimeDelta,
    ) -> Result<Session, Problem> {
        let token = self.signer.mint(subject, audience, life, Utc::now());
        let access_token = token.map_err(|error| {
            tracing::error!(%error, "a token could not be signed");
            Problem::internal()
        })?;
        Ok(Session {
            access_token,
            token_type: "Bearer".to_owned(),
            expires_in: life.num_seconds(),
        })
    }
}
