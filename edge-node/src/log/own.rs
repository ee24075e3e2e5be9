//! What a guest hears of orders: of his own alone.

use std::collections::HashSet;

use sunakku_common::ids::OrderId;

use super::Frame;

/// The orders of one guest, as far as they were told.
#[derive(Debug)]
pub(crate) struct OwnOrders {
    guest: String,
    ids: HashSet<OrderId>,
}

impl OwnOrders {
    /// Of the guest with this name; none yet.
    pub(crate) fn of(guest: String) -> Self {
        let ids = HashSet::new();
        Self { guest, ids }
    }

    /// Notes the order if the guest placed it, and whether he did.
    pub(crate) fn note(&mut self, id: OrderId, placed_by: &str) -> bool {
        let own = placed_by == self.guest;
        if own {
            self.ids.insert(id);
        }
        own
    }

    /// Whether the guest is told the frame: what concerns no order, or one of his own.
    pub(crate) fn admits(&mut self, frame: &Frame) -> bool {
        match &frame.order {
            None => true,
            Some((id, Some(placed_by))) => self.note(*id, placed_by),
            Some((id, None)) => self.ids.contains(id),
        }
    }
}
