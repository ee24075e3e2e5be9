//! The paths of a sandbox.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};

/// The paths of a sandbox, which its processes share with it.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) root: PathBuf,
    /// One file per running process; the guard kills what is noted here.
    pub(super) pids: PathBuf,
    closed: AtomicBool,
}

impl Home {
    pub(super) fn make(root: &Path) -> Result<Self> {
        fs::create_dir_all(root)?;
        let root = root.canonicalize()?;
        // A server under another user passes through, but sees no names.
        fs::set_permissions(&root, fs::Permissions::from_mode(0o711))?;
        let pids = root.join("pids");
        DirBuilder::new().create(&pids)?;
        // Each process writes its own note, before it starts and as the user that it runs as.
        fs::set_permissions(&pids, fs::Permissions::from_mode(0o1733))?;
        DirBuilder::new().mode(0o700).create(root.join("logs"))?;
        Ok(Self {
            root,
            pids,
            closed: AtomicBool::new(false),
        })
    }

    pub(super) fn keep_mark(&self) -> PathBuf {
        self.root.join(".keep")
    }

    pub(super) fn log_path(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(format!("{name}.log"))
    }

    /// Nothing can be started here any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub(super) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            bail!("the sandbox {} is gone", self.root.display());
        }
        Ok(())
    }

    pub(super) fn note(&self, pid: u32) -> Result<()> {
        Ok(fs::write(self.pids.join(pid.to_string()), "KILL\n")?)
    }

    pub(super) fn forget(&self, pid: u32) {
        let _ = fs::remove_file(self.pids.join(pid.to_string()));
    }
}
