//! What a printer has to print, and how it stands in the log.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::event::{Event, JobKind, JobRetried, TicketCreated, TicketMoved, kind};
use sunakku_common::ids::{OrderId, TicketId};

use crate::config;
use crate::store::{LogEntry, Print};

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
        let event = Event::decode(&entry.text).ok()?;
        let job = |order, ticket, unless_acknowledged| Self {
            ticket,
            order,
            unless_acknowledged,
            wanted_at: event.at,
        };
        match event.kind.as_str() {
            kind::TICKET_CREATED => {
                let created: TicketCreated = event.body().ok()?;
                let mine = printer.stations.contains(&created.details.station);
                mine.then(|| job(created.order, created.ticket, false))
            }
            kind::TICKET_ESCALATED if printer.fallback => {
                let moved: TicketMoved = event.body().ok()?;
                Some(job(moved.order, moved.ticket, true))
            }
            kind::JOB_RETRIED => {
                let retried: JobRetried = event.body().ok()?;
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

    pub(super) fn take(&mut self, printer: &config::Printer, entries: &[LogEntry]) {
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
