//! An order as the projection knows it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sunakku_common::event::OrderPlaced;
use sunakku_common::ids::{Epoch, OrderId, SiteId};
use sunakku_common::money::Minor;
use sunakku_common::state::OrderState;

/// An order of a site.
pub(super) type OrderKey = (SiteId, OrderId);
/// A SKU of a site.
pub(super) type StockKey = (SiteId, String);

/// What an order sells of one item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sold {
    pub(super) units: i64,
    pub(super) orders: i64,
    pub(super) revenue: Minor,
}

/// What tells two orders of one id apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) number: i64,
    pub(super) total: Minor,
    /// Microseconds since 1970, as the database counts.
    pub(super) placed_at: i64,
}

/// What was promised for an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Promise {
    /// When it was to be ready.
    pub(super) ready_at: DateTime<Utc>,
    /// Whether it was ready once.
    pub(super) is_settled: bool,
}

/// An order, as the database has it or as it came in this run.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) identity: Identity,
    pub(super) state: OrderState,
    pub(super) promise: Promise,
    /// What it sells by item; loaded only for orders whose sale this run may take back.
    pub(super) sold: BTreeMap<String, Sold>,
    /// Set when it came in this run, with where it was placed.
    pub(super) placed: Option<(Epoch, i64, Box<OrderPlaced>)>,
    /// Whether this run changed it.
    pub(super) is_changed: bool,
    /// What this run sets; a time that it does not set stays.
    pub(super) preparing_at: Option<DateTime<Utc>>,
    pub(super) ready_at: Option<DateTime<Utc>>,
    pub(super) collected_at: Option<DateTime<Utc>>,
    pub(super) closed_at: Option<DateTime<Utc>>,
    pub(super) reason: Option<String>,
}

impl Order {
    /// An order in this state, unchanged.
    pub(super) fn known(identity: Identity, state: OrderState, promise: Promise) -> Self {
        Self {
            identity,
            state,
            promise,
            sold: BTreeMap::new(),
            placed: None,
            is_changed: false,
            preparing_at: None,
            ready_at: None,
            collected_at: None,
            closed_at: None,
            reason: None,
        }
    }
}

/// Whether an order in this state counts as sold.
pub(super) fn is_sold(state: OrderState) -> bool {
    !matches!(state, OrderState::Cancelled | OrderState::Rejected)
}
