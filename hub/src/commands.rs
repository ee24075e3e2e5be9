//! The program's subcommands.

use std::io::{BufRead as _, Write as _};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, Subcommand};
use sunakku_common::ids::SiteId;
use sunakku_common::money::Currency;
use sunakku_common::nats::Keys;
use sunakku_common::telemetry::spans;
use sunakku_common::{password, service};

use crate::identity::Identity;
use crate::menus::command::MenuCommand;
use crate::sites::{self, About};
use crate::statements::StatementCommand;
use crate::{App, Config, app, database, doctor, intake, ledger};

/// The keys that sign tokens.
#[derive(Debug, Subcommand)]
pub enum SigningKeyCommand {
    /// Make a key that signs once everybody knows it.
    Rotate {
        /// It signs now, and nothing that was signed before is believed any more: for a key that
        /// got into the wrong hands. Replace identity.key_file first, if it did as well.
        #[arg(long)]
        at_once: bool,
    },
}

/// What the program is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the hub.
    Serve {
        /// Only print the settings in effect, secrets hidden.
        #[arg(long)]
        check: bool,
    },
    /// Bring the database's schema up to date.
    Migrate,
    /// The cafeterias.
    #[command(subcommand)]
    Site(SiteCommand),
    /// The keys that say who may connect to nats-server.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Menus as files.
    #[command(subcommand)]
    Menu(MenuCommand),
    /// The keys that sign tokens.
    #[command(subcommand)]
    SigningKey(SigningKeyCommand),
    /// The proof that nothing was lost or changed.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Daily statements of the sites.
    #[command(subcommand)]
    Statement(StatementCommand),
    /// What the analytics are made of.
    #[command(subcommand)]
    Figures(FiguresCommand),
    /// Look at configuration, servers, schema, sites, clock and certificates; exit with 1 when anything
    /// does not work. Changes nothing.
    Doctor {
        /// Answer in JSON.
        #[arg(long)]
        json: bool,
    },
    /// Read a password from standard input and print its hash, for `[[users]]`.
    HashPassword,
}

/// The cafeterias.
#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// Add a site, or change what is known of it.
    Add(SiteArgs),
}

/// The keys that say who may connect to nats-server, in the folder `nats.keys`.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make them, once, with what nats-server is to include (operator.conf).
    Make,
    /// Have a new key sign the sites' credentials; those signed before are good on. Start the hub
    /// again afterwards: the sites renew theirs by themselves.
    Rotate,
    /// Stop believing the keys before the present one, when no site's credentials are by them.
    Retire,
}

/// What is known of a site.
#[derive(Debug, Args)]
pub struct SiteArgs {
    /// 1 to 40 of a-z, 0-9 and '-'.
    pub id: SiteId,
    /// What people call it.
    #[arg(long)]
    pub name: String,
    /// What it is grouped by.
    #[arg(long)]
    pub region: Option<String>,
    /// IANA name, such as Europe/Berlin.
    #[arg(long)]
    pub time_zone: chrono_tz::Tz,
    /// ISO 4217 code, such as EUR.
    #[arg(long, value_parser = |code: &str| Currency::try_from(code.to_owned()))]
    pub currency: Currency,
}

/// The proof that nothing was lost or changed.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Compute every chain again from the stored events; exit with 1 if one is not as it was.
    Verify {
        /// This site alone.
        #[arg(long)]
        site: Option<SiteId>,
    },
}

/// What the analytics are made of.
#[derive(Debug, Subcommand)]
pub enum FiguresCommand {
    /// Make orders, stock and all figures again from the stored events: after an upgrade that adds
    /// figures, or when a site's time zone was changed. Sites go on selling; each one's events
    /// wait while it is its turn.
    Rebuild {
        /// This site alone.
        #[arg(long)]
        site: Option<SiteId>,
    },
}

/// Does it.
///
/// # Errors
/// When it fails; the error is for people.
pub fn run(command: Command, config: Config) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Serve { check: true } => say(&config.shown()?),
            Command::Serve { check: false } => serve(config).await,
            Command::Migrate => {
                database::migrate(&config.postgres).await?;
                say("the schema is up to date")
            }
            Command::Keys(command) => keys(&config, &command).await,
            Command::Site(SiteCommand::Add(site)) => add_site(&config, &site).await,
            Command::Menu(command) => menus(&config, command).await,
            Command::SigningKey(SigningKeyCommand::Rotate { at_once }) => {
                rotate_signing_key(&config, at_once).await
            }
            Command::Ledger(LedgerCommand::Verify { site }) => verify(&config, site).await,
            Command::Figures(FiguresCommand::Rebuild { site }) => rebuild(&config, site).await,
            Command::Doctor { json } => examine(&config, json).await,
            Command::Statement(command) => verify_statement(&command),
            Command::HashPassword => hash_password(),
        }
    })
}

/// Reads a password and prints its hash. Needs no settings.
///
/// # Errors
/// When none was given.
pub fn hash_password() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        bail!("no password came on standard input");
    }
    say(&password::hash(password)?)
}

/// Checks a statement in a file. Needs no settings.
///
/// # Errors
/// When it cannot be believed.
pub fn verify_statement(command: &StatementCommand) -> Result<()> {
    say(&command.run()?)
}

async fn serve(config: Config) -> Result<()> {
    let instance = uuid::Uuid::now_v7().to_string();
    let _spans = spans::start(&config.telemetry.otlp, "sunakku-hub", &instance)?;
    let stop = service::stop_signal()?;
    // The port first: when it is taken, nothing else has been touched.
    let listener = app::bind(config.http.listen).await?;
    let Some(app) = stop.run_until_cancelled(App::build(config, listener)).await else {
        return Ok(());
    };
    let app = app?;
    tracing::info!(address = %app.address()?, version = env!("CARGO_PKG_VERSION"), "listening");
    service::ready();
    app.run(stop).await
}

async fn add_site(config: &Config, site: &SiteArgs) -> Result<()> {
    database::migrate(&config.postgres).await?;
    let pool = database::pool(&config.postgres, 1)?;
    let about = About {
        name: site.name.clone(),
        region: site.region.clone(),
        time_zone: site.time_zone,
        currency: site.currency.clone(),
    };
    let adding = sites::add_by_command(&pool, &site.id, &about).await;
    adding.with_context(|| format!("adding site {}", site.id))?;
    pool.close().await;
    say(&format!("site {} is known", site.id))
}

async fn keys(config: &Config, command: &KeysCommand) -> Result<()> {
    let folder = &config.nats.keys;
    match command {
        KeysCommand::Make => {
            Keys::make(folder)?;
            let folder = folder.display();
            return say(&format!(
                "made in {folder}: put operator.conf beside nats-server's hub.conf, and keep \
                 offline.json elsewhere"
            ));
        }
        KeysCommand::Rotate => Keys::open(folder)?.rotate(folder)?,
        KeysCommand::Retire => {
            let mut keys = Keys::open(folder)?;
            let pool = database::pool(&config.postgres, 1)?;
            let behind: Vec<String> = sqlx::query_scalar(
                "select site_id from site_box where ended_at is null and issuer <> $1
                 order by site_id",
            )
            .bind(keys.site_signer()?)
            .fetch_all(&pool)
            .await?;
            if !behind.is_empty() {
                let behind = behind.join(", ");
                bail!("these sites have not renewed their credentials yet: {behind}");
            }
            keys.retire(folder)?;
        }
    }
    say("done: start the hub again")
}

async fn rotate_signing_key(config: &Config, at_once: bool) -> Result<()> {
    database::migrate(&config.postgres).await?;
    let pool = database::pool(&config.postgres, 2)?;
    let kid = Identity::new(config, pool.clone())?.rotate(at_once).await?;
    pool.close().await;
    say(&match at_once {
        true => format!("{kid} signs from now on; everybody has to sign in again"),
        false => format!("{kid} signs after {} s", config.identity.key_notice_seconds),
    })
}

async fn menus(config: &Config, command: MenuCommand) -> Result<()> {
    database::migrate(&config.postgres).await?;
    let pool = database::pool(&config.postgres, 2)?;
    let told = command.run(&pool).await?;
    pool.close().await;
    say(told.trim_end())
}

async fn examine(config: &Config, json: bool) -> Result<()> {
    let report = doctor::examine(config).await;
    if json {
        say(&serde_json::to_string_pretty(&report)?)?;
    } else {
        say(&report.to_string())?;
    }
    ensure!(!report.has_faults(), "something does not work");
    Ok(())
}

async fn verify(config: &Config, site: Option<SiteId>) -> Result<()> {
    let pool = database::pool(&config.postgres, 1)?;
    let reports = ledger::verify(&pool, site.as_ref()).await?;
    for report in &reports {
        say(&report.to_string())?;
    }
    let wrong = reports
        .iter()
        .filter(|report| !report.faults.is_empty())
        .count();
    if wrong > 0 {
        bail!(
            "{wrong} of {} logs are not what the sites sent",
            reports.len()
        );
    }
    say(&format!("{} logs are what the sites sent", reports.len()))
}

async fn rebuild(config: &Config, site: Option<SiteId>) -> Result<()> {
    database::migrate(&config.postgres).await?;
    let pool = database::pool(&config.postgres, 1)?;
    let rebuilt = intake::rebuild(&pool, site.as_ref()).await?;
    pool.close().await;
    if let (Some(site), true) = (site, rebuilt.is_empty()) {
        bail!("there is no site {site}");
    }
    for one in &rebuilt {
        let (site, events, parked) = (&one.site, one.events, one.parked);
        say(&format!("{site}: {events} events, {parked} of them parked"))?;
    }
    Ok(())
}

fn say(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Program {
        #[command(subcommand)]
        _command: Command,
    }

    #[test]
    fn the_commands_fit_together() {
        <Program as clap::CommandFactory>::command().debug_assert();
    }
}
