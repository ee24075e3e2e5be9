//! A wall clock of its own for one program, by libfaketime (Debian's package `libfaketime`).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use chrono::{DateTime, TimeDelta, Utc};

use super::Spec;

/// Where Debian and its relatives keep the library, below `/usr/lib`.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// The wall clock of one program. Its monotonic clock, and so its timers, are the machine's.
#[derive(Debug, Clone)]
pub struct WallClock {
    library: PathBuf,
    file: PathBuf,
}

impl WallClock {
    /// A clock that shows the machine's time until it is stopped; none when this machine has no
    /// libfaketime. It is kept in `file`.
    pub fn find(file: PathBuf) -> Result<Option<Self>> {
        let Some(library) = library() else {
            return Ok(None);
        };
        let clock = Self { library, file };
        clock.write("+0")?;
        Ok(Some(clock))
    }

    /// Lets it stand at `moment`, to the second.
    pub fn stop_at(&self, moment: DateTime<Utc>) -> Result<()> {
        self.write(&moment.format("%Y-%m-%d %H:%M:%S").to_string())
    }

    /// Lets it run this far ahead of the machine's (behind, if negative).
    pub fn run_ahead(&self, by: TimeDelta) -> Result<()> {
        self.write(&format!("{:+}", by.num_seconds()))
    }

    /// Whether this machine has libfaketime.
    pub fn is_there() -> bool {
        library().is_some()
    }

    /// The program of `spec`, by this clock.
    pub(crate) fn govern(&self, spec: Spec) -> Spec {
        spec.env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            // The file is read once a second, not at every look at the clock.
            .env("FAKETIME_CACHE_DURATION", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("TZ", "UTC")
    }

    fn write(&self, text: &str) -> Result<()> {
        // Replaced in one step: it may just be read.
        let new = self.file.with_extension("new");
        fs::write(&new, text).context("writing the clock's file")?;
        fs::rename(&new, &self.file).context("putting the clock's file in place")
    }
}

fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?;
    folders
        .flatten()
        .map(|folder| folder.path().join(LIBRARY))
        .chain([Path::new("/usr/lib").join(LIBRARY)])
        .find(|library| library.exists())
}
