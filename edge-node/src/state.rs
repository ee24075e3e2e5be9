//! What the edge's handlers and tasks share.

use std::sync::Arc;

use axum::extract::FromRef;
use chrono::TimeDelta;
use metrics_exporter_prometheus::PrometheusHandle;
use sunakku_common::claims::{Signer, Verifier};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::door::Door;
use crate::gate::Gate;
use crate::kitchen::Kitchen;
use crate::log::{Live, StockView};
use crate::pairing::Pairings;
use crate::printer::PrinterShown;
use crate::queue::Queue;
use crate::rates::Rates;
use crate::screens::Screens;
use crate::site::{Menus, Pictures, SiteState};
use crate::store::{OrderCounts, Store};
use crate::sync::SyncStatus;

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) inner: Arc<Shared>,
}

/// See [`AppState`].
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) menus: Menus,
    pub(crate) pictures: Pictures,
    pub(crate) site: SiteState,
    pub(crate) live: Live,
    pub(crate) queue: Queue,
    pub(crate) kitchen: Kitchen,
    pub(crate) nats: async_nats::Client,
    pub(crate) sync: watch::Receiver<SyncStatus>,
    pub(crate) health: watch::Receiver<Health>,
    /// The site's printers, in the order of the configuration.
    pub(crate) printers: Vec<watch::Receiver<PrinterShown>>,
    pub(crate) signer: Signer,
    /// Whom to believe.
    pub(crate) gate: Gate,
    pub(crate) password_checks: PasswordChecks,
    pub(crate) screens: Screens,
    /// Screens that ask to be let in.
    pub(crate) pairings: Pairings,
    /// How much everyone may ask for.
    pub(crate) rates: Rates,
    /// Through which guests' phones come in.
    pub(crate) door: Door,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
}

/// Keeps password checks within bounds: each takes 19 MiB and a core.
pub(crate) struct PasswordChecks {
    /// Those that are done at one time.
    pub(crate) slots: Semaphore,
    /// Those that are done or wait.
    pub(crate) queue: Semaphore,
}

impl Default for PasswordChecks {
    fn default() -> Self {
        Self {
            slots: Semaphore::new(2),
            queue: Semaphore::new(64),
        }
    }
}

/// What the edge last saw of the servers that it needs, and of its own log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Health {
    pub(crate) redis: bool,
    pub(crate) counts: OrderCounts,
    /// Days of disconnection left until the log is full; `None` while nothing is told.
    pub(crate) days_left: Option<f64>,
}

impl FromRef<AppState> for Arc<Verifier> {
    fn from_ref(state: &AppState) -> Self {
        state.inner.gate.verifier()
    }
}

impl AppState {
    /// Whether something on the menu takes from this SKU, or it is counted or off sale.
    pub(crate) fn knows_sku(&self, sku: &str) -> bool {
        let of_menu = self.inner.menus.current().menu.skus().contains(sku);
        let known = |stock: &StockView| stock.levels.contains_key(sku);
        of_menu || self.inner.live.with_stock(known)
    }

    /// How long a token that is minted here is good for.
    pub(crate) fn session_life(&self) -> TimeDelta {
        TimeDelta::seconds(self.inner.config.identity.session_seconds)
    }
}
