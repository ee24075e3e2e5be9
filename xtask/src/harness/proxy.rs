//! A line that can be cut: a TCP proxy between two of the servers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

/// How many pieces are on the way in one direction; then the sender is held back.
const IN_FLIGHT: usize = 256;
const PIECE: usize = 16 * 1024;
/// The least time after which TCP sends again what was lost (`TCP_RTO_MIN` of Linux).
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// Forwards connections to a target, as long as the line is whole. Clones are handles to one proxy.
#[derive(Clone, Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    line: watch::Sender<Line>,
    carried: Arc<AtomicU64>,
    _accepting: Arc<AbortOnDropHandle<()>>,
}

/// The state of the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Line {
    cut: bool,
    silent: bool,
    delay: Duration,
    lossy: bool,
    /// Bytes a second; no limit when absent.
    rate: Option<u32>,
}

impl Line {
    /// How long a piece of this length takes beyond the delay.
    fn hold_up(self, length: usize) -> Duration {
        let sent_again = if self.lossy && rand::random_bool(0.3) {
            RETRANSMISSION * rand::random_range(1..=4)
        } else {
            Duration::ZERO
        };
        let passing = self.rate.map(|rate| length as f64 / f64::from(rate));
        sent_again + Duration::from_secs_f64(passing.unwrap_or(0.0))
    }
}

impl TcpProxy {
    /// Listens on a free port of loopback. `target` is asked for at each connection, so that it may
    /// be down at first.
    pub async fn start(target: impl Into<String>) -> Result<Self> {
        // Port 0 is fine here: a proxy never lets go of its port before it ends.
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (line, state) = watch::channel(Line::default());
        let carried = Arc::default();
        let accepting = accept(listener, target.into(), state, Arc::clone(&carried));
        let accepting = tokio::spawn(accepting);
        Ok(Self {
            address,
            line,
            carried,
            _accepting: Arc::new(AbortOnDropHandle::new(accepting)),
        })
    }

    /// Where it listens: `127.0.0.1:<port>`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Bytes that have arrived, in both directions together.
    pub fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }

    /// Breaks every connection and refuses new ones, until [`TcpProxy::heal`].
    pub fn cut(&self) {
        self.line.send_modify(|line| line.cut = true);
    }

    /// Lets connections stand but carries nothing, as a dead radio link does.
    pub fn silence(&self) {
        self.line.send_modify(|line| line.silent = true);
    }

    /// Makes the line whole again: after a cut for new connections, after a silence for all, and
    /// what was sent meanwhile arrives.
    pub fn heal(&self) {
        self.line
            .send_modify(|line| (line.cut, line.silent) = (false, false));
    }

    /// Three pieces of ten arrive as late as packets do that are lost and sent again.
    pub fn lose(&self, lossy: bool) {
        self.line.send_modify(|line| line.lossy = lossy);
    }

    /// At most so many bytes a second pass, in each direction and connection.
    pub fn narrow(&self, rate: Option<u32>) {
        self.line.send_modify(|line| line.rate = rate);
    }

    /// Every piece arrives this much later, in each direction.
    pub fn delay(&self, delay: Duration) {
        self.line.send_modify(|line| line.delay = delay);
    }
}

async fn accept(
    listener: TcpListener,
    target: String,
    line: watch::Receiver<Line>,
    carried: Arc<AtomicU64>,
) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // While cut, the connection ends as soon as it came.
                if let Ok((near, _)) = accepted && !line.borrow().cut {
                    connections.spawn(carry(near, target.clone(), line.clone(), Arc::clone(&carried)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(
    near: TcpStream,
    target: String,
    mut line: watch::Receiver<Line>,
    carried: Arc<AtomicU64>,
) {
    let Ok(far) = TcpStream::connect(&target).await else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let (there, back) = (line.clone(), line.clone());
    tokio::select! {
        _ = line.wait_for(|line| line.cut) => {}
        _ = async { tokio::join!(pump(near_in, far_out, there, &carried), pump(far_in, near_out, back, &carried)) } => {}
    }
}

/// One direction. Reading and writing are apart, so that a delay costs time and no throughput.
async fn pump(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut line: watch::Receiver<Line>,
    carried: &AtomicU64,
) {
    let (pieces, mut arriving) = mpsc::channel::<(Instant, Vec<u8>)>(IN_FLIGHT);
    let sent = line.clone();
    let read = async move {
        let mut buffer = vec![0; PIECE];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let due = Instant::now() + sent.borrow().delay;
            if pieces.send((due, buffer[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let write = async move {
        while let Some((due, piece)) = arriving.recv().await {
            sleep_until(due).await;
            let Ok(state) = line.wait_for(|line| !line.silent).await.map(|line| *line) else {
                return;
            };
            sleep(state.hold_up(piece.len())).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
            carried.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}
