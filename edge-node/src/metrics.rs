//! Names of the edge's own metrics; labels are bounded sets, never ids.

use metrics::Unit;
use sunakku_common::telemetry::AUTH_ATTEMPTS;

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
/// When the first event happened that the hub has not committed, seconds since 1970; 0 for none.
pub(crate) const OUTBOX_OLDEST: &str = "sunakku_outbox_oldest_pending_timestamp_seconds";
/// Batches sent to the hub, by what came of them.
pub(crate) const OUTBOX_PUBLISH: &str = "sunakku_outbox_publish_total";
/// Whether the hub answers (0/1).
pub(crate) const HUB_CONNECTED: &str = "sunakku_hub_connected";
/// Whether a server that the edge needs answers (0/1).
pub(crate) const DEPENDENCY_UP: &str = "sunakku_dependency_up";
/// Whether Redis keeps what it answered (0/1).
pub(crate) const DURABILITY_OK: &str = "sunakku_durability_ok";
/// How far the site's clock is ahead of the hub's, seconds, by the last answer.
pub(crate) const CLOCK_SKEW: &str = "sunakku_clock_skew_seconds";
/// Bytes free on the disk of a `volume` (`redis`).
pub(crate) const DISK_FREE: &str = "sunakku_data_dir_free_bytes";
/// Bytes in all on that disk.
pub(crate) const DISK_SIZE: &str = "sunakku_data_dir_size_bytes";
/// Memory that Redis uses, bytes.
pub(crate) const REDIS_MEMORY_USED: &str = "sunakku_redis_memory_used_bytes";
/// Memory that Redis may use, bytes; 0 for no limit.
pub(crate) const REDIS_MEMORY_MAX: &str = "sunakku_redis_memory_max_bytes";
/// Connections of Redis.
pub(crate) const REDIS_CLIENTS: &str = "sunakku_redis_clients";
/// Size of Redis' append-only file, bytes.
pub(crate) const REDIS_AOF_SIZE: &str = "sunakku_redis_aof_size_bytes";
/// Commands that Redis has done since it started.
pub(crate) const REDIS_COMMANDS: &str = "sunakku_redis_commands_total";
/// What JetStream stores at the site, bytes.
pub(crate) const NATS_STORED: &str = "sunakku_nats_stored_bytes";
/// Jobs that no worker has taken, by lane.
pub(crate) const QUEUE_WAITING: &str = "sunakku_queue_waiting_jobs";
/// Jobs that were given to a worker, or back with a delay, by lane.
pub(crate) const QUEUE_GIVEN: &str = "sunakku_queue_given_jobs";
/// Jobs that failed and will be tried again.
pub(crate) const QUEUE_RETRYING: &str = "sunakku_queue_retrying_jobs";
/// Whether jobs are held back (0/1).
pub(crate) const QUEUE_PAUSED: &str = "sunakku_queue_paused";
/// Since when the order waits that has waited longest, seconds since 1970; 0 for none.
pub(crate) const QUEUE_OLDEST: &str = "sunakku_queue_oldest_due_timestamp_seconds";
/// What failed for good and nobody has retried or discarded.
pub(crate) const DEAD_LETTERS: &str = "sunakku_dead_letters";
/// Memory that the log takes, about.
pub(crate) const LOG_BYTES: &str = "sunakku_log_bytes";
/// Time of disconnection left until the log is full, seconds.
pub(crate) const LOG_LEFT: &str = "sunakku_log_left_seconds";
/// Log entries that do not match their checksum.
pub(crate) const LOG_CORRUPT: &str = "sunakku_log_corrupt_entries_total";
/// Times that the store had to begin a new epoch, by reason.
pub(crate) const EPOCHS_STARTED: &str = "sunakku_epochs_started_total";
/// Those reasons: lost, set back, or the hub told of another history.
pub(crate) const EPOCH_REASONS: [&str; 8] = [
    "wiped",
    "set-back",
    "log-broken",
    "diverged",
    "forgotten",
    "trimmed",
    "forked",
    "superseded",
];
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
/// Pictures that the menu names and that have not come from the hub yet.
pub(crate) const PICTURES_MISSING: &str = "sunakku_pictures_missing";
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
    use metrics::{describe_counter, describe_gauge, describe_histogram};
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
    describe_gauge!(
        OUTBOX_OLDEST,
        Unit::Seconds,
        "When the oldest event happened that the hub lacks; 0: none"
    );
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
        LOG_LEFT,
        Unit::Seconds,
        "Time of disconnection left until the log is full"
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
    describe_gauge!(
        PICTURES_MISSING,
        "Pictures of the menu that the site has not got yet"
    );
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
    describe_servers();
    start_at_zero();
}

/// Describes what is told of the servers under the edge.
fn describe_servers() {
    use metrics::{describe_counter, describe_gauge};
    describe_gauge!(
        CLOCK_SKEW,
        Unit::Seconds,
        "How far the site's clock is ahead of the hub's"
    );
    describe_gauge!(DISK_FREE, Unit::Bytes, "Free on the disk, by volume");
    describe_gauge!(DISK_SIZE, Unit::Bytes, "Size of the disk, by volume");
    describe_gauge!(REDIS_MEMORY_USED, Unit::Bytes, "Memory that Redis uses");
    describe_gauge!(
        REDIS_MEMORY_MAX,
        Unit::Bytes,
        "Memory that Redis may use; 0: no limit"
    );
    describe_gauge!(REDIS_CLIENTS, "Connections of Redis");
    describe_gauge!(
        REDIS_AOF_SIZE,
        Unit::Bytes,
        "Size of Redis' append-only file"
    );
    describe_counter!(REDIS_COMMANDS, "Commands that Redis has done");
    describe_gauge!(
        NATS_STORED,
        Unit::Bytes,
        "What JetStream stores at the site"
    );
    describe_gauge!(QUEUE_WAITING, "Jobs that no worker has taken, by lane");
    describe_gauge!(
        QUEUE_GIVEN,
        "Jobs given to a worker, or back with a delay, by lane"
    );
    describe_gauge!(QUEUE_RETRYING, "Jobs that failed and will be tried again");
    describe_gauge!(QUEUE_PAUSED, "Whether jobs are held back");
    describe_gauge!(
        QUEUE_OLDEST,
        Unit::Seconds,
        "Since when the oldest order waits for its tickets; 0: none"
    );
    describe_gauge!(DEAD_LETTERS, "What failed for good and waits for a person");
}

/// Lets what has known labels begin at 0, so that a rate is right from the first event on.
fn start_at_zero() {
    use metrics::{counter, gauge};
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
    for reason in EPOCH_REASONS {
        counter!(EPOCHS_STARTED, "reason" => reason).absolute(0);
    }
    for result in ["ok", "denied"] {
        for method in ["code", "pairing", "pin"] {
            counter!(AUTH_ATTEMPTS, "method" => method, "result" => result).absolute(0);
        }
    }
    counter!(MENU_REFUSED).absolute(0);
    gauge!(PICTURES_MISSING).set(0.0);
    gauge!(WEBSOCKETS).set(0.0);
    gauge!(CLOCK_SKEW).set(0.0);
    // Known to Prometheus before the first order, as distributions of nothing.
    drop(metrics::histogram!(ORDER_ACCEPT_DURATION));
    for direction in ["early", "late"] {
        drop(metrics::histogram!(ESTIMATE_ERROR, "direction" => direction));
    }
    gauge!(MENU_CONFIRMED).set(0.0);
    counter!(LOG_CORRUPT).absolute(0);
    counter!(WEBSOCKETS_DROPPED).absolute(0);
}
