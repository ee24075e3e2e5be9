//! `cargo drill`: breaks a hub and its sites on purpose while people use them, then accounts for
//! everything that anybody was told.

pub mod account;
mod admins;
pub mod books;
mod disk;
mod effects;
mod fault;
mod long;
mod options;
mod plan;
mod play;
pub mod quiet;
mod score;
mod shrink;
pub mod skew;
mod stage;
mod twin;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

pub use fault::Kind;
use fault::Means;
pub use options::Options;
use plan::{Round, plan};
use play::Drill;
use score::Score;

use crate::harness::interrupted;

/// Runs the drill. `Ok(false)` when something does not hold.
pub async fn run(options: Options) -> Result<bool> {
    let means = Means::find();
    if options.list {
        list(means);
        return Ok(true);
    }
    if means.disks && !options.unshared {
        return Ok(tokio::task::spawn_blocking(disk::unshared)
            .await??
            .success());
    }
    let seed = options
        .seed
        .unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let (kinds, left_out) = choose(&options, means);
    let mut rounds = plan(
        seed,
        options.rounds.max(options.round.unwrap_or(0)),
        options.sites.into(),
        &kinds,
    );
    if let Some(only) = options.round {
        rounds.retain(|round| round.number == only);
    }
    let mut score = Score {
        seed,
        left_out,
        ..Score::default()
    };
    say(&format!("seed {seed}: {} rounds", rounds.len()));
    let suspects = tokio::select! {
        suspects = play(&options, &rounds, &mut score) => suspects?,
        ended = interrupted() => {
            ended?;
            Vec::new()
        }
    };
    score.print();
    if let Some(path) = &options.summary {
        let text = serde_json::to_string_pretty(&score)? + "\n";
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    let holds = score.broken.is_empty();
    if !holds {
        tokio::select! {
            told = shrink::tell(&options, &suspects) => told?,
            ended = interrupted() => ended?,
        }
        say(&format!("again: {}", again(&options, seed)));
    }
    Ok(holds)
}

/// The command that plays the same plan again.
fn again(options: &Options, seed: u64) -> String {
    let Options { sites, rounds, .. } = options;
    let mut command = format!("cargo drill --seed {seed} --rounds {rounds} --sites {sites}");
    if !options.only.is_empty() {
        let kinds: Vec<String> = options.only.iter().map(|kind| kind.name()).collect();
        command += &format!(" --only {}", kinds.join(","));
    }
    command
}

/// Plays all of it in a world of its own. Answers the rounds since the last account that held, if one does not.
async fn play(options: &Options, rounds: &[Round], score: &mut Score) -> Result<Vec<Round>> {
    let drill = Drill::start(options, rounds).await?;
    if options.long {
        drill.play_long(options, score).await?;
    }
    if !score.broken.is_empty() {
        return Ok(Vec::new());
    }
    drill.play(options, rounds, score).await
}

#[expect(clippy::print_stdout, reason = "this is a command")]
fn say(words: &str) {
    println!("{words}");
}

fn list(means: Means) {
    for kind in Kind::all() {
        let missing = kind.missing(means);
        let missing = missing
            .map(|what| format!("(lacks {what})"))
            .unwrap_or_default();
        say(&format!("{:<18} {missing}", kind.name()));
    }
}

/// The kinds that are asked for and can be staged, and those that cannot.
fn choose(options: &Options, means: Means) -> (Vec<Kind>, BTreeMap<Kind, &'static str>) {
    let asked = if options.only.is_empty() {
        Kind::all()
    } else {
        &options.only
    };
    let left_out = asked
        .iter()
        .filter_map(|kind| Some((*kind, kind.missing(means)?)))
        .collect();
    let staged = asked.iter().filter(|kind| kind.missing(means).is_none());
    (staged.copied().collect(), left_out)
}
