//! Screens that follow an edge live.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures::StreamExt as _;
use serde::Deserialize;
use tokio::sync::watch::Receiver;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};
use uuid::Uuid;

use super::target::Caller;
use super::told::Told;
use super::wire::Io;

/// How long the first frame may take.
const FIRST_FRAME: Duration = Duration::from_secs(30);

/// A connected screen.
pub(crate) struct Watcher {
    socket: WebSocketStream<Box<dyn Io>>,
    told: Arc<Told>,
    kind: Kind,
}

/// What is done with what a screen hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It finds out which sequence each order has.
    Orders,
    /// It notes when each frame of stock came.
    Timed,
    /// It reads and counts.
    Counted,
}

/// What all screens heard.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Frames but beats.
    pub(crate) frames: AtomicU64,
    /// Connections that ended before they were to.
    pub(crate) dropped: AtomicU64,
}

#[derive(Deserialize)]
struct Frame<'a> {
    r#type: &'a str,
    seq: u64,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    id: Option<Uuid>,
    state: Option<&'a str>,
}

impl Watcher {
    /// Connects, and waits for the first frame.
    pub(crate) async fn connect(
        caller: &Caller,
        topics: &str,
        kind: Kind,
        told: &Arc<Told>,
    ) -> Result<Self> {
        let authority = caller.place.authority();
        let url = format!("ws://{authority}/v1/live?topics={topics}");
        let mut request = url.into_client_request()?;
        if !caller.token.is_empty() {
            let bearer = format!("Bearer {}", caller.token).parse()?;
            request.headers_mut().insert("authorization", bearer);
        }
        let stream = caller.place.connect().await?;
        let (mut socket, _) = client_async(request, stream).await.context("/v1/live")?;
        match timeout(FIRST_FRAME, socket.next()).await {
            Ok(Some(Ok(Message::Text(_)))) => {}
            other => bail!("/v1/live tells nothing: {other:?}"),
        }
        Ok(Self {
            socket,
            told: Arc::clone(told),
            kind,
        })
    }

    /// Listens until it is told to stop.
    pub(crate) async fn listen(mut self, heard: &Heard, mut stop: Receiver<bool>) {
        let mut shown = Vec::new();
        loop {
            let message = tokio::select! {
                message = self.socket.next() => message,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let now = Instant::now();
            match message {
                Some(Ok(Message::Text(text))) => {
                    if text.starts_with(r#"{"type":"beat""#) {
                        continue;
                    }
                    heard.frames.fetch_add(1, Ordering::Relaxed);
                    self.read(&text, now, &mut shown);
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    heard.dropped.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                Some(Ok(_)) => {}
            }
        }
        self.told.shown(&shown);
    }

    fn read(&self, text: &str, now: Instant, shown: &mut Vec<(u64, Instant)>) {
        match self.kind {
            Kind::Counted => {}
            Kind::Timed => {
                if let Some(seq) = stock_seq(text) {
                    shown.push((seq, now));
                }
            }
            Kind::Orders => {
                let frame = serde_json::from_str::<Frame<'_>>(text);
                if let Ok(Frame {
                    r#type: "order",
                    seq,
                    data,
                }) = frame
                    && data.state == Some("placed")
                    && let Some(id) = data.id
                {
                    self.told.placed(seq, id);
                }
            }
        }
    }
}

/// The sequence of a frame of stock, without reading all of it: the edge writes type and sequence
/// first.
fn stock_seq(text: &str) -> Option<u64> {
    let rest = text.strip_prefix(r#"{"type":"stock","seq":"#)?;
    rest[..rest.find(',')?].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_of_a_stock_frame_is_read() {
        let frame = r#"{"type":"stock","seq":42,"at":"2026-01-01T00:00:00Z","data":{}}"#;
        assert_eq!(stock_seq(frame), Some(42));
        assert_eq!(stock_seq(&frame.replace("stock", "order")), None);
    }
}
