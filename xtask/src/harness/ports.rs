//! Free TCP ports that no other test process takes.
//!
//! Binding to port 0 and letting go of it is a race as soon as a server is to be started again on
//! the same port. So ports come from a range below the kernel's ephemeral ports, and an exclusive
//! lock on a file per port says whose it is, for as long as the [`Port`] lives.

use std::fs::{self, DirBuilder, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::open_lock;

const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A port on loopback that is ours, also while nothing listens on it, until this is dropped.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Takes a free port.
    pub fn take() -> Result<Self> {
        let folder = lock_folder()?;
        let start = rand::random_range(0..COUNT);
        for step in 0..COUNT {
            let number = FIRST + (start + step) % COUNT;
            if let Some(lock) = try_lock(&folder, number)?
                && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
            {
                return Ok(Self {
                    number,
                    _lock: lock,
                });
            }
        }
        bail!("every port from {FIRST} to {} is taken", FIRST + COUNT - 1)
    }

    /// The port's number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:<port>`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}

fn lock_folder() -> Result<PathBuf> {
    let uid = rustix::process::geteuid().as_raw();
    let folder = std::env::temp_dir().join(format!("sunakku-ports-{uid}"));
    let made = DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(&folder);
    made.with_context(|| format!("cannot make {}", folder.display()))?;
    // The temp dir is everybody's: somebody else's folder would let them hold our ports.
    if fs::symlink_metadata(&folder)?.uid() != uid {
        bail!("{} belongs to somebody else: remove it", folder.display());
    }
    Ok(folder)
}

fn try_lock(folder: &Path, number: u16) -> Result<Option<File>> {
    let file = open_lock(&folder.join(number.to_string()))?;
    Ok(file.try_lock().is_ok().then_some(file))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ports_taken_at_the_same_time_differ() {
        let taken: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..25).map(|_| Port::take()).collect::<Result<Vec<_>>>()))
                .collect();
            threads
                .into_iter()
                .flat_map(|t| t.join().expect("no panic").expect("ports"))
                .collect()
        });
        let numbers: HashSet<_> = taken.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), 200);
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_not_given() {
        let port = Port::take().expect("a port");
        let listener = TcpListener::bind(port.address()).expect("free");
        let number = port.number();
        drop(port);
        for _ in 0..50 {
            assert_ne!(Port::take().expect("a port").number(), number);
        }
        drop(listener);
    }
}
