//! What a run of events adds to the figures of the analytics; `docs/data-dictionary.md` says what
//! each means. Like the orders, what is told again counts once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, SubsecRound as _, Timelike as _, Utc};
use chrono_tz::Tz;
use sunakku_common::event::StockChange;
use sunakku_common::ids::{SiteId, TicketId};
use sunakku_common::local_time::{day, hour, local};
use sunakku_common::text::Text;

use super::order::{Order, Sold, StockKey};
use crate::analytics::buckets;

/// Site, begin of its hour.
pub(super) type HourKey = (SiteId, DateTime<Utc>);
/// Site, begin of its hour, item.
pub(super) type SalesKey = (SiteId, DateTime<Utc>, String);
/// Site, its date, item or SKU.
pub(super) type DayKey = (SiteId, NaiveDate, String);
/// Site, begin of its hour or its date, measure, station, bucket.
pub(super) type DurationKey<T> = (SiteId, T, &'static str, String, i32);
/// Site, SKU, time, units.
pub(super) type CorrectionKey = (SiteId, String, DateTime<Utc>, i64);

/// A ticket, as the database has it or as it came in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) station: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) done_at: Option<DateTime<Utc>>,
}

/// What became of a time in which a SKU could not be sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outage {
    Lasts,
    Until(DateTime<Utc>),
    /// It took no time by the edge's clock.
    Void,
}

/// What was used of a SKU on a day, and the last count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct StockDay {
    pub(super) used: i64,
    pub(super) on_hand: Option<i64>,
}

/// A sum for each hour that a clock shows within a day.
pub(super) type ByHour = [i64; 24];

/// Orders of a day, and how they lie within it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct OrderDay {
    pub(super) all: Sold,
    pub(super) orders: ByHour,
    pub(super) units: ByHour,
}

/// What an item sells in the hours of a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ItemDay {
    pub(super) units: ByHour,
    pub(super) revenue: ByHour,
}

/// What is known before a run.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) zones: BTreeMap<SiteId, Tz>,
    /// Those of the tickets which the run names.
    pub(super) tickets: BTreeMap<(SiteId, TicketId), Ticket>,
    /// Since when those of the SKUs which the run names cannot be sold.
    pub(super) sold_out: BTreeMap<StockKey, DateTime<Utc>>,
}

/// What a run adds and changes.
#[derive(Debug, Default)]
pub(super) struct Figures {
    known: Known,
    pub(super) sales: BTreeMap<SalesKey, Sold>,
    pub(super) days: BTreeMap<DayKey, Sold>,
    pub(super) orders: BTreeMap<HourKey, Sold>,
    pub(super) order_days: BTreeMap<(SiteId, NaiveDate), OrderDay>,
    pub(super) item_days: BTreeMap<DayKey, ItemDay>,
    pub(super) names: BTreeMap<(SiteId, String), Text>,
    pub(super) changed_tickets: BTreeSet<(SiteId, TicketId)>,
    pub(super) durations: BTreeMap<DurationKey<DateTime<Utc>>, i64>,
    pub(super) day_durations: BTreeMap<DurationKey<NaiveDate>, i64>,
    pub(super) outages: BTreeMap<(SiteId, String, DateTime<Utc>), Outage>,
    pub(super) stock: BTreeMap<DayKey, StockDay>,
    pub(super) corrections: BTreeMap<CorrectionKey, String>,
}

impl Figures {
    pub(super) fn new(known: Known) -> Self {
        Self {
            known,
            ..Self::default()
        }
    }

    fn zone(&self, site: &SiteId) -> Tz {
        self.known.zones.get(site).copied().unwrap_or(Tz::UTC)
    }

    /// Adds what an order sells to the hour and day in which it was placed, or takes it away.
    pub(super) fn count(&mut self, site: &SiteId, order: &Order, sign: i64) {
        let (zone, at) = (self.zone(site), time(order.identity.placed_at));
        let (hour, day, shown) = (
            hour(at, zone),
            day(at, zone),
            local(at, zone).hour() as usize,
        );
        let mut all = Sold {
            orders: 1,
            ..Sold::default()
        };
        for (item, sold) in &order.sold {
            all.units += sold.units;
            all.revenue += sold.revenue;
            let key = (site.clone(), hour, item.clone());
            self.sales.entry(key).or_default().add(sold, sign);
            let key = (site.clone(), day, item.clone());
            let hours = self.item_days.entry(key.clone()).or_default();
            hours.units[shown] += sign * sold.units;
            hours.revenue[shown] += sign * sold.revenue;
            self.days.entry(key).or_default().add(sold, sign);
        }
        let hours = self.order_days.entry((site.clone(), day)).or_default();
        hours.all.add(&all, sign);
        hours.orders[shown] += sign;
        hours.units[shown] += sign * all.units;
        let key = (site.clone(), hour);
        self.orders.entry(key).or_default().add(&all, sign);
    }

    /// Counts a time that began then.
    fn time(
        &mut self,
        site: &SiteId,
        began: DateTime<Utc>,
        measure: &'static str,
        station: String,
        bucket: i32,
    ) {
        let zone = self.zone(site);
        let (hour, day) = (hour(began, zone), day(began, zone));
        let key = (site.clone(), day, measure, station.clone(), bucket);
        *self.day_durations.entry(key).or_default() += 1;
        let key = (site.clone(), hour, measure, station, bucket);
        *self.durations.entry(key).or_default() += 1;
    }

    /// Notes what an item is called.
    pub(super) fn name_item(&mut self, site: &SiteId, item: &str, name: &Text) {
        let key = (site.clone(), item.to_owned());
        self.names.insert(key, name.clone());
    }

    /// Notes how far from its promise an order became ready, the first time that it does.
    pub(super) fn settle_promise(
        &mut self,
        site: &SiteId,
        order: &mut Order,
        at: Option<DateTime<Utc>>,
    ) {
        let Some(at) = at.filter(|_| !order.promise.is_settled) else {
            return;
        };
        order.promise.is_settled = true;
        let late = (micros(at) - micros(order.promise.ready_at)).num_milliseconds();
        let (began, bucket) = (time(order.identity.placed_at), buckets::of_promise(late));
        self.time(site, began, "promise", String::new(), bucket);
    }

    pub(super) fn give_ticket(
        &mut self,
        site: &SiteId,
        ticket: TicketId,
        station: String,
        at: Option<DateTime<Utc>>,
    ) {
        let key = (site.clone(), ticket);
        let (Some(at), false) = (at, self.known.tickets.contains_key(&key)) else {
            return;
        };
        let ticket = Ticket {
            station,
            created_at: micros(at),
            done_at: None,
        };
        self.known.tickets.insert(key.clone(), ticket);
        self.changed_tickets.insert(key);
    }

    /// Notes how long a ticket took, the first time that it is made.
    pub(super) fn end_ticket(
        &mut self,
        site: &SiteId,
        ticket: TicketId,
        at: Option<DateTime<Utc>>,
    ) {
        let key = (site.clone(), ticket);
        let ticket = self.known.tickets.get_mut(&key);
        let (Some(at), Some(ticket)) = (at, ticket) else {
            return;
        };
        if ticket.done_at.is_some() {
            return;
        }
        ticket.done_at = Some(micros(at));
        let took = (micros(at) - ticket.created_at).num_milliseconds();
        let (began, bucket) = (ticket.created_at, buckets::of_preparation(took));
        let station = ticket.station.clone();
        self.time(site, began, "preparation", station, bucket);
        self.changed_tickets.insert(key);
    }

    /// The tickets that this run changed.
    pub(super) fn tickets(&self) -> impl Iterator<Item = (&(SiteId, TicketId), &Ticket)> {
        let changed = self.changed_tickets.iter();
        changed.filter_map(|key| Some((key, self.known.tickets.get(key)?)))
    }

    /// Counts what an order took, or gave back, on the day on which it was placed.
    pub(super) fn use_stock(&mut self, site: &SiteId, placed_at: i64, change: &StockChange) {
        let day = day(time(placed_at), self.zone(site));
        let key = (site.clone(), day, change.sku.clone());
        self.stock.entry(key).or_default().used -= change.delta;
    }

    /// Notes the count, and whether the SKU can be sold from now on.
    pub(super) fn see_stock(&mut self, site: &SiteId, at: DateTime<Utc>, change: &StockChange) {
        let at = micros(at);
        if let Some(on_hand) = change.on_hand {
            let key = (site.clone(), day(at, self.zone(site)), change.sku.clone());
            self.stock.entry(key).or_default().on_hand = Some(on_hand);
        }
        let key = (site.clone(), change.sku.clone());
        let is_out = change.suspended || change.on_hand.is_some_and(|units| units <= 0);
        match (is_out, self.known.sold_out.get(&key).copied()) {
            (true, None) => {
                self.known.sold_out.insert(key.clone(), at);
                self.outages.insert((key.0, key.1, at), Outage::Lasts);
            }
            (false, Some(since)) => {
                self.known.sold_out.remove(&key);
                let outage = if at > since {
                    Outage::Until(at)
                } else {
                    Outage::Void
                };
                self.outages.insert((key.0, key.1, since), outage);
            }
            _ => {}
        }
    }

    /// Notes a correction, once.
    pub(super) fn correct_stock(
        &mut self,
        site: &SiteId,
        at: DateTime<Utc>,
        change: &StockChange,
        reason: &str,
    ) {
        if change.delta != 0 {
            let key = (site.clone(), change.sku.clone(), micros(at), change.delta);
            let told = self.corrections.entry(key);
            told.or_insert_with(|| reason.to_owned());
        }
    }
}

impl Sold {
    pub(super) fn add(&mut self, other: &Self, sign: i64) {
        self.units += sign * other.units;
        self.orders += sign * other.orders;
        self.revenue += sign * other.revenue;
    }
}

/// A time in microseconds since 1970.
fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
}

/// A time as exact as the database keeps it.
fn micros(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}

#[cfg(test)]
#[path = "figures_tests.rs"]
mod tests;
