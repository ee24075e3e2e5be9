//! Starts real servers for tests and for the demo, breaks them, and leaves nothing behind.
//!
//! Everything lives in a [`Sandbox`]: one folder with the data, the logs and the process ids of
//! all that was started in it. When the sandbox is dropped, or its process dies in any way (even by
//! `kill -9`), every server is killed and the folder removed.
//!
//! ```no_run
//! # async fn run() -> anyhow::Result<()> {
//! use xtask::harness::{RedisServer, Sandbox, Server};
//!
//! let sandbox = Sandbox::new()?;
//! let redis = RedisServer::start(&sandbox, "redis").await?;
//! redis.kill()?;
//! redis.restart().await?;
//! # Ok(())
//! # }
//! ```

pub mod authority;
pub mod binaries;
mod clock;
mod folder;
mod guard;
mod home;
pub mod nats;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod redis;
pub mod sandbox;
mod server;
pub mod servers;
mod tree;
mod wait;
mod wheels;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use self::authority::{Authority, Certificate};
pub use self::binaries::{Binaries, Profile, binaries};
pub use self::clock::WallClock;
pub use self::folder::copy_folder;
pub use self::nats::{HubNats, NatsServer, SiteNats, write_enrolled};
pub use self::postgres::PostgresServer;
pub use self::process::{Process, Spec};
pub use self::proxy::TcpProxy;
pub use self::redis::{RedisOptions, RedisServer};
pub use self::sandbox::Sandbox;
pub use self::server::Server;
pub use self::wait::{LIMIT, interrupted, wait_for};

/// The root of the workspace, where `deploy/`, `migrations/` and `Cargo.lock` are.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Opens a file that is there to be locked. It is never removed: somebody may just be waiting for it.
fn open_lock(path: &Path) -> Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path);
    file.with_context(|| format!("cannot open {}", path.display()))
}

/// A random password: long enough for a port that every local user can reach.
fn random_password() -> String {
    format!("{:032x}", rand::random::<u128>())
}
