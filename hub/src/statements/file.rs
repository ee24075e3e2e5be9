//! `sunakku-hub statement verify`: whether a file is what the hub signed. Needs no server and no settings.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Subcommand};
use serde::Deserialize;
use sunakku_common::jws;
use sunakku_common::keys::PublicKey;

use super::{DOCUMENT_TYPE, Statement};

/// The longest file that is read, bytes.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Daily statements.
#[derive(Debug, Subcommand)]
pub enum StatementCommand {
    /// Check that a statement is what the hub signed, and print it; exit with 1 when it is not.
    Verify(VerifyArgs),
}

/// Which file, and by which key.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The file that `/v1/sites/{id}/statements/{day}` gave.
    pub file: PathBuf,
    /// The hub's public key: base64url as in a JWK, or a file with a set of them, as
    /// `/v1/statements/keys` gives it. Get it by another way than the statement.
    #[arg(long, allow_hyphen_values = true)]
    pub key: String,
}

impl StatementCommand {
    /// Does it; gives what is to be told.
    ///
    /// # Errors
    /// When the statement cannot be believed.
    pub fn run(&self) -> Result<String> {
        let Self::Verify(args) = self;
        let keys = keys(&args.key)?;
        let text = read(&args.file)?;
        let (payload, key) = jws::open(&text, DOCUMENT_TYPE, &keys)?;
        let statement: Statement =
            serde_json::from_slice(&payload).context("it is signed, but cannot be read")?;
        Ok(told(&statement, key))
    }
}

fn read(path: &Path) -> Result<String> {
    let what = || path.display().to_string();
    let length = std::fs::metadata(path).with_context(what)?.len();
    ensure!(length <= MAX_FILE_BYTES, "{} is too long", what());
    std::fs::read_to_string(path).with_context(what)
}

/// The keys of a set in a file, or the one that was given.
fn keys(key: &str) -> Result<Vec<PublicKey>> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Jwk>,
    }
    #[derive(Deserialize)]
    struct Jwk {
        x: String,
    }
    if let Ok(key) = PublicKey::from_x(key) {
        return Ok(vec![key]);
    }
    let text = read(Path::new(key)).context("--key is neither a key nor a file with keys")?;
    let set: Set = serde_json::from_str(&text).with_context(|| format!("the keys in {key}"))?;
    let keys = set.keys.iter().map(|one| PublicKey::from_x(&one.x));
    Ok(keys.collect::<Result<_, _>>()?)
}

fn told(statement: &Statement, key: &PublicKey) -> String {
    let Statement {
        site,
        day,
        orders,
        money,
        log,
        ..
    } = statement;
    let state = match statement.complete {
        true => "complete",
        false => "NOT COMPLETE: the site may still have had something to send",
    };
    let mut text = format!(
        "good: signed by the key {}\n{site} {day}, {state}\n",
        key.kid
    );
    // Writing to a text never fails.
    let _ = writeln!(
        text,
        "orders: {} placed, {} collected, {} cancelled, {} rejected, {} retried, {} expired",
        orders.placed,
        orders.collected,
        orders.cancelled,
        orders.rejected,
        orders.retried,
        orders.expired
    );
    for one in money {
        let _ = writeln!(
            text,
            "{}: {} placed, {} called off, {} reinstated, {} net (minor units)",
            one.currency, one.placed, one.called_off, one.reinstated, one.net
        );
    }
    for one in &statement.stock {
        let _ = writeln!(
            text,
            "stock {} by {}: +{} -{} in {} events",
            one.sku, one.kind, one.added, one.taken, one.movements
        );
    }
    for part in log {
        let _ = writeln!(
            text,
            "log {} {} to {}, chain {}",
            part.epoch, part.first_seq, part.last_seq, part.chain
        );
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_begin_with_a_hyphen() {
        #[derive(clap::Parser)]
        struct Program {
            #[command(flatten)]
            args: VerifyArgs,
        }
        let words = ["verify", "day.jws", "--key", "-Zq_-"];
        let program = <Program as clap::Parser>::try_parse_from(words);
        assert_eq!(
            program.map(|program| program.args.key).ok().as_deref(),
            Some("-Zq_-")
        );
    }
}
