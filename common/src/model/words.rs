//! What can be asked of a site, and what it answers.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::event::StockChange;
use crate::ids::{OrderId, TicketId};
use crate::pricing::StockLevel;
use crate::state::{OrderState, TicketState};

/// Something that is asked of a site.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Take an order.
    Place {
        /// The order, if it is taken now.
        order: OrderId,
        /// The business day that its number belongs to.
        day: NaiveDate,
        /// Units of each SKU that it takes.
        claims: BTreeMap<String, u64>,
    },
    /// Deal an order to stations: tickets with their number of lines.
    Route {
        /// The order.
        order: OrderId,
        /// Its tickets, if it has none yet.
        tickets: Vec<(TicketId, u32)>,
    },
    /// End an order.
    Close {
        /// The order.
        order: OrderId,
        /// The state that it ends in.
        next: OrderState,
        /// The states from which it may end so.
        from: Vec<OrderState>,
    },
    /// Try the dead job of an order again: it is placed once more, with its stock claimed anew.
    Retry {
        /// The order.
        order: OrderId,
    },
    /// Cook.
    Cook {
        /// The ticket.
        ticket: TicketId,
        /// What is done to it.
        step: Cooking,
    },
    /// Change what is at hand.
    Stock {
        /// The SKU.
        sku: String,
        /// How.
        change: Restock,
    },
}

/// What a cook does to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cooking {
    /// Begins it.
    Start,
    /// Has made all of it.
    Bump,
    /// Has made one line, counted from 1.
    BumpLine(u32),
    /// Has seen it.
    Acknowledge,
    /// Makes it again.
    Recall,
    /// Has seen that its order was called off after it was begun.
    Confirm,
}

/// A change of what is at hand of a SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restock {
    /// Adds units or, negative, takes them.
    Adjust(i64),
    /// Sets the count.
    Set(u32),
    /// Stops counting.
    Uncount,
    /// Takes it off sale.
    Suspend,
    /// Puts it on sale again.
    Resume,
    /// Gives it another low-stock mark, or none.
    Mark(Option<u32>),
}

/// An order as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its pickup number.
    pub number: u32,
    /// Where it stands.
    pub state: OrderState,
    /// Units that it took of each SKU that was counted then.
    pub taken: BTreeMap<String, u64>,
    /// Its tickets, in their order; `None` until it was dealt to stations.
    pub tickets: Option<Vec<Ticket>>,
}

/// A ticket as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The ticket.
    pub id: TicketId,
    /// How many lines it has.
    pub lines: u32,
    /// Where it stands.
    pub state: TicketState,
    /// The lines that are made.
    pub done: BTreeSet<u32>,
    /// Whether a cook has seen it.
    pub seen: bool,
    /// Whether it was begun when its order was called off, and no cook has confirmed that yet.
    pub confirm: bool,
}

/// What a site answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The order is taken.
    Placed {
        /// The order: of the first request when this is a repetition.
        order: OrderId,
        /// Its pickup number.
        number: u32,
    },
    /// Too little is left: the level of every SKU that it claims.
    Short(BTreeMap<String, StockLevel>),
    /// It was dealt to stations.
    Routed,
    /// It is placed again.
    Retried,
    /// It has its tickets, or wants none.
    NothingToRoute,
    /// The order after the step.
    Order(Order),
    /// The SKU after the change.
    Level(StockLevel),
    /// There is nothing to add to.
    Uncounted,
    /// There are fewer than it takes.
    Negative(i64),
    /// There is no such thing.
    Missing,
    /// Not from this state.
    Illegal(&'static str),
    /// The key belongs to another request.
    KeyReused,
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What happened, see [`crate::event::kind`].
    pub kind: &'static str,
    /// What it did to stock.
    pub stock: Vec<StockChange>,
}

/// An answer with what the operation told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The answer.
    pub outcome: Outcome,
    /// Whether it is the first answer under this key, given again.
    pub replayed: bool,
    /// What was appended to the log.
    pub facts: Vec<Fact>,
}

/// An idempotency key, and the request that came under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyed<'a> {
    /// The key.
    pub key: &'a str,
    /// The request, in any form that is equal only for equal requests.
    pub request: &'a str,
}
