//! A simulated site: its log in memory, and the protocol by which an edge sends it.
//!
//! It does what `edge-node/src/sync` does, with the same times, and nothing else that an edge does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::connection::State;
use async_nats::{Client, Request};
use chrono::Utc;
use serde_json::value::RawValue;
use sunakku_common::chain::Chain;
use sunakku_common::event::{Event, timestamp};
use sunakku_common::ids::{Epoch, SiteId};
use sunakku_common::subjects;
use sunakku_common::sync::{Answer, Batch, MAX_BATCH_BYTES, MAX_BATCH_EVENTS, Sender};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::events::Story;

/// How long an edge waits for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Its pause after the first failure, doubled up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Its longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How often it tells that it is there.
const HEART_BEAT: Duration = Duration::from_secs(5);

/// What a site has sent, and what came of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    /// Batches that left the site: not those that its own server had no way for.
    pub(super) batches: u64,
    /// Events in them.
    pub(super) events: u64,
    /// Batches that were not committed: refused, or without an answer.
    pub(super) vain: u64,
}

/// One site. Cheap to clone.
#[derive(Clone)]
pub(super) struct Site {
    inner: Arc<Inner>,
}

struct Inner {
    id: SiteId,
    client: Client,
    sender: Sender,
    epoch: Epoch,
    appended: Notify,
    log: Mutex<Log>,
}

struct Log {
    story: Story,
    /// Events that are not committed: text, and when it was appended.
    pending: VecDeque<(String, Instant)>,
    /// The last committed sequence, and the chain there.
    cursor: (u64, Chain),
    sent: Sent,
    /// From append to the answer, of what was committed since it was last asked.
    delays: Vec<Duration>,
    /// Answers that an edge never gets from a healthy hub.
    odd: Vec<String>,
}

impl Site {
    /// A site with an empty log, over the connection to its own server.
    pub(super) fn new(id: SiteId, client: Client, sender: Sender) -> Self {
        let epoch = Epoch::new();
        let log = Log {
            story: Story::default(),
            pending: VecDeque::new(),
            cursor: (0, Chain::genesis(&id, epoch)),
            sent: Sent::default(),
            delays: Vec::new(),
            odd: Vec::new(),
        };
        let inner = Inner {
            id,
            client,
            sender,
            epoch,
            appended: Notify::new(),
            log: Mutex::new(log),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // A panic while holding it fails the run anyway.
        self.inner
            .log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Its connection.
    pub(super) fn client(&self) -> &Client {
        &self.inner.client
    }

    /// Its id.
    pub(super) fn id(&self) -> &SiteId {
        &self.inner.id
    }

    /// Appends so many events.
    pub(super) fn append(&self, count: usize) {
        {
            let mut log = self.log();
            for _event in 0..count {
                let seq = log.cursor.0 + log.pending.len() as u64 + 1;
                let (kind, body) = log.story.next();
                let text = Event::encode(seq, &timestamp(Utc::now()), &kind, &body);
                log.pending.push_back((text, Instant::now()));
            }
        }
        self.inner.appended.notify_one();
    }

    /// Events that are not committed.
    pub(super) fn lag(&self) -> usize {
        self.log().pending.len()
    }

    /// The last committed sequence.
    pub(super) fn cursor(&self) -> u64 {
        self.log().cursor.0
    }

    /// What it has sent since it was last asked.
    pub(super) fn take_sent(&self) -> Sent {
        std::mem::take(&mut self.log().sent)
    }

    /// From append to commit, since it was last asked.
    pub(super) fn take_delays(&self) -> Vec<Duration> {
        std::mem::take(&mut self.log().delays)
    }

    /// Answers that it should not have got.
    pub(super) fn odd(&self) -> Vec<String> {
        self.log().odd.clone()
    }

    /// Sends for ever.
    pub(super) async fn run(self) {
        let (mut pause, mut greet) = (PAUSE_MIN, true);
        let mut beat_due = Instant::now();
        loop {
            while !greet && self.lag() == 0 {
                let rest = beat_due.saturating_duration_since(Instant::now());
                if timeout(rest, self.inner.appended.notified()).await.is_err() {
                    break;
                }
            }
            match self.send(greet).await {
                Some(answer) => {
                    (pause, greet) = (PAUSE_MIN, false);
                    beat_due = Instant::now() + HEART_BEAT;
                    if !self.follow(answer) {
                        sleep(PAUSE_MAX).await;
                    }
                }
                None => {
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    async fn send(&self, greet: bool) -> Option<Answer> {
        if self.inner.client.connection_state() != State::Connected {
            return None;
        }
        let batch = self.batch(greet);
        let payload = serde_json::to_vec(&batch).ok()?;
        let request = Request::new()
            .payload(payload.into())
            .timeout(Some(ANSWER_TIMEOUT));
        let subject = subjects::log(&self.inner.id);
        let answer = self.inner.client.send_request(subject, request).await;
        let away = answer
            .as_ref()
            .is_err_and(|error| error.kind() == async_nats::RequestErrorKind::NoResponders);
        let answer: Option<Answer> = answer
            .ok()
            .and_then(|answer| serde_json::from_slice(&answer.payload).ok());
        if !away {
            let sent = &mut self.log().sent;
            sent.batches += 1;
            sent.events += batch.events.len() as u64;
            sent.vain += u64::from(!matches!(answer, Some(Answer::Committed { .. })));
        }
        answer
    }

    fn batch(&self, greet: bool) -> Batch {
        let log = self.log();
        let (seq, mut chain) = log.cursor;
        let (mut bytes, mut events) = (0, Vec::new());
        let limit = if greet { 0 } else { MAX_BATCH_EVENTS };
        for (text, _) in log.pending.iter().take(limit) {
            bytes += text.len();
            if bytes > MAX_BATCH_BYTES && !events.is_empty() {
                break;
            }
            let Ok(raw) = RawValue::from_string(text.clone()) else {
                break;
            };
            chain = chain.next(text);
            events.push(raw);
        }
        Batch {
            epoch: self.inner.epoch,
            from_seq: seq + 1,
            prev_chain: log.cursor.1,
            events,
            chain,
            head: seq + log.pending.len() as u64,
            sender: Some(self.inner.sender.clone()),
        }
    }

    /// Takes an answer; false when the hub wants to be left alone for a while.
    fn follow(&self, answer: Answer) -> bool {
        let mut log = self.log();
        match answer {
            Answer::Committed { cursor, chain } if log.cursor.0 <= cursor => {
                let now = Instant::now();
                for _event in log.cursor.0..cursor {
                    if let Some((_, appended)) = log.pending.pop_front() {
                        log.delays.push(now - appended);
                    }
                }
                log.cursor = (cursor, chain);
                true
            }
            Answer::Refused { .. } => false,
            other => {
                log.odd.push(format!("{other:?}"));
                false
            }
        }
    }
}
