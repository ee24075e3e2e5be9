//! The command line of `cargo drill`.

use std::time::Duration;

use clap::Args;

use super::fault::Kind;
use crate::harness::Profile;

/// Break a hub and its sites on purpose while guests order, cooks cook and an admin changes
/// things; then account for everything that anybody was told.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Sites to start.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub sites: u8,
    /// Repeats the plan of an earlier drill; by chance when absent.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Rounds of faults, unless --for ends it earlier.
    #[arg(long, default_value_t = 40)]
    pub rounds: usize,
    /// Begin no further round after so many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    pub seconds: Option<f64>,
    /// Only these kinds of faults, by name; `--list` tells them.
    #[arg(long, value_delimiter = ',', value_name = "FAULT,…")]
    pub only: Vec<Kind>,
    /// Only this round of the plan, in a world of its own.
    #[arg(long, value_name = "ROUND")]
    pub round: Option<usize>,
    /// Begin with a line that is cut for days and a hub that is restored from an hour ago.
    #[arg(long)]
    pub long: bool,
    /// How many hours the long cut lasts, at 100 orders an hour.
    #[arg(long, default_value_t = 72, value_name = "HOURS", value_parser = clap::value_parser!(u16).range(1..=500))]
    pub cut: u16,
    /// Orders a second that guests place in all.
    #[arg(long, default_value_t = 40.0, value_name = "ORDERS_PER_SECOND")]
    pub rush: f64,
    /// Worlds in which the faults before a failure are played again, to find the fewest that still fail.
    #[arg(long, default_value_t = 12, value_name = "WORLDS")]
    pub shrink: u8,
    /// Rounds between two full accounts.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub account_every: u16,
    /// Print the kinds of faults, and which of them this machine can stage.
    #[arg(long)]
    pub list: bool,
    /// Write the score card as JSON.
    #[arg(long, value_name = "FILE")]
    pub summary: Option<std::path::PathBuf>,
    /// How the programs are built.
    #[arg(long, hide = true, value_enum, default_value_t = Profile::Debug)]
    pub programs: Profile,
    /// Whether the mounts of this process are its own already.
    #[arg(long, hide = true)]
    pub unshared: bool,
}

impl Options {
    /// How long rounds are begun.
    pub(super) fn limit(&self) -> Duration {
        let seconds = self.seconds.unwrap_or(f64::MAX);
        Duration::from_secs_f64(seconds.clamp(0.0, 1e9))
    }
}
