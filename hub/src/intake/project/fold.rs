//! Works out what a run of events changes, from what is known of the orders that it names.
//!
//! Events may be told again: an edge that begins a new epoch repeats what the hub may not have.
//! So a second placing of the same order changes nothing, and a closed order stays closed. Sales
//! are counted by the order's state, so each order counts once however often it is told.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use sunakku_common::event::{
    CommandSettled, MenuActivated, MenuRefused, OrderMoved, OrderPlaced, StockChange,
};
use sunakku_common::ids::{CommandId, Epoch, OrderId, SiteId};
use sunakku_common::state::OrderState;

use super::devices::Devices;
use super::figures::{Figures, Known};
use super::order::{Identity, Order, OrderKey, Promise, StockKey, is_sold};
use super::read::{Fact, What, within_calendar};
use crate::intake::group::Entry;

/// What one event did to the stock of one SKU: a row of the ledger.
#[derive(Debug)]
pub(super) struct Movement {
    pub(super) site: SiteId,
    pub(super) epoch: Epoch,
    pub(super) seq: i64,
    pub(super) kind: String,
    pub(super) order: Option<OrderId>,
    pub(super) change: StockChange,
}

/// Whether the rules have the step that an event told of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Usual,
    Odd,
}

/// Everything that a run changes.
#[derive(Debug, Default)]
pub(super) struct Fold {
    pub(super) orders: BTreeMap<OrderKey, Order>,
    /// The last movement of each SKU, by its place in `movements`.
    pub(super) stock: BTreeMap<StockKey, usize>,
    pub(super) movements: Vec<Movement>,
    pub(super) figures: Figures,
    /// The last that each site told of its menu, with the edge's time.
    pub(super) activated: BTreeMap<SiteId, (MenuActivated, Option<DateTime<Utc>>)>,
    pub(super) refused: BTreeMap<SiteId, (MenuRefused, Option<DateTime<Utc>>)>,
    pub(super) devices: Devices,
    /// What each site told first of a command.
    pub(super) commands: BTreeMap<(SiteId, CommandId), CommandSettled>,
}

impl Fold {
    /// Begins with what is known of the orders, and of what the figures are counted from.
    pub(super) fn new(orders: BTreeMap<OrderKey, Order>, known: Known) -> Self {
        Self {
            orders,
            figures: Figures::new(known),
            ..Self::default()
        }
    }

    /// Takes in one event wholly, or tells why not and changes nothing.
    pub(super) fn apply(&mut self, entry: &Entry<'_>, fact: Fact) -> Result<Step, String> {
        let at = within_calendar(entry.event.at);
        // Whose stock it moves; none for an order that was told before.
        let mut moves = None;
        let mut is_correction = None;
        let step = match fact.what {
            What::Placed(placed) => {
                let order = placed.order;
                let is_new = self.place(entry, placed)?;
                moves = is_new.then_some(order);
                Step::Usual
            }
            What::Moved(moved) => {
                let order = moved.order;
                let (step, is_new) = self.step(entry, moved)?;
                moves = is_new.then_some(order);
                step
            }
            What::Corrected(reason) => {
                is_correction = Some(reason);
                Step::Usual
            }
            What::TicketCreated(ticket, station) => {
                self.figures.give_ticket(entry.site, ticket, station, at);
                Step::Usual
            }
            What::TicketDone(ticket) => {
                self.figures.end_ticket(entry.site, ticket, at);
                Step::Usual
            }
            What::MenuActivated(menu) => {
                self.activated.insert(entry.site.clone(), (menu, at));
                Step::Usual
            }
            What::MenuRefused(menu) => {
                self.refused.insert(entry.site.clone(), (menu, at));
                Step::Usual
            }
            What::CommandSettled(settled) => {
                let key = (entry.site.clone(), settled.command);
                self.commands.entry(key).or_insert(settled);
                Step::Usual
            }
            What::DevicePaired(moved) => {
                self.devices.pair(entry.site, moved, at);
                Step::Usual
            }
            What::DeviceRevoked(moved) => {
                self.devices.revoke(entry.site, moved, at);
                Step::Usual
            }
            What::Other => Step::Usual,
        };
        let moves = moves.and_then(|order| self.orders.get(&(entry.site.clone(), order)));
        let placed_at = moves.map(|order| order.identity.placed_at);
        for change in fact.stock {
            if let Some(placed_at) = placed_at {
                self.figures.use_stock(entry.site, placed_at, &change);
            }
            if let Some(at) = at {
                self.figures.see_stock(entry.site, at, &change);
                if let Some(reason) = &is_correction {
                    self.figures.correct_stock(entry.site, at, &change, reason);
                }
            }
            let key = (entry.site.clone(), change.sku.clone());
            self.stock.insert(key, self.movements.len());
            self.movements.push(Movement {
                site: entry.site.clone(),
                epoch: entry.epoch,
                seq: entry.seq(),
                kind: super::read::clean(&entry.event.kind),
                order: fact.order,
                change,
            });
        }
        Ok(step)
    }

    /// Whether it is new.
    fn place(&mut self, entry: &Entry<'_>, placed: Box<OrderPlaced>) -> Result<bool, String> {
        let key = (entry.site.clone(), placed.order);
        let identity = Identity {
            number: placed.number.into(),
            total: placed.details.total,
            placed_at: placed.details.placed_at.timestamp_micros(),
        };
        if let Some(known) = self.orders.get(&key) {
            return match known.identity == identity {
                true => Ok(false),
                false => Err("another order was placed under this id before".to_owned()),
            };
        }
        let promise = Promise {
            ready_at: placed.details.ready_estimate_at,
            is_settled: false,
        };
        let mut order = Order::known(identity, OrderState::Placed, promise);
        for line in &placed.details.lines {
            let sold = order.sold.entry(line.item.clone()).or_default();
            sold.orders = 1;
            sold.units += i64::from(line.quantity);
            sold.revenue += line.total;
            self.figures.name_item(entry.site, &line.item, &line.name);
        }
        order.placed = Some((entry.epoch, entry.seq(), placed));
        self.figures.count(entry.site, &order, 1);
        self.orders.insert(key, order);
        Ok(true)
    }

    /// Also whether it changed anything.
    fn step(&mut self, entry: &Entry<'_>, moved: OrderMoved) -> Result<(Step, bool), String> {
        let key = (entry.site.clone(), moved.order);
        let order = self.orders.get_mut(&key);
        let order = order.ok_or("no such order is known here")?;
        let is_usual = order.state.may_become(moved.state);
        if !is_usual && !order.state.is_open() {
            // Told again, or by a store that was set back.
            return Ok((Step::Odd, false));
        }
        match (is_sold(order.state), is_sold(moved.state)) {
            (true, false) => self.figures.count(entry.site, order, -1),
            (false, true) => self.figures.count(entry.site, order, 1),
            _ => {}
        }
        // A clock beyond any calendar: the exact text of the event keeps what it said.
        let at = within_calendar(entry.event.at);
        match moved.state {
            OrderState::Preparing => order.preparing_at = at,
            OrderState::Ready => {
                order.ready_at = at;
                self.figures.settle_promise(entry.site, order, at);
            }
            OrderState::Collected => order.collected_at = at,
            _ => {}
        }
        if moved.state.is_open() {
            // What is tried again is not closed any more.
            order.closed_at = None;
        } else {
            order.closed_at = at;
        }
        order.state = moved.state;
        order.reason = match moved.state {
            OrderState::Placed => None,
            _ => moved.reason.or(order.reason.take()),
        };
        order.is_changed = true;
        let step = if is_usual { Step::Usual } else { Step::Odd };
        Ok((step, true))
    }
}

/// Orders whose sale the facts may take back or give again, so that their lines are needed.
pub(super) fn resold<'a>(
    facts: impl Iterator<Item = (&'a SiteId, &'a Fact)>,
    known: &BTreeMap<OrderKey, Order>,
) -> BTreeSet<OrderKey> {
    let moved = facts.filter_map(|(site, fact)| match &fact.what {
        What::Moved(moved) => Some(((site.clone(), moved.order), moved.state)),
        _ => None,
    });
    let changes_sale = |(key, next): &(OrderKey, OrderState)| {
        known
            .get(key)
            .is_some_and(|order| !is_sold(*next) || !is_sold(order.state))
    };
    moved.filter(changes_sale).map(|(key, _)| key).collect()
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
