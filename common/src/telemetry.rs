//! Logs and metrics of both binaries.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

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

/// Starts logging to standard error. `filter` is a `tracing` filter such as `info`.
pub fn init_logs(format: LogFormat, filter: &str) -> Result<()> {
    let filter = EnvFilter::try_new(filter).context("the log filter cannot be read")?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Pretty => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging was started twice: {error}"))
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
    Ok(HANDLE.get_or_init(|| handle).clone())
}

/// Keeps histograms from growing; runs until it is dropped.
pub async fn upkeep(handle: PrometheusHandle) {
    let mut every = tokio::time::interval(Duration::from_secs(5));
    loop {
        every.tick().await;
        handle.run_upkeep();
    }
}
