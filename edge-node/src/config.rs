//! The edge's configuration; `config.default.toml` documents every key.

mod printer;

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use chrono::NaiveTime;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use sunakku_common::config::{LogFormat, Secret, User};
use sunakku_common::enrol::StockLeft;
use sunakku_common::ids::SiteId;
use sunakku_common::menu::Seed;
use sunakku_common::nats::read_private;
use sunakku_common::order::OrderLimits;
use sunakku_common::telemetry::spans::Otlp;
use sunakku_common::telemetry::watch::Watch;

pub use printer::{CodePage, Printer};

use crate::store::OpenLimits;

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents every key")]
pub struct Config {
    pub site: Site,
    pub http: Http,
    pub redis: Redis,
    pub nats: Nats,
    pub menu: MenuSource,
    pub orders: OrderLimits,
    pub limits: OpenLimits,
    pub stations: Vec<Station>,
    pub webhooks: Vec<Webhook>,
    pub printers: Vec<Printer>,
    pub log: Log,
    pub queue: Queue,
    pub pickup: Pickup,
    pub screens: Screens,
    pub kitchen: Kitchen,
    pub identity: Identity,
    pub telemetry: Telemetry,
    pub watch: Watch,
}

macro_rules! section {
    ($name:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        /// See `config.default.toml`.
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(missing_docs, reason = "config.default.toml documents every key")]
        pub struct $name { $(pub $field: $type),+ }
    };
}

section!(Site {
    id: SiteId,
    name: String,
    time_zone: Tz,
    business_day_starts: NaiveTime
});
section!(Http {
    listen: String,
    trusted_proxies: Vec<IpAddr>,
    max_connections: usize,
    max_connections_of_address: usize,
    head_timeout_seconds: u64,
    max_head_bytes: usize,
    max_headers: usize,
    requests_per_minute_of_caller: u32,
    anonymous_per_minute_of_address: u32,
    max_body_bytes: usize,
    request_timeout_seconds: u64,
    drain_seconds: u64,
    max_websockets: usize,
    max_websockets_per_caller: usize,
});
section!(Redis { url: Secret });
section!(Nats {
    url: Secret,
    credentials: PathBuf
});
section!(MenuSource {
    seed: PathBuf,
    handover: PathBuf,
    reread_seconds: u64,
});
section!(Log {
    budget_bytes: u64,
    retention_hours: u64
});
section!(Kitchen {
    full_slot: FullSlot,
    acknowledge_seconds: u32
});
section!(Pickup {
    clear_seconds: u32,
    expire_seconds: u32,
});
section!(Queue {
    concurrency: usize,
    max_attempts: u32,
    retry_min_milliseconds: u64,
    retry_max_seconds: u64,
    ack_wait_seconds: u64,
});
section!(Identity {
    key_file: PathBuf,
    hub_public_key: String,
    session_seconds: i64,
    pin_session_seconds: i64,
    max_session_seconds: i64,
    code_seconds: u64,
    screen_seconds: i64,
    secure_cookies: bool,
    users: Vec<User>,
});
section!(Telemetry {
    format: LogFormat,
    filter: String,
    otlp: Otlp,
});

/// What screens go by; see `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents every key")]
pub struct Screens {
    pub soon_late_seconds: u32,
    pub late_seconds: u32,
    pub idle_seconds: u32,
    pub pay_at_pickup: bool,
    pub guests: bool,
    pub guest_seconds: i64,
    pub guests_per_minute: u32,
    pub guests_per_minute_of_address: u32,
}

/// A station of the kitchen; see `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents every key")]
pub struct Station {
    pub name: String,
    #[serde(default = "one")]
    pub cooks: u32,
    #[serde(default)]
    pub capacity_seconds: Option<u64>,
}

/// What becomes of an order that is wanted in a slot without room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FullSlot {
    /// It is promised for the next slot with room.
    Move,
    /// It is refused when it was scheduled, and promised for later when it was not.
    Refuse,
}

/// A URL that is called for events; see `config.default.toml`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "config.default.toml documents every key")]
pub struct Webhook {
    pub name: String,
    pub url: String,
    pub secret: Secret,
    pub events: Vec<String>,
    #[serde(default = "ten")]
    pub timeout_seconds: u64,
    #[serde(default = "eight")]
    pub max_attempts: u32,
    #[serde(default = "sixteen")]
    pub max_in_flight: usize,
    #[serde(default = "half_a_second")]
    pub retry_min_milliseconds: u64,
    #[serde(default = "ten_minutes")]
    pub retry_max_seconds: u64,
}

fn one() -> u32 {
    1
}

fn ten() -> u64 {
    10
}

fn eight() -> u32 {
    8
}

fn sixteen() -> usize {
    16
}

fn half_a_second() -> u64 {
    500
}

fn ten_minutes() -> u64 {
    600
}

impl Webhook {
    fn check(&self) -> Result<()> {
        let url = reqwest::Url::parse(&self.url);
        ensure!(
            url.is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host()),
            "url: must begin with http:// or https://"
        );
        ensure!(
            sunakku_common::ids::check_code(&self.name).is_ok(),
            "name: must be a code"
        );
        ensure!(
            !self.secret.expose().is_empty(),
            "secret: must not be empty"
        );
        ensure!(!self.events.is_empty(), "events: must name kinds, or \"*\"");
        let positive = self.timeout_seconds > 0
            && self.max_attempts > 0
            && self.max_in_flight > 0
            && self.retry_min_milliseconds > 0;
        ensure!(positive, "numbers: must be positive");
        Ok(())
    }
}

impl Config {
    /// Reads defaults, file and environment.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let config: Self = sunakku_common::config::load(include_str!("config.default.toml"), file)?;
        ensure!(
            config.http.max_websockets > 0 && config.http.max_websockets_per_caller > 0,
            "http.max_websockets and http.max_websockets_per_caller must be at least 1"
        );
        let http = &config.http;
        ensure!(
            http.max_connections > 0 && http.max_connections_of_address > 0,
            "http.max_connections and http.max_connections_of_address must be at least 1"
        );
        ensure!(
            http.head_timeout_seconds > 0 && 8_192 <= http.max_head_bytes && http.max_headers > 0,
            "http.head_timeout_seconds and http.max_headers must be at least 1, \
             http.max_head_bytes at least 8192"
        );
        ensure!(
            http.requests_per_minute_of_caller > 0 && http.anonymous_per_minute_of_address > 0,
            "http.requests_per_minute_of_caller and http.anonymous_per_minute_of_address must be \
             at least 1"
        );
        ensure!(
            config.identity.session_seconds > 0
                && config.identity.pin_session_seconds > 0
                && config.identity.max_session_seconds > 0,
            "identity.session_seconds, .pin_session_seconds and .max_session_seconds must be positive"
        );
        let identity = &config.identity;
        ensure!(
            identity.code_seconds > 0 && identity.screen_seconds > 0,
            "identity.code_seconds and identity.screen_seconds must be positive"
        );
        ensure!(
            config.screens.soon_late_seconds <= config.screens.late_seconds,
            "screens.soon_late_seconds must not be after screens.late_seconds"
        );
        ensure!(
            config.screens.idle_seconds > 0,
            "screens.idle_seconds must be positive"
        );
        ensure!(
            config.screens.guest_seconds > 0
                && config.screens.guests_per_minute > 0
                && config.screens.guests_per_minute_of_address > 0,
            "screens.guest_seconds and screens.guests_per_minute… must be positive; \
             screens.guests = false lets no guests in"
        );
        ensure!(
            config.log.budget_bytes >= 1_000_000,
            "log.budget_bytes must be at least 1000000: it holds what the hub has not committed"
        );
        let mut names = HashSet::new();
        for webhook in &config.webhooks {
            let name = &webhook.name;
            webhook
                .check()
                .with_context(|| format!("webhooks: \"{name}\""))?;
            ensure!(names.insert(name), "webhooks: \"{name}\" stands twice");
        }
        let mut names = HashSet::new();
        for printer in &config.printers {
            let name = &printer.name;
            printer
                .check()
                .with_context(|| format!("printers: \"{name}\""))?;
            ensure!(names.insert(name), "printers: \"{name}\" stands twice");
        }
        for station in &config.stations {
            let name = &station.name;
            ensure!(
                sunakku_common::ids::check_code(name).is_ok() && station.cooks > 0,
                "stations: \"{name}\" needs a code as its name, and at least 1 cook"
            );
            ensure!(
                station.capacity_seconds.is_none_or(|seconds| seconds > 0),
                "stations: \"{name}\": capacity_seconds must be positive; leave it out for no limit"
            );
        }
        ensure!(
            (1..=256).contains(&config.queue.concurrency),
            "queue.concurrency must be 1 to 256"
        );
        ensure!(
            0 < config.menu.reread_seconds,
            "menu.reread_seconds must be at least 1"
        );
        ensure!(
            config.queue.max_attempts > 0,
            "queue.max_attempts must be at least 1"
        );
        ensure!(
            config.queue.retry_min_milliseconds > 0 && config.queue.ack_wait_seconds > 0,
            "queue.retry_min_milliseconds and queue.ack_wait_seconds must be positive"
        );
        Ok(config)
    }

    /// Reads the menu and the first counts of stock; `None` when there is no such file, because
    /// an edge that has a menu of the hub's needs none.
    pub fn seed(&self) -> Result<Option<Seed>> {
        let path = &self.menu.seed;
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                tracing::info!(path = %path.display(), "there is no seed file");
                return Ok(None);
            }
            Err(error) => {
                let what = format!("menu.seed: cannot read {}", path.display());
                return Err(anyhow::Error::from(error).context(what));
            }
        };
        let seed: Seed = serde_json::from_str(&text)
            .with_context(|| format!("menu.seed: {} is no menu", path.display()))?;
        let faults: Vec<String> = seed
            .menu
            .faults()
            .into_iter()
            .map(|fault| format!("{}: {}", fault.path, fault.what))
            .collect();
        ensure!(faults.is_empty(), "menu.seed: {}", faults.join("; "));
        ensure!(0 < seed.menu.version, "menu.seed: versions count from 1");
        Ok(Some(seed))
    }
}

impl Config {
    /// What the box before left, to be counted; nothing when there is no such file.
    pub fn handover(&self) -> Result<Vec<StockLeft>> {
        let path = &self.menu.handover;
        let Some(text) = read_private(path)? else {
            return Ok(Vec::new());
        };
        serde_json::from_str(&text)
            .with_context(|| format!("menu.handover: {} cannot be read", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_a_configuration() {
        let config = Config::load(None).expect("defaults");
        assert_eq!(config.http.listen, "127.0.0.1:8080");
    }
}
