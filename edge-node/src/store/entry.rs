//! Entries of the site log.

use std::collections::HashMap;
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use redis::streams::StreamId;
use serde::Deserialize;
use serde_json::value::RawValue;
use sunakku_common::event::{
    Corrupt, Event, OrderMoved, OrderPlaced, TicketCreated, TicketMoved, kind,
};

/// One entry of the log.
#[derive(Debug)]
pub struct LogEntry {
    /// Its sequence.
    pub seq: u64,
    /// Its kind.
    pub kind: String,
    /// The event's one text, over which the chain runs.
    pub text: String,
    fact: OnceLock<Option<Fact>>,
}

/// What an entry says.
#[derive(Debug)]
pub(crate) struct Fact {
    /// When it happened, by the edge's clock.
    pub(crate) at: DateTime<Utc>,
    pub(crate) what: What,
}

/// What happened, for the kinds that several readers follow.
#[derive(Debug)]
pub(crate) enum What {
    OrderPlaced(Box<OrderPlaced>),
    OrderMoved(OrderMoved),
    TicketCreated(Box<TicketCreated>),
    TicketMoved(TicketMoved),
    /// Anything else, which who follows it reads by himself.
    Other,
}

impl Fact {
    fn read(entry: &LogEntry) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Parts<'a> {
            at: DateTime<Utc>,
            #[serde(borrow)]
            body: &'a RawValue,
        }
        let Parts { at, body } = serde_json::from_str(&entry.text)?;
        let body = body.get();
        let what = match entry.kind.as_str() {
            kind::ORDER_PLACED => What::OrderPlaced(serde_json::from_str(body)?),
            kind if kind::ORDER_MOVES.contains(&kind) => {
                What::OrderMoved(serde_json::from_str(body)?)
            }
            kind::TICKET_CREATED => What::TicketCreated(serde_json::from_str(body)?),
            kind if kind.starts_with("ticket.") => What::TicketMoved(serde_json::from_str(body)?),
            _ => What::Other,
        };
        Ok(Self { at, what })
    }
}

impl LogEntry {
    /// An entry with this text, which begins with its sequence and its kind.
    pub(crate) fn new(seq: u64, kind: String, text: String) -> Self {
        let fact = OnceLock::new();
        Self {
            seq,
            kind,
            text,
            fact,
        }
    }

    /// What it says, read once for all who ask. `None` when it cannot be read, which is reported here; it is
    /// in the site's log for the hub all the same.
    pub(crate) fn fact(&self) -> Option<&Fact> {
        let read = || {
            let (seq, kind) = (self.seq, &self.kind);
            Fact::read(self)
                .inspect_err(|error| tracing::error!(seq, kind, %error, "unreadable event"))
                .ok()
        };
        self.fact.get_or_init(read).as_ref()
    }

    /// Reads a stream entry. One that does not match its checksum is told as such: the store's
    /// file has no checksum of its own, and what it returns must not pass as what was written.
    fn read(id: &str, mut fields: HashMap<String, redis::Value>) -> Self {
        let seq = id
            .split('-')
            .next()
            .and_then(|seq| seq.parse().ok())
            .unwrap_or(0);
        let mut take = |name: &str| fields.remove(name).map(text).unwrap_or_default();
        let (kind, at, body, sum) = (take("k"), take("t"), take("b"), take("s"));
        if sha1_hex(&[&seq.to_string(), &at, &kind, &body]) == sum {
            let text = Event::encode(seq, &at, &kind, &body);
            return Self::new(seq, kind, text);
        }
        tracing::error!(seq, kind, "a log entry does not match its checksum");
        metrics::counter!(crate::metrics::LOG_CORRUPT).increment(1);
        let corrupt = serde_json::to_string(&Corrupt { kind, found: body }).unwrap_or_default();
        let at = at.parse().unwrap_or(chrono::DateTime::UNIX_EPOCH);
        let at = sunakku_common::event::timestamp(at);
        let text = Event::encode(seq, &at, kind::LOG_CORRUPT, &corrupt);
        Self::new(seq, kind::LOG_CORRUPT.to_owned(), text)
    }
}

fn text(value: redis::Value) -> String {
    redis::from_redis_value(value).unwrap_or_default()
}

/// The SHA-1 of these parts, as Redis gives it to scripts.
fn sha1_hex(parts: &[&str]) -> String {
    use sha1::Digest as _;
    let mut all = sha1::Sha1::new();
    parts.iter().for_each(|part| all.update(part));
    HEXLOWER.encode(&all.finalize())
}

/// The entries of an answer of Redis.
pub(super) fn entries(ids: Vec<StreamId>) -> Vec<LogEntry> {
    let entry = |id: StreamId| LogEntry::read(&id.id, id.map);
    ids.into_iter().map(entry).collect()
}
