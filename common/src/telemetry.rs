//! Logs, metrics and spans of both binaries.

mod process;
pub mod spans;
pub mod watch;

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::interval;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::config::LogFormat;
use watch::Watch;

/// Buckets of every histogram in seconds: fine around what a waiting guest notices.
const SECONDS_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Begin of the names of what a kitchen does, which takes minutes.
const KITCHEN: &str = "sunakku_kitchen_";
/// Their buckets, seconds.
const KITCHEN_BUCKETS: &[f64] = &[
    5.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 450.0, 600.0, 900.0, 1_800.0, 3_600.0,
];

/// Counts requests by method, route template and status.
pub const HTTP_REQUESTS: &str = "sunakku_http_requests_total";
/// Time from request to answer by method and route template.
pub const HTTP_DURATION: &str = "sunakku_http_request_duration_seconds";

/// Requests that are being answered.
pub const HTTP_IN_FLIGHT: &str = "sunakku_http_requests_in_flight";
/// Connections that were closed at once, because there were too many.
pub const HTTP_CONNECTIONS_REFUSED: &str = "sunakku_http_connections_refused_total";
/// Log messages by level, as far as the filter lets them through.
pub const LOG_MESSAGES: &str = "sunakku_log_messages_total";
/// Sign-ins by method (`password`, `pin`, `code`, `pairing`) and result (`ok`, `denied`).
pub const AUTH_ATTEMPTS: &str = "sunakku_auth_attempts_total";
/// Time from a question to a server until its answer, by `dependency` and `operation`.
pub const DEPENDENCY_DURATION: &str = "sunakku_dependency_request_duration_seconds";

/// Counts a sign-in.
pub fn count_sign_in(method: &'static str, allowed: bool) {
    let result = if allowed { "ok" } else { "denied" };
    metrics::counter!(AUTH_ATTEMPTS, "method" => method, "result" => result).increment(1);
}

/// Counts a try to sign in that nobody could judge, because who would have to was away.
pub fn count_failed_sign_in(method: &'static str) {
    metrics::counter!(AUTH_ATTEMPTS, "method" => method, "result" => "error").increment(1);
}

/// Notes how long a server took to answer.
pub fn note_answer(dependency: &'static str, operation: &'static str, took: Duration) {
    let labels = [("dependency", dependency), ("operation", operation)];
    metrics::histogram!(DEPENDENCY_DURATION, &labels).record(took.as_secs_f64());
}

/// Starts logging to standard error. `filter` is a `tracing` filter such as `info`.
pub fn init_logs(format: LogFormat, filter: &str) -> Result<()> {
    let filter = EnvFilter::try_new(filter).context("the log filter cannot be read")?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Pretty => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let subscriber = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .with(CountMessages);
    let started = subscriber.try_init();
    started.context("logging was started twice")
}

/// Counts log messages by level: a burst of warnings is to be seen without reading logs.
struct CountMessages;

impl<S: Subscriber> Layer<S> for CountMessages {
    fn on_event(&self, event: &Event<'_>, _context: LayerContext<'_, S>) {
        let level = level_name(*event.metadata().level());
        metrics::counter!(LOG_MESSAGES, "level" => level).increment(1);
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// The process's metrics; the first call installs the recorder.
pub fn metrics() -> Result<PrometheusHandle> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS_BUCKETS)
        .and_then(|builder| {
            let kitchen = Matcher::Prefix(KITCHEN.to_owned());
            builder.set_buckets_for_metric(kitchen, KITCHEN_BUCKETS)
        })
        .context("the histogram buckets are empty")?
        .install_recorder()
        .context("the metrics recorder was installed twice")?;
    metrics::describe_counter!(HTTP_REQUESTS, "Requests by method, route and status");
    metrics::describe_histogram!(HTTP_DURATION, metrics::Unit::Seconds, "Request to answer");
    describe();
    Ok(HANDLE.get_or_init(|| handle).clone())
}

fn describe() {
    use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
    describe_gauge!(HTTP_IN_FLIGHT, "Requests that are being answered");
    describe_counter!(
        HTTP_CONNECTIONS_REFUSED,
        "Connections that were closed at once, because there were too many"
    );
    describe_counter!(LOG_MESSAGES, "Log messages by level");
    describe_counter!(AUTH_ATTEMPTS, "Sign-ins by method and result");
    describe_histogram!(
        DEPENDENCY_DURATION,
        Unit::Seconds,
        "Question to a server until its answer"
    );
    gauge!(HTTP_IN_FLIGHT).set(0);
    counter!(HTTP_CONNECTIONS_REFUSED).increment(0);
    for level in ["error", "warn", "info"] {
        counter!(LOG_MESSAGES, "level" => level).increment(0);
    }
    for result in ["ok", "denied"] {
        counter!(AUTH_ATTEMPTS, "method" => "password", "result" => result).increment(0);
    }
    process::describe();
}

/// How often measured times are put into their buckets: until then each takes 24 bytes.
const UPKEEP: Duration = Duration::from_secs(1);
/// How often the process and watched files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Keeps histograms from growing, and the figures of the process and of watched files current;
/// runs until it is dropped.
pub async fn upkeep(handle: PrometheusHandle, watch: Watch) {
    let (mut upkeep, mut look) = (interval(UPKEEP), interval(LOOK));
    loop {
        tokio::select! {
            _ = upkeep.tick() => handle.run_upkeep(),
            _ = look.tick() => {
                process::measure();
                watch.measure();
            }
        }
    }
}
