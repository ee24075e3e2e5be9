//! The `sunakku-edge` program.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};
use sunakku_common::{config::User, service, telemetry};
use sunakku_edge::enrol::EnrolArgs;
use sunakku_edge::{App, Config, doctor};
use tokio::net::TcpListener;

/// Gives memory back that is not used any more, such as the 19 MiB of each password that is checked; the
/// C library's keeps it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Takes, cooks and hands over the orders of one cafeteria.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Configuration file (TOML); SUNAKKU_… environment variables override it.
    #[arg(long, global = true, env = "SUNAKKU_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves kiosks, kitchen screens and the pickup board.
    Serve {
        /// Print the effective configuration with secrets hidden, and stop.
        #[arg(long)]
        check: bool,
        /// Start although Redis may lose accepted orders in a power cut.
        #[arg(long)]
        allow_volatile: bool,
    },
    /// Looks at configuration, servers, disk, clock and certificates; exits with 1 when anything
    /// does not work. Changes nothing.
    Doctor {
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
    /// Makes this box a site, by a token of the hub.
    Enrol(EnrolArgs),
}

/// `EX_USAGE` of sysexits.h: the configuration cannot be used.
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    sunakku_common::install_crypto();
    let Arguments { config, command } = Arguments::parse();
    let load = || Config::load(config.as_deref());
    let done = match command {
        Command::Enrol(arguments) => enrol(&arguments),
        Command::Doctor { json } => match load() {
            Ok(config) => examine(&config, json),
            Err(error) => return fail(&error, EXIT_USAGE),
        },
        Command::Serve {
            check,
            allow_volatile,
        } => match load() {
            Ok(config) if check => print(&config),
            Ok(config) => serve(config, allow_volatile),
            Err(error) => return fail(&error, EXIT_USAGE),
        },
    };
    done.map_or_else(|error| fail(&error, 1), |()| ExitCode::SUCCESS)
}

#[expect(clippy::print_stderr, reason = "logging may not have started")]
fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("sunakku-edge: {error:#}");
    ExitCode::from(code)
}

#[expect(clippy::print_stdout, reason = "this is what was asked for")]
fn print(config: &Config) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(config)?);
    let names: Vec<&String> = config
        .identity
        .users
        .iter()
        .map(|User { name, .. }| name)
        .collect();
    println!("users: {names:?}");
    Ok(())
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "this is what was asked for")]
async fn examine(config: &Config, json: bool) -> Result<()> {
    let report = doctor::examine(config).await;
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    ensure!(!report.has_faults(), "something does not work");
    Ok(())
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "this is what was asked for")]
async fn enrol(arguments: &EnrolArgs) -> Result<()> {
    println!("{}", sunakku_edge::enrol::enrol(arguments).await?);
    Ok(())
}

#[tokio::main]
async fn serve(config: Config, allow_volatile: bool) -> Result<()> {
    telemetry::init_logs(config.telemetry.format, &config.telemetry.filter)?;
    let site = config.site.id.as_str();
    let _spans = telemetry::spans::start(&config.telemetry.otlp, "sunakku-edge", site)?;
    let address = &config.http.listen;
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("http.listen: cannot bind {address}"))?;
    let stop = service::stop_signal()?;
    let starting = App::build(config, listener, allow_volatile);
    match stop.run_until_cancelled(starting).await {
        Some(app) => app?.run(stop).await,
        None => Ok(()),
    }
}
