//! `cargo xtask skew`: an upgrade in the middle of a day. Programs of an earlier commit and those of the tree
//! work together, in both orders, while lines are cut and programs killed; each step ends with the full account.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser};

use super::fault::Kind;
use super::plan::{Round, plan};
use super::play::Drill;
use super::say;
use super::score::Score;
use crate::harness::binaries::build;
use crate::harness::{Binaries, Process, Profile, binaries, interrupted, workspace_root};

/// What makes the programs.
const SOURCES: [&str; 5] = ["common", "edge-node", "hub", "migrations", "Cargo.lock"];
/// How many changes of the programs the other version is older by default.
const OLDER: &str = "--skip=5";
/// How long a program may take to end.
const GRACE: Duration = Duration::from_secs(20);
/// What happens in each step besides the day's work.
const FAULTS: [Kind; 5] = [
    Kind::LineCut,
    Kind::LineSilent,
    Kind::KillEdge,
    Kind::KillHub,
    Kind::WipeHubNats,
];

/// Let programs of an earlier commit and those of the tree work together: edges that are newer than the hub,
/// edges that are older, and the upgrade from one to the other.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The commit of the earlier programs; by default the one five changes of them ago.
    #[arg(long, value_name = "REVISION")]
    pub old: Option<String>,
    /// Repeats the faults of an earlier run.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Rounds of faults in each step.
    #[arg(long, default_value_t = 8)]
    pub rounds: usize,
}

/// The options of the drill that are never given here.
#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    drill: super::Options,
}

/// Runs the steps. `Ok(false)` when something does not hold.
pub async fn run(options: Options) -> Result<bool> {
    let commit = match &options.old {
        Some(revision) => git(&["rev-parse", "--verify", &format!("{revision}^{{commit}}")])?,
        None => {
            let before = ["rev-list", "--first-parent", "-n1", OLDER, "HEAD", "--"];
            git(&[&before[..], &SOURCES].concat())?
        }
    };
    say(&git(&[
        "log",
        "-1",
        "--format=old: %h of %ci, %s",
        &commit,
    ])?);
    let begin = Instant::now();
    let (old, new) = tokio::task::spawn_blocking(move || {
        let old = at(&commit)?;
        Ok::<_, anyhow::Error>((old, binaries(Profile::Debug)?))
    })
    .await??;
    say(&format!("built in {:.0} s", begin.elapsed().as_secs_f64()));
    for (old, new) in [(&old.edge, &new.edge), (&old.hub, &new.hub)] {
        if std::fs::read(old)? == std::fs::read(new)? {
            bail!("old and new are the same: {}", new.display());
        }
    }
    let mut score = Score {
        seed: options.seed,
        ..Score::default()
    };
    tokio::select! {
        played = play(&options, &old, &new, &mut score) => played?,
        ended = interrupted() => ended?,
    }
    score.print();
    Ok(score.broken.is_empty())
}

async fn play(options: &Options, old: &Binaries, new: &Binaries, score: &mut Score) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let link = |name: &str, program: &Path| Link::new(folder.path().join(name), program);
    let mut hub = link("hub", &old.hub)?;
    let mut edges = [link("s1", &new.edge)?, link("s2", &old.edge)?];
    let drill = super::Options {
        account_every: u16::MAX,
        ..Defaults::parse_from(["skew"]).drill
    };
    let steps = plan(options.seed, 3 * options.rounds, edges.len(), &FAULTS);
    let mut steps = steps.chunks(options.rounds.max(1));
    let programs = Binaries {
        hub: hub.at.clone(),
        edge: old.edge.clone(),
    };
    let paths = edges.each_ref().map(|edge| edge.at.clone());
    let world = Drill::start_with(&drill, &[], programs, &paths).await?;

    say("\nthe hub is old, s1 is newer, s2 is as old:");
    step(&world, &drill, &mut steps, score).await?;

    hub.swap(&new.hub, world.world.hub.process()).await?;
    world.world.hub.restart().await?;
    say("\nthe hub is new, s1 is as new, s2 is older:");
    step(&world, &drill, &mut steps, score).await?;

    edges[1]
        .swap(&new.edge, world.world.sites[1].process())
        .await?;
    world.world.sites[1].restart().await?;
    say("\nall are new:");
    step(&world, &drill, &mut steps, score).await
}

async fn step<'a>(
    world: &Drill,
    options: &super::Options,
    rounds: &mut impl Iterator<Item = &'a [Round]>,
    score: &mut Score,
) -> Result<()> {
    if score.broken.is_empty() {
        world
            .play(options, rounds.next().unwrap_or_default(), score)
            .await?;
    }
    Ok(())
}

/// The place of a program that another one can take.
struct Link {
    at: PathBuf,
}

impl Link {
    fn new(at: PathBuf, program: &Path) -> Result<Self> {
        symlink(program, &at).context("linking a program")?;
        Ok(Self { at })
    }

    /// Ends the program as an upgrade does, and puts another one in its place.
    async fn swap(&mut self, program: &Path, process: &Process) -> Result<()> {
        let ended = process.terminate(GRACE).await?;
        if !ended.is_some_and(|status| status.success()) {
            bail!("{} did not end by itself: {ended:?}", process.name());
        }
        std::fs::remove_file(&self.at)?;
        symlink(program, &self.at).context("linking a program")
    }
}

/// The programs of a commit, which are kept beside what is built here.
fn at(commit: &str) -> Result<Binaries> {
    let folder = workspace_root().join("target/skew").join(commit);
    let kept = Binaries {
        edge: folder.join("sunakku-edge"),
        hub: folder.join("sunakku-hub"),
    };
    if kept.hub.is_file() {
        return Ok(kept);
    }
    // Its pages are read from here as long as they are built for debugging.
    let tree = folder.join("tree");
    std::fs::create_dir_all(&tree)?;
    let mut archive = Command::new("git")
        .current_dir(workspace_root())
        .args(["archive", commit])
        .stdout(Stdio::piped())
        .spawn()
        .context("running git archive")?;
    let stream = archive.stdout.take().context("git archive says nothing")?;
    let unpacked = Command::new("tar")
        .arg("-x")
        .current_dir(&tree)
        .stdin(stream)
        .status()
        .context("running tar")?;
    if !archive.wait()?.success() || !unpacked.success() {
        bail!("cannot take {commit} out of git");
    }
    // A target folder of its own: in a shared one cargo takes the files of the commit, which are older than
    // what was built last, for built already.
    let target = folder.join("target");
    let built = build(&tree, Profile::Debug, Some(&target))?;
    std::fs::copy(&built.edge, &kept.edge)?;
    std::fs::copy(&built.hub, &kept.hub)?;
    std::fs::remove_dir_all(&target).context("removing what the programs were built from")?;
    Ok(kept)
}

fn git(args: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .current_dir(workspace_root())
        .args(args)
        .output()
        .context("running git")?;
    if !output.status.success() {
        bail!(
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
