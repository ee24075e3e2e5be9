//! A screen for tests: a WebSocket to `GET /v1/live` of which every frame can be looked at.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use xtask::harness::LIMIT;

use crate::site::TestSite;

/// A connected screen.
pub(crate) struct Screen {
    socket: WebSocketStream<TcpStream>,
    /// The answer to its request.
    pub(crate) response: Response,
}

/// The request of a screen with this token in the header.
pub(crate) fn request(test: &TestSite, query: &str, token: &str) -> Request {
    let url = format!("{}/v1/live?{query}", test.site.url().replace("http", "ws"));
    let mut request = url.into_client_request().unwrap();
    if !token.is_empty() {
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", value);
    }
    request
}

impl Screen {
    /// Connects; the status and the body when it is refused.
    pub(crate) async fn open(request: Request) -> Result<Self, (u16, Value)> {
        Self::open_with_buffer(request, 128 * 1024).await
    }

    /// The same with a receive buffer of so many bytes.
    pub(crate) async fn open_with_buffer(
        request: Request,
        bytes: u32,
    ) -> Result<Self, (u16, Value)> {
        let address = request.uri().authority().unwrap().to_string();
        let tcp = TcpSocket::new_v4().unwrap();
        tcp.set_recv_buffer_size(bytes).unwrap();
        let tcp = tcp.connect(address.parse().unwrap()).await.unwrap();
        match client_async(request, tcp).await {
            Ok((socket, response)) => Ok(Self { socket, response }),
            Err(Error::Http(refused)) => {
                let body = refused.body().as_deref().unwrap_or_default();
                let body = serde_json::from_slice(body).unwrap_or_default();
                Err((refused.status().as_u16(), body))
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A screen of the kitchen's that must be let in.
    pub(crate) async fn follow(test: &TestSite, query: &str) -> Self {
        Self::open(request(test, query, &test.kitchen.token))
            .await
            .unwrap()
    }

    /// The next frame; `None` once the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let next = timeout(LIMIT, self.socket.next()).await.unwrap();
            match next?.ok()? {
                Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }

    /// The next frame that comes within `limit`.
    pub(crate) async fn next_within(&mut self, limit: Duration) -> Option<Value> {
        timeout(limit, self.next()).await.ok()?
    }

    /// The next frame that is no beat.
    pub(crate) async fn news(&mut self) -> Value {
        loop {
            let frame = self.next().await.unwrap();
            if frame["type"] != "beat" {
                return frame;
            }
        }
    }

    /// Every frame up to the beat that tells of `seq`.
    pub(crate) async fn until(&mut self, seq: u64) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            let frame = self.next().await.unwrap();
            if frame["type"] == "beat" && Some(seq) <= frame["seq"].as_u64() {
                return frames;
            }
            frames.push(frame);
        }
    }

    /// Why the other side ends the connection.
    pub(crate) async fn close_frame(&mut self) -> Option<CloseFrame> {
        loop {
            let next = timeout(LIMIT, self.socket.next()).await.unwrap();
            if let Message::Close(frame) = next?.ok()? {
                return frame;
            }
        }
    }

    /// Sends something, which screens never do.
    pub(crate) async fn say(&mut self, text: &str) {
        let _gone = self.socket.send(Message::text(text)).await;
    }
}
