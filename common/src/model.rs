//! The rules of a site as plain Rust: what every operation answers, changes and tells. No IO, no
//! clock.
//!
//! An edge keeps the same rules as scripts in its store; its tests hold the two against each
//! other on a real server, so that a rule that is changed in one place only is found.

mod words;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

pub use words::{Answered, Ask, Cooking, Fact, Keyed, Order, Outcome, Restock, Ticket};

use crate::event::{StockChange, kind};
use crate::ids::{OrderId, TicketId};
use crate::pricing::StockLevel;
use crate::state::{OrderState, TicketState};

/// All facts of one site.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// Units at hand of counted SKUs.
    pub stock: BTreeMap<String, i64>,
    /// SKUs that are off sale.
    pub suspended: BTreeSet<String>,
    /// Low-stock marks.
    pub low_marks: BTreeMap<String, u32>,
    /// Orders ever taken.
    pub orders: BTreeMap<OrderId, Order>,
    /// Everything that was told.
    pub log: Vec<Fact>,
    numbers: BTreeMap<NaiveDate, u32>,
    keys: BTreeMap<String, (String, Outcome)>,
}

impl Model {
    /// A site with this stock at hand.
    pub fn new(stock: &BTreeMap<String, u32>) -> Self {
        let mut model = Self::default();
        for (sku, units) in stock {
            model.count(sku, i64::from(*units));
        }
        model
    }

    /// Does what is asked; nothing changes unless the answer says so.
    pub fn apply(&mut self, keyed: Option<Keyed<'_>>, ask: &Ask) -> Answered {
        let told = self.log.len();
        let (outcome, replayed) = match self.answered_before(keyed, ask) {
            Some((outcome, replayed)) => (outcome, replayed),
            None => (self.decide(ask), false),
        };
        let facts = self.log[told..].to_vec();
        if let (Some(keyed), false) = (keyed, facts.is_empty()) {
            let record = (keyed.request.to_owned(), outcome.clone());
            self.keys.insert(keyed.key.to_owned(), record);
        }
        Answered {
            outcome,
            replayed,
            facts,
        }
    }

    /// The answer that makes anything further needless, and whether it was given before.
    fn answered_before(&self, keyed: Option<Keyed<'_>>, ask: &Ask) -> Option<(Outcome, bool)> {
        // A ticket names its order; without one there is nothing whose keys could be asked.
        if let Ask::Cook { ticket, .. } = ask
            && self.order_of(*ticket).is_none()
        {
            return Some((Outcome::Missing, false));
        }
        let keyed = keyed?;
        let (request, outcome) = self.keys.get(keyed.key)?;
        Some(if request == keyed.request {
            (outcome.clone(), true)
        } else {
            (Outcome::KeyReused, false)
        })
    }

    fn decide(&mut self, ask: &Ask) -> Outcome {
        match ask {
            Ask::Place { order, day, claims } => self.place(*order, *day, claims),
            Ask::Route { order, tickets } => self.route(*order, tickets),
            Ask::Close { order, next, from } => self.close(*order, *next, from),
            Ask::Retry { order } => self.retry(*order),
            Ask::Cook { ticket, step } => self.cook(*ticket, *step),
            Ask::Stock { sku, change } => self.restock(sku, *change),
        }
    }

    /// What is at hand of a SKU.
    pub fn level(&self, sku: &str) -> StockLevel {
        StockLevel {
            on_hand: self.stock.get(sku).copied(),
            suspended: self.suspended.contains(sku),
        }
    }

    /// The order that a ticket belongs to.
    pub fn order_of(&self, ticket: TicketId) -> Option<OrderId> {
        let has = |order: &Order| {
            order
                .tickets
                .iter()
                .flatten()
                .any(|known| known.id == ticket)
        };
        let mut orders = self.orders.iter();
        orders.find(|(_, order)| has(order)).map(|(id, _)| *id)
    }

    fn tell(&mut self, kind: &'static str, stock: Vec<StockChange>) {
        self.log.push(Fact { kind, stock });
    }

    /// The change of a SKU that brought it where it stands now.
    fn change(&self, sku: &str, delta: i64) -> StockChange {
        let StockLevel { on_hand, suspended } = self.level(sku);
        StockChange {
            sku: sku.to_owned(),
            delta,
            on_hand,
            suspended,
            low_mark: self.low_marks.get(sku).copied(),
        }
    }

    fn place(&mut self, id: OrderId, day: NaiveDate, claims: &BTreeMap<String, u64>) -> Outcome {
        let (changes, taken) = match self.claim(claims) {
            Ok(claimed) => claimed,
            Err(short) => return short,
        };
        let number = self.numbers.entry(day).or_default();
        *number += 1;
        let (number, state, tickets) = (*number, OrderState::Placed, None);
        let order = Order {
            number,
            state,
            taken,
            tickets,
        };
        self.orders.insert(id, order);
        self.tell(kind::ORDER_PLACED, changes);
        Outcome::Placed { order: id, number }
    }

    /// Takes units from stock, or answers that some are short.
    fn claim(
        &mut self,
        claims: &BTreeMap<String, u64>,
    ) -> Result<(Vec<StockChange>, BTreeMap<String, u64>), Outcome> {
        let enough = |(sku, units): (&String, &u64)| {
            self.level(sku).sellable().is_none_or(|left| *units <= left)
        };
        if !claims.iter().all(enough) {
            let levels = claims.keys().map(|sku| (sku.clone(), self.level(sku)));
            return Err(Outcome::Short(levels.collect()));
        }
        let (mut changes, mut taken) = (Vec::new(), BTreeMap::new());
        for (sku, units) in claims {
            let delta = -i64::try_from(*units).unwrap_or(i64::MAX);
            if let Some(on_hand) = self.stock.get_mut(sku) {
                *on_hand += delta;
                taken.insert(sku.clone(), *units);
                changes.push(self.change(sku, delta));
            }
        }
        Ok((changes, taken))
    }

    fn retry(&mut self, id: OrderId) -> Outcome {
        let Some(order) = self.orders.get(&id) else {
            return Outcome::Missing;
        };
        match order.state {
            _ if order.tickets.is_some() => return Outcome::Illegal(order.state.as_str()),
            OrderState::Rejected => {}
            // It was given up, but not rejected yet.
            OrderState::Placed => {
                self.tell(kind::JOB_RETRIED, Vec::new());
                return Outcome::Retried;
            }
            other => return Outcome::Illegal(other.as_str()),
        }
        let (changes, taken) = match self.claim(&order.taken.clone()) {
            Ok(claimed) => claimed,
            Err(short) => return short,
        };
        if let Some(order) = self.orders.get_mut(&id) {
            (order.state, order.taken) = (OrderState::Placed, taken);
        }
        self.tell(kind::ORDER_RETRIED, changes);
        Outcome::Retried
    }

    fn route(&mut self, id: OrderId, tickets: &[(TicketId, u32)]) -> Outcome {
        let waits =
            |order: &&mut Order| order.state == OrderState::Placed && order.tickets.is_none();
        let Some(order) = self.orders.get_mut(&id).filter(waits) else {
            return Outcome::NothingToRoute;
        };
        let ticket = |(id, lines): &(TicketId, u32)| Ticket {
            id: *id,
            lines: *lines,
            state: TicketState::Waiting,
            done: BTreeSet::new(),
            seen: false,
            confirm: false,
        };
        order.tickets = Some(tickets.iter().map(ticket).collect());
        for _ in tickets {
            self.tell(kind::TICKET_CREATED, Vec::new());
        }
        Outcome::Routed
    }

    fn close(&mut self, id: OrderId, next: OrderState, from: &[OrderState]) -> Outcome {
        let Some(order) = self.orders.get_mut(&id) else {
            return Outcome::Missing;
        };
        let state = order.state;
        if !from.contains(&state) {
            return Outcome::Illegal(state.as_str());
        }
        order.state = next;
        let mut cancelled = 0;
        for ticket in order.tickets.iter_mut().flatten() {
            if ticket.state != TicketState::Done {
                ticket.confirm = ticket.state == TicketState::Cooking;
                ticket.state = TicketState::Cancelled;
                cancelled += 1;
            }
        }
        let after = order.clone();
        for _ in 0..cancelled {
            self.tell(kind::TICKET_CANCELLED, Vec::new());
        }
        // Once cooking has begun, what was taken is used up.
        let given_back = after.taken.iter().filter(|_| state == OrderState::Placed);
        let mut changes = Vec::new();
        for (sku, units) in given_back {
            let delta = i64::try_from(*units).unwrap_or(i64::MAX);
            if let Some(on_hand) = self.stock.get_mut(sku) {
                *on_hand += delta;
                changes.push(self.change(sku, delta));
            }
        }
        self.tell(moved(next), changes);
        Outcome::Order(after)
    }

    fn cook(&mut self, id: TicketId, step: Cooking) -> Outcome {
        let order_id = self.order_of(id);
        let order = order_id.and_then(|order| self.orders.get_mut(&order));
        let Some(order) = order else {
            return Outcome::Missing;
        };
        let order_state = order.state;
        let mut tickets = order.tickets.iter_mut().flatten();
        let Some(ticket) = tickets.find(|ticket| ticket.id == id) else {
            return Outcome::Missing;
        };
        let kind = match ticket.step(step, order_state) {
            Ok(kind) => kind,
            Err(refusal) => return refusal,
        };
        let done = ticket.state == TicketState::Done;
        let mut tickets = order.tickets.iter().flatten();
        let all_done = tickets.all(|ticket| ticket.state == TicketState::Done);
        let recalled = step == Cooking::Recall && order_state == OrderState::Ready;
        let mut moves = Vec::new();
        let cooked = order_state == OrderState::Placed && step != Cooking::Acknowledge;
        if cooked || recalled {
            moves.push(OrderState::Preparing);
        }
        if done && all_done {
            moves.push(OrderState::Ready);
        }
        order.state = moves.last().copied().unwrap_or(order_state);
        let after = order.clone();
        self.tell(kind, Vec::new());
        for next in moves {
            self.tell(moved(next), Vec::new());
        }
        Outcome::Order(after)
    }

    fn restock(&mut self, sku: &str, change: Restock) -> Outcome {
        let before = self.stock.get(sku).copied();
        match (change, before) {
            (Restock::Adjust(_), None) => return Outcome::Uncounted,
            (Restock::Adjust(units), Some(before)) if before + units < 0 => {
                return Outcome::Negative(before);
            }
            (Restock::Adjust(units), Some(before)) => self.count(sku, before + units),
            (Restock::Set(units), _) => self.count(sku, i64::from(units)),
            (Restock::Uncount, _) => {
                self.stock.remove(sku);
                let change = self.change(sku, -before.unwrap_or(0));
                self.tell(kind::STOCK_ADJUSTED, vec![change]);
            }
            (Restock::Suspend, _) => {
                self.suspended.insert(sku.to_owned());
                self.tell(kind::STOCK_SUSPENDED, vec![self.change(sku, 0)]);
            }
            (Restock::Mark(mark), _) => {
                match mark {
                    Some(mark) => self.low_marks.insert(sku.to_owned(), mark),
                    None => self.low_marks.remove(sku),
                };
                self.tell(kind::STOCK_MARKED, vec![self.change(sku, 0)]);
            }
            (Restock::Resume, _) => {
                self.suspended.remove(sku);
                self.tell(kind::STOCK_RESUMED, vec![self.change(sku, 0)]);
            }
        }
        Outcome::Level(self.level(sku))
    }

    fn count(&mut self, sku: &str, units: i64) {
        let before = self.stock.insert(sku.to_owned(), units);
        let change = self.change(sku, units - before.unwrap_or(0));
        self.tell(kind::STOCK_ADJUSTED, vec![change]);
    }
}

impl Ticket {
    /// Makes a step and says what to tell of it.
    fn step(&mut self, step: Cooking, order: OrderState) -> Result<&'static str, Outcome> {
        let kind = self.make(step, order)?;
        self.seen |= step != Cooking::Confirm;
        Ok(kind)
    }

    fn make(&mut self, step: Cooking, order: OrderState) -> Result<&'static str, Outcome> {
        let refused = Err(Outcome::Illegal(self.state.as_str()));
        let recallable = matches!(order, OrderState::Preparing | OrderState::Ready);
        match step {
            Cooking::BumpLine(line) if !(1..=self.lines).contains(&line) => Err(Outcome::Missing),
            Cooking::Start if self.state == TicketState::Waiting => {
                self.state = TicketState::Cooking;
                Ok(kind::TICKET_STARTED)
            }
            Cooking::Bump if self.state.is_open() => {
                self.done = (1..=self.lines).collect();
                self.state = TicketState::Done;
                Ok(kind::TICKET_BUMPED)
            }
            Cooking::BumpLine(line) if self.state.is_open() && !self.done.contains(&line) => {
                self.done.insert(line);
                let all = self.done.len() == self.lines as usize;
                self.state = if all {
                    TicketState::Done
                } else {
                    TicketState::Cooking
                };
                Ok(kind::TICKET_LINE_BUMPED)
            }
            Cooking::Acknowledge if self.state.is_open() && !self.seen => {
                Ok(kind::TICKET_ACKNOWLEDGED)
            }
            Cooking::Confirm if self.confirm => {
                self.confirm = false;
                Ok(kind::TICKET_CONFIRMED)
            }
            Cooking::Recall if self.state == TicketState::Done && recallable => {
                self.done.clear();
                self.state = TicketState::Cooking;
                Ok(kind::TICKET_RECALLED)
            }
            _ => refused,
        }
    }
}

/// The kind of event that tells of an order's new state.
fn moved(state: OrderState) -> &'static str {
    match state {
        OrderState::Placed => kind::ORDER_PLACED,
        OrderState::Preparing => kind::ORDER_PREPARING,
        OrderState::Ready => kind::ORDER_READY,
        OrderState::Collected => kind::ORDER_COLLECTED,
        OrderState::Cancelled => kind::ORDER_CANCELLED,
        OrderState::Rejected => kind::ORDER_REJECTED,
        OrderState::Expired => kind::ORDER_EXPIRED,
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
