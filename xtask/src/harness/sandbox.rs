//! A folder that holds all there is of a running system, and goes when its owner goes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use anyhow::{Context, Result, bail};

use super::guard::Guard;
use super::home::Home;
use super::process::{self, Process, Spec};

/// The folder of one test or demo: `logs/<name>.log`, `pids/`, and what its servers store.
///
/// Dropped, it kills every process started in it and removes the folder, unless
/// [`Sandbox::keep`] or the variable `SUNAKKU_KEEP=1` says to keep it. A guard process does the same
/// when we are killed. In a panicking test it prints the end of each log.
#[derive(Debug)]
pub struct Sandbox {
    home: Arc<Home>,
    processes: Mutex<Vec<Weak<process::Inner>>>,
    guard: Option<Guard>,
}

impl Sandbox {
    /// A new folder below the temp dir.
    pub fn new() -> Result<Self> {
        let name = format!("sunakku-{:016x}", rand::random::<u64>());
        Self::at(std::env::temp_dir().join(name))
    }

    /// The given folder, which must be new or empty, since it is removed at the end.
    pub fn at(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        if fs::read_dir(&root).is_ok_and(|mut entries| entries.next().is_some()) {
            bail!("{} is not empty: choose a new folder", root.display());
        }
        let home = Home::make(&root).with_context(|| format!("cannot use {}", root.display()))?;
        let guard = Some(Guard::start(&home.root)?);
        let sandbox = Self {
            home: Arc::new(home),
            processes: Mutex::default(),
            guard,
        };
        if std::env::var_os("SUNAKKU_KEEP").is_some_and(|value| value == "1") {
            sandbox.keep()?;
        }
        Ok(sandbox)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.home.root
    }

    /// Makes a folder below the root, with its parents, and gives its path.
    pub fn folder(&self, below: impl AsRef<Path>) -> Result<PathBuf> {
        let path = self.root().join(below);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }

    /// Keeps the folder when the sandbox goes; its processes are killed all the same.
    pub fn keep(&self) -> Result<()> {
        Ok(fs::write(self.home.keep_mark(), "")?)
    }

    /// Starts a process in the sandbox.
    pub fn spawn(&self, spec: Spec) -> Result<Process> {
        let process = Process::start(Arc::clone(&self.home), spec)?;
        let mut processes = self
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        processes.retain(|process| process.strong_count() > 0);
        processes.push(process.downgrade());
        Ok(process)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.home.close();
        let processes = self
            .processes
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        for process in processes.drain(..).filter_map(|process| process.upgrade()) {
            process.end();
        }
        if std::thread::panicking() {
            self.print_logs();
        }
        if self.home.keep_mark().exists() {
            eprintln!("kept {}", self.home.root.display());
        } else if let Err(error) = fs::remove_dir_all(&self.home.root) {
            eprintln!("cannot remove {}: {error}", self.home.root.display());
        }
        drop(self.guard.take());
    }
}

impl Sandbox {
    fn print_logs(&self) {
        for entry in fs::read_dir(self.home.root.join("logs"))
            .into_iter()
            .flatten()
            .flatten()
        {
            eprintln!("--- the end of {}", entry.file_name().display());
            eprintln!("{}", process::tail(&entry.path()));
        }
    }
}
