//! Nothing is left behind, and nobody gets into another one's way.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use xtask::harness::process::is_alive;
use xtask::harness::{LIMIT, NatsServer, PostgresServer, RedisServer, Sandbox, Server, wait_for};

use super::start_hub;

/// Where the re-executed test binary tells what it has started; set for that process only.
const REPORT: &str = "SUNAKKU_TEST_REPORT";

/// A sandbox with one server of each kind.
struct World {
    sandbox: Sandbox,
    redis: RedisServer,
    nats: NatsServer,
    postgres: PostgresServer,
}

/// What must be gone afterwards.
#[derive(Serialize, Deserialize)]
struct Traces {
    root: PathBuf,
    pids: Vec<u32>,
}

impl World {
    async fn start() -> Result<Self> {
        let sandbox = Sandbox::new()?;
        let redis = RedisServer::start(&sandbox, "redis").await?;
        let nats = start_hub(&sandbox).await?;
        let postgres = PostgresServer::start(&sandbox, "postgres").await?;
        Ok(Self {
            sandbox,
            redis,
            nats,
            postgres,
        })
    }

    fn traces(&self) -> Traces {
        let pids = vec![self.redis.pid(), self.nats.pid(), self.postgres.pid()];
        Traces {
            root: self.sandbox.root().to_path_buf(),
            pids,
        }
    }
}

impl Traces {
    /// What is still there, in words.
    fn left(&self) -> Result<(), String> {
        let alive: Vec<_> = self.pids.iter().filter(|pid| is_alive(**pid)).collect();
        if !alive.is_empty() {
            return Err(format!("still running: {alive:?}"));
        }
        if self.root.exists() {
            Err(format!("{} is left", self.root.display()))
        } else {
            Ok(())
        }
    }
}

#[tokio::test]
async fn a_dropped_sandbox_leaves_nothing() -> Result<()> {
    let world = World::start().await?;
    let traces = world.traces();
    ensure!(traces.left().is_err(), "all runs");
    // The sandbox goes first: it must not depend on the order in which a test's values go.
    let World { sandbox, redis, .. } = world;
    drop(sandbox);
    traces.left().map_err(anyhow::Error::msg)?;
    ensure!(
        redis.restart().await.is_err(),
        "nothing starts in a sandbox that is gone"
    );
    Ok(())
}

#[tokio::test]
async fn a_kept_sandbox_keeps_its_files_and_no_process() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let sandbox = Sandbox::at(folder.path().join("kept"))?;
    sandbox.keep()?;
    let redis = RedisServer::start(&sandbox, "redis").await?;
    let (root, pid) = (sandbox.root().to_path_buf(), redis.pid());
    drop(sandbox);
    ensure!(!is_alive(pid) && root.join("logs/redis.log").is_file());
    ensure!(
        Sandbox::at(&root).is_err(),
        "a folder with something in it is not taken over"
    );
    Ok(())
}

#[tokio::test]
async fn a_process_killed_with_nine_leaves_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report");
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--exact", "cleanup::what_is_killed_with_nine"])
        .env(REPORT, &report)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let traces = wait_for("the report", LIMIT, async || {
        let text = std::fs::read(&report).map_err(|error| error.to_string())?;
        serde_json::from_slice::<Traces>(&text).map_err(|error| error.to_string())
    })
    .await?;
    ensure!(traces.left().is_err(), "all runs");
    child.kill()?;
    child.wait()?;
    wait_for("the guard to clean up", LIMIT, async || traces.left()).await
}

/// Not a test by itself: the process that the test above kills.
#[tokio::test]
async fn what_is_killed_with_nine() -> Result<()> {
    let Some(report) = std::env::var_os(REPORT) else {
        return Ok(());
    };
    let world = World::start().await?;
    // The hardest case: a frozen server cannot notice that its parent is gone.
    world.postgres.stop()?;
    write_whole(Path::new(&report), &serde_json::to_vec(&world.traces())?)?;
    std::future::pending().await
}

#[tokio::test]
async fn a_panicking_test_shows_its_logs_and_keeps_them_on_request() -> Result<()> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--exact", "cleanup::what_panics", "--nocapture"])
        .env(REPORT, "unused")
        .env("SUNAKKU_KEEP", "1")
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(said.contains("the end of redis.log"), "{said}");
    ensure!(said.contains("Ready to accept connections"), "{said}");
    let kept = said.lines().find_map(|line| line.strip_prefix("kept "));
    let kept = PathBuf::from(kept.context("where it is kept")?);
    ensure!(kept.join("logs/redis.log").is_file());
    Ok(std::fs::remove_dir_all(kept)?)
}

/// Not a test by itself: what the test above runs.
#[tokio::test]
async fn what_panics() -> Result<()> {
    if std::env::var_os(REPORT).is_none() {
        return Ok(());
    }
    let sandbox = Sandbox::new()?;
    let _redis = RedisServer::start(&sandbox, "redis").await?;
    panic!("on purpose");
}

fn write_whole(path: &Path, text: &[u8]) -> Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, text)?;
    std::fs::rename(new, path).context("cannot report")
}

#[tokio::test]
async fn eight_sandboxes_at_the_same_time_do_not_collide() -> Result<()> {
    let starting = (0..8).map(|_| World::start());
    let worlds = futures::future::try_join_all(starting).await?;
    let urls: HashSet<_> = worlds
        .iter()
        .flat_map(|world| [world.redis.url(), world.nats.url(), world.postgres.url()])
        .filter_map(|url| Some(url.rsplit_once(':')?.1.split('/').next()?.to_owned()))
        .collect();
    ensure!(urls.len() == 24, "ports: {urls:?}");
    let traces: Vec<_> = worlds.iter().map(World::traces).collect();
    drop(worlds);
    traces
        .iter()
        .try_for_each(Traces::left)
        .map_err(anyhow::Error::msg)
}
