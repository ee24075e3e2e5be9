//! What a guest hears of orders: of his own alone.

use std::collections::HashSet;

use sunakku_common::ids::OrderId;

use super::Frame;

/// The orders of one guest, as far as they were told and are not over.
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
        let Some(order) = &frame.order else {
            return true;
        };
        match &order.placed_by {
            Some(placed_by) => self.note(order.id, placed_by),
            None if order.is_over => self.ids.remove(&order.id),
            None => self.ids.contains(&order.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Topic;
    use crate::log::frames::Concerned;

    fn frame(id: OrderId, placed_by: Option<&str>, is_over: bool) -> Frame {
        Frame {
            topic: Topic::Orders,
            json: bytes::Bytes::new(),
            order: Some(Concerned {
                id,
                placed_by: placed_by.map(str::to_owned),
                is_over,
            }),
        }
    }

    #[test]
    fn a_guest_hears_of_his_own_orders_until_they_are_over() {
        let mut own = OwnOrders::of("kiosk-1".to_owned());
        let (mine, other) = (OrderId::new(), OrderId::new());
        assert!(own.admits(&frame(mine, Some("kiosk-1"), false)));
        assert!(!own.admits(&frame(other, Some("kiosk-2"), false)));
        assert!(own.admits(&frame(mine, None, false)));
        assert!(!own.admits(&frame(other, None, true)));
        assert!(own.admits(&frame(mine, None, true)), "its end is told");
        assert!(own.ids.is_empty(), "and nothing is kept of it");
    }
}
