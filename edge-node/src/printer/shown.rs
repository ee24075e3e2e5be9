//! How a printer stands, for people.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::config;

/// Whether a printer prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum PrinterState {
    /// It was not asked yet.
    Unknown,
    /// It could print when it was last asked or given a ticket.
    Ready,
    /// It could not.
    Failing,
}

/// A kitchen printer, as far as the edge has seen since it started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct PrinterShown {
    name: String,
    /// Stations whose tickets it prints.
    stations: Vec<String>,
    /// Whether it prints what no screen has acknowledged in time.
    fallback: bool,
    state: PrinterState,
    /// Why it does not print.
    trouble: Option<String>,
    /// When it last printed a ticket.
    last_printed_at: Option<DateTime<Utc>>,
    /// Tickets that wait for it.
    waiting: usize,
}

impl PrinterShown {
    pub(super) fn new(options: &config::Printer) -> Self {
        Self {
            name: options.name.clone(),
            stations: options.stations.clone(),
            fallback: options.fallback,
            state: PrinterState::Unknown,
            trouble: None,
            last_printed_at: None,
            waiting: 0,
        }
    }

    pub(super) fn note_state(&mut self, trouble: Option<String>) {
        self.state = match trouble {
            None => PrinterState::Ready,
            Some(_) => PrinterState::Failing,
        };
        self.trouble = trouble;
    }

    pub(super) fn note_printed(&mut self, at: DateTime<Utc>) {
        self.last_printed_at = Some(at);
    }

    /// Whether that is another number than before.
    pub(super) fn set_waiting(&mut self, waiting: usize) -> bool {
        std::mem::replace(&mut self.waiting, waiting) != waiting
    }
}
