//! `cargo demo` as a person runs it: the program, its options, its files, its exit status.

mod live;
mod replay;

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use xtask::harness::wait_for;

/// A whole run on a busy machine, the build of the programs included.
const RUN: Duration = Duration::from_secs(240);

/// A folder for a run's files.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn json(&self, name: &str) -> Value {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

/// How a run ended.
struct Ended {
    status: ExitStatus,
    said: String,
    complained: String,
}

/// A run that goes on. Killed when it is dropped; its servers then end with it.
struct Demo(Child);

impl Demo {
    fn start(arguments: &[&str]) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["demo", "--programs", "debug"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        Self(child.unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id().unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(pid(self.pid()), signal).unwrap();
    }

    async fn end(self) -> Ended {
        let output = timeout(RUN, self.0.wait_with_output()).await;
        let output = output.expect("it does not end").unwrap();
        Ended {
            status: output.status,
            said: String::from_utf8_lossy(&output.stdout).into_owned(),
            complained: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs it to its end, which must be a good one.
async fn run(arguments: &[&str]) -> Ended {
    let ended = Demo::start(arguments).end().await;
    assert!(ended.status.success(), "{ended}");
    ended
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}\n{}", self.status, self.said, self.complained)
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap()).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Waits until the file is there and is as wanted.
async fn file_until<T>(path: &Path, what: &str, wanted: impl Fn(&Value) -> Result<T, String>) -> T {
    let probe = async || {
        let read = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let json = serde_json::from_str(&read).map_err(|error| format!("half a file: {error}"))?;
        wanted(&json)
    };
    wait_for(what, RUN, probe).await.unwrap()
}

/// Nothing was lost, doubled or oversold, and every site's books agree.
fn assert_even(summary: &Value) {
    for fault in [
        "lost",
        "doubled",
        "oversold",
        "mismatched",
        "differing_figures",
        "unanswered",
    ] {
        assert_eq!(summary[fault], 0, "{fault}: {summary:#}");
    }
    for site in summary["sites"].as_array().unwrap() {
        assert_eq!(site["chain_equal"], true, "{site:#}");
        assert_eq!(site["head"], site["cursor"], "{site:#}");
        assert_eq!(
            site["orders"]["accepted"], site["orders"]["committed"],
            "{site:#}"
        );
        assert_eq!(
            site["total"]["accepted"], site["total"]["committed"],
            "{site:#}"
        );
    }
}
