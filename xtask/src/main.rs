//! `cargo xtask`: development commands.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::demo;

/// Development commands of Sunakku.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Options),
}

#[expect(clippy::print_stderr, reason = "this is a command")]
#[tokio::main]
async fn main() -> ExitCode {
    sunakku_common::install_crypto();
    let Command::Demo(options) = Arguments::parse().command;
    match demo::run(options).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
