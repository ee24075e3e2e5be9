//! A tap between the edge and one of its servers: it stops the flow right before or right after a
//! message that the edge sends, so that the edge can be killed in the middle of a step.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// On which side of a message the flow stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The server never gets it.
    Before,
    /// The server gets it, the edge no answer.
    After,
}

/// What the tap waits for.
#[derive(Debug)]
struct Trap {
    pattern: Vec<u8>,
    /// Messages with the pattern that may still pass.
    pass: usize,
    side: Side,
}

/// The tap. Connections that were opened before it was opened anew stay as they were.
pub(crate) struct Tap {
    address: SocketAddr,
    target: Arc<Mutex<Option<SocketAddr>>>,
    trap: Arc<Mutex<Option<Trap>>>,
    stopped: Arc<watch::Sender<bool>>,
    _accepting: AbortOnDropHandle<()>,
}

impl Tap {
    /// A tap that leads nowhere yet.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (target, trap) = (Arc::default(), Arc::default());
        let stopped = Arc::new(watch::Sender::new(false));
        let flow = Flow {
            trap: Arc::clone(&trap),
            stopped: Arc::clone(&stopped),
        };
        let accepting = tokio::spawn(accept(listener, Arc::clone(&target), flow));
        Self {
            address,
            target,
            trap,
            stopped,
            _accepting: AbortOnDropHandle::new(accepting),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads to this server from now on.
    pub(crate) fn lead_to(&self, port: u16) {
        *self.target.lock().unwrap() = Some(SocketAddr::from(([127, 0, 0, 1], port)));
    }

    /// Stops the flow at the message after `pass` others that have `pattern` in them.
    pub(crate) fn set(&self, pattern: &str, pass: usize, side: Side) {
        let pattern = pattern.as_bytes().to_vec();
        *self.trap.lock().unwrap() = Some(Trap {
            pattern,
            pass,
            side,
        });
    }

    /// Whether it has stopped the flow.
    pub(crate) fn has_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Lets everything flow again.
    pub(crate) fn open(&self) {
        *self.trap.lock().unwrap() = None;
        self.stopped.send_replace(false);
    }
}

#[derive(Clone)]
struct Flow {
    trap: Arc<Mutex<Option<Trap>>>,
    stopped: Arc<watch::Sender<bool>>,
}

impl Flow {
    /// Whether the flow stops at this piece, and on which side of it.
    fn stops_at(&self, piece: &[u8]) -> Option<Side> {
        let mut trap = self.trap.lock().unwrap();
        let set = trap.as_mut()?;
        if !piece
            .windows(set.pattern.len())
            .any(|part| part == set.pattern)
        {
            return None;
        }
        if set.pass > 0 {
            set.pass -= 1;
            return None;
        }
        let side = set.side;
        *trap = None;
        self.stopped.send_replace(true);
        Some(side)
    }

    async fn until_open(&self) {
        let mut stopped = self.stopped.subscribe();
        stopped.wait_for(|stopped| !stopped).await.unwrap();
    }
}

async fn accept(listener: TcpListener, target: Arc<Mutex<Option<SocketAddr>>>, flow: Flow) {
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let target = *target.lock().unwrap();
        if let Some(target) = target
            && let Ok(far) = TcpStream::connect(target).await
        {
            tokio::spawn(carry(near, far, flow.clone()));
        }
    }
}

async fn carry(near: TcpStream, far: TcpStream, flow: Flow) {
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let back = flow.clone();
    let there = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = near_in.read(&mut buffer).await {
            match flow.stops_at(&buffer[..length]) {
                // An edge that lives on sees its connection end: one that is silent for ever would
                // be another fault than the one that is asked for.
                Some(Side::Before) => return flow.until_open().await,
                Some(Side::After) | None => {}
            }
            if far_out.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    };
    let answers = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = far_in.read(&mut buffer).await {
            back.until_open().await;
            if near_out.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = there => {}
        () = answers => {}
    }
}
