//! A world of a drill: what is there to be broken, who uses it, and one act after another.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::future::{join_all, try_join_all};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use sunakku_common::menu::Seed;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::admins::Deeds;
use super::disk::Disk;
use super::effects::Effects;
use super::fault::Kind;
use super::plan::Round;
use super::score::Score;
use super::stage::{Stage, Supervisor};
use super::{Options, account, say};
use crate::demo::guests::{self, Told};
use crate::demo::tokens::Tokens;
use crate::demo::{head_office, plan as demo_plan, staff};
use crate::harness::{Binaries, Sandbox, WallClock, binaries, servers, wait_for};
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

/// Everything that is there to be broken, and those who use it. Disks are let go of before the folder that they are in.
pub(super) struct Drill {
    site_disks: Vec<Disk>,
    hub_disk: Option<Disk>,
    /// By site.
    pub(super) clocks: Vec<WallClock>,
    hub_clock: Option<WallClock>,
    effects: Vec<Effects>,
    programs: Binaries,
    pub(super) seed: Seed,
    pub(super) postgres: PgPool,
    supervisor: Supervisor,
    pub(super) told: Told,
    deeds: Deeds,
    pub(super) world: World,
}

impl Drill {
    /// Starts it all with the programs as they are in the tree, and with what these rounds need.
    pub(super) async fn start(options: &Options, rounds: &[Round]) -> Result<Self> {
        let profile = options.programs;
        let programs = tokio::task::spawn_blocking(move || binaries(profile)).await??;
        Self::start_with(options, rounds, programs, &[]).await
    }

    /// The same with other programs; `edges` are those of the sites, where they are not alike.
    pub(super) async fn start_with(
        options: &Options,
        rounds: &[Round],
        programs: Binaries,
        edges: &[PathBuf],
    ) -> Result<Self> {
        tokio::task::spawn_blocking(servers::all).await??;
        let sandbox = Sandbox::new()?;
        let seed = demo_plan::lunch_menu()?;
        let ids: Vec<String> = (1..=options.sites).map(|n| format!("s{n}")).collect();
        let disks = sandbox.folder("disks")?;
        let disk = |name: &str, mib| {
            let image = disks.join(format!("{name}.ext4"));
            Disk::make(image, sandbox.root().join(name), mib)
        };
        let (mut site_disks, mut hub_disk) = (Vec::new(), None);
        let mut strikes = rounds.iter().flat_map(|round| &round.strikes);
        if strikes.any(|strike| strike.kind.needs_disks()) {
            hub_disk = Some(disk("hub", HUB_DISK_MIB)?);
            for id in &ids {
                site_disks.push(disk(id, SITE_DISK_MIB)?);
            }
        }
        let clock = |name: &str| WallClock::find(sandbox.root().join(format!("{name}.clock")));
        let mut clocks = Vec::new();
        for id in &ids {
            clocks.extend(clock(id)?);
        }
        let hub_clock = clock("hub")?;
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
                program: edges.get(n).cloned(),
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
            clock: hub_clock.clone(),
            // Earlier programs may know of one role alone.
            is_owner: !edges.is_empty(),
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
            hub_clock,
            effects,
            programs,
            seed,
            postgres,
            supervisor: Supervisor::default(),
            told: Told::default(),
            deeds: Deeds::default(),
            world,
        })
    }

    /// Plays the rounds, with a full account after every few of them and at the end. Answers the
    /// rounds since the last account that held, if one does not.
    pub(super) async fn play(
        &self,
        options: &Options,
        rounds: &[Round],
        score: &mut Score,
    ) -> Result<Vec<Round>> {
        let begin = Instant::now();
        for rounds in rounds.chunks(options.account_every.into()) {
            if begin.elapsed() >= options.limit() {
                break;
            }
            let tokens = Tokens::sign_in(&self.world).await?;
            match self.act(options, rounds, &tokens, score).await {
                Ok(()) => self.account(&tokens, score).await?,
                // Who does not come back, or is told what cannot be, is a finding like any other.
                Err(error) => score.broken.push(format!("{error:#}")),
            }
            if !score.broken.is_empty() {
                return Ok(rounds.to_vec());
            }
        }
        Ok(Vec::new())
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
            programs: &self.programs,
            postgres: &self.postgres,
            supervisor: &self.supervisor,
            effects: &self.effects,
            clocks: &self.clocks,
            hub_clock: self.hub_clock.as_ref(),
            site_disks: &self.site_disks,
            hub_disk: self.hub_disk.as_ref(),
        };
        let kinds: Vec<Kind> = round.strikes.iter().map(|strike| strike.kind).collect();
        let _peace = match kinds.iter().any(|kind| kind.wants_quiet_admins()) {
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
        self.recovered(tokens)
            .await
            .with_context(|| round.to_string())?;
        let recovered = mended.elapsed();
        let accepted = self.accepted() - accepted_before;
        say(&format!(
            "{round}: {accepted} orders, all well {:.1} s after",
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

    /// Orders that were accepted, at all sites.
    pub(super) fn accepted(&self) -> usize {
        (0..self.world.sites.len())
            .map(|n| self.told.counts(n).0)
            .sum()
    }

    /// Takes the full account.
    pub(super) async fn account(&self, tokens: &Tokens, score: &mut Score) -> Result<()> {
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
