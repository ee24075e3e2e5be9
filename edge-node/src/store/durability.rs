//! Refuses a Redis that could forget an order that a guest saw accepted.

use std::collections::HashMap;
use std::fmt;

use super::{Store, StoreError};

/// Settings of Redis that do not keep what it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsafe(Vec<String>);

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "this Redis can lose accepted orders: set {} in redis.conf \
             (deploy/redis/redis.conf has them) and restart it, or start with --allow-volatile \
             to take orders that a power cut may lose",
            self.0.join(", ")
        )
    }
}

/// What must be set, and why: an answer means that the change is on disk, and no key is ever
/// thrown out to make room.
const NEEDED: &[(&str, &str)] = &[
    ("appendonly", "yes"),
    ("appendfsync", "always"),
    ("maxmemory-policy", "noeviction"),
    ("no-appendfsync-on-rewrite", "no"),
];

impl Store {
    /// Which settings of Redis are not safe; `None` when all are.
    pub async fn unsafe_settings(&self) -> Result<Option<Unsafe>, StoreError> {
        let found = question().query_async(&mut self.connection()).await?;
        Ok(judge(&found))
    }
}

/// Asks for the settings that matter.
pub(super) fn question() -> redis::Cmd {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET");
    for (name, _) in NEEDED {
        command.arg(name);
    }
    command
}

/// Which of the settings that were found are not safe.
pub(super) fn judge(found: &HashMap<String, String>) -> Option<Unsafe> {
    let wrong = NEEDED
        .iter()
        .filter(|(name, value)| found.get(*name).map(String::as_str) != Some(*value));
    let wrong: Vec<String> = wrong
        .map(|(name, value)| format!("\"{name} {value}\""))
        .collect();
    (!wrong.is_empty()).then_some(Unsafe(wrong))
}
