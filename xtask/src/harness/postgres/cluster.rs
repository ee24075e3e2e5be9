//! The data folder of a PostgreSQL server.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::super::process::User;
use super::NAME;

/// A data folder, and what is needed to make it.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    /// `postgres`, with `initdb` next to it.
    pub(super) program: PathBuf,
    pub(super) data: PathBuf,
    /// Owner of the folder and of the server, if not we ourselves.
    pub(super) user: Option<User>,
    pub(super) password: String,
}

impl Cluster {
    /// Makes the folder fit for a start: initialised, and free of the traces of a killed server.
    pub(super) fn make_ready(&self) -> Result<()> {
        if !self.data.join("PG_VERSION").exists() {
            return self.initialise();
        }
        // The killed server and its children are known to be gone. Its note would make the next one
        // refuse to start whenever another process has got the old process id by now.
        match fs::remove_file(self.data.join("postmaster.pid")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Frees the small piece of shared memory that a killed server leaves: it would stay until the
    /// machine restarts, and there is a limit to how many there can be.
    pub(super) fn release_memory(&self) {
        const LINE_OF_MEMORY: usize = 6;
        let note = fs::read_to_string(self.data.join("postmaster.pid")).unwrap_or_default();
        let memory = note.lines().nth(LINE_OF_MEMORY).unwrap_or_default();
        if let Some(id) = memory.split_whitespace().nth(1) {
            let _ = Command::new("ipcrm").args(["-m", id]).output();
        }
    }

    fn initialise(&self) -> Result<()> {
        let data = &self.data;
        DirBuilder::new().recursive(true).mode(0o700).create(data)?;
        self.give(data)?;
        let password_file = data.with_extension("password");
        let mut file = OpenOptions::new();
        let file = file
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&password_file);
        file?.write_all(self.password.as_bytes())?;
        self.give(&password_file)?;
        let made = self.initdb(&password_file);
        fs::remove_file(&password_file)?;
        made
    }

    fn initdb(&self, password_file: &Path) -> Result<()> {
        let mut command = Command::new(self.program.with_file_name("initdb"));
        command
            .arg("-D")
            .arg(&self.data)
            .arg("--pwfile")
            .arg(password_file);
        command.args([
            "-U",
            NAME,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        // An initialisation that a power cut spoils can be done again; the server itself syncs.
        command.args(["--no-sync", "--no-instructions"]);
        command.current_dir(&self.data).process_group(0);
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        let output = command.output().context("cannot run initdb")?;
        if !output.status.success() {
            let (out, err) = (&output.stdout, &output.stderr);
            let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
            bail!("initdb fails in {}:\n{out}\n{err}", self.data.display());
        }
        Ok(())
    }

    fn give(&self, path: &Path) -> Result<()> {
        if let Some(user) = self.user {
            chown(path, Some(user.uid), Some(user.gid))
                .with_context(|| format!("cannot give {} away", path.display()))?;
        }
        Ok(())
    }
}
