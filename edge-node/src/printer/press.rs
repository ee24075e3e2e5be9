//! One try at a ticket: checked, begun, sent, ended. Its marks in the store say what a crash left.

use std::time::Duration;

use sunakku_common::event::JobKind;

use super::device::{Device, DeviceError};
use super::job::Job;
use super::render::{Look, render};
use crate::config;
use crate::site::SiteState;
use crate::store::{Beginning, DeadLetter, ErrorChain, Store, StoreError};

/// Pause before a store that is away is told again that a ticket is on paper.
const STORE_PAUSE: Duration = Duration::from_millis(200);

/// Why a ticket that is too old is given up.
const EXPIRED: &str = "expired";

/// A printer at work.
pub(super) struct Press {
    store: Store,
    name: String,
    expire: Duration,
    options: config::Printer,
    /// Whose clocks tickets tell the time by.
    site: SiteState,
    device: Device,
}

/// What became of a try.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is on paper.
    Printed,
    /// The same, marked as a copy.
    Copied,
    /// Nothing is to be printed: it is on paper, or no longer wanted.
    Needless,
    /// It is among the dead letters.
    Dead,
    /// It is to be tried again; why it was not printed.
    Failed(String),
}

impl Press {
    pub(super) fn new(store: Store, options: &config::Printer, site: SiteState) -> Self {
        let timeout = Duration::from_secs(options.timeout_seconds);
        Self {
            store,
            name: options.name.clone(),
            expire: Duration::from_secs(options.expire_seconds),
            options: options.clone(),
            site,
            device: Device::new(options.address.clone(), timeout, options.closes),
        }
    }

    /// Whether the printer could print now, else why not.
    pub(super) async fn probe(&self) -> Result<(), String> {
        let probe = self.device.probe().await;
        probe.map_err(|error| {
            let error = ErrorChain(&error).to_string();
            tracing::debug!(printer = self.name, error, "is not ready");
            error
        })
    }

    /// How a ticket looks that is printed now.
    fn look(&self) -> Look {
        Look {
            page: self.options.code_page,
            columns: self.options.columns,
            language: self.options.language.clone(),
            time_zone: self.site.time_zone(),
        }
    }

    /// Tries once to print a ticket.
    pub(super) async fn work(&self, job: &Job) -> Result<Outcome, StoreError> {
        match self.attempt(job).await {
            // It would be as unreadable the next time, and others stand in line behind it.
            Err(error @ StoreError::Unreadable(_)) => self.give_up(job, error.to_string()).await,
            tried => tried,
        }
    }

    async fn attempt(&self, job: &Job) -> Result<Outcome, StoreError> {
        let print = job.print(&self.name);
        let Some((ticket, _order)) = self.store.ticket(job.ticket).await? else {
            return Ok(Outcome::Needless);
        };
        let seen = job.unless_acknowledged && ticket.acknowledged_at.is_some();
        if !ticket.state.is_open() || seen || self.store.is_printed(print).await? {
            return Ok(Outcome::Needless);
        }
        if job.time_left(self.expire, self.store.now()).is_none() {
            return self.give_up(job, EXPIRED.to_owned()).await;
        }
        let link = match self.device.connect().await {
            Ok(link) => link,
            Err(error) => return self.failed(job, &error).await,
        };
        let Beginning::Begun { again } = self.store.begin_print(print).await? else {
            return Ok(Outcome::Needless);
        };
        let sheet = render(&self.look(), &ticket.details, again);
        if let Err(error) = link.print(&sheet).await {
            return self.failed(job, &error).await;
        }
        // What is on paper must not go there again because the store was away for a moment.
        let id = job.id(&self.name);
        while let Err(error) = self.store.end_print(print, &id).await {
            tracing::warn!(printer = self.name, ticket = %job.ticket, error = %ErrorChain(&error),
                "a printed ticket waits for the store");
            tokio::time::sleep(STORE_PAUSE).await;
        }
        Ok(if again {
            Outcome::Copied
        } else {
            Outcome::Printed
        })
    }

    async fn failed(&self, job: &Job, error: &DeviceError) -> Result<Outcome, StoreError> {
        let error = ErrorChain(error).to_string();
        let attempts = self.store.note_attempt(&job.id(&self.name), &error).await?;
        let (printer, tries) = (&self.name, attempts.len());
        tracing::warn!(printer, ticket = %job.ticket, tries, error, "a ticket was not printed");
        Ok(Outcome::Failed(error))
    }

    /// Puts a ticket among the dead letters.
    async fn give_up(&self, job: &Job, reason: String) -> Result<Outcome, StoreError> {
        let id = job.id(&self.name);
        let printer = &self.name;
        tracing::error!(printer, ticket = %job.ticket, reason, "a ticket was never printed");
        let letter = DeadLetter {
            attempts: self.store.attempts(&id).await?,
            id,
            kind: JobKind::Print,
            target: self.name.clone(),
            order: Some(job.order),
            payload: serde_json::to_value(job)?,
            reason,
            at: self.store.now(),
        };
        self.store.bury(&letter).await?;
        Ok(Outcome::Dead)
    }
}
