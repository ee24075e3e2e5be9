//! `cargo load limits`: what Sunakku does beside what its servers could do at most, in turn and in
//! the same run, because figures of a shared machine are worth little and ratios much.

mod bare_http;
mod bare_jetstream;
mod bare_redis;
mod bench;
pub mod figure;
mod orders;
mod plot;
mod screens;
mod sites;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::report::write_json;
use crate::harness::{Binaries, Profile, binaries};
use bench::{BareRedis, Length, Stand};
use figure::{Figure, Table};

/// Start real servers and measure Sunakku beside its limits: a bare Redis, a hello-world.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Only these parts.
    #[arg(long, value_enum, value_name = "PART", num_args = 1..)]
    pub only: Vec<Part>,
    /// Rounds of each figure; their median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=99))]
    pub rounds: u16,
    /// Length of a round, seconds.
    #[arg(long = "for", default_value_t = 5.0, value_name = "SECONDS", value_parser = super::target::seconds)]
    pub seconds: f64,
    /// The largest number of sites on one hub: 10, 100 and 1,000 are measured up to it.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(10..=1_000))]
    pub sites: u16,
    /// Write all figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Draw the figures as SVG files in this folder.
    #[arg(long, value_name = "FOLDER")]
    pub plots: Option<PathBuf>,
    /// Measure nothing; show and draw what a run wrote with --json.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["only", "json"])]
    pub from: Option<PathBuf>,
    /// How the programs are built; tests take the quicker build.
    #[arg(long, hide = true, value_enum, default_value_t = Profile::Release)]
    pub programs: Profile,
}

/// What can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Orders: rate and slowest answers, beside the bare script.
    Orders,
    /// Orders with 10,000 jobs in a paused queue.
    Queue,
    /// Reads of the menu beside a hello-world.
    Menus,
    /// 1,000 screens and 300 orders a second.
    Screens,
    /// From exec to ready.
    Start,
    /// Hub intake beside a bare COPY.
    Intake,
    /// A site that comes back with a week of events.
    Week,
    /// Many sites on one hub.
    Sites,
}

/// All figures with the circumstances under which they were taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    /// When it began.
    pub at: DateTime<Utc>,
    /// The processor.
    pub processor: String,
    /// How many of them there are.
    pub processors: usize,
    /// What others made of load at the begin (1, 5 and 15 minutes).
    pub load_before: String,
    /// The same at the end, ours included.
    pub load_after: String,
    /// The servers.
    pub servers: Vec<String>,
    /// Rounds of each figure.
    pub rounds: usize,
    /// Seconds of each round.
    pub seconds: f64,
    /// The figures.
    pub figures: Vec<Figure>,
}

/// Measures. `Ok(false)` when a figure is short of what is wanted.
#[expect(clippy::print_stdout, reason = "this is what a person reads")]
pub async fn run(options: Options) -> Result<bool> {
    let measured = match &options.from {
        Some(file) => {
            let text = std::fs::read_to_string(file);
            let text = text.with_context(|| format!("reading {}", file.display()))?;
            serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))?
        }
        None => take(&options).await?,
    };
    println!(
        "\n{} processors ({}), load before {}, after {}\n{} rounds of {} s; {}\n\n{}",
        measured.processors,
        measured.processor,
        measured.load_before,
        measured.load_after,
        measured.rounds,
        measured.seconds,
        measured.servers.join(", "),
        Table(&measured.figures),
    );
    for figure in measured
        .figures
        .iter()
        .filter(|figure| !figure.note.is_empty())
    {
        println!("{}: {}", figure.name, figure.note);
    }
    if let Some(file) = &options.json {
        write_json(file, &measured)?;
    }
    if let Some(folder) = &options.plots {
        plot::write(&measured.figures, folder)?;
    }
    Ok(measured
        .figures
        .iter()
        .all(|figure| figure.reached != Some(false)))
}

async fn take(options: &Options) -> Result<Measured> {
    let programs = options.programs;
    let programs = tokio::task::spawn_blocking(move || binaries(programs)).await??;
    let servers = tokio::task::spawn_blocking(crate::harness::servers::all).await??;
    let (at, load_before) = (Utc::now(), load_average());
    let figures = measure(options, &programs).await?;
    let servers = servers
        .iter()
        .map(|found| format!("{} {}", found.name, found.version));
    Ok(Measured {
        at,
        processor: processor(),
        processors: std::thread::available_parallelism().map_or(0, usize::from),
        load_before,
        load_after: load_average(),
        servers: servers.collect(),
        rounds: options.rounds.into(),
        seconds: options.seconds,
        figures,
    })
}

#[expect(clippy::print_stderr, reason = "this is what a person reads")]
async fn measure(options: &Options, programs: &Binaries) -> Result<Vec<Figure>> {
    let length = Length {
        rounds: options.rounds.into(),
        seconds: options.seconds,
    };
    let wants = |part| options.only.is_empty() || options.only.contains(&part);
    let mut all = Vec::new();
    let mut take = |figures: Vec<Figure>| {
        for figure in &figures {
            // One by one as they come, for who waits; the table comes at the end.
            eprintln!(
                "{}: {} {}",
                figure.name,
                figure::number(figure.ours),
                figure.unit
            );
        }
        all.extend(figures);
    };
    if [Part::Screens, Part::Menus, Part::Orders, Part::Start]
        .into_iter()
        .any(wants)
    {
        let stand = Stand::start(programs, "s1").await?;
        if wants(Part::Screens) {
            take(screens::watched(&stand, length).await?);
        }
        if wants(Part::Menus) {
            take(screens::menus(&stand, length).await?);
        }
        if wants(Part::Orders) {
            let bare = BareRedis::start(programs).await?;
            take(orders::rate(&stand, &bare, length).await?);
        }
        take(screens::memory(&stand)?);
        if wants(Part::Start) {
            take(screens::starts(&stand).await?);
        }
    }
    if wants(Part::Queue) {
        let (full, empty) = (
            Stand::start(programs, "full").await?,
            Stand::start(programs, "empty").await?,
        );
        take(orders::full_queue(&full, &empty, length).await?);
    }
    if wants(Part::Intake) {
        take(sites::intake::beside_copy(programs, length).await?);
    }
    if wants(Part::Week) {
        take(sites::intake::week_behind(programs).await?);
    }
    if wants(Part::Sites) {
        sites::figures(programs, length, options.sites.into(), take).await;
    }
    Ok(all)
}

/// The load averages of the machine.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// What the machine says of its processor.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(':'));
    name.map_or("unknown".to_owned(), |(_, name)| name.trim().to_owned())
}
