//! Files whose age or end matters to an operator: certificates, and the mark of the last backup.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result};
use metrics::{Unit, describe_gauge, gauge};
use serde::{Deserialize, Serialize};

use crate::certificate;

/// When the first certificate of a file ends, seconds since 1970; 0 when it cannot be read.
const CERTIFICATE: &str = "sunakku_certificate_expiry_timestamp_seconds";
/// When the last backup succeeded, seconds since 1970; 0 when none has.
const BACKUP: &str = "sunakku_backup_last_success_timestamp_seconds";

/// Which files are watched; the same section in both configurations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// Certificates (PEM) by the name under which their end is exported.
    pub certificates: BTreeMap<String, PathBuf>,
    /// File that is written when a backup has succeeded, by the name of the store.
    pub backups: BTreeMap<String, PathBuf>,
}

impl Watch {
    /// Reads all of them anew. A file that cannot be read counts as over: that is to be seen.
    pub fn measure(&self) {
        describe_gauge!(
            CERTIFICATE,
            Unit::Seconds,
            "When a certificate ends, by name; 0: it cannot be read"
        );
        describe_gauge!(
            BACKUP,
            Unit::Seconds,
            "When the last backup succeeded, by store; 0: none has"
        );
        for (name, path) in &self.certificates {
            let end = expiry(path).unwrap_or_else(|error| {
                tracing::warn!(name, "a watched certificate: {error:#}");
                0
            });
            gauge!(CERTIFICATE, "name" => name.clone()).set(end as f64);
        }
        for (store, path) in &self.backups {
            let at = modified(path).unwrap_or(0);
            gauge!(BACKUP, "store" => store.clone()).set(at as f64);
        }
    }
}

/// When the first certificate of a PEM file ends, seconds since 1970.
///
/// # Errors
/// When the file cannot be read or has no certificate in it.
pub fn expiry(path: &Path) -> Result<i64> {
    let shown = path.display();
    let pem = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let end = certificate::not_after(&pem);
    Ok(end
        .with_context(|| format!("{shown} holds no certificate in PEM"))?
        .timestamp())
}

/// When a file was last written, seconds since 1970; none when it is not there.
pub fn modified(path: &Path) -> Option<u64> {
    let at = std::fs::metadata(path).and_then(|found| found.modified());
    Some(at.ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs())
}
