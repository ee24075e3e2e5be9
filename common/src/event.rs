//! Events of the site log: what happened at a site, in the order in which it happened.

mod by;
pub mod kind;
mod site;
mod work;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::ids::{Epoch, OrderId, TicketId};
use crate::order::{OrderDetails, OrderLine, Service};
use crate::state::{OrderState, TicketState};
use crate::trace::Origin;

pub use by::{By, cause};
pub use site::*;
pub use work::*;

/// One event.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// Counts from 1 without gaps within an epoch.
    pub seq: u64,
    /// The edge's clock; information, never used for order.
    pub at: DateTime<Utc>,
    /// See [`kind`].
    pub kind: String,
    /// What happened, by kind.
    pub body: Box<RawValue>,
}

impl Event {
    /// Reads an event from its text.
    pub fn decode(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The trace of the request that it came of, if it tells.
    pub fn origin(&self) -> Option<Origin> {
        #[derive(Deserialize)]
        struct Traced {
            by: By,
        }
        let traced: Traced = serde_json::from_str(self.body.get()).ok()?;
        Origin::told(traced.by.trace, traced.by.span)
    }

    /// The event's one text, over which the hash chain runs. `at`, `kind` and `body` are taken
    /// as the store has them: `at` and `kind` need no escaping, `body` is JSON.
    pub fn encode(seq: u64, at: &str, kind: &str, body: &str) -> String {
        format!(r#"{{"seq":{seq},"at":"{at}","kind":"{kind}","body":{body}}}"#)
    }

    /// The body as the type that belongs to the kind.
    pub fn body<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.body.get())
    }
}

/// A time as events write it: RFC 3339, UTC, milliseconds.
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// What an event did to one SKU, with the count after it, so that readers do no arithmetic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StockChange {
    /// The SKU.
    pub sku: String,
    /// Units added or, negative, taken.
    pub delta: i64,
    /// Units at hand after it; `None` when it is not counted.
    pub on_hand: Option<i64>,
    /// Whether it is off sale.
    pub suspended: bool,
    /// It is low when so many or fewer are at hand; `None` without such a mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_mark: Option<u32>,
}

impl StockChange {
    /// Whether what is at hand has come down to the low-stock mark.
    pub fn is_low(&self) -> bool {
        is_low(self.on_hand, self.low_mark)
    }
}

/// Whether so many units are no more than the low-stock mark; what is not counted is never low.
pub fn is_low(on_hand: Option<i64>, low_mark: Option<u32>) -> bool {
    let marked = on_hand.zip(low_mark);
    marked.is_some_and(|(on_hand, mark)| on_hand <= i64::from(mark))
}

/// Body of [`kind::EPOCH_STARTED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochStarted {
    /// The new epoch.
    pub epoch: Epoch,
    /// The one before it, when the store had one.
    #[serde(default)]
    pub previous: Option<Epoch>,
    /// Why: `born`, or what was found wrong.
    pub reason: String,
    /// What was at hand before everything that the epoch tells, told again or new.
    #[serde(default)]
    pub stock: Vec<StockChange>,
}

/// Body of [`kind::LOG_CORRUPT`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Corrupt {
    /// The kind that the damaged entry named.
    pub kind: String,
    /// Its body as it was found.
    pub found: String,
}

/// Body of [`kind::ORDER_PLACED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// The order.
    pub order: OrderId,
    /// Its pickup number.
    pub number: u32,
    /// The key under which it was sent.
    pub key: String,
    /// Who sent it.
    pub by: By,
    /// What it took from stock.
    pub stock: Vec<StockChange>,
    /// What was ordered.
    pub details: OrderDetails,
}

/// Body of the kinds in [`kind::ORDER_MOVES`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderMoved {
    /// The order.
    pub order: OrderId,
    /// Its pickup number.
    pub number: u32,
    /// The state that it has now.
    pub state: OrderState,
    /// Who did it.
    pub by: By,
    /// Why, where that matters.
    #[serde(default)]
    pub reason: Option<String>,
    /// What it gave back to stock.
    #[serde(default)]
    pub stock: Vec<StockChange>,
}

/// Body of [`kind::TICKET_CREATED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketCreated {
    /// The ticket.
    pub ticket: TicketId,
    /// Its order.
    pub order: OrderId,
    /// The order's pickup number.
    pub number: u32,
    /// Who did it.
    pub by: By,
    /// What is to be made.
    pub details: TicketDetails,
}

/// What one station makes of one order. It never changes; its progress stands in its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TicketDetails {
    /// The ticket.
    pub id: TicketId,
    /// Its order.
    pub order: OrderId,
    /// The order's pickup number.
    pub number: u32,
    /// Code of the station.
    pub station: String,
    /// The order's lines that this station makes; lines count from 1 within the ticket by
    /// their place in this list.
    pub lines: Vec<OrderLine>,
    /// Codes of allergens that the guest must avoid.
    #[serde(default)]
    pub avoid: Vec<String>,
    /// Where the guest eats.
    pub service: Option<Service>,
    /// Other stations that make a part of the same order.
    #[serde(default)]
    pub others: Vec<String>,
    /// When the order was taken.
    pub placed_at: DateTime<Utc>,
    /// When the guest wants it; now when absent.
    pub pickup_at: Option<DateTime<Utc>>,
}

/// Body of the kinds `ticket.*` but [`kind::TICKET_CREATED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketMoved {
    /// The ticket.
    pub ticket: TicketId,
    /// Its order.
    pub order: OrderId,
    /// The order's pickup number.
    pub number: u32,
    /// Code of the station.
    pub station: String,
    /// The state that it has now.
    pub state: TicketState,
    /// Lines that are made, counted from 1 within the ticket.
    pub done_lines: Vec<u32>,
    /// When a cook had first seen it.
    #[serde(default)]
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// Who did it.
    pub by: By,
    /// Why, where that was told.
    #[serde(default)]
    pub reason: Option<String>,
    /// Whether a cook has to confirm it.
    #[serde(default)]
    pub needs_confirmation: bool,
}

/// Body of the kinds `stock.*`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StockMoved {
    /// What changed.
    pub stock: Vec<StockChange>,
    /// Who did it.
    pub by: By,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_its_text() {
        let text = Event::encode(
            7,
            "2026-11-23T10:00:00.000Z",
            kind::ORDER_READY,
            r#"{"a":1}"#,
        );
        let event = Event::decode(&text).expect("own text");
        assert_eq!(
            (event.seq, event.kind.as_str(), event.body.get()),
            (7, "order.ready", r#"{"a":1}"#)
        );
        assert_eq!(timestamp(event.at), "2026-11-23T10:00:00.000Z");
    }
}
