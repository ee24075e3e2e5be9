//! What every server of the harness can do, so that a fault tool need not know which it breaks.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, sleep, timeout};

use super::process::Process;
use super::wait::LIMIT;

/// A server in a sandbox: a process, a data folder, and a way to tell that it serves.
pub trait Server: Sync {
    /// Its process.
    fn process(&self) -> &Process;

    /// The folder that holds all that it stores.
    fn data(&self) -> &Path;

    /// Waits until it really serves; fails at once, with its log, if the process ended instead.
    fn wait_ready(&self) -> impl Future<Output = Result<()>> + Send;

    /// The process id.
    fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// Whether the process runs (also while stopped).
    fn is_running(&self) -> bool {
        self.process().is_running()
    }

    /// Kills it with SIGKILL.
    fn kill(&self) -> Result<()> {
        self.process().kill()
    }

    /// Freezes it with SIGSTOP: connections stay open and nothing answers.
    fn stop(&self) -> Result<()> {
        self.process().stop()
    }

    /// Lets it go on after a stop.
    fn cont(&self) -> Result<()> {
        self.process().cont()
    }

    /// Starts it again, killing it first if it still runs, and waits until it serves.
    fn restart(&self) -> impl Future<Output = Result<()>> + Send {
        async {
            self.process().restart()?;
            self.wait_ready().await
        }
    }

    /// Loses all that it stored. It must be down: a server on deleted files is no fault that occurs.
    fn wipe(&self) -> Result<()> {
        if self.is_running() {
            bail!(
                "{} still runs: kill it before its data is wiped",
                self.process().name()
            );
        }
        let data = self.data();
        let wiped = fs::remove_dir_all(data).and_then(|()| fs::create_dir_all(data));
        wiped.with_context(|| format!("cannot wipe {}", data.display()))
    }
}

/// Probes until the server answers. The probe's `Err` says in words what is still missing.
pub(super) async fn until_ready<F, Fut>(process: &Process, mut probe: F) -> Result<()>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<(), String>>,
{
    /// A server that is being frozen or cut off would otherwise swallow the whole limit.
    const ONE_TRY: Duration = Duration::from_secs(3);
    let deadline = Instant::now() + LIMIT;
    loop {
        let status = match timeout(ONE_TRY, probe()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(status)) => status,
            Err(_) => format!("no answer within {ONE_TRY:?}"),
        };
        let (name, log) = (process.name(), process.log_path());
        let tail = || format!("the end of {}:\n{}", log.display(), process.log_tail());
        if let Some(exit) = process.exit_status() {
            bail!("{name} ended ({exit}) before it served; {}", tail());
        }
        if Instant::now() >= deadline {
            bail!(
                "{name} does not serve after {LIMIT:?}: {status}; {}",
                tail()
            );
        }
        sleep(Duration::from_millis(20)).await;
    }
}
