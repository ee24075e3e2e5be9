//! The guard of a sandbox: a tiny shell that cleans up when its maker can no longer do it.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

const SCRIPT: &str = include_str!("guard.sh");

/// Blocks on a pipe whose other end we hold; the kernel closes our end when we die.
#[derive(Debug)]
pub(super) struct Guard(Child);

impl Guard {
    pub(super) fn start(root: &Path) -> Result<Self> {
        let child = Command::new("sh")
            .args(["-c", SCRIPT, "sunakku-guard"])
            .arg(root)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        child
            .map(Self)
            .context("cannot start sh, the guard of the sandbox")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
