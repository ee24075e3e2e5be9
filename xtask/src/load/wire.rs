//! One HTTP/1.1 connection, as cheap as it can be: the load comes from the machine that it
//! measures, so what this costs is missing there.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

/// How long an answer is waited for.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How long a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The longest head of an answer.
const MAX_HEAD: usize = 64 * 1024;
/// Header fields of an answer at most.
const MAX_FIELDS: usize = 64;

/// A stream of bytes, plain or by TLS.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Where a server is, and how to reach it.
#[derive(Clone)]
pub(crate) struct Place {
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
}

impl Place {
    /// The server of a URL such as `http://127.0.0.1:8080`; its path is not asked for.
    pub(crate) fn of(url: &str) -> Result<Self> {
        let parsed = reqwest::Url::parse(url).with_context(|| format!("{url} is no URL"))?;
        let host = parsed.host_str().context("a URL without host")?.to_owned();
        let port = parsed.port_or_known_default().context("no port")?;
        let tls = match parsed.scheme() {
            "http" => None,
            "https" => Some(Arc::new(trusting_the_system()?)),
            other => bail!("{other}: only http and https are known"),
        };
        Ok(Self { host, port, tls })
    }

    /// `host:port`, as requests name it.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<Box<dyn Io>> {
        // The host of a URL has an IPv6 address in brackets, which is no name to look up.
        let name = self.host.trim_matches(['[', ']']);
        let connect = async {
            let stream = TcpStream::connect((name, self.port)).await?;
            stream.set_nodelay(true)?;
            Ok::<Box<dyn Io>, anyhow::Error>(match &self.tls {
                None => Box::new(stream),
                Some(config) => {
                    let server = ServerName::try_from(name.to_owned())?;
                    let connector = TlsConnector::from(Arc::clone(config));
                    Box::new(connector.connect(server, stream).await?)
                }
            })
        };
        let connected = timeout(CONNECT_LIMIT, connect).await;
        let connected = connected.context("no connection in time")?;
        connected.with_context(|| format!("connecting to {}", self.authority()))
    }
}

fn trusting_the_system() -> Result<ClientConfig> {
    use rustls_platform_verifier::BuilderVerifierExt as _;
    let config = ClientConfig::builder().with_platform_verifier()?;
    Ok(config.with_no_client_auth())
}

/// A connection that is made when it is needed, and anew after it broke.
pub(crate) struct Wire {
    place: Place,
    stream: Option<Box<dyn Io>>,
    /// What was read; the answer at hand, and nothing after it.
    buffer: Vec<u8>,
    body: std::ops::Range<usize>,
}

impl Wire {
    /// A connection to there.
    pub(crate) fn new(place: &Place) -> Self {
        Self {
            place: place.clone(),
            stream: None,
            buffer: Vec::with_capacity(16 * 1024),
            body: 0..0,
        }
    }

    /// Connects, so that the first request finds it done.
    pub(crate) async fn open(&mut self) -> Result<()> {
        if self.stream.is_none() {
            self.stream = Some(self.place.connect().await?);
        }
        Ok(())
    }

    /// Sends a whole request and waits for the whole answer; its status.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        self.open().await?;
        // Until the answer is whole the connection is of no use to anybody else.
        let mut stream = self.stream.take().context("a connection")?;
        let answer = async {
            stream.write_all(request).await?;
            self.read(&mut stream).await
        };
        let answer = timeout(ANSWER_LIMIT, answer).await;
        let (status, keep) = answer.context("no answer in time")??;
        if keep {
            self.stream = Some(stream);
        }
        Ok(status)
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &[u8] {
        &self.buffer[self.body.clone()]
    }

    async fn read(&mut self, stream: &mut Box<dyn Io>) -> Result<(u16, bool)> {
        self.buffer.clear();
        let head = loop {
            if let Some(head) = Head::parse(&self.buffer)? {
                break head;
            }
            if MAX_HEAD < self.buffer.len() {
                bail!("an answer whose head does not end");
            }
            self.more(stream).await?;
        };
        self.body = match head.length {
            Length::Known(length) => {
                while self.buffer.len() < head.size + length {
                    self.more(stream).await?;
                }
                head.size..head.size + length
            }
            Length::Chunked => {
                let mut body = Vec::new();
                let mut at = head.size;
                loop {
                    match chunk(&self.buffer[at..])? {
                        Some((0, _, size)) if at + size <= self.buffer.len() => break,
                        Some((length, begin, size)) if at + size <= self.buffer.len() => {
                            let begin = at + begin;
                            body.extend_from_slice(&self.buffer[begin..begin + length]);
                            at += size;
                        }
                        _ => self.more(stream).await?,
                    }
                }
                let begin = self.buffer.len();
                self.buffer.extend_from_slice(&body);
                begin..self.buffer.len()
            }
        };
        Ok((head.status, head.keep))
    }

    async fn more(&mut self, stream: &mut Box<dyn Io>) -> Result<()> {
        if stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the connection was closed");
        }
        Ok(())
    }
}

/// What an answer's head says.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Bytes of the head.
    size: usize,
    length: Length,
    /// Whether the connection can be used again.
    keep: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Length {
    Known(usize),
    Chunked,
}

impl Head {
    /// The head, if all of it is there.
    fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut answer = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(size) = answer.parse(bytes)? else {
            return Ok(None);
        };
        let status = answer.code.context("an answer without status")?;
        let (mut length, mut keep) = (Length::Known(0), answer.version == Some(1));
        for field in answer.headers.iter() {
            let value = || std::str::from_utf8(field.value).unwrap_or_default().trim();
            if field.name.eq_ignore_ascii_case("content-length") && length != Length::Chunked {
                length = Length::Known(value().parse().context("content-length")?);
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                length = Length::Chunked;
            } else if field.name.eq_ignore_ascii_case("connection") {
                keep &= !value().eq_ignore_ascii_case("close");
            }
        }
        // These never have a body, whatever their head says.
        if status == 204 || status == 304 {
            length = Length::Known(0);
        }
        Ok(Some(Self {
            status,
            size,
            length,
            keep,
        }))
    }
}

/// Length of the next chunk, where its bytes begin, and how long it is with all around it.
fn chunk(bytes: &[u8]) -> Result<Option<(usize, usize, usize)>> {
    match httparse::parse_chunk_size(bytes) {
        Ok(httparse::Status::Complete((begin, length))) => {
            let length = usize::try_from(length)?;
            Ok(Some((length, begin, begin + length + 2)))
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(_) => bail!("a chunk without length"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// Serves what is written here, piece by piece, to each request.
    async fn server(answers: Vec<Vec<&'static str>>) -> Place {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let mut answers = answers.into_iter();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1_024];
                while matches!(stream.read(&mut request).await, Ok(1..)) {
                    let Some(pieces) = answers.next() else { return };
                    for piece in &pieces {
                        stream.write_all(piece.as_bytes()).await.expect("sent");
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                    if pieces[0].contains("close") {
                        break;
                    }
                }
            }
        });
        Place::of(&format!("http://{address}")).expect("a place")
    }

    #[tokio::test]
    async fn answers_are_read_whole_whatever_their_pieces_and_connections_used_again() {
        let place = server(vec![
            vec!["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"],
            vec![
                "HTTP/1.1 201 Created\r\ncontent-le",
                "ngth: 3\r\n\r\na",
                "bc",
            ],
            vec![
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
                "c\r\n10;x=y\r\n0123456789abcdef\r\n",
                "0\r\n",
                "\r\n",
            ],
            vec!["HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"],
            vec!["HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"],
            vec!["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"],
        ])
        .await;
        let mut wire = Wire::new(&place);
        for (status, body) in [
            (200, "hello"),
            (201, "abc"),
            (200, "abc0123456789abcdef"),
            (304, ""),
            (503, ""),
            (200, "ok"),
        ] {
            let found = wire
                .exchange(b"GET / HTTP/1.1\r\n\r\n")
                .await
                .expect("an answer");
            assert_eq!((found, wire.body()), (status, body.as_bytes()));
        }
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_none() {
        let place = server(vec![vec![
            "HTTP/1.1 200 close\r\nContent-Length: 9\r\n\r\nhel",
        ]])
        .await;
        let error = Wire::new(&place).exchange(b"GET / HTTP/1.1\r\n\r\n").await;
        assert!(
            error
                .expect_err("broken off")
                .to_string()
                .contains("closed")
        );
    }

    #[test]
    fn a_place_is_read_from_a_url() {
        let place = |url: &str| Place::of(url).map(|place| place.authority()).ok();
        assert_eq!(place("http://box:81/v1"), Some("box:81".into()));
        assert_eq!(place("http://[::1]"), Some("[::1]:80".into()));
        assert_eq!(place("nats://box:1"), None);
        assert_eq!(place("box"), None);
    }
}
