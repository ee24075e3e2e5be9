//! Staging faults, and mending them.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chrono::TimeDelta;
use rustix::process::{Pid, Signal, kill_process};
use sqlx::PgPool;
use tokio::sync::Mutex;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::disk::Disk;
use super::effects::Effects;
use super::fault::Kind;
use super::plan::Strike;
use super::twin::{self, Twin};
use crate::harness::{Binaries, LIMIT, Process, Server as _, WallClock, copy_folder, wait_for};
use crate::world::World;

/// How often the edge dies in a storm.
const STORM: usize = 5;
/// The delay of a slow line, each way.
const SLOW: Duration = Duration::from_secs(2);
/// 64 kbit/s.
const NARROW: u32 = 8_000;
/// How long a flapping line stands or is cut.
const FLAP: Duration = Duration::from_millis(150);
/// How far a wall clock jumps: into the next business day, or the one before.
const JUMP: TimeDelta = TimeDelta::hours(26);
/// A program by such a clock looks at its file when more than one full second has passed, so after two at most.
const LOOK: Duration = Duration::from_millis(2_200);

/// Who starts again what has died, as an init system would.
#[derive(Default)]
pub(super) struct Supervisor {
    pass: Mutex<()>,
    held: AtomicUsize,
}

/// Nothing is started again as long as this lives.
pub(super) struct Held<'a>(&'a Supervisor);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Supervisor {
    /// Works until it is dropped.
    pub(super) async fn work(&self, world: &World) {
        loop {
            let pass = self.pass.lock().await;
            if self.held.load(Ordering::SeqCst) == 0 {
                world.revive().await;
            }
            drop(pass);
            sleep(Duration::from_millis(300)).await;
        }
    }

    /// Holds it, once what it is at is done.
    async fn hold(&self) -> Held<'_> {
        self.held.fetch_add(1, Ordering::SeqCst);
        let held = Held(self);
        drop(self.pass.lock().await);
        held
    }
}

/// Everything that can be broken.
pub(super) struct Stage<'a> {
    pub(super) world: &'a World,
    pub(super) programs: &'a Binaries,
    pub(super) postgres: &'a PgPool,
    pub(super) supervisor: &'a Supervisor,
    pub(super) effects: &'a [Effects],
    /// By site; none where the machine has no means for them.
    pub(super) clocks: &'a [WallClock],
    pub(super) hub_clock: Option<&'a WallClock>,
    pub(super) site_disks: &'a [Disk],
    pub(super) hub_disk: Option<&'a Disk>,
}

/// A fault that lasts.
pub(super) enum Staged<'a> {
    /// It was over at once; the supervisor sees to the rest.
    Over,
    Stopped(Process),
    Line,
    Traced(Child),
    Full(&'a Disk),
    Clock(&'a WallClock),
    PowerCut(usize, Held<'a>),
    Restored(PathBuf, Held<'a>),
    /// As long as this lives.
    Flapping(#[expect(dead_code, reason = "it is there to be dropped")] AbortOnDropHandle<()>),
    Receivers,
    /// It has to be refused before it goes.
    Twin(Box<Twin>),
}

impl<'a> Stage<'a> {
    /// Breaks it.
    pub(super) async fn strike(&'a self, strike: Strike) -> Result<Staged<'a>> {
        let (world, n) = (self.world, strike.site);
        let (site, hub) = (&world.sites[n], &world.hub);
        let stop = |process: &Process| {
            // What just died and is not up again hangs all the same.
            process.stop().ok();
            Staged::Stopped(process.clone())
        };
        Ok(match strike.kind {
            Kind::KillEdge => kill(site.process())?,
            Kind::KillRedis => kill(site.redis.process())?,
            Kind::KillNats => kill(site.nats.process())?,
            Kind::KillHub => kill(hub.process())?,
            Kind::KillPostgres => {
                let _held = self.supervisor.hold().await;
                hub.postgres.kill()?;
                Staged::Over
            }
            Kind::KillHubNats => kill(hub.nats.process())?,
            Kind::HangEdge => stop(site.process()),
            Kind::HangRedis => stop(site.redis.process()),
            Kind::HangNats => stop(site.nats.process()),
            Kind::HangHub => stop(hub.process()),
            Kind::HangPostgres => stop(hub.postgres.process()),
            Kind::HangHubNats => stop(hub.nats.process()),
            Kind::RestartStorm => {
                for _ in 0..STORM {
                    site.process().restart()?;
                    sleep(Duration::from_millis(200)).await;
                }
                Staged::Over
            }
            Kind::WipeNats => {
                let _held = self.supervisor.hold().await;
                site.nats.kill()?;
                site.nats.wipe()?;
                Staged::Over
            }
            Kind::WipeHubNats => {
                let _held = self.supervisor.hold().await;
                hub.nats.kill()?;
                hub.nats.wipe()?;
                Staged::Over
            }
            Kind::TornLog => {
                let _held = self.supervisor.hold().await;
                site.redis.kill()?;
                tear(site.redis.data())?;
                Staged::Over
            }
            Kind::PowerCut => self.cut_power(n).await?,
            Kind::SiteDiskFull => full(&self.site_disks[n])?,
            Kind::HubDiskFull => full(self.hub_disk.context("the hub has no disk of its own")?)?,
            Kind::SlowDisk => slow_disk(site.redis.pid())?,
            Kind::LineCut => line(|| hub.line.cut()),
            Kind::LineSilent => line(|| hub.line.silence()),
            Kind::LineSlow => line(|| hub.line.delay(SLOW)),
            Kind::LineNarrow => line(|| hub.line.narrow(Some(NARROW))),
            Kind::LineLossy => line(|| hub.line.lose(true)),
            Kind::LineFlapping => self.flap(),
            Kind::ClockAhead => clock(&self.clocks[n], JUMP).await?,
            Kind::ClockBehind => clock(&self.clocks[n], -JUMP).await?,
            Kind::HubClockAhead => clock(self.hub_clock()?, JUMP).await?,
            Kind::HubClockBehind => clock(self.hub_clock()?, -JUMP).await?,
            Kind::PostgresRestored => self.copy_postgres().await?,
            Kind::Poison => {
                self.poison(n).await;
                Staged::Over
            }
            Kind::ReceiversOff => {
                self.effects
                    .iter()
                    .for_each(|effects| effects.switch_off(true));
                Staged::Receivers
            }
            Kind::SecondBox => Staged::Twin(Box::new(self.copy_box(n).await?)),
            Kind::Lie => {
                self.lie().await?;
                Staged::Over
            }
        })
    }

    fn hub_clock(&self) -> Result<&'a WallClock> {
        self.hub_clock.context("the hub has no clock of its own")
    }

    /// Mends it.
    pub(super) async fn mend(&self, staged: Staged<'a>) -> Result<()> {
        let line = &self.world.hub.line;
        match staged {
            Staged::Over => {}
            Staged::Stopped(process) => process.cont()?,
            Staged::Line | Staged::Flapping(_) => {
                drop(staged);
                line.heal();
                line.delay(Duration::ZERO);
                line.narrow(None);
                line.lose(false);
            }
            Staged::Traced(mut tracer) => {
                if let Some(pid) = i32::try_from(tracer.id()).ok().and_then(Pid::from_raw) {
                    // It lets go of what it traces.
                    kill_process(pid, Signal::TERM).ok();
                }
                tracer.wait()?;
            }
            Staged::Full(disk) => disk.free()?,
            Staged::Clock(clock) => {
                clock.run_ahead(TimeDelta::zero())?;
                sleep(LOOK).await;
            }
            Staged::PowerCut(n, _held) => {
                let site = &self.world.sites[n];
                self.site_disks[n].power_on()?;
                site.redis.restart().await?;
                site.nats.restart().await?;
                site.process().restart()?;
            }
            Staged::Restored(copy, _held) => {
                let postgres = &self.world.hub.postgres;
                postgres.kill()?;
                std::fs::remove_dir_all(postgres.data())?;
                copy_folder(&copy, postgres.data())?;
                std::fs::remove_dir_all(copy)?;
                postgres.restart().await?;
            }
            Staged::Receivers => self
                .effects
                .iter()
                .for_each(|effects| effects.switch_off(false)),
            Staged::Twin(twin) => twin.refused().await?,
        }
        Ok(())
    }

    async fn copy_box(&self, n: usize) -> Result<Twin> {
        let clock = self.clocks.get(n).cloned();
        twin::start(self.world, self.programs, n, clock).await
    }

    /// An order costs more at the hub than anybody was told.
    async fn lie(&self) -> Result<()> {
        wait_for("an order to lie about", LIMIT, async || {
            let told = sqlx::query(
                "update site_order set total = total + 1 where order_id in
                     (select order_id from site_order limit 1)",
            );
            let told = told.execute(self.postgres).await;
            match told.map_err(|error| error.to_string())?.rows_affected() {
                0 => Err("there is none".to_owned()),
                _ => Ok(()),
            }
        })
        .await
    }

    /// Everything on a site's box stops in one moment, and what was not synced is gone.
    async fn cut_power(&'a self, n: usize) -> Result<Staged<'a>> {
        let held = self.supervisor.hold().await;
        let site = &self.world.sites[n];
        let box_of = [site.process(), site.redis.process(), site.nats.process()];
        for process in box_of {
            process.stop().ok();
        }
        self.site_disks[n].pull_the_plug()?;
        for process in box_of {
            process.kill()?;
        }
        Ok(Staged::PowerCut(n, held))
    }

    /// A copy of Postgres's files, made while it is down.
    async fn copy_postgres(&'a self) -> Result<Staged<'a>> {
        let postgres = &self.world.hub.postgres;
        let held = self.supervisor.hold().await;
        postgres.kill()?;
        let copy = self
            .world
            .sandbox
            .folder("copies")?
            .join(uuid::Uuid::now_v7().to_string());
        copy_folder(postgres.data(), &copy)?;
        postgres.restart().await?;
        Ok(Staged::Restored(copy, held))
    }

    fn flap(&self) -> Staged<'a> {
        let line = self.world.hub.line.clone();
        let flapping = tokio::spawn(async move {
            loop {
                line.cut();
                sleep(FLAP).await;
                line.heal();
                sleep(FLAP).await;
            }
        });
        Staged::Flapping(AbortOnDropHandle::new(flapping))
    }

    /// Rubbish for the hub's intake and for the site's queue. A server that is away gets none.
    async fn poison(&self, n: usize) {
        let site = &self.world.sites[n];
        let options = async_nats::ConnectOptions::new();
        let Ok(client) = site.nats.connect(options).await else {
            return;
        };
        let log = format!("up.{}.log", site.id);
        for rubbish in [
            "",
            "null",
            "{",
            r#"{"epoch":"x","from_seq":-1,"events":7}"#,
            &"[".repeat(100_000),
        ] {
            for subject in [log.as_str(), "jobs.route.normal", "jobs.route.high"] {
                client
                    .publish(subject.to_owned(), rubbish.to_owned().into())
                    .await
                    .ok();
            }
        }
        client.flush().await.ok();
    }
}

fn kill<'a>(process: &Process) -> Result<Staged<'a>> {
    process.kill()?;
    Ok(Staged::Over)
}

fn line<'a>(what: impl FnOnce()) -> Staged<'a> {
    what();
    Staged::Line
}

fn full(disk: &Disk) -> Result<Staged<'_>> {
    disk.fill()?;
    Ok(Staged::Full(disk))
}

/// The beginning of a command at the end of the append-only file, as a crash in a write leaves it.
fn tear(data: &std::path::Path) -> Result<()> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(data.join("appendonlydir"))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().ends_with(".incr.aof"))
        .collect();
    files.sort();
    let Some(last) = files.pop() else {
        bail!("no append-only file in {}", data.display());
    };
    let mut file = std::fs::OpenOptions::new().append(true).open(last)?;
    std::io::Write::write_all(
        &mut file,
        b"*3\r\n$3\r\nSET\r\n$4\r\ntorn\r\n$100\r\nhalf a val",
    )?;
    Ok(())
}

async fn clock(clock: &WallClock, by: TimeDelta) -> Result<Staged<'_>> {
    clock.run_ahead(by)?;
    sleep(LOOK).await;
    Ok(Staged::Clock(clock))
}

fn slow_disk<'a>(pid: u32) -> Result<Staged<'a>> {
    let tracer = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-p", &pid.to_string()])
        .args(["-e", "trace=fsync,fdatasync"])
        .args(["-e", "inject=fsync,fdatasync:delay_exit=200000"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Ok(Staged::Traced(tracer.context("running strace")?))
}
