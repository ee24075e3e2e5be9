//! `cargo drill`: breaks a hub and its sites on purpose while people use them, then accounts for
//! everything that anybody was told.

mod account;
mod admins;
pub mod books;
mod disk;
mod effects;
mod fault;
mod long;
mod options;
mod plan;
pub mod quiet;
mod score;
mod stage;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::future::{join_all, try_join_all};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use sunakku_common::menu::Seed;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use admins::Deeds;
use disk::Disk;
use effects::Effects;
use fault::{Kind, Means};
pub use options::Options;
use plan::{Round, plan};
use score::Score;
use stage::{Stage, Supervisor};

use crate::demo::guests::{self, Told};
use crate::demo::state::Tokens;
use crate::demo::{head_office, plan as demo_plan, staff};
use crate::harness::{Sandbox, WallClock, binaries, interrupted, servers, wait_for};
use crate::world::{HubOptions, SiteOptions, World};

/// How long a round may take to be over once all is mended.
const RECOVERY: Duration = Duration::from_secs(120);
/// A site's disk and the hub's, MiB; sparse files.
const SITE_DISK_MIB: u64 = 256;
const HUB_DISK_MIB: u64 = 1_024;
/// How long cooks and guests take.
const PACE: staff::Pace = staff::Pace {
    cooking: Duration::from_millis(200),
    collecting: Duration::from_millis(100),
};

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
    let drill = Drill::start(&options, means).await?;
    let play = async {
        if options.long {
            drill.play_long(&options, &mut score).await?;
        }
        drill.play(&options, &rounds, &mut score).await
    };
    tokio::select! {
        done = play => done?,
        ended = interrupted() => ended?,
    }
    score.print();
    if let Some(path) = &options.summary {
        let text = serde_json::to_string_pretty(&score)? + "\n";
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    let holds = score.broken.is_empty();
    if !holds {
        say(&format!(
            "again: cargo drill --seed {seed} --rounds {}",
            score.rounds
        ));
    }
    Ok(holds)
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
fn choose(
    options: &Options,
    means: Means,
) -> (Vec<Kind>, std::collections::BTreeMap<Kind, &'static str>) {
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

/// Everything that is there to be broken, and those who use it. Disks are let go of before the folder that they are in.
struct Drill {
    site_disks: Vec<Disk>,
    hub_disk: Option<Disk>,
    clocks: Vec<WallClock>,
    effects: Vec<Effects>,
    seed: Seed,
    postgres: PgPool,
    supervisor: Supervisor,
    told: Told,
    deeds: Deeds,
    world: World,
}

impl Drill {
    async fn start(options: &Options, means: Means) -> Result<Self> {
        tokio::task::spawn_blocking(servers::all).await??;
        let profile = options.programs;
        let programs = tokio::task::spawn_blocking(move || binaries(profile)).await??;
        let sandbox = Sandbox::new()?;
        let seed = demo_plan::lunch_menu()?;
        let ids: Vec<String> = (1..=options.sites).map(|n| format!("s{n}")).collect();
        let disks = sandbox.folder("disks")?;
        let disk = |name: &str, mib| {
            let image = disks.join(format!("{name}.ext4"));
            Disk::make(image, sandbox.root().join(name), mib)
        };
        let (mut site_disks, mut hub_disk) = (Vec::new(), None);
        if means.disks {
            hub_disk = Some(disk("hub", HUB_DISK_MIB)?);
            for id in &ids {
                site_disks.push(disk(id, SITE_DISK_MIB)?);
            }
        }
        let mut clocks = Vec::new();
        for id in &ids {
            clocks.extend(WallClock::find(sandbox.root().join(format!("{id}.clock")))?);
        }
        let effects = try_join_all(ids.iter().map(|_| Effects::start())).await?;
        let stations: Vec<String> = seed
            .menu
            .items
            .iter()
            .map(|item| item.station.clone())
            .collect();
        let sites = ids.iter().enumerate().map(|(n, id)| {
            let site =
                SiteOptions::new(id, None).with(effects[n].settings(&unique(stations.clone())));
            SiteOptions {
                clock: clocks.get(n).cloned(),
                ..site
            }
        });
        let hub = HubOptions {
            sites: ids
                .iter()
                .map(|id| (id.clone(), "Europe/Berlin".to_owned()))
                .collect(),
            currency: seed.menu.currency.code().to_owned(),
            settings: toml::Table::new(),
        };
        let world = World::start(sandbox, &programs, hub, sites.collect()).await?;
        for disk in site_disks.iter().chain(&hub_disk) {
            disk.sync()?;
        }
        let postgres = PgPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(5))
            .connect_lazy(&world.hub.postgres.url())?;
        head_office::open(&world, &Tokens::sign_in(&world).await?, &seed).await?;
        Ok(Self {
            site_disks,
            hub_disk,
            clocks,
            effects,
            seed,
            postgres,
            supervisor: Supervisor::default(),
            told: Told::default(),
            deeds: Deeds::default(),
            world,
        })
    }

    /// Plays the rounds, with a full account after every few of them and at the end.
    async fn play(&self, options: &Options, rounds: &[Round], score: &mut Score) -> Result<()> {
        let begin = Instant::now();
        for rounds in rounds.chunks(options.account_every.into()) {
            if begin.elapsed() >= options.limit() {
                break;
            }
            let tokens = Tokens::sign_in(&self.world).await?;
            self.act(options, rounds, &tokens, score).await?;
            self.account(&tokens, score).await?;
            if !score.broken.is_empty() {
                say("the faults before it:");
                for round in rounds {
                    say(&format!("  {}", words(round)));
                }
                break;
            }
        }
        Ok(())
    }

    /// One act: rounds of faults while guests, cooks and an admin are at work.
    async fn act(
        &self,
        options: &Options,
        rounds: &[Round],
        tokens: &Tokens,
        score: &mut Score,
    ) -> Result<()> {
        let (stop, home) = (CancellationToken::new(), CancellationToken::new());
        let kiosks: Vec<_> = tokens.sites.iter().map(|site| site.kiosk.clone()).collect();
        let skus: Vec<String> = self.seed.stock.keys().cloned().collect();
        let menu = &self.seed.menu;
        let begin = Instant::now();
        let story = async {
            for round in rounds {
                if begin.elapsed() >= options.limit() {
                    break;
                }
                self.round(round, tokens, score).await?;
            }
            stop.cancel();
            Ok::<_, anyhow::Error>(())
        };
        let people = async {
            let guests = guests::rush(&kiosks, menu, options.rush, &self.told, &stop);
            let admin = self
                .deeds
                .act(&tokens.admin, &self.world, menu, &skus, &stop);
            let (admin, ()) = tokio::join!(admin, guests);
            home.cancel();
            admin
        };
        let staff = join_all(tokens.sites.iter().map(|site| async {
            tokio::join!(
                staff::cook(&site.kitchen, PACE, &home),
                staff::restock(&site.manager, &self.seed.stock, &home)
            )
        }));
        let work = async {
            tokio::try_join!(story, people, async {
                staff.await;
                Ok(())
            })
        };
        tokio::select! {
            done = work => done.map(|_| ()),
            () = self.supervisor.work(&self.world) => Ok(()),
        }
    }

    async fn round(&self, round: &Round, tokens: &Tokens, score: &mut Score) -> Result<()> {
        let stage = Stage {
            world: &self.world,
            supervisor: &self.supervisor,
            effects: &self.effects,
            clocks: &self.clocks,
            site_disks: &self.site_disks,
            hub_disk: self.hub_disk.as_ref(),
        };
        let kinds: Vec<Kind> = round.strikes.iter().map(|strike| strike.kind).collect();
        // What the hub is told between a copy of its database and its restoration is lost with it.
        let _peace = match kinds.contains(&Kind::PostgresRestored) {
            true => Some(self.deeds.peace.lock().await),
            false => None,
        };
        let accepted_before = self.accepted();
        let mut staged = Vec::new();
        for strike in &round.strikes {
            let done = stage.strike(*strike).await;
            staged.push(done.with_context(|| format!("staging {}", strike.kind.name()))?);
        }
        sleep(round.length).await;
        for fault in staged.into_iter().rev() {
            stage.mend(fault).await.context("mending")?;
        }
        let mended = Instant::now();
        self.recovered(tokens).await.with_context(|| words(round))?;
        let recovered = mended.elapsed();
        let accepted = self.accepted() - accepted_before;
        say(&format!(
            "{}: {accepted} orders, all well {:.1} s after",
            words(round),
            recovered.as_secs_f64()
        ));
        score.note(&kinds, accepted, recovered);
        sleep(round.calm).await;
        Ok(())
    }

    /// Waits until every site answers guests and hears the hub.
    async fn recovered(&self, tokens: &Tokens) -> Result<()> {
        let counts = || (0..self.world.sites.len()).map(|n| self.told.counts(n));
        let before: Vec<_> = counts().collect();
        wait_for(
            "all sites to sell and to hear the hub",
            RECOVERY,
            async || {
                for (n, ((accepted, refused), before)) in counts().zip(&before).enumerate() {
                    if accepted + refused <= before.0 + before.1 {
                        return Err(format!("{} answers no guest", self.world.sites[n].id));
                    }
                }
                for site in &tokens.sites {
                    let sync = site.manager.get("/v1/sync").await;
                    let sync = sync.map_err(|error| error.to_string())?.body;
                    if sync["hub"] != "connected" {
                        return Err(sync.to_string());
                    }
                }
                Ok(())
            },
        )
        .await
    }

    fn accepted(&self) -> usize {
        (0..self.world.sites.len())
            .map(|n| self.told.counts(n).0)
            .sum()
    }

    /// Takes the full account.
    async fn account(&self, tokens: &Tokens, score: &mut Score) -> Result<()> {
        let (told, deeds) = (self.told.all(), self.deeds.known());
        let account = account::take(
            &self.world,
            tokens,
            &self.seed.menu,
            &told,
            &deeds,
            &self.effects,
            &self.postgres,
        );
        let account = tokio::select! {
            account = account => account?,
            () = self.supervisor.work(&self.world) => return Ok(()),
        };
        score.account(&account, deeds.published, deeds.commands.len());
        let orders = &account.summary.orders;
        say(&format!(
            "account: {} orders accepted, {} committed, {} menus, {} commands: {}",
            orders.accepted,
            orders.committed,
            deeds.published,
            deeds.commands.len(),
            if account.broken.is_empty() {
                "everything holds"
            } else {
                "IT DOES NOT HOLD"
            }
        ));
        Ok(())
    }
}

fn unique(mut codes: Vec<String>) -> Vec<String> {
    codes.sort();
    codes.dedup();
    codes
}

/// A round in words.
fn words(round: &Round) -> String {
    let strikes: Vec<String> = round
        .strikes
        .iter()
        .map(|strike| match strike.kind.is_of_a_site() {
            true => format!("{} at s{}", strike.kind.name(), strike.site + 1),
            false => strike.kind.name(),
        })
        .collect();
    format!(
        "round {}: {} for {:.1} s",
        round.number,
        strikes.join(" + "),
        round.length.as_secs_f64()
    )
}
