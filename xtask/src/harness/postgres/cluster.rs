//! The data folder of a PostgreSQL server.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::super::process::{End, Process, Spec, User};
use super::super::random_password;
use super::super::sandbox::Sandbox;
use super::super::wait::{LIMIT, wait_for};
use super::NAME;
use super::install::Install;

/// A data folder, and what is needed to make it.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) data: PathBuf,
    pub(super) password: String,
    user: Option<User>,
    /// Started anew when the folder was wiped. It is a process of the sandbox, lest it go on making
    /// files when we are killed.
    initdb: Process,
}

impl Cluster {
    pub(super) async fn make(
        sandbox: &Sandbox,
        name: &str,
        install: &Install,
        data: PathBuf,
    ) -> Result<Self> {
        let (user, password) = (install.user, random_password());
        prepare(&data, user, &password)?;
        let mut spec = Spec::new(
            format!("{name}-initdb"),
            install.program.with_file_name("initdb"),
        )
        .args(["-D".as_ref(), data.as_os_str()])
        .args(["--pwfile".as_ref(), password_file(&data).as_os_str()])
        .args([
            "-U",
            NAME,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
        ])
        // An initialisation that a power cut spoils can be done again; the server itself syncs.
        .args(["--no-sync", "--no-instructions"])
        .cwd(&data);
        spec.user = user;
        spec.end = End::Quit;
        let initdb = sandbox.spawn(spec)?;
        let cluster = Self {
            data,
            password,
            user,
            initdb,
        };
        cluster.wait_made().await?;
        Ok(cluster)
    }

    /// Makes the folder fit for a start: there at all, and free of the traces of a killed server.
    pub(super) async fn make_ready(&self) -> Result<()> {
        if !self.data.join("PG_VERSION").exists() {
            prepare(&self.data, self.user, &self.password)?;
            self.initdb.restart()?;
            return self.wait_made().await;
        }
        // The killed server and its children are known to be gone. Its note would make the next one
        // refuse to start whenever another process has got the old process id by now.
        match fs::remove_file(self.data.join("postmaster.pid")) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn wait_made(&self) -> Result<()> {
        let status = wait_for("initdb", LIMIT, async || {
            self.initdb
                .exit_status()
                .ok_or_else(|| self.initdb.log_tail())
        })
        .await?;
        if !status.success() {
            bail!("initdb fails ({status}):\n{}", self.initdb.log_tail());
        }
        Ok(fs::remove_file(password_file(&self.data))?)
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
}

/// An empty folder and a file with the password, both readable by their user only.
fn prepare(data: &Path, user: Option<User>, password: &str) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(data)?;
    let path = password_file(data);
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&path);
    file?.write_all(password.as_bytes())?;
    let Some(user) = user else { return Ok(()) };
    for path in [data, &path] {
        chown(path, Some(user.uid), Some(user.gid))
            .with_context(|| format!("cannot give {} away", path.display()))?;
    }
    Ok(())
}

fn password_file(data: &Path) -> PathBuf {
    data.with_extension("password")
}
