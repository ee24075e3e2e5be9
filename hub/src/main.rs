//! `sunakku-hub`: the hub's program. Exits with 64 when its settings or arguments cannot be
//! used, with 1 when it fails.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use sunakku_common::{install_crypto, telemetry};
use sunakku_hub::Config;
use sunakku_hub::commands::{self, Command};

/// Sunakku's hub: commits every site's log to Postgres and answers for all sites.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The file with the settings that differ from the defaults.
    #[arg(long, global = true, env = "SUNAKKU_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// The settings or arguments cannot be used (EX_USAGE).
const UNUSABLE: u8 = 64;

fn main() -> ExitCode {
    install_crypto();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { UNUSABLE } else { 0 });
        }
    };
    let load = || {
        let config = Config::load(arguments.config.as_deref())?;
        telemetry::init_logs(config.log.format, &config.log.filter)?;
        anyhow::Ok(config)
    };
    let done = match (arguments.command, load) {
        (Command::HashPassword, _) => commands::hash_password(),
        (Command::Statement(command), _) => commands::verify_statement(&command),
        (command, load) => match load() {
            Ok(config) => commands::run(command, config),
            Err(error) => return fail(&error, UNUSABLE),
        },
    };
    done.map_or_else(|error| fail(&error, 1), |()| ExitCode::SUCCESS)
}

fn fail(error: &anyhow::Error, code: u8) -> ExitCode {
    eprintln!("sunakku-hub: {error:#}");
    ExitCode::from(code)
}
