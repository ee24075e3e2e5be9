//! PostgreSQL refuses to run as root: then it runs as `nobody`, who must be able to reach it.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::super::open_lock;
use super::super::process::User;
use super::super::servers::Found;

/// A server program that can be run.
#[derive(Debug)]
pub(super) struct Install {
    /// `postgres`, with `initdb` next to it.
    pub(super) program: PathBuf,
    /// Whom to run it as, if not as ourselves.
    pub(super) user: Option<User>,
}

impl Install {
    /// Makes sure that whoever must run the program can reach it, by copying it if need be.
    pub(super) fn of(found: &Found) -> Result<Self> {
        let user = service_user();
        let program = match user {
            Some(user) if !is_reachable(&found.program, user) => within_reach(found, user)?,
            _ => found.program.clone(),
        };
        Ok(Self { program, user })
    }
}

/// Whom the server must run as: nobody if we are root, else we ourselves.
fn service_user() -> Option<User> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(find_user(&users, "nobody").unwrap_or(User {
        uid: 65_534,
        gid: 65_534,
    }))
}

fn within_reach(found: &Found, user: User) -> Result<PathBuf> {
    let below = found.program.strip_prefix(&found.home)?;
    let copy = std::env::temp_dir().join(format!("sunakku-postgres-{}", found.version));
    if !copy.is_dir() {
        let lock = open_lock(&beside(&copy, "lock"))?;
        lock.lock()?;
        if !copy.is_dir() {
            copy_install(&found.home, &copy)?;
        }
    }
    check_owner(&copy)?;
    let program = copy.join(below);
    if !is_reachable(&program, user) {
        bail!(
            "nobody cannot reach {}: set TMPDIR to an open folder",
            program.display()
        );
    }
    Ok(program)
}

fn find_user(users: &str, name: &str) -> Option<User> {
    let line = users
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut numbers = line.split(':').skip(2);
    Some(User {
        uid: numbers.next()?.parse().ok()?,
        gid: numbers.next()?.parse().ok()?,
    })
}

/// Whether the user may pass every folder on the way, and run the file at its end.
fn is_reachable(file: &Path, user: User) -> bool {
    file.ancestors().all(|step| {
        let Ok(meta) = fs::metadata(step) else {
            return false;
        };
        let shift = match (meta.uid() == user.uid, meta.gid() == user.gid) {
            (true, _) => 6,
            (_, true) => 3,
            _ => 0,
        };
        let wanted = if step == file { 0o5 } else { 0o1 };
        (meta.mode() >> shift) & wanted == wanted
    })
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}.{ending}", path.display()))
}

fn copy_install(from: &Path, to: &Path) -> Result<()> {
    let new = beside(to, "new");
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    copy_folder(from, &new)?;
    fs::rename(&new, to)?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::DirBuilder::new().mode(0o755).create(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(from)? {
        let (source, target) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if source.is_dir() {
            copy_folder(&source, &target)?;
        } else {
            fs::copy(&source, &target)?;
            let executable = fs::metadata(&source)?.mode() & 0o100;
            let mode = if executable == 0 { 0o644 } else { 0o755 };
            fs::set_permissions(&target, fs::Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}

/// The temp dir is everybody's: a program that somebody else put there must not be run.
fn check_owner(copy: &Path) -> Result<()> {
    if fs::symlink_metadata(copy)?.uid() != rustix::process::geteuid().as_raw() {
        bail!("{} belongs to somebody else: remove it", copy.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_found_among_the_users() {
        let users = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533:nobody:/:/bin/false\n";
        assert_eq!(
            find_user(users, "nobody"),
            Some(User {
                uid: 65_534,
                gid: 65_533
            })
        );
        assert_eq!(find_user(users, "somebody"), None);
    }

    #[test]
    fn an_install_behind_a_private_folder_is_copied_to_an_open_one() {
        let private = tempfile::tempdir().expect("a folder");
        let from = private.path().join("install");
        fs::create_dir_all(from.join("bin")).expect("made");
        let program = from.join("bin/postgres");
        fs::write(&program, "#!/bin/sh\n").expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("set");
        let nobody = User {
            uid: 65_534,
            gid: 65_534,
        };
        if !rustix::process::geteuid().is_root() {
            return; // As a normal user Postgres runs as ourselves and nothing is copied.
        }
        assert!(
            !is_reachable(&program, nobody),
            "a temporary folder is private"
        );
        let open = std::env::temp_dir().join(format!("sunakku-test-{:x}", rand::random::<u64>()));
        copy_install(&from, &open).expect("copied");
        assert!(is_reachable(&open.join("bin/postgres"), nobody));
        fs::remove_dir_all(open).expect("removed");
    }
}
