//! The command line of `cargo demo`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use crate::harness::Profile;
use crate::replay::csv::{DayOrder, Named};

/// Start a hub and sites on real servers, with guests and cooks, and prove that nothing was lost.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Sites to start. With a site column in the replayed file: one for each of its sites, unless
    /// this says fewer.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub sites: Option<u16>,
    /// Orders a second that guests place in all; 0 makes no guests and no cooks.
    #[arg(long, default_value_t = 2.0, value_name = "ORDERS_PER_SECOND")]
    pub rush: f64,
    /// Replay real transactions instead: a CSV file with an order id, a time and an item,
    /// optionally quantity, price and site.
    #[arg(long, value_name = "FILE.csv")]
    pub replay: Option<PathBuf>,
    /// Names the file's columns: order=…,time=…,item=…,quantity=…,price=…,site=… (a time in two
    /// columns: time=Date+Time). Common names are found without it.
    #[arg(long, requires = "replay")]
    pub columns: Option<Named>,
    /// How many times faster than they happened, or "max".
    #[arg(long, default_value = "60", requires = "replay")]
    pub speed: Speed,
    /// Decides between dd/mm and mm/dd where the file does not: dmy or mdy.
    #[arg(long, requires = "replay")]
    pub dates: Option<DayOrder>,
    /// Currency of the file's prices.
    #[arg(long, default_value = "EUR")]
    pub currency: String,
    /// Counts every replayed item, beginning with so many at each site.
    #[arg(long, requires = "replay")]
    pub stock: Option<u32>,
    /// End after so many seconds.
    #[arg(long = "for", value_name = "SECONDS")]
    pub seconds: Option<f64>,
    /// Write a JSON file with every URL, token, process id and folder once all is up.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Write the reconciliation as JSON at the end.
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// How the programs are built; tests take the quicker build.
    #[arg(long, hide = true, value_enum, default_value_t = Profile::Release)]
    pub programs: Profile,
}

/// How fast a file is replayed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// As fast as the answers come.
    Max,
    /// So many times faster than it happened.
    Times(f64),
}

impl FromStr for Speed {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.parse::<f64>() {
            _ if text == "max" => Ok(Self::Max),
            Ok(times) if times.is_finite() && times > 0.0 => Ok(Self::Times(times)),
            _ => bail!("a positive number such as 600, or max"),
        }
    }
}

impl Options {
    /// How long it runs; `None` until the end of the replay or until Ctrl-C.
    pub fn limit(&self) -> Option<Duration> {
        self.seconds
            .map(|seconds| Duration::from_secs_f64(seconds.clamp(0.0, 1e9)))
    }
}
