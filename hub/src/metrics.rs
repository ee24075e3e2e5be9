//! The hub's metrics: every name and every label value, in one place.

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

/// Events by site and [`EVENT_RESULTS`].
pub const INGEST_EVENTS: &str = "sunakku_ingest_events_total";
/// Batches by [`BATCH_RESULTS`].
pub const INGEST_BATCHES: &str = "sunakku_ingest_batches_total";
/// Messages that were refused or dropped, by [`REFUSED_REASONS`].
pub const INGEST_REFUSED: &str = "sunakku_ingest_refused_total";
/// Time from the begin of a group's transaction to its commit.
pub const INGEST_COMMIT: &str = "sunakku_ingest_commit_duration_seconds";
/// Time from an event's `at` (the edge's clock) to its commit (ours).
pub const INGEST_DELAY: &str = "sunakku_ingest_delay_seconds";
/// Events that lie between what the hub holds and what a site last sent.
pub const INGEST_GAP: &str = "sunakku_ingest_gap_events";
/// Batches of a box that has the identity of another one, by site.
pub const IDENTITY_CONFLICTS: &str = "sunakku_site_identity_conflicts_total";
/// Order steps that the rules of `common` do not have, such as those that are told again.
pub const INGEST_ODD_STEPS: &str = "sunakku_ingest_odd_steps_total";
/// What was written for sites to read, by `bucket`: `menu`, `site`.
pub const ROLLOUT_WRITES: &str = "sunakku_rollout_writes_total";
/// Rounds in which not every site's menu and settings could be kept up.
pub const ROLLOUT_FAILURES: &str = "sunakku_rollout_failures_total";
/// Commands that no site has reported yet, of those that are sent next.
pub const COMMANDS_OPEN: &str = "sunakku_commands_open";
/// Commands sent, again included.
pub const COMMANDS_SENT: &str = "sunakku_commands_sent_total";
/// Commands that no site has reported in time.
pub const COMMANDS_EXPIRED: &str = "sunakku_commands_expired_total";
/// Rounds that told nats-server who is let in, by [`ACCOUNT_RESULTS`].
pub const ACCOUNT_ROUNDS: &str = "sunakku_account_rounds_total";
/// Boxes that nats-server is told to keep out.
pub const BOXES_KEPT_OUT: &str = "sunakku_boxes_kept_out";
/// When a site was last heard, seconds since 1970.
pub const SITE_LAST_SEEN: &str = "sunakku_site_last_seen_timestamp_seconds";
/// Connections of the pool by `state`: `idle`, `used`.
pub const POOL_CONNECTIONS: &str = "sunakku_db_pool_connections";
/// 1 while a `dependency` (`postgres`, `nats`, `ldap` where there is one) can be used.
pub const DEPENDENCY_UP: &str = "sunakku_dependency_up";
/// Events that a site's log had at its last message and the hub had not committed.
pub const SITE_PENDING: &str = "sunakku_site_pending_events";
/// 1 while the hub's chain of a site's log is the site's own.
pub const SITE_CHAIN_EQUAL: &str = "sunakku_site_chain_equal";
/// Batches of a site that held another history than the stored one.
pub const SITE_FORKS: &str = "sunakku_site_forks_total";
/// Events of a site that are kept but could not be projected.
pub const SITE_PARKED: &str = "sunakku_site_parked_events";
/// Version of the menu that a site last told that it sells by.
pub const SITE_MENU_VERSION: &str = "sunakku_site_menu_version";
/// The last published version of a `menu`.
pub const MENU_PUBLISHED_VERSION: &str = "sunakku_menu_published_version";
/// When that was published, seconds since 1970.
pub const MENU_PUBLISHED_AT: &str = "sunakku_menu_published_timestamp_seconds";
/// 1 while a `store` (`postgres`) keeps what it answered.
pub const DURABILITY_OK: &str = "sunakku_durability_ok";
/// Connections that Postgres has.
pub const POSTGRES_CONNECTIONS: &str = "sunakku_postgres_connections";
/// Connections that it may have.
pub const POSTGRES_CONNECTIONS_MAX: &str = "sunakku_postgres_connections_max";
/// Size of the hub's database, bytes.
pub const POSTGRES_SIZE: &str = "sunakku_postgres_database_size_bytes";
/// What JetStream stores at the hub, bytes.
pub const NATS_STORED: &str = "sunakku_nats_stored_bytes";
/// How long a group of batches waited for a connection.
pub const POOL_WAIT: &str = "sunakku_db_pool_wait_seconds";
/// Always 1; its labels tell the build.
pub const BUILD_INFO: &str = "sunakku_build_info";

/// What became of a round that told nats-server who is let in.
pub const ACCOUNT_RESULTS: [&str; 2] = ["told", "failed"];
/// What became of an event.
pub const EVENT_RESULTS: [&str; 3] = ["applied", "duplicate", "parked"];
/// What a batch was answered with.
pub const BATCH_RESULTS: [&str; 5] = ["committed", "expected", "forked", "diverged", "refused"];
/// Why a message was refused, or (`no-reply`, `foreign-reply`, `no-site`) dropped.
pub const REFUSED_REASONS: [&str; 12] = [
    "archived",
    "revoked",
    "identity-check",
    "identity-conflict",
    "malformed",
    "chain",
    "unknown-site",
    "superseded",
    "busy",
    "no-reply",
    "foreign-reply",
    "no-site",
];

/// Describes every metric and starts the known label sets at 0, so that a rate is right from
/// the first event on.
pub fn describe() {
    describe_counter!(INGEST_EVENTS, "Events by site and result");
    describe_counter!(INGEST_BATCHES, "Batches by what they were answered with");
    describe_counter!(INGEST_REFUSED, "Messages refused or dropped, by reason");
    describe_histogram!(INGEST_COMMIT, Unit::Seconds, "One group's transaction");
    describe_histogram!(
        INGEST_DELAY,
        Unit::Seconds,
        "Event at the edge to commit here"
    );
    describe_gauge!(
        INGEST_GAP,
        "Events missing between the cursor and the last batch"
    );
    describe_counter!(
        IDENTITY_CONFLICTS,
        "Batches of a box with another's identity"
    );
    describe_counter!(INGEST_ODD_STEPS, "Order steps that the rules do not have");
    describe_gauge!(
        SITE_LAST_SEEN,
        Unit::Seconds,
        "When the site was last heard"
    );
    describe_counter!(
        ROLLOUT_WRITES,
        "Menus and settings written for sites to read"
    );
    describe_counter!(ROLLOUT_FAILURES, "Rounds that could not keep every site up");
    describe_gauge!(COMMANDS_OPEN, "Commands that no site has reported yet");
    describe_counter!(COMMANDS_SENT, "Commands sent, again included");
    describe_counter!(COMMANDS_EXPIRED, "Commands that no site reported in time");
    describe_counter!(ACCOUNT_ROUNDS, "Rounds that told nats-server who is let in");
    describe_gauge!(BOXES_KEPT_OUT, "Boxes that are not let in any more");
    for result in ACCOUNT_RESULTS {
        counter!(ACCOUNT_ROUNDS, "result" => result).increment(0);
    }
    for bucket in ["menu", "site"] {
        counter!(ROLLOUT_WRITES, "bucket" => bucket).increment(0);
    }
    counter!(COMMANDS_EXPIRED).increment(0);
    counter!(ROLLOUT_FAILURES).increment(0);
    counter!(COMMANDS_SENT).increment(0);
    gauge!(COMMANDS_OPEN).set(0);
    describe_gauge!(POOL_CONNECTIONS, "Database connections by state");
    describe_gauge!(DEPENDENCY_UP, "1 while the dependency can be used");
    describe_gauge!(BUILD_INFO, "Always 1");
    for result in BATCH_RESULTS {
        counter!(INGEST_BATCHES, "result" => result).increment(0);
    }
    for reason in REFUSED_REASONS {
        counter!(INGEST_REFUSED, "reason" => reason).increment(0);
    }
    for state in ["idle", "used"] {
        gauge!(POOL_CONNECTIONS, "state" => state).set(0);
    }
    for dependency in ["postgres", "nats"] {
        gauge!(DEPENDENCY_UP, "dependency" => dependency).set(0);
    }
    let version = env!("CARGO_PKG_VERSION");
    gauge!(BUILD_INFO, "component" => "hub", "version" => version).set(1);
    describe_facts();
}

/// Describes what `facts.rs` reads by timer.
fn describe_facts() {
    describe_gauge!(SITE_PENDING, "Events of a site's log that are not here");
    describe_gauge!(SITE_CHAIN_EQUAL, "Whether both chains of a log are equal");
    describe_counter!(SITE_FORKS, "Batches that held another history");
    describe_gauge!(SITE_PARKED, "Events that could not be projected");
    describe_gauge!(SITE_MENU_VERSION, "Menu version that a site sells by");
    describe_gauge!(MENU_PUBLISHED_VERSION, "Last published version of a menu");
    describe_gauge!(
        MENU_PUBLISHED_AT,
        Unit::Seconds,
        "When a menu was last published"
    );
    describe_gauge!(DURABILITY_OK, "Whether a store keeps what it answered");
    describe_gauge!(POSTGRES_CONNECTIONS, "Connections that Postgres has");
    describe_gauge!(
        POSTGRES_CONNECTIONS_MAX,
        "Connections that Postgres may have"
    );
    describe_gauge!(POSTGRES_SIZE, Unit::Bytes, "Size of the hub's database");
    describe_gauge!(NATS_STORED, Unit::Bytes, "What JetStream stores at the hub");
    describe_histogram!(
        POOL_WAIT,
        Unit::Seconds,
        "How long a group waited for a connection"
    );
    // Known to Prometheus before the first batch, as a distribution of nothing.
    for name in [POOL_WAIT, INGEST_COMMIT, INGEST_DELAY] {
        drop(histogram!(name));
    }
}

/// Starts the label sets of one site at 0.
pub fn describe_site(site: &str) {
    counter!(SITE_FORKS, "site" => site.to_owned()).increment(0);
    for result in EVENT_RESULTS {
        counter!(INGEST_EVENTS, "site" => site.to_owned(), "result" => result).increment(0);
    }
    gauge!(INGEST_GAP, "site" => site.to_owned()).increment(0);
    counter!(IDENTITY_CONFLICTS, "site" => site.to_owned()).increment(0);
    counter!(INGEST_ODD_STEPS, "site" => site.to_owned()).increment(0);
}
