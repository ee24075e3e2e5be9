//! Webhooks: each is a reader of the site log with a cursor of its own, and calls a URL for every
//! event that it wants. Neither JetStream nor another webhook plays a part in it.
//!
//! Up to `max_in_flight` events are on their way at a time; the cursor is the low-water mark, up
//! to which every event was delivered or given up. So one that fails holds up none behind it, and
//! a crash costs nothing but a second delivery under the same id.

mod delivery;
mod signature;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sunakku_common::event::{Event, JobKind, JobRetried, kind};
use sunakku_common::ids::Epoch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::log::{Tail, Tailed};
use crate::metrics as names;
use crate::store::{ErrorChain, LogEntry, Store, StoreError};
use delivery::{Message, Receiver};

/// Pause before the store is tried again.
const PAUSE: Duration = Duration::from_millis(500);
/// How often the cursor is noted: what was delivered since comes again after a crash.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// One webhook.
pub(crate) struct Webhook {
    store: Store,
    options: config::Webhook,
    receiver: Receiver,
}

impl Webhook {
    /// A webhook with these settings.
    pub(crate) fn new(store: Store, options: config::Webhook) -> anyhow::Result<Self> {
        let receiver = Receiver::new(store.clone(), options.clone())?;
        let name = options.name.clone();
        metrics::gauge!(names::WEBHOOK_LAG, "webhook" => name.clone()).set(0.0);
        for result in ["delivered", "retried", "dead"] {
            metrics::counter!(names::WEBHOOK_DELIVERIES, "webhook" => name.clone(), "result" => result)
                .absolute(0);
        }
        Ok(Self {
            store,
            options,
            receiver,
        })
    }

    /// Delivers until it is told to stop; what is on its way then is sent again by the next one.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let deliver = async {
            loop {
                if let Err(error) = self.follow().await {
                    let name = &self.options.name;
                    tracing::debug!(webhook = name, error = %ErrorChain(&error), "waits");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        stop.run_until_cancelled(deliver).await;
    }

    /// Follows the log of one epoch.
    async fn follow(&self) -> Result<(), StoreError> {
        let reader = format!("webhook:{}", self.options.name);
        let (mut tail, begin) = Tail::resume(&self.store, &reader).await?;
        let epoch = tail.epoch();
        let mut way = Way::new(begin);
        let mut note = tokio::time::interval(NOTE_EVERY);
        loop {
            while way.on_way.len() < self.options.max_in_flight
                && let Some((seq, message)) = way.waiting.pop_front()
            {
                way.on_way.insert(seq);
                let receiver = self.receiver.clone();
                way.tasks.spawn(async move {
                    receiver.deliver(message).await;
                    seq
                });
            }
            tokio::select! {
                tailed = tail.next(), if way.waiting.is_empty() => match tailed {
                    Tailed::Entries(entries) => self.take(epoch, &entries, &mut way),
                    Tailed::Lost { first_kept } => {
                        tracing::error!(webhook = self.options.name, first_kept, "events were lost");
                        way.read = first_kept - 1;
                    }
                    Tailed::NewEpoch => return Ok(()),
                },
                Some(done) = way.tasks.join_next() => {
                    // A panic in a delivery ends it; its event stays below the mark and comes again.
                    if let Ok(seq) = done {
                        way.on_way.remove(&seq);
                    }
                }
                _ = note.tick() => {
                    let mark = way.mark();
                    if mark != way.noted {
                        self.store.save_cursor_of(&reader, epoch, mark).await?;
                        way.noted = mark;
                    }
                    let last = self.store.head().await?.seq;
                    let lag = last.saturating_sub(mark) as f64;
                    let name = self.options.name.clone();
                    metrics::gauge!(names::WEBHOOK_LAG, "webhook" => name).set(lag);
                }
            }
        }
    }

    fn take(&self, epoch: Epoch, entries: &[Arc<LogEntry>], way: &mut Way) {
        for entry in entries {
            way.read = entry.seq;
            way.waiting.extend(
                self.message(epoch, entry)
                    .map(|message| (entry.seq, message)),
            );
        }
    }

    /// What has to be sent because of an entry.
    fn message(&self, epoch: Epoch, entry: &LogEntry) -> Option<Message> {
        let event = || Event::decode(&entry.text).ok();
        if entry.kind == kind::JOB_RETRIED {
            let retried: JobRetried = event()?.body().ok()?;
            let mine = retried.kind == JobKind::Webhook && retried.target == self.options.name;
            if mine && let Ok(again) = serde_json::from_value(retried.payload) {
                return Some(again);
            }
        }
        let wanted = self.options.events.iter();
        let wanted = wanted.clone().any(|pattern| matches(pattern, &entry.kind));
        wanted
            .then(|| Some(Message::of(self.store.site(), epoch, &event()?)))
            .flatten()
    }
}

/// Where a webhook stands in the log.
struct Way {
    /// Everything up to here was read.
    read: u64,
    /// The mark that was noted last.
    noted: u64,
    waiting: VecDeque<(u64, Message)>,
    on_way: BTreeSet<u64>,
    tasks: JoinSet<u64>,
}

impl Way {
    fn new(begin: u64) -> Self {
        Self {
            read: begin,
            noted: begin,
            waiting: VecDeque::new(),
            on_way: BTreeSet::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Everything up to here was delivered, given up, or wanted by nobody.
    fn mark(&self) -> u64 {
        let waiting = self.waiting.front().map(|(seq, _)| *seq);
        let first = self
            .on_way
            .first()
            .copied()
            .into_iter()
            .chain(waiting)
            .min();
        first.map_or(self.read, |first| first - 1)
    }
}

/// Whether a pattern such as `order.ready`, `order.*` or `*` names this kind.
fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(begin) => kind.starts_with(begin),
        None => pattern == kind,
    }
}

/// What a dead letter keeps of a message.
fn payload(message: &Message) -> Value {
    // Two texts always serialise.
    serde_json::to_value(message).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_one_kind_or_all_that_begin_so() {
        assert!(matches("order.ready", "order.ready") && matches("*", "order.ready"));
        assert!(matches("order.*", "order.ready") && !matches("order.*", "ticket.bumped"));
        assert!(!matches("order.read", "order.ready") && !matches("", "order.ready"));
    }

    #[test]
    fn the_mark_stays_below_what_is_on_its_way_or_waits() {
        let mut way = Way::new(10);
        way.read = 20;
        assert_eq!(way.mark(), 20);
        way.on_way.extend([12, 17]);
        assert_eq!(way.mark(), 11);
        way.on_way.remove(&12);
        assert_eq!(way.mark(), 16);
        let message = Message {
            id: String::new(),
            body: String::new(),
        };
        way.waiting.push_back((15, message));
        assert_eq!(way.mark(), 14);
    }
}
