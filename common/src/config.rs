//! Configuration: compiled-in defaults → TOML file → `SUNAKKU_…` environment, where `__`
//! separates levels (`SUNAKKU_HTTP__LISTEN`). Unknown keys are refused, with their origin.

use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result};
use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A value that must not be shown: it prints and serialises as `***`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

/// Reads a configuration. `file` must exist when it is given.
pub fn load<T: DeserializeOwned>(defaults: &str, file: Option<&Path>) -> Result<T> {
    let mut figment = Figment::from(Toml::string(defaults));
    if let Some(path) = file {
        figment = figment.merge(Toml::file_exact(path));
    }
    // Every setting lies in a section; other names, such as `SUNAKKU_CONFIG`, are no settings.
    let environment = Env::prefixed("SUNAKKU_").filter(|name| name.as_str().contains("__"));
    figment = figment.merge(environment.split("__"));
    figment
        .extract()
        .map_err(anyhow::Error::from)
        .context("the configuration cannot be used")
}

/// A person or device that signs in by name and password.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Name to sign in with.
    pub name: String,
    /// Argon2id hash in PHC format; `sunakku-hub hash-password` makes one.
    pub password_hash: Secret,
    /// What the user may do.
    pub role: crate::claims::Role,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Reads the private key of a signer, or makes one on first start (readable by its owner only).
pub fn signing_key(path: &Path) -> Result<Vec<u8>> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let shown = path.display();
    if path.exists() {
        return std::fs::read(path).with_context(|| format!("cannot read the key file {shown}"));
    }
    let key = crate::claims::Signer::generate_pkcs8()?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {shown}'s folder"))?;
    }
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let mut file = file.with_context(|| format!("cannot make the key file {shown}"))?;
    file.write_all(&key)
        .and_then(|()| file.sync_all())
        .with_context(|| format!("writing {shown}"))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        listen: String,
        token: Secret,
    }

    #[test]
    fn a_secret_is_never_printed() {
        let sample: Sample = load("listen = \"a\"\ntoken = \"hunter2\"", None).expect("config");
        assert_eq!(sample.token.expose(), "hunter2");
        let printed = format!(
            "{sample:?}{}",
            serde_json::to_string(&sample).expect("JSON")
        );
        assert!(!printed.contains("hunter2"), "{printed}");
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let refused = load::<Sample>("listen = \"a\"\ntoken = \"t\"\nlisten_on = 1", None);
        let error = format!("{:#}", refused.expect_err("unknown key"));
        assert!(error.contains("listen_on"), "{error}");
    }

    #[test]
    fn a_file_that_was_asked_for_must_exist() {
        assert!(
            load::<Sample>("listen = \"a\"\ntoken = \"t\"", Some(Path::new("/no/file"))).is_err()
        );
    }
}
