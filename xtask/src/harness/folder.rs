//! Copies of folders.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// Copies a folder to where there is none yet, with owners and rights: Postgres runs as a user of its own.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp").arg("-a").args([from, to]).status();
    if !status.context("running cp")?.success() {
        bail!("cannot copy {} to {}", from.display(), to.display());
    }
    Ok(())
}
