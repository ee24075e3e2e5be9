//! `cargo xtask`: development commands.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{demo, drill, fill, load};

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
    Drill(drill::Options),
    Fill(fill::Options),
    Load(load::Options),
    Skew(drill::skew::Options),
}

#[expect(clippy::print_stderr, reason = "this is a command")]
#[tokio::main]
async fn main() -> ExitCode {
    sunakku_common::install_crypto();
    let (name, ran) = match Arguments::parse().command {
        Command::Demo(options) => ("demo", demo::run(options).await),
        Command::Drill(options) => ("drill", drill::run(options).await),
        Command::Fill(options) => ("xtask fill", fill::run(options).await),
        Command::Load(options) => ("load", load::run(options).await),
        Command::Skew(options) => ("xtask skew", drill::skew::run(options).await),
    };
    match ran {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}
