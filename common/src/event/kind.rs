//! Names of the kinds of events. A reader keeps kinds that it does not know and skips them.

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
