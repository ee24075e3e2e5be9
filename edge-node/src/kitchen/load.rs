//! How busy each station is, and thus when an order will be ready. No IO, no clock.
//!
//! A station's open work is the preparation time of all lines that it has still to make. Its pace
//! is how long tickets really took against how long they were planned to take, the recent ones
//! counting most.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use sunakku_common::ids::OrderId;
use sunakku_common::order::{OrderDetails, OrderLine};
use sunakku_common::state::{OrderState, TicketState};

/// What the latest ticket counts for in a station's pace.
const WEIGHT: f64 = 0.2;
/// A pace beyond these is a forgotten ticket or a mistake, not a kitchen.
const PACE: std::ops::RangeInclusive<f64> = 0.25..=4.0;

/// The load of a site's kitchen.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// How many work at a station; one where it is not told.
    cooks: HashMap<String, u32>,
    /// In the order in which they were first heard of; there are few.
    stations: Vec<Station>,
    orders: HashMap<OrderId, Order>,
}

#[derive(Debug)]
struct Station {
    name: Box<str>,
    /// Seconds of work that are still to be done.
    work: u64,
    pace: f64,
}

/// An open order. A site may have tens of thousands of them, so they are small.
#[derive(Debug)]
struct Order {
    promised: DateTime<Utc>,
    parts: Box<[Part]>,
    /// Whether its work counts: a scheduled one does from when it was dealt out.
    counts: bool,
}

/// What one station makes of an order.
#[derive(Debug)]
struct Part {
    /// Which of [`Load::stations`].
    station: usize,
    /// Seconds of work of each line.
    lines: Box<[u32]>,
    /// Seconds of work of the slowest item.
    slowest: u32,
    /// Seconds of work that are still to be done.
    left: u64,
    begun: Option<DateTime<Utc>>,
}

/// Seconds of work.
fn sum<'a>(lines: impl Iterator<Item = &'a u32>) -> u64 {
    lines.map(|seconds| u64::from(*seconds)).sum()
}

/// A ticket that was made.
#[derive(Debug, PartialEq)]
pub(crate) struct Made {
    /// How long it really took.
    pub(crate) seconds: f64,
}

impl Load {
    /// An idle kitchen with so many cooks at its stations.
    pub(crate) fn new(cooks: HashMap<String, u32>) -> Self {
        Self {
            cooks,
            ..Self::default()
        }
    }

    /// An order was taken. `seconds` is how long one of an item takes to make.
    pub(crate) fn place(&mut self, order: &OrderDetails, seconds: impl Fn(&str) -> u32) {
        if self.orders.contains_key(&order.id) {
            return;
        }
        let mut parts: Vec<(usize, Vec<u32>, u32)> = Vec::new();
        for work in order.lines.iter().flat_map(OrderLine::works) {
            let (one, station) = (seconds(work.item), self.station(work.station));
            let known = parts.iter().position(|(known, ..)| *known == station);
            let known = known.unwrap_or_else(|| {
                parts.push((station, Vec::new(), 0));
                parts.len() - 1
            });
            let (_, lines, slowest) = &mut parts[known];
            lines.push(one.saturating_mul(work.quantity));
            *slowest = one.max(*slowest);
        }
        let parts = parts.into_iter().map(|(station, lines, slowest)| Part {
            station,
            left: sum(lines.iter()),
            lines: lines.into(),
            slowest,
            begun: None,
        });
        let placed = Order {
            promised: order.ready_estimate_at,
            parts: parts.collect(),
            counts: false,
        };
        self.orders.insert(order.id, placed);
        if order.release_at() <= order.placed_at {
            self.deal(order.id);
        }
    }

    /// Which of the stations has this name; a new one is idle.
    fn station(&mut self, name: &str) -> usize {
        let known = self.stations.iter().position(|one| *one.name == *name);
        known.unwrap_or_else(|| {
            let (name, work, pace) = (name.into(), 0, 1.0);
            self.stations.push(Station { name, work, pace });
            self.stations.len() - 1
        })
    }

    /// An order's work has come to its stations.
    pub(crate) fn deal(&mut self, order: OrderId) {
        let Some(order) = self.orders.get_mut(&order).filter(|order| !order.counts) else {
            return;
        };
        order.counts = true;
        for part in &order.parts {
            self.stations[part.station].work += part.left;
        }
    }

    /// A ticket was begun, made in part or as a whole, or recalled. Tells when it was made.
    pub(crate) fn move_ticket(
        &mut self,
        order: OrderId,
        station: &str,
        state: TicketState,
        done_lines: &[u32],
        at: DateTime<Utc>,
    ) -> Option<Made> {
        self.deal(order);
        let station = self.station(station);
        let mut parts = self.orders.get_mut(&order)?.parts.iter_mut();
        let part = parts.find(|part| part.station == station)?;
        let is_open = |(n, _): &(u32, &u32)| state.is_open() && !done_lines.contains(n);
        let lines = (1..).zip(&part.lines).filter(is_open);
        let left = sum(lines.map(|(_, seconds)| seconds));
        let known = &mut self.stations[station];
        known.work = (known.work + left).saturating_sub(part.left);
        part.left = left;
        match state {
            TicketState::Cooking => {
                part.begun.get_or_insert(at);
                None
            }
            TicketState::Done => {
                // One that nobody began tells nothing of how long it took.
                let seconds = (at - part.begun.take()?).as_seconds_f64().max(0.0);
                if part.slowest > 0 {
                    let pace =
                        (seconds / f64::from(part.slowest)).clamp(*PACE.start(), *PACE.end());
                    known.pace += WEIGHT * (pace - known.pace);
                }
                Some(Made { seconds })
            }
            TicketState::Waiting | TicketState::Cancelled => None,
        }
    }

    /// An order came to another state. Tells, when it got ready, by how much the promise was off:
    /// positive when it was late.
    pub(crate) fn move_order(
        &mut self,
        order: OrderId,
        state: OrderState,
        at: DateTime<Utc>,
    ) -> Option<TimeDelta> {
        if state.is_open() {
            let promised = self.orders.get(&order)?.promised;
            return (state == OrderState::Ready).then(|| at - promised);
        }
        let closed = self.orders.remove(&order)?;
        for part in closed.parts.iter().filter(|_| closed.counts) {
            let station = &mut self.stations[part.station];
            station.work = station.work.saturating_sub(part.left);
        }
        None
    }

    /// When an order of these lines would be ready, if the kitchen got it now: each station does
    /// what it has first, then the order's own part.
    pub(crate) fn estimate<'a>(
        &self,
        lines: impl Iterator<Item = (&'a str, u32)>,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let seconds = lines.map(|(name, own)| self.wait_and(name, own));
        now + bounded(seconds.fold(0.0, f64::max))
    }

    /// How long these stations are busy with what they have already.
    pub(crate) fn wait<'a>(&self, stations: impl Iterator<Item = &'a str>) -> TimeDelta {
        let seconds = stations.map(|name| self.wait_and(name, 0));
        bounded(seconds.fold(0.0, f64::max))
    }

    /// Seconds until a station has done what it has, and then work of so many seconds.
    fn wait_and(&self, name: &str, own: u32) -> f64 {
        let known = self.stations.iter().find(|one| *one.name == *name);
        let (work, pace) = known.map_or((0, 1.0), |station| (station.work, station.pace));
        let cooks = self.cooks.get(name).copied().unwrap_or(1).max(1);
        (work as f64 / f64::from(cooks) + f64::from(own)) * pace
    }
}

/// Far below what a time can hold: a week is as good as never.
fn bounded(seconds: f64) -> TimeDelta {
    TimeDelta::milliseconds((seconds.min(604_800.0) * 1_000.0) as i64)
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
