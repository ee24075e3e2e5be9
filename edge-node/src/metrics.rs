//! Names of the edge's own metrics; labels are bounded sets, never ids.

use metrics::Unit;

/// Orders taken, by channel.
pub(crate) const ORDERS_ACCEPTED: &str = "sunakku_orders_accepted_total";
/// Orders refused, by the slug of the problem.
pub(crate) const ORDERS_REFUSED: &str = "sunakku_orders_rejected_total";
/// From the parsed request to the order on disk.
pub(crate) const ORDER_ACCEPT_DURATION: &str = "sunakku_order_accept_duration_seconds";
/// Requests under an idempotency key: first, replayed, mismatch.
pub(crate) const IDEMPOTENCY: &str = "sunakku_idempotency_requests_total";
/// Open orders.
pub(crate) const ORDERS_OPEN: &str = "sunakku_orders_open";
/// Orders that wait for their tickets.
pub(crate) const ORDERS_UNROUTED: &str = "sunakku_orders_unrouted";
/// Open tickets.
pub(crate) const TICKETS_OPEN: &str = "sunakku_tickets_open";
/// SKUs that have come down to their low-stock mark.
pub(crate) const STOCK_LOW: &str = "sunakku_stock_low";
/// The last sequence of the site log.
pub(crate) const EVENT_SEQUENCE: &str = "sunakku_event_sequence";
/// The last sequence that the hub has committed.
pub(crate) const HUB_CONFIRMED_SEQUENCE: &str = "sunakku_hub_confirmed_sequence";
/// Events that the hub has not committed yet.
pub(crate) const OUTBOX_PENDING: &str = "sunakku_outbox_pending";
/// Batches sent to the hub, by what came of them.
pub(crate) const OUTBOX_PUBLISH: &str = "sunakku_outbox_publish_total";
/// Whether the hub answers (0/1).
pub(crate) const HUB_CONNECTED: &str = "sunakku_hub_connected";
/// Whether a server that the edge needs answers (0/1).
pub(crate) const DEPENDENCY_UP: &str = "sunakku_dependency_up";
/// Whether Redis keeps what it answered (0/1).
pub(crate) const DURABILITY_OK: &str = "sunakku_durability_ok";
/// Memory that the log takes, about.
pub(crate) const LOG_BYTES: &str = "sunakku_log_bytes";
/// Days of disconnection left until the log is full.
pub(crate) const LOG_DAYS_LEFT: &str = "sunakku_log_days_left";
/// Log entries that do not match their checksum.
pub(crate) const LOG_CORRUPT: &str = "sunakku_log_corrupt_entries_total";
/// Times that the store had to begin a new epoch, by reason.
pub(crate) const EPOCHS_STARTED: &str = "sunakku_epochs_started_total";
/// Jobs of the queue, by what came of them.
pub(crate) const JOBS: &str = "sunakku_queue_jobs_total";
/// How long tickets took from begun to made, by station.
pub(crate) const PREPARATION: &str = "sunakku_kitchen_preparation_seconds";
/// By how much orders were ready before or after what was promised.
pub(crate) const ESTIMATE_ERROR: &str = "sunakku_kitchen_estimate_error_seconds";
/// Version of the menu that the site sells by.
pub(crate) const MENU_VERSION: &str = "sunakku_menu_version";
/// When the hub last confirmed that version, seconds since 1970; 0 when it has not.
pub(crate) const MENU_CONFIRMED: &str = "sunakku_menu_confirmed_timestamp_seconds";
/// Answers with the menu: ready (hit), or made anew (miss).
pub(crate) const MENU_CACHE: &str = "sunakku_menu_cache_requests_total";
/// Menus of the hub that were not taken.
pub(crate) const MENU_REFUSED: &str = "sunakku_menu_refused_total";
/// What the hub was asked for menu and settings, by what came of it.
pub(crate) const DOWNLINE_READS: &str = "sunakku_downline_reads_total";
/// Menus and settings that the hub has pushed, by what came of them.
pub(crate) const DOWNLINE_PUSHES: &str = "sunakku_downline_pushes_total";
/// Commands of the hub, by what became of them.
pub(crate) const COMMANDS: &str = "sunakku_commands_total";
/// Whether the site takes orders (0/1).
pub(crate) const SITE_OPEN: &str = "sunakku_site_open";
/// Calls of webhooks, by what came of them.
pub(crate) const WEBHOOK_DELIVERIES: &str = "sunakku_webhook_deliveries_total";
/// Events that a webhook has still to look at or to deliver.
pub(crate) const WEBHOOK_LAG: &str = "sunakku_webhook_lag_events";
/// Whether a kitchen printer could print when it was last seen (0/1).
pub(crate) const PRINTER_UP: &str = "sunakku_printer_up";
/// Tickets at printers, by what came of them: printed, copy (printed, but may be on paper twice),
/// retried (a try that failed), dead.
pub(crate) const PRINTER_JOBS: &str = "sunakku_printer_jobs_total";
/// Tickets that wait for a printer.
pub(crate) const PRINTER_WAITING: &str = "sunakku_printer_waiting";
/// Connected WebSocket clients.
pub(crate) const WEBSOCKETS: &str = "sunakku_websocket_connections";
/// WebSocket clients that were too slow and were dropped.
pub(crate) const WEBSOCKETS_DROPPED: &str = "sunakku_websocket_dropped_total";
/// Version and name of this program.
pub(crate) const BUILD_INFO: &str = "sunakku_build_info";

/// Describes every metric, and lets those with known labels start at 0.
pub(crate) fn describe() {
    use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
    describe_counter!(ORDERS_ACCEPTED, "Orders taken, by channel");
    describe_counter!(ORDERS_REFUSED, "Orders refused, by reason");
    describe_histogram!(
        ORDER_ACCEPT_DURATION,
        Unit::Seconds,
        "Parsed request to order on disk"
    );
    describe_counter!(IDEMPOTENCY, "Requests under an idempotency key, by outcome");
    describe_gauge!(ORDERS_OPEN, "Open orders");
    describe_gauge!(ORDERS_UNROUTED, "Orders that wait for their tickets");
    describe_gauge!(TICKETS_OPEN, "Open tickets");
    describe_gauge!(STOCK_LOW, "SKUs at or below their low-stock mark");
    describe_gauge!(EVENT_SEQUENCE, "Last sequence of the site log");
    describe_gauge!(
        HUB_CONFIRMED_SEQUENCE,
        "Last sequence that the hub has committed"
    );
    describe_gauge!(OUTBOX_PENDING, "Events that the hub has not committed yet");
    describe_counter!(OUTBOX_PUBLISH, "Batches sent to the hub, by result");
    describe_gauge!(HUB_CONNECTED, "Whether the hub answers");
    describe_gauge!(
        DEPENDENCY_UP,
        "Whether a needed server answers, by dependency"
    );
    describe_gauge!(DURABILITY_OK, "Whether a store keeps what it answered");
    describe_gauge!(
        LOG_BYTES,
        Unit::Bytes,
        "Memory that the site log takes, about"
    );
    describe_gauge!(
        LOG_DAYS_LEFT,
        "Days of disconnection left until the log is full"
    );
    describe_counter!(LOG_CORRUPT, "Log entries that do not match their checksum");
    describe_counter!(
        EPOCHS_STARTED,
        "Times that the store began a new epoch, by reason"
    );
    describe_counter!(JOBS, "Queue jobs, by result");
    describe_histogram!(
        PREPARATION,
        Unit::Seconds,
        "Ticket begun to made, by station"
    );
    describe_histogram!(
        ESTIMATE_ERROR,
        Unit::Seconds,
        "Promised to really ready, by direction"
    );
    describe_gauge!(MENU_VERSION, "Version of the menu that the site sells by");
    describe_gauge!(
        MENU_CONFIRMED,
        Unit::Seconds,
        "When the hub last confirmed the menu"
    );
    describe_counter!(MENU_CACHE, "Answers with the menu, ready or made anew");
    describe_counter!(MENU_REFUSED, "Menus of the hub that were not taken");
    describe_counter!(DOWNLINE_READS, "Menu and settings asked for, by result");
    describe_counter!(DOWNLINE_PUSHES, "Menu and settings pushed, by result");
    describe_counter!(COMMANDS, "Commands of the hub, by result");
    describe_gauge!(SITE_OPEN, "Whether the site takes orders");
    describe_counter!(WEBHOOK_DELIVERIES, "Calls of webhooks, by result");
    describe_gauge!(WEBHOOK_LAG, "Events that a webhook has still to deliver");
    describe_gauge!(PRINTER_UP, "Whether a kitchen printer could print");
    describe_counter!(PRINTER_JOBS, "Tickets at kitchen printers, by result");
    describe_gauge!(PRINTER_WAITING, "Tickets that wait for a kitchen printer");
    describe_gauge!(WEBSOCKETS, "Connected WebSocket clients");
    describe_counter!(WEBSOCKETS_DROPPED, "WebSocket clients dropped as too slow");
    describe_gauge!(BUILD_INFO, "Version of this program");
    let version = env!("CARGO_PKG_VERSION");
    gauge!(BUILD_INFO, "component" => "edge", "version" => version).set(1.0);
    for channel in sunakku_common::order::Channel::ALL {
        counter!(ORDERS_ACCEPTED, "channel" => channel.as_str()).absolute(0);
    }
    for reason in [
        "out-of-stock",
        "price-changed",
        "invalid-order",
        "log-full",
        "kitchen-full",
        "slot-full",
        "too-many-open-orders",
        "site-closed",
        "no-menu",
        "unavailable",
    ] {
        counter!(ORDERS_REFUSED, "reason" => reason).absolute(0);
    }
    for outcome in ["first", "replayed", "mismatch"] {
        counter!(IDEMPOTENCY, "outcome" => outcome).absolute(0);
    }
    for result in ["acked", "timeout", "error"] {
        counter!(OUTBOX_PUBLISH, "result" => result).absolute(0);
    }
    for result in ["done", "direct", "retried", "delayed", "dead"] {
        counter!(JOBS, "result" => result).absolute(0);
    }
    for result in ["hit", "miss"] {
        counter!(MENU_CACHE, "result" => result).absolute(0);
    }
    for result in ["ok", "missing", "away", "foreign", "unreadable"] {
        counter!(DOWNLINE_READS, "result" => result).absolute(0);
        counter!(DOWNLINE_PUSHES, "result" => result).absolute(0);
    }
    for result in ["applied", "refused"] {
        counter!(COMMANDS, "result" => result).absolute(0);
    }
    counter!(MENU_REFUSED).absolute(0);
    gauge!(MENU_CONFIRMED).set(0.0);
    counter!(LOG_CORRUPT).absolute(0);
    counter!(WEBSOCKETS_DROPPED).absolute(0);
}
