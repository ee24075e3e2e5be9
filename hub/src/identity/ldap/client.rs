//! A connection to a directory: as much of LDAP (RFC 4511) as looking people up and letting them in takes.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::ber::{self, BOOLEAN, ENUMERATED, INTEGER, OCTETS, Reader, SEQUENCE};
use super::filter::Filter;
use crate::config;

/// Bytes of one answer at most.
const MAX_MESSAGE: usize = 1 << 20;
/// Answers to one search at most, whatever bound the server was given.
const MAX_ANSWERS: usize = 5_000;
/// What StartTLS is called (RFC 4511, 4.14.1).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// Tags of operations.
mod op {
    pub(super) const BIND: u8 = 0x60;
    pub(super) const BOUND: u8 = 0x61;
    pub(super) const UNBIND: u8 = 0x42;
    pub(super) const SEARCH: u8 = 0x63;
    pub(super) const ENTRY: u8 = 0x64;
    pub(super) const SEARCHED: u8 = 0x65;
    pub(super) const EXTENDED: u8 = 0x77;
    pub(super) const EXTENSION: u8 = 0x78;
}

/// Result codes that are told apart.
pub(super) mod code {
    pub(in super::super) const SUCCESS: u32 = 0;
    pub(in super::super) const SIZE_LIMIT_EXCEEDED: u32 = 4;
    /// Referral, constraint violation, no such object, inappropriate authentication, invalid
    /// credentials, insufficient access rights, unwilling to perform: with each of them some server
    /// says that this person does not come in.
    pub(in super::super) const DENIED: [u32; 7] = [10, 19, 32, 48, 49, 50, 53];
}

/// A byte stream in both directions.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection. It is given up at the first answer that cannot be read.
pub(super) struct Client {
    stream: Box<dyn Stream>,
    last_id: u32,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) code: u32,
    /// The server's words.
    pub(super) text: String,
}

/// An entry: its name, and the attributes that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) dn: String,
    pub(super) attributes: Vec<(String, Vec<String>)>,
}

/// What is looked for.
pub(super) struct Search<'a> {
    pub(super) base: &'a str,
    pub(super) filter: &'a Filter,
    /// What the places of the filter are filled with.
    pub(super) places: &'a [(&'a str, &'a str)],
    pub(super) attributes: &'a [&'a str],
    /// Entries at most, and seconds.
    pub(super) limits: (u32, u32),
}

impl Client {
    /// Connects, and goes over to TLS if the settings say so. Nothing secret was said by then.
    pub(super) async fn connect(of: &config::Ldap) -> Result<Self> {
        let (host, port) = of.address()?;
        let mut stream = TcpStream::connect((host.as_str(), port)).await?;
        stream.set_nodelay(true)?;
        if !of.is_encrypted() {
            return Ok(Self::of(Box::new(stream)));
        }
        if of.starttls {
            stream = start_tls(stream).await?;
        }
        let name = ServerName::try_from(host).context("ldap.url has no host of a certificate")?;
        let connector = TlsConnector::from(Arc::new(trust(&of.ca_file)?));
        Ok(Self::of(Box::new(connector.connect(name, stream).await?)))
    }

    fn of(stream: Box<dyn Stream>) -> Self {
        Self { stream, last_id: 0 }
    }

    /// Asks to be let in by name and password. Neither may be empty.
    pub(super) async fn bind(&mut self, dn: &str, password: &str) -> Result<Outcome> {
        ensure!(!dn.is_empty() && !password.is_empty(), "an anonymous bind");
        let parts = [
            ber::number(INTEGER, 3),
            ber::element(OCTETS, dn.as_bytes()),
            ber::element(0x80, password.as_bytes()),
        ];
        let id = self.send(&ber::group(op::BIND, &parts)).await?;
        self.outcome(id, op::BOUND).await
    }

    /// Looks for entries. What refers to other servers is passed over.
    pub(super) async fn search(&mut self, search: &Search<'_>) -> Result<(Vec<Entry>, Outcome)> {
        const SUBTREE: u32 = 2;
        const NEVER: u32 = 0;
        let names = search.attributes.iter();
        let names = names.map(|name| ber::element(OCTETS, name.as_bytes()));
        let parts = [
            ber::element(OCTETS, search.base.as_bytes()),
            ber::number(ENUMERATED, SUBTREE),
            // Aliases are not followed either.
            ber::number(ENUMERATED, NEVER),
            ber::number(INTEGER, search.limits.0),
            ber::number(INTEGER, search.limits.1),
            ber::element(BOOLEAN, &[0]),
            search.filter.encode(search.places),
            ber::group(SEQUENCE, &names.collect::<Vec<_>>()),
        ];
        let id = self.send(&ber::group(op::SEARCH, &parts)).await?;
        let mut entries = Vec::new();
        for _ in 0..MAX_ANSWERS {
            let answer = self.receive().await?;
            match read(&answer, id).context("an answer that is no LDAP")? {
                (op::ENTRY, content) => {
                    entries.push(entry(content).context("an entry that is no LDAP")?);
                }
                (op::SEARCHED, content) => {
                    let end = outcome(content).context("an end that is no LDAP")?;
                    return Ok((entries, end));
                }
                _ => {}
            }
        }
        bail!("a search has no end");
    }

    /// Says goodbye; whether the server hears it does not matter.
    pub(super) async fn unbind(mut self) {
        if self.send(&ber::element(op::UNBIND, &[])).await.is_ok() {
            let _ = self.stream.shutdown().await;
        }
    }

    async fn outcome(&mut self, id: u32, tag: u8) -> Result<Outcome> {
        let answer = self.receive().await?;
        let (found, content) = read(&answer, id).context("an answer that is no LDAP")?;
        ensure!(found == tag, "an answer to another question: {found:#x}");
        outcome(content).context("an answer that is no LDAP")
    }

    async fn send(&mut self, operation: &[u8]) -> Result<u32> {
        self.last_id += 1;
        let message = message(self.last_id, operation);
        self.stream.write_all(&message).await?;
        self.stream.flush().await?;
        Ok(self.last_id)
    }

    async fn receive(&mut self) -> Result<Vec<u8>> {
        receive(&mut self.stream).await
    }
}

fn message(id: u32, operation: &[u8]) -> Vec<u8> {
    ber::group(SEQUENCE, &[ber::number(INTEGER, id), operation.to_vec()])
}

/// Asks for TLS in the clear. Not a byte beyond the answer is read: whatever somebody on the way put
/// behind it belongs to the handshake, which it breaks.
async fn start_tls(mut stream: TcpStream) -> Result<TcpStream> {
    let name = ber::element(0x80, START_TLS);
    let request = message(1, &ber::group(op::EXTENDED, &[name]));
    stream.write_all(&request).await?;
    let answer = receive(&mut stream).await?;
    let answer = match read(&answer, 1) {
        Some((op::EXTENSION, content)) => outcome(content),
        _ => None,
    };
    let answer = answer.context("no answer to StartTLS")?;
    let (code, text) = (answer.code, answer.text);
    ensure!(code == code::SUCCESS, "it does no StartTLS: {code} {text}");
    Ok(stream)
}

/// Whom to believe. Read for each connection, so that a new root needs no restart.
fn trust(ca_file: &Path) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if ca_file.as_os_str().is_empty() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    } else {
        let read = || format!("ldap.ca_file {}", ca_file.display());
        for certificate in CertificateDer::pem_file_iter(ca_file).with_context(read)? {
            let certificate = certificate.with_context(read)?;
            roots.add(certificate).with_context(read)?;
        }
    }
    ensure!(!roots.is_empty(), "ldap.ca_file: no authority is believed");
    let config = ClientConfig::builder().with_root_certificates(roots);
    Ok(config.with_no_client_auth())
}

/// One message, without reading beyond it.
async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>> {
    let mut head = vec![stream.read_u8().await?];
    ensure!(head[0] == SEQUENCE, "it does not speak LDAP");
    let (length, _) = loop {
        head.push(stream.read_u8().await?);
        if let Some(found) = ber::length(&head[1..], MAX_MESSAGE)? {
            break found;
        }
    };
    let mut content = vec![0; length];
    stream.read_exact(&mut content).await?;
    Ok(content)
}

/// The operation of a message that answers `id`.
fn read(message: &[u8], id: u32) -> Option<(u8, &[u8])> {
    let mut message = Reader(message);
    (message.number(INTEGER)? == id).then_some(())?;
    message.any()
}

fn outcome(content: &[u8]) -> Option<Outcome> {
    let mut content = Reader(content);
    let code = content.number(ENUMERATED)?;
    let _matched = content.text()?;
    let text = content.text()?;
    Some(Outcome { code, text })
}

fn entry(content: &[u8]) -> Option<Entry> {
    const SET: u8 = 0x31;
    let mut content = Reader(content);
    let dn = content.text()?;
    let mut list = Reader(content.take(SEQUENCE)?);
    let mut attributes = Vec::new();
    while !list.0.is_empty() {
        let mut attribute = Reader(list.take(SEQUENCE)?);
        let name = attribute.text()?;
        let (mut set, mut values) = (Reader(attribute.take(SET)?), Vec::new());
        while !set.0.is_empty() {
            values.push(set.text()?);
        }
        attributes.push((name, values));
    }
    Some(Entry { dn, attributes })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An entry as a server sends it.
    fn sent(id: u32, dn: &str, name: &str, value: &str) -> Vec<u8> {
        let text = |text: &str| ber::element(OCTETS, text.as_bytes());
        let attribute = ber::group(SEQUENCE, &[text(name), ber::group(0x31, &[text(value)])]);
        let parts = [text(dn), ber::group(SEQUENCE, &[attribute])];
        message(id, &ber::group(op::ENTRY, &parts))
    }

    fn answered(bytes: &[u8], id: u32) -> Option<Entry> {
        let content = Reader(bytes).take(SEQUENCE)?;
        match read(content, id)? {
            (op::ENTRY, content) => entry(content),
            (_, content) => {
                let _ = outcome(content);
                None
            }
        }
    }

    #[test]
    fn an_entry_is_read_and_one_for_another_question_is_not() {
        let bytes = sent(7, "uid=ann,dc=x", "uid", "ann");
        let entry = answered(&bytes, 7).expect("an entry");
        assert_eq!(entry.dn, "uid=ann,dc=x");
        assert_eq!(
            entry.attributes,
            [("uid".to_owned(), vec!["ann".to_owned()])]
        );
        assert_eq!(answered(&bytes, 8), None);
    }

    #[tokio::test]
    async fn an_answer_of_no_sound_length_is_not_waited_for() {
        for bytes in [
            &b"HTTP/1.1 400"[..],
            b"\x30\x84\xff\xff\xff\xff",
            b"\x30\x80",
        ] {
            let error = receive(&mut &bytes[..]).await.expect_err("refused");
            let told = error.to_string();
            assert!(told.contains("LDAP") || told.contains("length"), "{told}");
        }
        let cut: &[u8] = b"\x30\x05ab";
        assert!(receive(&mut &*cut).await.is_err());
    }

    proptest! {
        /// Whatever a server sends: there is an entry, or none.
        #[test]
        fn no_bytes_of_a_server_bring_it_down(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            place in 0_usize..100,
            byte in any::<u8>(),
        ) {
            let _ = answered(&bytes, 1);
            let mut changed = sent(1, "uid=ann,dc=x", "uid", "ann");
            let place = place % changed.len();
            changed[place] = byte;
            let _ = answered(&changed, 1);
            let _ = answered(&changed[..place], 1);
        }
    }
}
