//! What a printer has to print, and how it stands in the log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::event::{Event, JobKind, JobRetried, kind};
use sunakku_common::ids::{OrderId, TicketId};

use crate::config;
use crate::store::{LogEntry, Print, What};

/// A ticket that is to be printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) ticket: TicketId,
    pub(super) order: OrderId,
    /// Whether it is only wanted as long as no screen has acknowledged it.
    pub(super) unless_acknowledged: bool,
    /// Since when it is to be printed.
    pub(super) wanted_at: DateTime<Utc>,
}

impl Job {
    /// What an entry of the log gives a printer to print.
    pub(super) fn of(printer: &config::Printer, entry: &LogEntry) -> Option<Self> {
        let fact = entry.fact()?;
        let job = |order, ticket, unless_acknowledged| Self {
            ticket,
            order,
            unless_acknowledged,
            wanted_at: fact.at,
        };
        match (&fact.what, entry.kind.as_str()) {
            (What::TicketCreated(created), _) => {
                let mine = printer.stations.contains(&created.details.station);
                mine.then(|| job(created.order, created.ticket, false))
            }
            (What::TicketMoved(moved), kind::TICKET_ESCALATED) if printer.fallback => {
                Some(job(moved.order, moved.ticket, true))
            }
            (_, kind::JOB_RETRIED) => {
                let retried: JobRetried = Event::decode(&entry.text).ok()?.body().ok()?;
                let mine = retried.kind == JobKind::Print && retried.target == printer.name;
                let again: Self = serde_json::from_value(retried.payload).ok()?;
                // Somebody wants it now, whatever a screen has shown.
                mine.then(|| job(again.order, again.ticket, false))
            }
            _ => None,
        }
    }

    /// Names it.
    pub(super) fn id(&self, printer: &str) -> String {
        format!("print:{printer}:{}", self.ticket)
    }

    /// The same for the store.
    pub(super) fn print<'a>(&self, printer: &'a str) -> Print<'a> {
        Print {
            printer,
            ticket: self.ticket,
            order: self.order,
            unless_acknowledged: self.unless_acknowledged,
        }
    }

    /// How long it may still be printed; `None` when it is too old.
    pub(super) fn time_left(&self, expire: Duration, now: DateTime<Utc>) -> Option<Duration> {
        // A clock that was set back makes nothing older.
        let age = (now - self.wanted_at).to_std().unwrap_or_default();
        expire.checked_sub(age).filter(|left| !left.is_zero())
    }
}

/// The line in front of a printer, and its place in the log.
#[derive(Debug)]
pub(super) struct Line {
    /// Everything up to here was read.
    pub(super) read: u64,
    /// What is to be printed, with the sequences of its events; the first may be at the printer.
    pub(super) waiting: VecDeque<(u64, Job)>,
}

impl Line {
    pub(super) fn new(begin: u64) -> Self {
        Self {
            read: begin,
            waiting: VecDeque::new(),
        }
    }

    pub(super) fn take(&mut self, printer: &config::Printer, entries: &[Arc<LogEntry>]) {
        for entry in entries {
            self.read = entry.seq;
            let job = Job::of(printer, entry);
            self.waiting.extend(job.map(|job| (entry.seq, job)));
        }
    }

    /// Everything up to here is on paper, given up, or no business of this printer's.
    pub(super) fn mark(&self) -> u64 {
        self.waiting
            .front()
            .map_or(self.read, |(first, _)| first - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const TICKET: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
    const ORDER: &str = "01890a5d-ac96-774b-bcce-b302099a8058";

    fn printer(fallback: bool) -> config::Printer {
        let text = format!(
            "name = \"hot\"\naddress = \"h:1\"\nstations = [\"grill\"]\nfallback = {fallback}"
        );
        toml::from_str(&text).expect("a printer")
    }

    fn entry(seq: u64, kind: &str, body: &Value) -> LogEntry {
        let text = Event::encode(seq, "2026-11-23T10:00:00.000Z", kind, &body.to_string());
        let kind = kind.to_owned();
        LogEntry::new(seq, kind, text)
    }

    fn created(seq: u64, station: &str) -> LogEntry {
        let details = json!({
            "id": TICKET, "order": ORDER, "number": 1, "station": station, "lines": [],
            "service": null, "placed_at": "2026-11-23T09:59:00Z", "pickup_at": null,
        });
        let body = json!({
            "ticket": TICKET, "order": ORDER, "number": 1, "by": {"actor": "queue"},
            "details": details,
        });
        entry(seq, kind::TICKET_CREATED, &body)
    }

    fn retried(kind: &str, target: &str) -> LogEntry {
        let job = json!({
            "ticket": TICKET, "order": ORDER, "unless_acknowledged": true,
            "wanted_at": "2026-11-23T08:00:00Z",
        });
        let body = json!({
            "job": "j", "kind": kind, "target": target, "payload": job,
            "by": {"actor": "manager"},
        });
        entry(3, kind::JOB_RETRIED, &body)
    }

    #[test]
    fn a_printer_prints_what_is_its_own() {
        let escalated = json!({
            "ticket": TICKET, "order": ORDER, "number": 1, "station": "bar",
            "state": "waiting", "done_lines": [], "by": {"actor": "timer"},
        });
        let escalated = entry(2, kind::TICKET_ESCALATED, &escalated);
        let wants = |fallback, entry: &LogEntry| Job::of(&printer(fallback), entry);
        assert!(wants(false, &created(1, "grill")).is_some());
        assert_eq!(wants(true, &created(1, "bar")), None);
        assert_eq!(wants(false, &escalated), None);
        assert!(wants(true, &escalated).is_some_and(|job| job.unless_acknowledged));
        for (kind, target) in [("print", "cold"), ("webhook", "hot"), ("route", "")] {
            assert_eq!(wants(true, &retried(kind, target)), None);
        }
        let again = wants(false, &retried("print", "hot")).expect("its own");
        assert!(!again.unless_acknowledged, "somebody wants it now");
        assert_eq!(again.wanted_at.to_rfc3339(), "2026-11-23T10:00:00+00:00");
        assert_eq!(
            wants(true, &entry(4, kind::TICKET_CREATED, &json!({}))),
            None
        );
    }

    #[test]
    fn a_ticket_is_too_old_when_its_time_is_over() {
        let job = Job::of(&printer(false), &created(1, "grill")).expect("a job");
        let expire = Duration::from_secs(60);
        let left = |seconds| {
            let now = job.wanted_at + chrono::TimeDelta::seconds(seconds);
            job.time_left(expire, now).map(|left| left.as_secs())
        };
        assert_eq!((left(0), left(59)), (Some(60), Some(1)));
        assert_eq!((left(60), left(1_000_000)), (None, None));
        assert_eq!(left(-1_000), Some(60), "a clock was set back");
    }

    proptest! {
        #[test]
        fn the_mark_stays_below_what_waits_and_reaches_what_was_read(
            stations in prop::collection::vec(any::<bool>(), 1..40),
            done in prop::collection::vec(any::<bool>(), 1..40),
        ) {
            let (printer, mut line) = (printer(false), Line::new(0));
            let (mut entries, mut done) = ((1..).zip(&stations), done.into_iter());
            loop {
                let mark = line.mark();
                prop_assert!(line.waiting.iter().all(|(seq, _)| mark < *seq));
                if line.waiting.is_empty() {
                    prop_assert_eq!(mark, line.read);
                }
                if done.next().unwrap_or(true) && line.waiting.pop_front().is_some() {
                    prop_assert!(mark <= line.mark());
                    continue;
                }
                let Some((seq, mine)) = entries.next() else { break };
                line.take(&printer, &[Arc::new(created(seq, if *mine { "grill" } else { "bar" }))]);
                prop_assert_eq!(line.read, seq);
            }
        }
    }
}
