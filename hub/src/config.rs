//! The hub's settings; `config.default.toml` describes each for the operator.

pub(crate) mod ldap;

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use anyhow::{Context as _, Result, ensure};
use async_nats::ServerAddr;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;
use sunakku_common::claims::Role;
use sunakku_common::config::{LogFormat, Secret, User};
use sunakku_common::telemetry::spans::Otlp;
use sunakku_common::telemetry::watch::Watch;

pub use self::ldap::{GroupRole, Ldap};

const DEFAULTS: &str = include_str!("config.default.toml");

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who may sign in.
    pub users: Vec<User>,
    /// The API.
    pub http: Http,
    /// The database.
    pub postgres: Postgres,
    /// The message server.
    pub nats: Nats,
    /// Limits on what sites send.
    pub intake: Intake,
    /// Tokens.
    pub identity: Identity,
    /// The directory.
    pub ldap: Ldap,
    /// The dashboard's sign-ins.
    pub browsers: Browsers,
    /// Logs.
    pub log: Log,
    /// Spans.
    pub telemetry: Telemetry,
    /// Files whose age or end is exported.
    pub watch: Watch,
}

/// The API.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Bytes of a request's body at most.
    pub max_body_bytes: usize,
    /// Bytes of a whole menu that is sent at most.
    pub max_menu_bytes: usize,
    /// Bytes of a picture that is uploaded at most.
    pub max_picture_bytes: usize,
    /// Seconds that a request may take.
    pub timeout_seconds: u32,
    /// Seconds for which the hub still takes requests when it is to end, while `/readyz` says no.
    pub leave_seconds: u32,
    /// Seconds that intake and requests each have to finish when the hub is to end.
    pub drain_seconds: u32,
}

/// The database.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// `postgres://user:password@host:port/database`.
    pub url: Secret,
    /// The same for the role that owns the schema, where that is another one; else empty.
    pub owner_url: Secret,
    /// Connections of the API at most.
    pub max_connections: NonZeroU32,
    /// Milliseconds to wait for a connection.
    pub acquire_timeout_ms: u32,
    /// Milliseconds that a statement may take.
    pub statement_timeout_ms: u32,
}

/// The message server.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Nats {
    /// `nats://host:port`.
    pub url: Secret,
    /// The folder that `sunakku-hub keys make` filled.
    pub keys: PathBuf,
    /// Where sites reach it, as they are told when they are enrolled.
    pub leaf_url: String,
    /// Seconds that a box's credentials are good; they are renewed at half of it.
    pub credential_seconds: u32,
}

/// Limits on what sites send.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Intake {
    /// Batches that may wait for their commit.
    pub queue_batches: NonZeroUsize,
    /// Batches of one transaction.
    pub group_batches: NonZeroUsize,
    /// Events of one transaction; reached, no further batch joins it.
    pub group_events: NonZeroUsize,
}

/// Tokens.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The private key; made on first start.
    pub key_file: PathBuf,
    /// Seconds that a token is good for.
    pub session_seconds: u32,
    /// Passwords that are checked at the same moment.
    pub sign_ins_at_once: NonZeroUsize,
    /// Seconds after which a session that is not used ends.
    pub idle_seconds: u32,
    /// Seconds after which a session ends however much it is used.
    pub max_session_seconds: u32,
    /// Characters of a password at least.
    pub min_password_chars: NonZeroUsize,
    /// A file with passwords that are refused, one a line; none when empty.
    pub breached_passwords: PathBuf,
    /// Days after which another key signs.
    pub rotate_days: u32,
    /// Seconds for which a new key is told to everybody before it signs.
    pub key_notice_seconds: u32,
}

impl Identity {
    /// How long a token is good.
    pub(crate) fn token_life(&self) -> TimeDelta {
        TimeDelta::seconds(self.session_seconds.into())
    }

    /// How long a session lasts without use.
    pub(crate) fn idle(&self) -> TimeDelta {
        TimeDelta::seconds(self.idle_seconds.into())
    }

    /// How long a session lasts.
    pub(crate) fn longest(&self) -> TimeDelta {
        TimeDelta::seconds(self.max_session_seconds.into())
    }

    /// How long a key is believed after the next one signs: no token lives longer.
    pub(crate) fn keys_kept(&self) -> TimeDelta {
        self.longest() + self.token_life()
    }
}

/// Browsers that people sign in with.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Browsers {
    /// Seconds that one stays signed in after its pages are closed.
    pub session_seconds: u32,
    /// Seconds that a code which signs one in can be used.
    pub code_seconds: u32,
    /// Whether cookies are good over TLS alone; browsers take such ones from this machine as well.
    pub secure_cookies: bool,
}

/// Logs.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// For people or for programs.
    pub format: LogFormat,
    /// A `tracing` filter.
    pub filter: String,
}

/// What is told to others about the work.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// Where spans go.
    pub otlp: Otlp,
}

impl Config {
    /// Reads defaults, the file if one is given, and the environment.
    ///
    /// # Errors
    /// When the file is missing, a key is unknown, or a value makes no sense.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let config: Self = sunakku_common::config::load(DEFAULTS, file)?;
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> Result<()> {
        let mut names: Vec<&str> = self.users.iter().map(|user| user.name.as_str()).collect();
        names.sort_unstable();
        for pair in names.windows(2) {
            ensure!(pair[0] != pair[1], "two users are named {:?}", pair[0]);
        }
        for User {
            name,
            password_hash,
            ..
        } in &self.users
        {
            let is_hash = password_hash.expose().starts_with("$argon2");
            ensure!(
                is_hash,
                "the password_hash of {name:?} is none: make one with hash-password"
            );
        }
        let postgres = PgConnectOptions::from_str(self.postgres.url.expose());
        postgres.context("postgres.url cannot be read")?;
        let owner = self.postgres.owner_url.expose();
        if !owner.is_empty() {
            PgConnectOptions::from_str(owner).context("postgres.owner_url cannot be read")?;
        }
        let nats = ServerAddr::from_str(self.nats.url.expose());
        nats.context("nats.url cannot be read")?;
        let leaf = ServerAddr::from_str(&self.nats.leaf_url);
        leaf.context("nats.leaf_url cannot be read")?;
        ensure!(
            self.nats.credential_seconds > 1,
            "nats.credential_seconds must be at least 2"
        );
        for user in &self.users {
            ensure!(
                matches!(user.role, Role::Admin | Role::Auditor | Role::Sre),
                "users: {:?} may be admin, auditor or sre; make others by POST /v1/users",
                user.name
            );
        }
        self.ldap.validate()?;
        let of = &self.identity;
        ensure!(
            of.idle_seconds > 0 && of.max_session_seconds > 0 && of.rotate_days > 0,
            "identity: idle_seconds, max_session_seconds and rotate_days must be at least 1"
        );
        let seconds = self.identity.session_seconds;
        ensure!(seconds > 0, "identity.session_seconds must be at least 1");
        ensure!(
            self.http.timeout_seconds > 0,
            "http.timeout_seconds must be at least 1"
        );
        Ok(())
    }

    /// The settings as an operator may see them: secrets are hidden.
    ///
    /// # Errors
    /// When they cannot be written as JSON, which no value of these types brings about.
    pub fn shown(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_complete_and_hide_secrets() {
        let config: Config = sunakku_common::config::load(DEFAULTS, None).expect("defaults");
        config.validate().expect("sound");
        let shown = config.shown().expect("JSON");
        assert!(!shown.contains("postgres://"), "{shown}");
    }

    #[test]
    fn two_users_of_one_name_are_refused() {
        let mut config: Config = sunakku_common::config::load(DEFAULTS, None).expect("defaults");
        let ann: User =
            serde_json::from_str(r#"{"name": "ann", "password_hash": "x", "role": "sre"}"#)
                .expect("a user");
        config.users = vec![ann.clone(), ann];
        let error = config.validate().expect_err("two of one name");
        assert!(error.to_string().contains("ann"), "{error}");
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_its_name() {
        let refused = |change: fn(&mut Config)| {
            let mut config: Config = sunakku_common::config::load(DEFAULTS, None).expect("ok");
            change(&mut config);
            format!("{:#}", config.validate().expect_err("refused"))
        };
        let error = refused(|config| config.postgres.url = Secret::new("postgres://x:y"));
        assert!(error.contains("postgres.url"), "{error}");
        let error = refused(|config| config.postgres.owner_url = Secret::new("postgres://x:y"));
        assert!(error.contains("postgres.owner_url"), "{error}");
        let error = refused(|config| config.nats.url = Secret::new("http://x"));
        assert!(error.contains("nats.url"), "{error}");
        let error = refused(|config| {
            let (name, password_hash) = ("ann".into(), Secret::new("hunter2"));
            let role = sunakku_common::claims::Role::Admin;
            config.users = vec![User {
                name,
                password_hash,
                role,
            }];
        });
        assert!(
            error.contains("ann") && !error.contains("hunter2"),
            "{error}"
        );
    }
}
