//! Waiting for a condition instead of sleeping.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};

/// How long anything may take before it counts as broken. Long on purpose: a busy machine is no bug.
pub const LIMIT: Duration = Duration::from_secs(30);

const INTERVAL: Duration = Duration::from_millis(20);

/// Asks `probe` again and again until it answers `Ok`, for at most `limit`.
///
/// The `Err` of a probe is its status, said in words; the last one is part of the error, so that a
/// timeout tells what was the matter: `gave up waiting for the ledger after 30s: cursor 7 of 9`.
///
/// The probe is bound as a plain closure that gives a future, since the future of a generic async
/// closure cannot be spawned; `async || …` fits all the same, if it changes nothing outside itself.
pub async fn wait_for<T, F, Fut>(what: &str, limit: Duration, mut probe: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, String>>,
{
    let deadline = Instant::now() + limit;
    let mut status = "nothing heard yet".to_owned();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match timeout(left, probe()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(reason)) => status = reason,
            Err(_) => bail!("gave up waiting for {what} after {limit:?}, mid-probe: {status}"),
        }
        if Instant::now() >= deadline {
            bail!("gave up waiting for {what} after {limit:?}: {status}");
        }
        sleep(INTERVAL).await;
    }
}

/// Resolves when a person (Ctrl-C) or a service manager (SIGTERM) wants the program to end.
pub async fn interrupted() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn a_timeout_tells_the_last_status() {
        let tries = Cell::new(0);
        let error = wait_for("the moon", Duration::from_millis(60), async || {
            tries.set(tries.get() + 1);
            Err::<(), _>(format!("{} of 1000", tries.get()))
        })
        .await
        .expect_err("never ready");
        let text = error.to_string();
        assert!(
            text.contains("the moon") && text.contains(" of 1000"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_probe_that_hangs_does_not_outlast_the_limit() {
        let error = wait_for("a hang", Duration::from_millis(50), async || {
            std::future::pending::<Result<(), String>>().await
        })
        .await
        .expect_err("it hangs");
        assert!(error.to_string().contains("mid-probe"), "{error}");
    }

    #[tokio::test]
    async fn waiting_works_inside_a_spawned_task() {
        let name = "x".to_owned();
        let task = tokio::spawn(async move {
            wait_for("it", LIMIT, async || Ok::<_, String>(name.len())).await
        });
        assert_eq!(task.await.expect("joined").expect("ready"), 1);
    }
}
