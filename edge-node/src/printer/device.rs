//! A network printer: raw TCP (port 9100), asked for its status where it answers.
//!
//! When is a ticket on paper? A printer that answers is asked in its turn: its answer comes after
//! everything before it was worked off. One that answers only in real time is believed when it
//! reports no trouble after it has taken all bytes. One that never answers is believed when it has
//! taken all bytes and closes the connection after us, which proves that it has read them, not that
//! they are on paper: such a printer without paper cannot be told from a good one.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::status::{ASK, ASK_IN_TURN, Answers, Trouble, is_in_turn};

/// Bytes that are sent at a time, each within the printer's time-out: a long ticket may take longer.
const PIECE: usize = 1_024;
/// How long the further answers may take after the first.
const NEXT_ANSWER: Duration = Duration::from_millis(500);

/// Why a try failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeviceError {
    #[error("it cannot be reached")]
    Unreachable(#[source] io::Error),
    #[error("it no longer answers")]
    Silent,
    #[error(transparent)]
    Trouble(#[from] Trouble),
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    #[error("it closed the connection too early")]
    Closed,
    #[error("it took everything, but did not close the connection to say so")]
    Unconfirmed,
}

/// Whether a printer answers when it is asked, as far as that was seen since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Habit {
    Unknown,
    /// It was asked in vain; it is not waited for again before it prints.
    Quiet,
    /// Silence is a failure.
    Answers,
}

/// A printer.
pub(super) struct Device {
    address: String,
    timeout: Duration,
    /// Whether it closes the connection after us.
    closes: bool,
    habit: AtomicU8,
}

/// A connection to a printer that reports no trouble.
pub(super) struct Link<'a> {
    device: &'a Device,
    stream: TcpStream,
}

impl Device {
    pub(super) fn new(address: String, timeout: Duration, closes: bool) -> Self {
        let habit = AtomicU8::new(Habit::Unknown as u8);
        Self {
            address,
            timeout,
            closes,
            habit,
        }
    }

    fn is(&self, habit: Habit) -> bool {
        self.habit.load(Ordering::Relaxed) == habit as u8
    }

    fn learn(&self, habit: Habit) {
        self.habit.store(habit as u8, Ordering::Relaxed);
    }

    /// Whether it can be reached and, if it answers, could print.
    pub(super) async fn probe(&self) -> Result<(), DeviceError> {
        let mut link = self.reach().await?;
        link.check().await
    }

    /// Connects for a ticket. A printer that is known not to answer is not asked again.
    pub(super) async fn connect(&self) -> Result<Link<'_>, DeviceError> {
        let mut link = self.reach().await?;
        if !self.is(Habit::Quiet) {
            link.check().await?;
        }
        Ok(link)
    }

    async fn reach(&self) -> Result<Link<'_>, DeviceError> {
        let connect = within(self.timeout, TcpStream::connect(&self.address));
        let stream = connect.await.map_err(DeviceError::Unreachable)?;
        stream.set_nodelay(true).map_err(DeviceError::Unreachable)?;
        Ok(Link {
            device: self,
            stream,
        })
    }
}

impl Link<'_> {
    /// Sends a sheet, and waits until it is on paper as far as this printer tells.
    pub(super) async fn print(mut self, sheet: &[u8]) -> Result<(), DeviceError> {
        for piece in sheet.chunks(PIECE) {
            self.send(piece).await?;
        }
        if self.device.is(Habit::Answers) {
            self.send(&ASK_IN_TURN).await?;
            if self.hears_in_turn().await? {
                return Ok(());
            }
            // It does not know this question, or is still at it.
            self.check().await?;
            // Bytes that it has not read yet are not to be lost with the connection.
            match self.close().await {
                Err(DeviceError::Unconfirmed) => Ok(()),
                closed => closed,
            }
        } else {
            self.close().await
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), DeviceError> {
        let sent = within(self.device.timeout, self.stream.write_all(bytes));
        sent.await.map_err(DeviceError::Broken)
    }

    /// Asks for the status, and fails if that is no good or if one that answers does not.
    async fn check(&mut self) -> Result<(), DeviceError> {
        self.send(&ASK).await?;
        let mut answers = Answers::default();
        // Tickets wait behind this question.
        let patience = if self.device.is(Habit::Quiet) {
            self.device.timeout.min(NEXT_ANSWER)
        } else {
            self.device.timeout
        };
        let mut deadline = Instant::now() + patience;
        while !answers.is_complete() {
            let Some(heard) = self.hear(deadline).await? else {
                break;
            };
            heard.iter().for_each(|byte| answers.hear(*byte));
            if !answers.is_empty() {
                deadline = deadline.min(Instant::now() + NEXT_ANSWER);
            }
        }
        match answers.trouble() {
            _ if answers.is_empty() && self.device.is(Habit::Answers) => Err(DeviceError::Silent),
            _ if answers.is_empty() => {
                self.device.learn(Habit::Quiet);
                Ok(())
            }
            trouble => {
                self.device.learn(Habit::Answers);
                trouble.map_or(Ok(()), |trouble| Err(trouble.into()))
            }
        }
    }

    /// Whether the answer in its turn came in time.
    async fn hears_in_turn(&mut self) -> Result<bool, DeviceError> {
        let deadline = Instant::now() + self.device.timeout;
        while let Some(heard) = self.hear(deadline).await? {
            if heard.iter().any(|byte| is_in_turn(*byte)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The next bytes of the printer; `None` when none came in time.
    async fn hear(&mut self, deadline: Instant) -> Result<Option<Vec<u8>>, DeviceError> {
        let mut buffer = [0; 64];
        match timeout_at(deadline, self.stream.read(&mut buffer)).await {
            Err(_late) => Ok(None),
            Ok(Ok(0)) => Err(DeviceError::Closed),
            Ok(Ok(length)) => Ok(Some(buffer[..length].to_vec())),
            Ok(Err(error)) => Err(DeviceError::Broken(error)),
        }
    }

    /// Says that nothing more comes, and waits until the printer closes after us.
    async fn close(&mut self) -> Result<(), DeviceError> {
        let shut = within(self.device.timeout, self.stream.shutdown());
        shut.await.map_err(DeviceError::Broken)?;
        let deadline = Instant::now() + self.device.timeout;
        loop {
            match self.hear(deadline).await {
                Ok(Some(_)) => {}
                Err(DeviceError::Closed) => return Ok(()),
                Ok(None) if self.device.closes => return Err(DeviceError::Unconfirmed),
                Ok(None) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, "it took too long");
    timeout(limit, work).await.unwrap_or_else(|_| Err(late()))
}
