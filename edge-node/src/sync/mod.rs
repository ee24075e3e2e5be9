//! The `hub` reader: sends the site log to the hub, in order, one batch in flight, and keeps the
//! place that the hub has committed. What an answer means is decided in `step.rs`.

#[cfg(test)]
mod model_tests;
mod step;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, Message, Request};
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use sunakku_common::chain::Chain;
use sunakku_common::ids::Epoch;
use sunakku_common::subjects;
use sunakku_common::sync::{Answer, Batch, HUB_TIME, MAX_BATCH_BYTES, MAX_BATCH_EVENTS, Sender};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::log::{Tail, Tailed, chain_at};
use crate::metrics as names;
use crate::store::{Again, Anchor, ErrorChain, LogEntry, Store, StoreError};
use step::{Next, Sent};

/// How long one answer is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after the first failure; doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// How often the hub hears of a site that has nothing to tell.
const HEART_BEAT: Duration = Duration::from_secs(5);

/// How the line to the hub stands.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncStatus {
    /// Whether the hub answered the last batch.
    pub connected: bool,
    /// The life of the store that `cursor` belongs to.
    pub epoch: Epoch,
    /// The last sequence that the hub has committed.
    pub cursor: u64,
    /// The edge's chain at the cursor; the hub's is the same.
    pub chain: Chain,
    /// When the hub last answered.
    pub answered_at: Option<DateTime<Utc>>,
    /// Why it does not go on, in words.
    pub problem: Option<String>,
}

/// The task that sends the log.
pub struct Replicator {
    store: Store,
    client: Client,
    subject: String,
    keep_old_log: Duration,
    sender: Option<Sender>,
    status: watch::Sender<SyncStatus>,
}

/// The place up to which the log was sent, and the entries read after it.
struct Progress {
    tail: Tail,
    at: Anchor,
    pending: VecDeque<Arc<LogEntry>>,
    /// The first sequence of the run that the hub has confirmed without a break.
    confirmed_from: u64,
}

impl Replicator {
    /// A replicator of this store over this connection, which tells the hub who sends. Ended logs are
    /// kept `keep_old_log`.
    pub fn new(
        store: Store,
        client: Client,
        keep_old_log: Duration,
        sender: Option<Sender>,
    ) -> Self {
        let epoch = *store.epoch().borrow();
        let chain = Chain::genesis(store.site(), epoch);
        let subject = subjects::log(store.site());
        let (connected, cursor) = (false, 0);
        let (answered_at, problem) = (None, None);
        let status = SyncStatus {
            connected,
            epoch,
            cursor,
            chain,
            answered_at,
            problem,
        };
        Self {
            store,
            client,
            subject,
            keep_old_log,
            sender,
            status: watch::Sender::new(status),
        }
    }

    /// How the line to the hub stands.
    pub fn status(&self) -> watch::Receiver<SyncStatus> {
        self.status.subscribe()
    }

    /// Sends until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let replicate = async {
            loop {
                if let Err(error) = self.replicate().await {
                    tracing::debug!(error = %ErrorChain(&error), "replication waits for the store");
                    tokio::time::sleep(PAUSE_MIN).await;
                }
            }
        };
        stop.run_until_cancelled(replicate).await;
    }

    /// Sends one epoch's log, from where the hub stands, until the epoch or the store changes.
    async fn replicate(&self) -> Result<(), StoreError> {
        let epoch = self.store.head().await?.epoch;
        let at = match self.store.hub_cursor().await? {
            Some(cursor) => cursor,
            None => self.store.anchor().await?,
        };
        let tail = Tail::new(self.store.clone(), epoch, at.seq);
        let pending = VecDeque::new();
        let mut progress = Progress {
            tail,
            at,
            pending,
            confirmed_from: at.seq + 1,
        };
        self.note(epoch, at, None);
        // An empty batch first: it tells where the hub stands before anything is sent.
        let (mut pause, mut greet) = (PAUSE_MIN, true);
        let mut beat_due = Instant::now();
        loop {
            if !greet && progress.pending.is_empty() {
                match tokio::time::timeout_at(beat_due, progress.tail.next()).await {
                    Ok(Tailed::Entries(entries)) => progress.pending.extend(entries),
                    Ok(Tailed::NewEpoch) => return Ok(()),
                    Ok(Tailed::Lost { .. }) => {
                        let again = Again::From(progress.at.seq + 1);
                        return self.renew(epoch, again, "log-broken").await;
                    }
                    Err(_beat_is_due) => {}
                }
                if progress.pending.is_empty() && Instant::now() < beat_due {
                    continue;
                }
            }
            if *self.store.epoch().borrow() != epoch {
                return Ok(());
            }
            let head = self.store.head().await?;
            if head.epoch != epoch {
                return Ok(());
            }
            let mut batch = progress.batch(epoch, head.seq, greet);
            batch.sender.clone_from(&self.sender);
            match self.send(&batch).await {
                Ok(answer) => {
                    (pause, greet) = (PAUSE_MIN, false);
                    beat_due = Instant::now() + HEART_BEAT;
                    if !self
                        .follow(&mut progress, &batch, answer, &mut greet)
                        .await?
                    {
                        return Ok(());
                    }
                }
                Err(reason) => {
                    self.note(epoch, progress.at, Some(reason));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    /// Sends one batch; the reason in words when there is no answer.
    async fn send(&self, batch: &Batch) -> Result<Answer, String> {
        // What the client is given while it is not connected it would keep, and send it all
        // later: batch upon batch of the same events.
        if self.client.connection_state() != State::Connected {
            return Err("the site's own nats-server is away".to_owned());
        }
        let payload = serde_json::to_vec(batch).map_err(|error| error.to_string())?;
        let request = Request::new()
            .payload(payload.into())
            .timeout(Some(ANSWER_TIMEOUT));
        let sent_at = Instant::now();
        let sent = self
            .client
            .send_request(self.subject.clone(), request)
            .await;
        if let Ok(message) = &sent {
            note_skew(message, sent_at.elapsed());
        }
        let (result, answer) = match sent {
            Ok(message) => match serde_json::from_slice(&message.payload) {
                Ok(answer) => ("acked", Ok(answer)),
                Err(error) => (
                    "error",
                    Err(format!("the hub's answer cannot be read: {error}")),
                ),
            },
            Err(error) if error.kind() == async_nats::RequestErrorKind::TimedOut => {
                ("timeout", Err("the hub does not answer in time".to_owned()))
            }
            Err(error) => ("error", Err(format!("the hub is away: {error}"))),
        };
        metrics::counter!(names::OUTBOX_PUBLISH, "result" => result).increment(1);
        answer
    }

    /// Does what the answer asks for; false when the epoch has ended.
    async fn follow(
        &self,
        progress: &mut Progress,
        batch: &Batch,
        answer: Answer,
        greet: &mut bool,
    ) -> Result<bool, StoreError> {
        let oldest = self.store.anchor().await?.seq + 1;
        let gap = matches!(answer, Answer::Expected { .. });
        let has_ended_epochs = gap && self.store.has_ended_epochs().await?;
        let sent = Sent {
            from_seq: batch.from_seq,
            last_seq: batch.from_seq + batch.events.len() as u64 - 1,
            chain: batch.chain,
            head: batch.head,
            oldest,
            confirmed_from: progress.confirmed_from,
            has_ended_epochs,
        };
        match step::decide(&sent, answer) {
            Next::Confirmed(at) => {
                let moved = at != progress.at || !batch.events.is_empty();
                progress.pending.drain(..batch.events.len());
                progress.at = at;
                if moved || self.store.hub_cursor().await?.is_none() {
                    self.store.save_hub_cursor(batch.epoch, at).await?;
                }
                self.note(batch.epoch, at, None);
            }
            Next::SendFrom(seq) => {
                tracing::warn!(seq, "the hub asks for the log again");
                let Some(chain) = chain_at(&self.store, seq - 1).await? else {
                    let again = Again::From(oldest);
                    self.renew(batch.epoch, again, "log-broken").await?;
                    return Ok(false);
                };
                progress.pending.clear();
                progress.at = Anchor {
                    seq: seq - 1,
                    chain,
                };
                progress.confirmed_from = seq;
                progress.tail.seek(seq - 1);
                // What the hub has forgotten must not be forgotten here before it has it again. Where
                // the edge alone looks back, the hub has it: a process that then began with the
                // epoch's first batch would not notice a hub that was restored from before it.
                if gap {
                    self.store.save_hub_cursor(batch.epoch, progress.at).await?;
                }
                // With nothing after `seq` the batch would be empty: still ask.
                *greet = seq > batch.head;
            }
            Next::NewEpoch { again, reason } => {
                self.renew(batch.epoch, again, reason).await?;
                return Ok(false);
            }
            Next::Wait(reason) => {
                tracing::warn!(reason, "the hub refuses the log");
                self.note(batch.epoch, progress.at, Some(reason));
                tokio::time::sleep(PAUSE_MAX).await;
            }
        }
        Ok(true)
    }

    async fn renew(
        &self,
        ended: Epoch,
        again: Again,
        reason: &'static str,
    ) -> Result<(), StoreError> {
        tracing::error!(%ended, ?again, reason, "the log goes on in a new epoch");
        metrics::counter!(names::EPOCHS_STARTED, "reason" => reason).increment(1);
        self.store
            .start_epoch_with(ended, again, reason, self.keep_old_log)
            .await?;
        // Two stores that were to take one site from each other would do so slowly.
        tokio::time::sleep(PAUSE_MAX).await;
        Ok(())
    }

    fn note(&self, epoch: Epoch, at: Anchor, problem: Option<String>) {
        let connected = problem.is_none();
        self.status.send_modify(|status| {
            if connected {
                status.answered_at = Some(Utc::now());
            }
            (status.epoch, status.cursor, status.chain) = (epoch, at.seq, at.chain);
            (status.connected, status.problem) = (connected, problem);
        });
        metrics::gauge!(names::HUB_CONNECTED).set(f64::from(u8::from(connected)));
        metrics::gauge!(names::HUB_CONFIRMED_SEQUENCE).set(at.seq as f64);
    }
}

/// Notes how far our clock is ahead of the hub's, which wrote its time into the answer; half of
/// the way there and back has gone by since.
fn note_skew(answer: &Message, round_trip: Duration) {
    let told = answer.headers.as_ref().and_then(|all| all.get(HUB_TIME));
    let told: Option<i64> = told.and_then(|time| time.as_str().parse().ok());
    if let Some(told) = told {
        let ahead = (Utc::now().timestamp_millis() - told) as f64 / 1_000.0;
        metrics::gauge!(names::CLOCK_SKEW).set(ahead - round_trip.as_secs_f64() / 2.0);
    }
}

impl Progress {
    /// The next batch: as many pending entries as fit, or none as a greeting.
    fn batch(&self, epoch: Epoch, head: u64, greet: bool) -> Batch {
        let (mut chain, mut bytes, mut events) = (self.at.chain, 0, Vec::new());
        let limit = if greet { 0 } else { MAX_BATCH_EVENTS };
        for entry in self.pending.iter().take(limit) {
            bytes += entry.text.len();
            if bytes > MAX_BATCH_BYTES && !events.is_empty() {
                break;
            }
            // Entries are JSON by construction; one that is not would be told as corrupt.
            let Ok(raw) = RawValue::from_string(entry.text.clone()) else {
                break;
            };
            chain = chain.next(&entry.text);
            events.push(raw);
        }
        let (from_seq, prev_chain) = (self.at.seq + 1, self.at.chain);
        // New entries may have come between reading the head and reading them.
        let head = head.max(self.at.seq + events.len() as u64);
        Batch {
            epoch,
            from_seq,
            prev_chain,
            events,
            chain,
            head,
            sender: None,
        }
    }
}
