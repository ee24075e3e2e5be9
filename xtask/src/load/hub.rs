//! Load on a hub: people who look at the dashboard.

use std::sync::Arc;

use anyhow::Result;
use clap::Args;

use super::edge::Lane;
use super::report::Report;
use super::schedule::Loop;
use super::target::{Caller, Run, Target};
use super::works::Reads;

/// What the dashboard reads when nothing else is said.
const READS: [&str; 6] = [
    "/v1/sites?limit=200",
    "/v1/ledger",
    "/v1/orders?limit=50",
    "/v1/menus",
    "/v1/analytics/sales",
    "/v1/analytics/items",
];

/// Put load on a running hub.
///
/// LOOP is a number of connections, each as fast as answers come (8), or with a rate for all of them
/// together (8@50).
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The hub, and who calls.
    #[command(flatten)]
    pub target: Target,
    /// Length, arrivals and output.
    #[command(flatten)]
    pub run: Run,
    /// Readers, who take turns with the paths.
    #[arg(long, default_value = "8", value_name = "LOOP")]
    pub readers: Loop,
    /// A path to read; more than once for several. Without it what the dashboard reads.
    #[arg(long = "path", value_name = "PATH")]
    pub paths: Vec<String>,
}

/// Runs it.
pub(crate) async fn run(options: &Options) -> Result<Report> {
    let caller = Caller::of(&options.target).await?;
    let paths: Vec<String> = match options.paths.is_empty() {
        true => READS.map(str::to_owned).to_vec(),
        false => options.paths.clone(),
    };
    let (span, mut rows) = (options.run.span(), Vec::new());
    let requests: Arc<[Vec<u8>]> = paths.iter().map(|path| caller.get(path)).collect();
    let lane = Lane {
        run: &options.run,
        span,
    };
    let works = |shape: &Loop| {
        let work = |n| Reads::new(&caller, &requests, n);
        (0..shape.connections).map(work).collect::<Vec<_>>()
    };
    rows.extend(lane.drive("reads", Some(options.readers), works).await?);
    Ok(Report::new(&caller.url, span.seconds(), rows))
}
