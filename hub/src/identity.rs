//! Who may sign in, and the keys that sign tokens.
//!
//! `keys.rs` keeps the keys, `secrets.rs` checks passwords, `ldap.rs` asks the directory and
//! `directory.rs` makes true what it says, `backoff.rs` slows down who guesses. Who there is stands
//! in `people`, and what became of each sign-in in `sessions`.

mod backoff;
mod directory;
pub(crate) mod keys;
pub(crate) mod ldap;
mod secrets;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use arc_swap::ArcSwap;
use axum::http::StatusCode;
use chrono::{TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};
use sunakku_common::claims::{Subject, Verifier};
use sunakku_common::config::User;
use sunakku_common::http::Session;
use sunakku_common::keys::PublicKey;
use sunakku_common::problem::Problem;
use sunakku_common::telemetry::count_sign_in;
use tokio::time::{Instant, sleep, timeout};

use self::backoff::Backoff;
use self::keys::{KeyFile, Ring};
use self::ldap::Directory;
use self::secrets::Secrets;
use crate::answer::Answer;
use crate::config;
use crate::database::give_up;
use crate::people::{self, Person, Source};

/// How often the keys are read anew.
const REFRESH_EVERY: Duration = Duration::from_secs(5);
/// How often the newest key is asked for its age.
const ROTATION_EVERY: Duration = Duration::from_secs(3_600);
/// How long the database may take over the keys.
const KEYS_LIMIT: Duration = Duration::from_secs(5);

/// Signs people in and mints tokens.
pub struct Identity {
    /// Of the configuration: each is made a person when it first signs in.
    first_users: HashMap<String, User>,
    pool: PgPool,
    file: KeyFile,
    ring: ArcSwap<Ring>,
    /// Whether the keys of the database are known.
    is_loaded: AtomicBool,
    options: config::Identity,
    secrets: Secrets,
    /// Who knows the people that the hub itself does not.
    directory: Option<Directory>,
    backoff: Backoff,
}

impl Identity {
    /// Reads the key file, or makes one on first start. The database need not be there yet.
    ///
    /// # Errors
    /// When a file can be neither read nor made, or a filter of the directory is none.
    pub fn new(config: &config::Config, pool: PgPool) -> Result<Self> {
        let options = config.identity.clone();
        let file = KeyFile::open(&options.key_file)?;
        let users = config.users.iter();
        let users = users.map(|user| (people::plain_name(&user.name), user.clone()));
        Ok(Self {
            first_users: users.collect(),
            pool,
            ring: ArcSwap::from_pointee(file.ring()?),
            file,
            is_loaded: AtomicBool::new(false),
            secrets: Secrets::new(&options)?,
            directory: Directory::new(&config.ldap)?,
            backoff: Backoff::default(),
            options,
        })
    }

    /// Believes this hub's tokens.
    pub fn verifier(&self) -> Arc<Verifier> {
        Arc::clone(&self.ring.load().verifier)
    }

    /// The key that signs now.
    pub fn public_key(&self) -> PublicKey {
        self.ring.load().signer.public().clone()
    }

    /// A payload as a signed document of the type `typ`, by the key that signs now.
    pub(crate) fn document(&self, typ: &str, payload: &[u8]) -> String {
        self.ring.load().signer.document(typ, payload)
    }

    /// Every key by which tokens are believed.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.ring.load().public.clone()
    }

    /// Keeps the keys as the database has them, where other replicas may have made one, and makes
    /// another one in time. Runs until it is dropped.
    ///
    /// # Errors
    /// None; what fails is tried again.
    pub async fn keep_keys(&self) -> Result<()> {
        let mut rotation_due = Instant::now();
        loop {
            let done = if rotation_due <= Instant::now() {
                rotation_due = Instant::now() + ROTATION_EVERY;
                self.rotate_when_old().await
            } else {
                self.refresh().await
            };
            if let Err(error) = done {
                tracing::warn!("the signing keys are as before: {error:#}");
            }
            sleep(REFRESH_EVERY).await;
        }
    }

    /// Reads the keys of the database anew.
    async fn refresh(&self) -> Result<()> {
        self.with_keys(async |connection| self.load(connection).await)
            .await
    }

    async fn load(&self, connection: &mut PgConnection) -> Result<()> {
        let ring = keys::load(connection, &self.file, self.options.keys_kept()).await?;
        self.ring.store(Arc::new(ring));
        self.is_loaded.store(true, Ordering::Release);
        Ok(())
    }

    /// Works with a connection, which is given up when it does not answer in time.
    async fn with_keys<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T>,
    ) -> Result<T> {
        let mut connection = self.pool.acquire().await?;
        match timeout(KEYS_LIMIT, work(&mut connection)).await {
            Ok(done) => done,
            Err(_) => Err(give_up(connection).into()),
        }
    }

    /// Makes sure that the keys of the database are known.
    ///
    /// # Errors
    /// 503.
    pub(crate) async fn ready(&self) -> Answer<()> {
        if self.is_loaded.load(Ordering::Acquire) {
            return Ok(());
        }
        self.refresh().await.map_err(|error| {
            tracing::warn!("the signing keys cannot be read: {error:#}");
            let detail = "The signing keys cannot be read. Try again in a moment.";
            Problem::unavailable("database-unavailable", detail)
        })
    }

    /// Makes a new key when the newest is older than the settings say.
    async fn rotate_when_old(&self) -> Result<()> {
        let age = TimeDelta::days(self.options.rotate_days.into());
        let after = TimeDelta::seconds(self.options.key_notice_seconds.into());
        self.with_keys(async |connection| {
            keys::rotate_when_old(connection, &self.file, after, age).await?;
            self.load(connection).await
        })
        .await
    }

    /// Makes a new key. With `at_once`, it signs now and nothing signed before is believed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rotate(&self, at_once: bool) -> Result<String> {
        let notice = match at_once {
            true => 0,
            false => self.options.key_notice_seconds,
        };
        let after = TimeDelta::seconds(notice.into());
        self.with_keys(async |connection| {
            // A file whose key is not known yet makes itself known first.
            self.load(connection).await?;
            keys::rotate(connection, &self.file, after, at_once).await
        })
        .await
    }

    /// The person, when the password is right. An unknown name and a wrong password give the same
    /// answer.
    ///
    /// # Errors
    /// 401 when they do not match, 429 after too many failures, 503 when the directory would have to
    /// know and does not answer.
    pub(crate) async fn sign_in(
        &self,
        name: &str,
        password: String,
        address: Option<IpAddr>,
    ) -> Answer<Person> {
        let name = people::plain_name(name);
        self.backoff.check(&name, address)?;
        let known = people::find(&self.pool, &name).await?;
        let is_local = match &known {
            Some((person, _)) => person.source == Source::Local,
            None => self.first_users.contains_key(&name),
        };
        let directory = self.directory.as_ref().filter(|_| !is_local);
        let person = match directory {
            // A server would take it for an anonymous bind.
            _ if password.trim().is_empty() => None,
            Some(directory) if people::name_fault("user", &name).is_none() => {
                self.check_directory(directory, &name, password, address)
                    .await?
            }
            _ => self.check_local(&name, known, password).await?,
        };
        let person = person.filter(Person::may_sign_in);
        let method = directory.map_or("password", |_| "ldap");
        count_sign_in(method, person.is_some());
        let Some(person) = person else {
            self.backoff.failed(&name, address);
            tracing::info!(who = name, ?address, "a sign-in was denied");
            return Err(Problem::new(
                StatusCode::UNAUTHORIZED,
                "sign-in-failed",
                "User and password do not match. Check both and try again.",
            ));
        };
        self.backoff.succeeded(&name);
        self.backoff.succeeded(&person.name);
        tracing::info!(who = person.name, ?address, "signed in");
        Ok(person)
    }

    async fn check_local(
        &self,
        name: &str,
        known: Option<(Person, Option<String>)>,
        password: String,
    ) -> Answer<Option<Person>> {
        let first = self.first_users.get(name).filter(|_| known.is_none());
        let hash = match (&known, first) {
            (Some((_, hash)), _) => hash.clone(),
            (None, Some(user)) => Some(user.password_hash.expose().to_owned()),
            (None, None) => None,
        };
        if !self.secrets.is_right(password, hash).await? {
            return Ok(None);
        }
        match (known, first) {
            (Some((person, _)), _) => Ok(Some(person)),
            (None, Some(user)) => people::take_over_user(&self.pool, name, user)
                .await
                .map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The hash of a new password, when it is one.
    ///
    /// # Errors
    /// 422 `weak-password`.
    pub(crate) async fn hash_password(&self, name: &str, password: String) -> Answer<String> {
        self.secrets.hash_password(name, password).await
    }

    /// The hash of a new PIN, when it is one.
    ///
    /// # Errors
    /// 422 `weak-pin`.
    pub(crate) async fn hash_pin(&self, pin: String) -> Answer<String> {
        self.secrets.hash_pin(pin).await
    }

    /// What bounds sessions.
    pub(crate) fn options(&self) -> &config::Identity {
        &self.options
    }

    /// A token for this person or device at `audience`.
    ///
    /// # Errors
    /// 500 when the library refuses to sign.
    pub fn mint(&self, subject: Subject, audience: &str) -> Result<Session, Problem> {
        let life = TimeDelta::seconds(self.options.session_seconds.into());
        self.mint_for(subject, audience, life)
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
        let ring = self.ring.load();
        let token = ring.signer.mint(subject, audience, life, Utc::now());
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
