//! Whom the load is for, and who makes it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use serde_json::json;

use super::wire::Place;
use crate::world::Client;

/// A running system.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// Where its API is, such as http://127.0.0.1:8080.
    pub url: String,
    /// Token of who calls; or sign in by --user.
    #[arg(
        long,
        env = "SUNAKKU_LOAD_TOKEN",
        hide_env_values = true,
        conflicts_with = "user"
    )]
    pub token: Option<String>,
    /// Name of who signs in.
    #[arg(long, requires = "password")]
    pub user: Option<String>,
    /// Password of --user.
    #[arg(
        long,
        env = "SUNAKKU_LOAD_PASSWORD",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    pub password: Option<String>,
}

impl Target {
    /// The token of who calls: the one that was given, or that of a new session; empty for nobody.
    async fn sign_in(&self) -> Result<String> {
        match (&self.token, &self.user) {
            (Some(token), _) => Ok(token.clone()),
            (None, Some(user)) => {
                let password = self.password.as_deref().unwrap_or_default();
                let client = Client::with_token(self.base(), "")?;
                let body = json!({ "user": user, "password": password });
                let answer = client.post("/v1/session", None, &body).await?.expect(200)?;
                let token = answer.body["access_token"].as_str();
                Ok(token.context("no token in the answer")?.to_owned())
            }
            (None, None) => Ok(String::new()),
        }
    }

    /// A client of who calls.
    pub(crate) async fn client(&self) -> Result<Client> {
        Client::with_token(self.base(), &self.sign_in().await?)
    }

    fn base(&self) -> &str {
        self.url.trim_end_matches('/')
    }
}

/// What every run has.
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// How long it counts, seconds.
    #[arg(long = "for", default_value_t = 10.0, value_name = "SECONDS", value_parser = seconds)]
    pub seconds: f64,
    /// How long it goes on before it counts, seconds.
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS", value_parser = seconds)]
    pub warm_up: f64,
    /// How arrivals of an open loop are spread.
    #[arg(long, value_enum, default_value_t)]
    pub arrivals: super::schedule::Arrivals,
    /// Write the figures as JSON too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<std::path::PathBuf>,
}

/// A time of an option, at most a day.
pub(crate) fn seconds(text: &str) -> Result<f64> {
    let seconds: f64 = text.parse().context("a number of seconds")?;
    ensure!((0.0..=86_400.0).contains(&seconds), "0 to 86400 seconds");
    Ok(seconds)
}

impl Run {
    /// The span of it, from now.
    pub(crate) fn span(&self) -> super::schedule::Span {
        let time = Duration::from_secs_f64;
        super::schedule::Span::of(time(self.warm_up), time(self.seconds))
    }
}

/// A system with the token of who calls.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) place: Place,
    pub(crate) url: String,
    pub(crate) token: String,
}

impl Caller {
    /// Who calls with this token.
    pub(crate) fn new(url: &str, token: &str) -> Result<Self> {
        let url = url.trim_end_matches('/').to_owned();
        let (place, token) = (Place::of(&url)?, token.to_owned());
        Ok(Self { place, url, token })
    }

    /// Signs in where no token was given.
    pub(crate) async fn of(target: &Target) -> Result<Self> {
        Self::new(&target.url, &target.sign_in().await?)
    }

    /// A request without body, ready to send.
    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        (self.head("GET", path) + "\r\n").into_bytes()
    }

    /// A POST without body.
    pub(crate) fn act(&self, path: &str) -> Vec<u8> {
        (self.head("POST", path) + "Content-Length: 0\r\n\r\n").into_bytes()
    }

    /// A POST of JSON under an idempotency key.
    pub(crate) fn post(&self, path: &str, key: &str, json: &str) -> Vec<u8> {
        let length = json.len();
        let rest = format!(
            "Content-Type: application/json\r\nIdempotency-Key: {key}\r\n\
             Content-Length: {length}\r\n\r\n{json}"
        );
        (self.head("POST", path) + &rest).into_bytes()
    }

    /// The head of a request up to what is its own.
    pub(crate) fn head(&self, method: &str, path: &str) -> String {
        let host = self.place.authority();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
        if !self.token.is_empty() {
            head += &format!("Authorization: Bearer {}\r\n", self.token);
        }
        head
    }
}
