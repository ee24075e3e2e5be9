//! What a site does to the world outside: it prints tickets and calls URLs. Here are the printer and the
//! receiver, which remember everything.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

/// Kinds of events that the receiver is called for.
pub(super) const CALLED_FOR: [&str; 2] = ["order.placed", "order.ready"];
/// The end of a ticket: cut the paper (`GS V` of ESC/POS).
const CUT: &[u8] = b"\x1dVB\x00";
/// "No trouble", to any question about the state (`DLE EOT`).
const FINE: u8 = 0x12;

/// Printer and receiver of one site.
pub(super) struct Effects {
    known: Arc<Known>,
    printer: SocketAddr,
    hook: SocketAddr,
    _serving: [AbortOnDropHandle<()>; 2],
}

#[derive(Default)]
struct Known {
    off: AtomicBool,
    sheets: Mutex<Vec<String>>,
    /// Bodies by the id of the call.
    calls: Mutex<HashMap<String, Vec<String>>>,
}

impl Effects {
    pub(super) async fn start() -> Result<Self> {
        let known = Arc::new(Known::default());
        let (paper, http) = (
            TcpListener::bind("127.0.0.1:0").await?,
            TcpListener::bind("127.0.0.1:0").await?,
        );
        let (printer, hook) = (paper.local_addr()?, http.local_addr()?);
        let router = Router::new()
            .route("/", post(receive))
            .with_state(Arc::clone(&known));
        let serving = [
            tokio::spawn(print(paper, Arc::clone(&known))),
            tokio::spawn(async move { axum::serve(http, router).await.unwrap_or_default() }),
        ];
        Ok(Self {
            known,
            printer,
            hook,
            _serving: serving.map(AbortOnDropHandle::new),
        })
    }

    /// Switches printer and receiver off, or on again.
    pub(super) fn switch_off(&self, off: bool) {
        self.known.off.store(off, Ordering::Relaxed);
    }

    /// The settings of an edge that prints and calls here.
    pub(super) fn settings(&self, stations: &[String]) -> toml::Table {
        let mut hook = toml::toml! {
            name = "drill"
            secret = "a secret of the drill"
            timeout_seconds = 2
            max_attempts = 1_000
            retry_max_seconds = 1
        };
        hook.insert("url".to_owned(), format!("http://{}/", self.hook).into());
        hook.insert("events".to_owned(), strings(CALLED_FOR));
        let mut printer = toml::toml! {
            name = "kitchen"
            timeout_seconds = 2
            retry_max_seconds = 1
        };
        printer.insert("address".to_owned(), self.printer.to_string().into());
        printer.insert("stations".to_owned(), strings(stations));
        let list = |table: toml::Table| toml::Value::Array(vec![table.into()]);
        toml::Table::from_iter([
            ("webhooks".to_owned(), list(hook)),
            ("printers".to_owned(), list(printer)),
        ])
    }

    /// Calls by their ids, each with every body that came under it.
    pub(super) fn calls(&self) -> HashMap<String, Vec<String>> {
        lock(&self.known.calls).clone()
    }

    /// Everything that was printed, one text for each ticket.
    pub(super) fn sheets(&self) -> Vec<String> {
        lock(&self.known.sheets).clone()
    }
}

fn strings<T: Into<toml::Value> + Clone>(list: impl AsRef<[T]>) -> toml::Value {
    list.as_ref()
        .iter()
        .cloned()
        .map(Into::into)
        .collect::<Vec<_>>()
        .into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic leaves is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn receive(State(known): State<Arc<Known>>, headers: HeaderMap, body: String) -> StatusCode {
    if known.off.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok());
    let Some(id) = id else {
        return StatusCode::BAD_REQUEST;
    };
    lock(&known.calls)
        .entry(id.to_owned())
        .or_default()
        .push(body);
    StatusCode::NO_CONTENT
}

async fn print(listener: TcpListener, known: Arc<Known>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted && !known.off.load(Ordering::Relaxed) {
                    connections.spawn(print_from(stream, Arc::clone(&known)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Prints what comes, and answers each question about the printer's state.
async fn print_from(mut stream: TcpStream, known: Arc<Known>) {
    let (mut unread, mut sheet, mut buffer) = (Vec::new(), Vec::new(), [0; 512]);
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        unread.extend_from_slice(&buffer[..length]);
        loop {
            let (answer, length) = match unread.as_slice() {
                [0x10, 4, _, ..] => (Some(FINE), 3),
                [0x1d, b'r', 1, ..] => (Some(0), 3),
                [0x10] | [0x10, 4] | [0x1d] | [0x1d, b'r'] | [] => break,
                [byte, ..] => {
                    sheet.push(*byte);
                    (None, 1)
                }
            };
            unread.drain(..length);
            if sheet.ends_with(CUT) {
                let text = String::from_utf8_lossy(&std::mem::take(&mut sheet)).into_owned();
                lock(&known.sheets).push(text);
            }
            let off = known.off.load(Ordering::Relaxed);
            if let Some(answer) = answer
                && (off || stream.write_all(&[answer]).await.is_err())
            {
                return;
            }
        }
    }
}
