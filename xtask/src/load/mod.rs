//! `cargo load`: puts load on a running edge or hub and shows how it holds; measures what Sunakku
//! does beside what its servers could do at most.
//!
//! ```text
//! cargo load edge http://127.0.0.1:8080 --token … --orders 64@300 --watchers 1000
//! cargo load hub http://127.0.0.1:8081 --user admin --password …
//! cargo load limits
//! ```

mod drive;
pub mod edge;
pub mod hub;
pub mod limits;
mod record;
mod report;
mod schedule;
mod target;
mod told;
mod watch;
mod wire;
mod wish;
mod works;

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};

pub use record::Quantiles;
pub use report::{Report, Row};
pub use schedule::{Arrivals, Loop};
pub use target::{Run, Target};

/// Put load on a running edge or hub, and measure it.
#[derive(Debug, Clone, Args)]
pub struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Subcommand)]
enum Command {
    Edge(edge::Options),
    Hub(hub::Options),
    Limits(limits::Options),
}

/// Runs it. `Ok(false)` when something was refused, failed or never begun.
#[expect(clippy::print_stdout, reason = "this is what a person reads")]
pub async fn run(options: Options) -> Result<bool> {
    let (report, json) = match options.command {
        Command::Limits(options) => return limits::run(options).await,
        Command::Edge(options) => {
            let json = options.run.json.clone();
            (
                alone(move || async move { edge::run(&options).await }).await?,
                json,
            )
        }
        Command::Hub(options) => {
            let json = options.run.json.clone();
            (
                alone(move || async move { hub::run(&options).await }).await?,
                json,
            )
        }
    };
    print!("{report}");
    if let Some(file) = json {
        report::write_json(&file, &report)?;
    }
    Ok(report.rows.iter().all(Row::is_clean))
}

/// Runs load on a thread of its own: it takes one processor at most, and hands nothing from one
/// thread to another.
async fn alone<T, F>(load: impl FnOnce() -> F + Send + 'static) -> Result<T>
where
    F: Future<Output = Result<T>>,
    T: Send + 'static,
{
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("load".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let ended = runtime
                .context("a runtime")
                .and_then(|runtime| runtime.block_on(load()));
            // Who does not wait any more has ended himself.
            let _ended = sender.send(ended);
        })?;
    receiver.await.context("the load ended by itself")?
}
