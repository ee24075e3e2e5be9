//! The process as a service: when it is to end, and what its manager is told (`sd_notify(3)`), if
//! it has one.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Names the socket of the manager.
const SOCKET: &str = "NOTIFY_SOCKET";
/// Microseconds within which the manager wants a sign of life.
const WATCHDOG: &str = "WATCHDOG_USEC";
/// For which process they are meant.
const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// Cancelled by the first SIGTERM or SIGINT. A second one ends the process at once, with 1: whoever
/// sends it does not want to wait for what was begun.
///
/// # Errors
/// When signals cannot be heard.
pub fn stop_signal() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        let mut heard = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        heard().await;
        tell("STOPPING=1");
        stopping.cancel();
        heard().await;
        tracing::warn!("told to stop a second time: ending at once");
        std::process::exit(1);
    });
    Ok(stop)
}

/// Tells the manager that the process serves, and from now on, as often as it wants, that it lives:
/// a runtime that is stuck no longer does.
pub fn ready() {
    tell("READY=1");
    let Some(limit) = watchdog() else { return };
    tokio::spawn(async move {
        let mut every = tokio::time::interval(limit / 3);
        loop {
            every.tick().await;
            tell("WATCHDOG=1");
        }
    });
}

fn watchdog() -> Option<Duration> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_ours = number(WATCHDOG_PID).is_none_or(|pid| pid == u64::from(std::process::id()));
    let limit = number(WATCHDOG).filter(|limit| is_ours && 0 < *limit)?;
    Some(Duration::from_micros(limit))
}

fn tell(state: &str) {
    let Some(socket) = std::env::var_os(SOCKET).filter(|name| !name.is_empty()) else {
        return;
    };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, state, "the service manager cannot be told");
    }
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    // A manager that does not read must not hold us up.
    sender.set_nonblocking(true)?;
    sender.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}
