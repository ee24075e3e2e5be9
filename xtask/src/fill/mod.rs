//! `cargo xtask fill`: a hub's database with many sites and years of orders, made by the database itself,
//! and how long each answer of the dashboard takes on it. For measuring alone: the sites have no logs.
//!
//! ```text
//! cargo xtask fill make postgres://sunakku@127.0.0.1/sunakku
//! cargo xtask fill measure http://127.0.0.1:8080 --token …
//! ```

mod make;
mod measure;
mod plans;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Fill a hub's database with sites and orders, and measure the dashboard's answers.
#[derive(Debug, Clone, Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    Make(make::Options),
    Measure(measure::Options),
}

/// Does it. `Ok(false)` when an answer failed or took longer than is wanted.
///
/// # Errors
/// When a server does not answer.
pub async fn run(options: Options) -> Result<bool> {
    match options.command {
        Command::Make(options) => make::run(&options).await.map(|()| true),
        Command::Measure(options) => measure::run(&options).await,
    }
}
