//! `sunakku-hub menu`: menus as files, for those who stand before the machine.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::Subcommand;
use serde_json::Value;
use sqlx::PgPool;
use sunakku_common::menu::MenuFault;
use sunakku_common::problem::Problem;

use super::content::Content;
use super::diff::{Difference, Kind};
use super::edit::{Expected, check_storable};
use super::file::{Format, Unreadable, Unwritable, read, write};
use super::import::store;
use super::{draft, table::TableFault};
use crate::author::Author;

/// Menus as files.
#[derive(Debug, Subcommand)]
pub enum MenuCommand {
    /// Print the draft of a menu.
    Export {
        /// Code of the menu.
        menu: String,
        /// How it is written.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Replace the draft of a menu by a file (.json or .csv), or make a menu of it.
    Import {
        /// Only tell what would change.
        #[arg(long)]
        dry_run: bool,
        /// Code of the menu; that in the file when not given.
        #[arg(long)]
        menu: Option<String>,
        /// The file.
        file: PathBuf,
    },
}

impl MenuCommand {
    /// Does it, and gives what is to be told.
    ///
    /// # Errors
    /// When it fails; the error is for people.
    pub async fn run(self, pool: &PgPool) -> Result<String> {
        match self {
            Self::Export { menu, format } => export(pool, &menu, format).await,
            Self::Import {
                dry_run,
                menu,
                file,
            } => import(pool, menu, &file, dry_run).await,
        }
    }
}

async fn export(pool: &PgPool, menu: &str, format: Format) -> Result<String> {
    let draft = draft::load(pool, menu).await.context("reading the menu")?;
    let draft = draft.with_context(|| format!("there is no menu {menu}"))?;
    write(&draft.content, format).map_err(|error| match error {
        Unwritable::Loses => anyhow!("a table cannot say all of this draft; export it as json"),
        Unwritable::Failed => anyhow!("the draft cannot be written"),
    })
}

async fn import(pool: &PgPool, menu: Option<String>, file: &Path, dry_run: bool) -> Result<String> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {name}"))?;
    let content = read(&text, Format::of(file)).map_err(|error| unreadable(file, &error))?;
    let menu = menu.unwrap_or_else(|| content.document.id.clone());
    ensure!(!menu.is_empty(), "{name} names no menu: say --menu CODE");
    let content = content.named(&menu);
    check_storable(&content).map_err(refused)?;
    let known = draft::load(pool, &menu).await.context("reading the menu")?;
    let before = known.as_ref().map(|draft| draft.content.clone());
    let changes = before.unwrap_or_else(|| content.emptied()).diff(&content)?;
    let mut told = String::new();
    tell(&mut told, &changes, &content)?;
    if dry_run {
        writeln!(told, "nothing was changed: this was a dry run")?;
        return Ok(told);
    }
    // The draft that the differences were told against, or it is refused.
    let expected = known.map_or_else(Expected::default, |draft| Expected::seen(draft.revision));
    store(pool, &Author::command(), &expected, &menu, content)
        .await
        .map_err(refused)?;
    writeln!(told, "the draft of menu {menu} is what {name} says")?;
    Ok(told)
}

fn refused(problem: Problem) -> anyhow::Error {
    anyhow!(problem.detail)
}

fn unreadable(file: &Path, error: &Unreadable) -> anyhow::Error {
    let name = file.display();
    match error {
        Unreadable::Json(error) => anyhow!("{name}: {error}"),
        Unreadable::Table(faults) => {
            let line = |fault: &TableFault| {
                let TableFault { line, column, what } = fault;
                format!("{name}:{line}: {column}: {what}")
            };
            anyhow!(faults.iter().map(line).collect::<Vec<_>>().join("\n"))
        }
    }
}

/// One line for each difference and each mistake.
fn tell(told: &mut String, changes: &[Difference], content: &Content) -> Result<()> {
    for change in changes {
        let sign = match change.change {
            Kind::Added => '+',
            Kind::Removed => '-',
            Kind::Changed | Kind::Moved => '~',
        };
        let value =
            |value: &Option<Value>| value.as_ref().map_or_else(String::new, Value::to_string);
        let (before, after) = (value(&change.before), value(&change.after));
        let path = &change.path;
        match change.change {
            Kind::Added => writeln!(told, "{sign} {path}: {after}")?,
            Kind::Removed => writeln!(told, "{sign} {path}: {before}")?,
            Kind::Changed | Kind::Moved => writeln!(told, "{sign} {path}: {before} -> {after}")?,
        }
    }
    for MenuFault { path, what } in content.faults() {
        writeln!(told, "! {path}: {what}")?;
    }
    writeln!(told, "{} differences", changes.len())?;
    Ok(())
}
