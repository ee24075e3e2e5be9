//! Events of the site log: what happened at a site, in the order in which it happened.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::claims::Role;
use crate::ids::{CommandId, Epoch, OrderId, TicketId};
use crate::order::{OrderDetails, OrderLine, Service};
use crate::state::{OrderState, TicketState, text_enum};
use crate::trace::Origin;

/// Names of the kinds of events. A reader keeps kinds that it does not know and skips them.
pub mod kind {
    /// A store began to number events: [`super::EpochStarted`].
    pub const EPOCH_STARTED: &str = "epoch.started";
    /// An entry of the log does not match its checksum: [`super::Corrupt`].
    pub const LOG_CORRUPT: &str = "log.corrupt";
    /// An order was taken: [`super::OrderPlaced`].
    pub const ORDER_PLACED: &str = "order.placed";
    /// An order changed its state: `order.<state>`, [`super::OrderMoved`].
    pub const ORDER_PREPARING: &str = "order.preparing";
    /// See [`ORDER_PREPARING`].
    pub const ORDER_READY: &str = "order.ready";
    /// See [`ORDER_PREPARING`].
    pub const ORDER_COLLECTED: &str = "order.collected";
    /// See [`ORDER_PREPARING`].
    pub const ORDER_CANCELLED: &str = "order.cancelled";
    /// See [`ORDER_PREPARING`].
    pub const ORDER_REJECTED: &str = "order.rejected";
    /// See [`ORDER_PREPARING`].
    pub const ORDER_EXPIRED: &str = "order.expired";
    /// A rejected order is placed again, with its stock claimed anew: [`super::OrderMoved`].
    pub const ORDER_RETRIED: &str = "order.retried";
    /// A station was given its part of an order: [`super::TicketCreated`].
    pub const TICKET_CREATED: &str = "ticket.created";
    /// A cook has seen a ticket: [`super::TicketMoved`]. One that is begun or made was seen as well,
    /// without an event of its own.
    pub const TICKET_ACKNOWLEDGED: &str = "ticket.acknowledged";
    /// No screen has acknowledged a ticket in time: [`super::TicketMoved`].
    pub const TICKET_ESCALATED: &str = "ticket.escalated";
    /// A cook began a ticket: [`super::TicketMoved`].
    pub const TICKET_STARTED: &str = "ticket.started";
    /// One line of a ticket was made: [`super::TicketMoved`].
    pub const TICKET_LINE_BUMPED: &str = "ticket.line_bumped";
    /// A ticket was made: [`super::TicketMoved`].
    pub const TICKET_BUMPED: &str = "ticket.bumped";
    /// A ticket that was done is being made again: [`super::TicketMoved`].
    pub const TICKET_RECALLED: &str = "ticket.recalled";
    /// A ticket's order was called off: [`super::TicketMoved`].
    pub const TICKET_CANCELLED: &str = "ticket.cancelled";
    /// A cook has seen that the order of a begun ticket was called off: [`super::TicketMoved`].
    pub const TICKET_CONFIRMED: &str = "ticket.confirmed";
    /// Stock was set or corrected: [`super::StockMoved`].
    pub const STOCK_ADJUSTED: &str = "stock.adjusted";
    /// A SKU was taken off sale: [`super::StockMoved`].
    pub const STOCK_SUSPENDED: &str = "stock.suspended";
    /// A SKU is on sale again: [`super::StockMoved`].
    pub const STOCK_RESUMED: &str = "stock.resumed";
    /// A SKU was given another low-stock mark, or none: [`super::StockMoved`].
    pub const STOCK_MARKED: &str = "stock.marked";
    /// A menu went live: [`super::MenuActivated`].
    pub const MENU_ACTIVATED: &str = "menu.activated";
    /// A menu could not be taken: [`super::MenuRefused`].
    pub const MENU_REFUSED: &str = "menu.refused";
    /// The hub's settings for the site were taken: [`super::SiteConfigured`].
    pub const SITE_CONFIGURED: &str = "site.configured";
    /// The site takes no orders for a time: [`super::SiteSwitched`].
    pub const SITE_CLOSED: &str = "site.closed";
    /// The site takes orders again: [`super::SiteSwitched`].
    pub const SITE_OPENED: &str = "site.opened";
    /// A guest at a device asks for somebody of the staff: [`super::StaffCall`].
    pub const STAFF_CALLED: &str = "staff.called";
    /// Somebody of the staff has seen to it: [`super::StaffCall`].
    pub const STAFF_ANSWERED: &str = "staff.answered";
    /// A command of the hub's was done: [`super::CommandSettled`].
    pub const COMMAND_APPLIED: &str = "command.applied";
    /// A command of the hub's was not done: [`super::CommandSettled`].
    pub const COMMAND_REFUSED: &str = "command.refused";
    /// A job failed for good: [`super::JobDead`].
    pub const JOB_DEAD: &str = "job.dead";
    /// A dead job is to be done after all: [`super::JobRetried`].
    pub const JOB_RETRIED: &str = "job.retried";
    /// A dead job was given up by a person: [`super::JobDiscarded`].
    pub const JOB_DISCARDED: &str = "job.discarded";
    /// The work queue holds its jobs back: [`super::QueueSwitched`].
    pub const QUEUE_PAUSED: &str = "queue.paused";
    /// The work queue goes on: [`super::QueueSwitched`].
    pub const QUEUE_RESUMED: &str = "queue.resumed";
    /// A device was let in: [`super::DeviceMoved`].
    pub const DEVICE_PAIRED: &str = "device.paired";
    /// A device is let in no more: [`super::DeviceMoved`].
    pub const DEVICE_REVOKED: &str = "device.revoked";
    /// A person has signed in: [`super::SessionMoved`].
    pub const SESSION_SIGNED_IN: &str = "session.signed_in";
    /// A person has signed out: [`super::SessionMoved`].
    pub const SESSION_SIGNED_OUT: &str = "session.signed_out";
    /// Somebody gave a wrong password or PIN for a person who is known: [`super::SessionMoved`].
    pub const SESSION_REFUSED: &str = "session.refused";
    /// After too many of them the person cannot sign in at that device for a while: [`super::SessionMoved`].
    pub const SESSION_LOCKED: &str = "session.locked";
    /// Every kind that an [`super::OrderMoved`] comes in.
    pub const ORDER_MOVES: &[&str] = &[
        ORDER_PREPARING,
        ORDER_READY,
        ORDER_COLLECTED,
        ORDER_CANCELLED,
        ORDER_REJECTED,
        ORDER_EXPIRED,
        ORDER_RETRIED,
    ];
}

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

/// Who did it, and from which device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct By {
    /// Name of a person or device, or of a part of the edge such as `queue`.
    pub actor: String,
    /// The device it was done at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// What led to it: one of [`cause`].
    #[serde(default)]
    pub cause: String,
    /// The trace of the request that it came of: the same in the logs of edge and hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// The span of that request, where spans are exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<String>,
}

/// What leads to a change.
pub mod cause {
    /// A person or device asked for it.
    pub const REQUEST: &str = "request";
    /// A job of the work queue.
    pub const JOB: &str = "job";
    /// Its time had come.
    pub const TIMER: &str = "timer";
    /// A step of one of the order's tickets, told right before it.
    pub const TICKET: &str = "ticket";
    /// The hub sent it: a menu, settings or a command.
    pub const HUB: &str = "hub";
    /// The edge's own upkeep, such as a new epoch.
    pub const UPKEEP: &str = "upkeep";
}

impl By {
    /// A part of the edge itself, because of one of [`cause`].
    pub fn system(part: &str, cause: &str) -> Self {
        Self {
            actor: part.to_owned(),
            device: None,
            cause: cause.to_owned(),
            trace: crate::trace::current(),
            span: crate::trace::current_span(),
        }
    }
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

text_enum!(
    /// What a job does.
    JobKind {
        /// Deals an order's lines to stations.
        Route = "route",
        /// Prints a ticket.
        Print = "print",
        /// Tells an event to a webhook.
        Webhook = "webhook",
    }
);

/// One failed try of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attempt {
    /// When it failed.
    pub at: DateTime<Utc>,
    /// Why.
    pub error: String,
}

/// Body of [`kind::JOB_DEAD`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobDead {
    /// Names the job.
    pub job: String,
    /// What it does.
    pub kind: JobKind,
    /// Name of the printer or webhook; empty for none.
    #[serde(default)]
    pub target: String,
    /// The order that it belongs to, if any.
    #[serde(default)]
    pub order: Option<OrderId>,
    /// Why it was given up.
    pub reason: String,
    /// Every try.
    pub attempts: Vec<Attempt>,
    /// Who gave it up.
    pub by: By,
}

/// Body of [`kind::JOB_RETRIED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRetried {
    /// Names the job.
    pub job: String,
    /// What it does.
    pub kind: JobKind,
    /// Name of the printer or webhook; empty for none.
    #[serde(default)]
    pub target: String,
    /// The order that it belongs to, if any.
    #[serde(default)]
    pub order: Option<OrderId>,
    /// What is to be done, by kind.
    #[serde(default)]
    pub payload: serde_json::Value,
    /// Who wants it.
    pub by: By,
}

/// Body of [`kind::JOB_DISCARDED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobDiscarded {
    /// Names the job.
    pub job: String,
    /// Why.
    pub reason: String,
    /// Who did it.
    pub by: By,
}

/// Body of [`kind::QUEUE_PAUSED`] and [`kind::QUEUE_RESUMED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueSwitched {
    /// Who did it.
    pub by: By,
    /// Why, where that was told.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Body of [`kind::MENU_ACTIVATED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MenuActivated {
    /// The version that the site sells by from now on.
    pub version: u64,
    /// SHA-256 of that menu ([`crate::menu::canonical::hash`]); a seed has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Code of the menu at the hub; a seed has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub menu: Option<String>,
}

/// Body of [`kind::MENU_REFUSED`]. The site sells on by the menu that it had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MenuRefused {
    /// The version that it does not take.
    pub version: u64,
    /// Why.
    pub reason: String,
    /// Code of the menu at the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub menu: Option<String>,
}

/// Body of [`kind::SITE_CONFIGURED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteConfigured {
    /// The revision of the settings that is in force.
    pub revision: u64,
}

/// Body of [`kind::SITE_CLOSED`] and [`kind::SITE_OPENED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteSwitched {
    /// Until when it is closed; absent when it was opened.
    #[serde(default)]
    pub until: Option<DateTime<Utc>>,
    /// Who did it.
    pub by: By,
    /// Why, where that was told.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Body of [`kind::STAFF_CALLED`] and [`kind::STAFF_ANSWERED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StaffCall {
    /// The device where the guest is.
    pub device: String,
    /// Who did it: called, or saw to it.
    pub by: By,
}

/// Body of [`kind::DEVICE_PAIRED`] and [`kind::DEVICE_REVOKED`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceMoved {
    /// The device; the `sid` of its tokens.
    pub device: Uuid,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Who let it in, or shut it out.
    pub by: By,
    /// Why, where that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Body of the kinds `session.*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionMoved {
    /// The person.
    pub user: String,
    /// What the person may do.
    pub role: Role,
    /// How: `password` or `pin`.
    pub method: String,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Until when the person cannot sign in there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// Who did it, and at which device.
    pub by: By,
}

/// Body of [`kind::COMMAND_APPLIED`] and [`kind::COMMAND_REFUSED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandSettled {
    /// The command.
    pub command: CommandId,
    /// What it asked for.
    pub kind: String,
    /// Why it was not done: a word for programs, such as `expired` or `negative-stock`.
    #[serde(default)]
    pub reason: Option<String>,
    /// The same as a sentence.
    #[serde(default)]
    pub detail: Option<String>,
    /// Who gave it.
    pub by: By,
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
