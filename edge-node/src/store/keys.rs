//! Every key of the site's Redis. No other code knows one.
//!
//! All keys share the hash tag `{<site>}`, so that a script may use them together.

use chrono::NaiveDate;
use sunakku_common::ids::{CommandId, Epoch, OrderId, SiteId, TicketId};

/// Makes the keys of one site.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(crate) fn new(site: &SiteId) -> Self {
        Self {
            prefix: format!("{{{site}}}"),
        }
    }

    fn key(&self, rest: &str) -> String {
        format!("{}:{rest}", self.prefix)
    }

    /// Hash. Written by every script: `epoch`, `seq` (last sequence), `bytes` (of the log),
    /// `orders` (orders ever taken), `dead` (jobs that ever failed for good), `paused` (since
    /// when the work queue is paused), low-stock marks (`low:<SKU>` of the site, `menu-low:<SKU>`
    /// of its menu), `anchor_seq` and `anchor_chain` (the chain at the last forgotten entry),
    /// `own_first` (first sequence that was not told again), `handover` (what names the stock that
    /// was taken over from the box before).
    pub(crate) fn meta(&self) -> String {
        self.key("meta")
    }

    /// Stream: the site log of the present epoch. Written by every script, read by the tails.
    pub(crate) fn log(&self) -> String {
        self.key("log")
    }

    /// Stream: the log of an epoch that has ended, kept for as long as retention says.
    pub(crate) fn old_log(&self, epoch: Epoch) -> String {
        self.key(&format!("log:{epoch}"))
    }

    /// List: epochs that have ended, the oldest first, each with the first sequence that was its
    /// own: `<epoch> <sequence>`. Those before had been told in an epoch before it.
    pub(crate) fn ended(&self) -> String {
        self.key("epochs:ended")
    }

    /// String: fingerprint and answer of the request that came under an idempotency key.
    pub(crate) fn idempotency(&self, key: &str) -> String {
        self.key(&format!("idem:{key}"))
    }

    /// Hash: an order with its tickets.
    pub(crate) fn order(&self, order: OrderId) -> String {
        self.key(&format!("order:{order}"))
    }

    /// String: the order that a ticket belongs to.
    pub(crate) fn ticket(&self, ticket: TicketId) -> String {
        self.key(&format!("ticket:{ticket}"))
    }

    /// Sorted set of all orders kept, by their place in line.
    pub(crate) fn orders(&self) -> String {
        self.key("orders")
    }

    /// Sorted set of open orders, by their place in line.
    pub(crate) fn open_orders(&self) -> String {
        self.key("orders:open")
    }

    /// Sorted set of orders that wait to be collected, by the time since when (milliseconds since
    /// 1970).
    pub(crate) fn ready_orders(&self) -> String {
        self.key("orders:ready")
    }

    /// Hash: seconds of work that were given away, by `<slot>:<station>`; slots are quarters of an
    /// hour since 1970.
    pub(crate) fn slots(&self) -> String {
        self.key("slots")
    }

    /// Hash: how many open orders came from each device.
    pub(crate) fn open_by_device(&self) -> String {
        self.key("orders:open:devices")
    }

    /// Sorted set of orders whose lines were not dealt to stations yet, by the time at which they
    /// have to be (milliseconds since 1970).
    pub(crate) fn unrouted(&self) -> String {
        self.key("orders:unrouted")
    }

    /// Sorted set of all tickets kept, by their place in line.
    pub(crate) fn tickets(&self) -> String {
        self.key("tickets")
    }

    /// Sorted set of open tickets, by their order's place in line.
    pub(crate) fn open_tickets(&self) -> String {
        self.key("tickets:open")
    }

    /// Sorted set of tickets that no screen has acknowledged and that wait to be told of if none
    /// does, by the time at which they were made (milliseconds since 1970).
    pub(crate) fn unseen_tickets(&self) -> String {
        self.key("tickets:unseen")
    }

    /// String: how far a ticket has come at a printer: `begun` or `printed`.
    pub(crate) fn print_mark(&self, printer: &str, ticket: TicketId) -> String {
        self.key(&format!("print:{printer}:{ticket}"))
    }

    /// Hash: units at hand by counted SKU.
    pub(crate) fn stock(&self) -> String {
        self.key("stock")
    }

    /// Set of SKUs that staff took off sale.
    pub(crate) fn suspended(&self) -> String {
        self.key("stock:suspended")
    }

    /// Sorted set of SKUs that are off sale for a time, by its end (milliseconds since 1970).
    pub(crate) fn suspensions(&self) -> String {
        self.key("stock:suspended:until")
    }

    /// Set of SKUs whose count the box before left, and that nobody has counted since.
    pub(crate) fn to_count(&self) -> String {
        self.key("stock:to-count")
    }

    /// Set of SKUs that were given their first count.
    pub(crate) fn seeded(&self) -> String {
        self.key("stock:seeded")
    }

    /// String: the process that used the store last.
    pub(crate) fn instance(&self) -> String {
        self.key("instance")
    }

    /// Hash: the menu that the site sells by (`origin`, `version`, `hash`, `menu`), the `next` one
    /// as JSON, and a print of what was `refused` last.
    pub(crate) fn menu(&self) -> String {
        self.key("menu")
    }

    /// Hash: uploaded pictures that menus name, bytes by name. A copy of the hub's.
    pub(crate) fn pictures(&self) -> String {
        self.key("pictures")
    }

    /// Hash: the hub's `settings` for the site and what it is `closed` for, as JSON.
    pub(crate) fn site(&self) -> String {
        self.key("site")
    }

    /// Hash: since when guests at a device ask for somebody of the staff, by device.
    pub(crate) fn calls(&self) -> String {
        self.key("calls")
    }

    /// String: what became of a command of the hub's.
    pub(crate) fn command(&self, command: CommandId) -> String {
        self.key(&format!("command:{command}"))
    }

    /// Counter: the last pickup number of a business day.
    pub(crate) fn numbers(&self, day: NaiveDate) -> String {
        self.key(&format!("numbers:{day}"))
    }

    /// Hash: letters about jobs that failed for good, as JSON by job.
    pub(crate) fn dead_jobs(&self) -> String {
        self.key("jobs:dead")
    }

    /// Sorted set of the jobs in [`Self::dead_jobs`], by their place in line.
    pub(crate) fn dead_places(&self) -> String {
        self.key("jobs:dead:places")
    }

    /// List: tries of a job that failed so far, as JSON.
    pub(crate) fn attempts(&self, job: &str) -> String {
        self.key(&format!("attempts:{job}"))
    }

    /// Counter: how often a job was begun without any outcome, because its worker died.
    pub(crate) fn starts(&self, job: &str) -> String {
        self.key(&format!("starts:{job}"))
    }

    /// String: who a screen becomes by a sign-in code, as JSON; by the code's digest. Runs out.
    pub(crate) fn code(&self, digest: &str) -> String {
        self.key(&format!("code:{digest}"))
    }

    /// Hash: devices that were let in, as JSON by id.
    pub(crate) fn devices(&self) -> String {
        self.key("devices")
    }

    /// Hash: when a device called last, by id.
    pub(crate) fn devices_seen(&self) -> String {
        self.key("devices:seen")
    }

    /// Sorted set of sessions and devices that have ended, by when their last token has run out (seconds
    /// since 1970).
    pub(crate) fn ended_sessions(&self) -> String {
        self.key("sessions:ended")
    }

    /// Hash: how a person tried to sign in, by device and person, by digest: `tries` that failed since
    /// the last one that did not, and `until` when no more is let (milliseconds since 1970). Runs out.
    pub(crate) fn tries(&self, digest: &str) -> String {
        self.key(&format!("tries:{digest}"))
    }

    /// Hash: how far a reader of the log has come.
    pub(crate) fn cursor(&self, reader: &str) -> String {
        self.key(&format!("cursor:{reader}"))
    }
}
