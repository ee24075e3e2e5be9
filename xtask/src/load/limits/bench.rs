//! What is measured: an edge on its own servers, and beside it a Redis that does nothing but take
//! the same orders.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use sunakku_common::claims::Role;
use sunakku_common::menu::Seed;
use tokio::time::sleep;

use super::super::drive::{Work, drive};
use super::super::edge;
use super::super::record::Recording;
use super::super::report::Report;
use super::super::schedule::{Arrivals, Loop, Pacer, Span};
use super::super::target::{Caller, Run};
use super::bare_redis::{Bare, Heard, listen};
use crate::demo::plan::lunch_menu;
use crate::harness::{Binaries, Sandbox, Server as _};
use crate::world::{Client, Site, SiteOptions};

/// Connections, as the targets have it.
pub(super) const CONNECTIONS: usize = 64;
/// Units of each counted SKU at the begin: more than any run sells.
const STOCK: u32 = 1_000_000_000;
/// Orders by which the bare commands are listened to.
const SAMPLES: usize = 128;
/// How long work that was begun may take to end, between two rounds.
const SETTLE: Duration = Duration::from_secs(120);
/// What goes before each round and does not count.
const WARM_UP: Duration = Duration::from_millis(500);

/// The length of the measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length {
    pub(super) rounds: usize,
    pub(super) seconds: f64,
}

/// A site on its own, with whoever calls it.
pub(super) struct Stand {
    pub(super) site: Site,
    pub(super) kiosk: Caller,
    pub(super) manager: Client,
    _sandbox: Sandbox,
}

/// The demo's menu with stock that never runs out.
pub(super) fn seed() -> Result<Seed> {
    let mut seed = lunch_menu()?;
    seed.stock.values_mut().for_each(|units| *units = STOCK);
    Ok(seed)
}

impl Stand {
    /// Starts it in a folder of its own.
    pub(super) async fn start(binaries: &Binaries, name: &str) -> Result<Self> {
        let sandbox = Sandbox::new()?;
        let site = Site::start(&sandbox, binaries, SiteOptions::new(name, seed()?)).await?;
        let kiosk = site.client(Role::Kiosk).await?;
        Ok(Self {
            kiosk: Caller::new(&site.url(), &kiosk.token)?,
            manager: site.client(Role::Manager).await?,
            site,
            _sandbox: sandbox,
        })
    }

    /// Puts load on it for one round.
    pub(super) async fn load(
        &self,
        length: Length,
        make: impl FnOnce(&mut edge::Options),
    ) -> Result<Report> {
        let mut options = edge::Options::of(run(length));
        make(&mut options);
        let caller = self.kiosk.clone();
        super::super::alone(move || async move { edge::load(&caller, &options).await }).await
    }

    /// What the queue says of itself. A connection that was idle in the meantime has been closed by
    /// the edge, maybe just when it is used again: then another one is asked.
    pub(super) async fn queue(&self) -> Result<Value> {
        let answer = match self.manager.get("/v1/queue").await {
            Ok(answer) => answer,
            Err(_closed) => self.manager.get("/v1/queue").await?,
        };
        Ok(answer.expect(200)?.body)
    }

    /// Holds the queue's jobs back, or lets them go on.
    pub(super) async fn switch(&self, step: &str) -> Result<()> {
        // So that the connection is fresh.
        self.queue().await?;
        self.manager
            .act(&format!("/v1/queue/{step}"))
            .await?
            .expect(200)?;
        Ok(())
    }

    /// Waits until every order has its tickets, so that the next round has the machine for itself.
    pub(super) async fn settle(&self) -> Result<Duration> {
        let begin = Instant::now();
        loop {
            let queue = self.queue().await?;
            let open = ["orders_waiting", "waiting", "active"].iter();
            let open: u64 = open.filter_map(|name| queue[*name].as_u64()).sum();
            if open == 0 {
                return Ok(begin.elapsed());
            }
            ensure!(begin.elapsed() < SETTLE, "the queue does not end: {queue}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Resident memory of the edge: now and at most so far, MB (10^6 bytes).
    pub(super) fn memory(&self) -> Result<(f64, f64)> {
        let status = format!("/proc/{}/status", self.site.process().pid());
        let status = std::fs::read_to_string(status).context("the edge does not run")?;
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
            kib.map(|kib| kib * 1_024.0 / 1e6)
                .context("no such line in /proc")
        };
        Ok((of("VmRSS:")?, of("VmHWM:")?))
    }
}

/// One round's run.
pub(super) fn run(length: Length) -> Run {
    Run {
        seconds: length.seconds,
        warm_up: WARM_UP.as_secs_f64(),
        arrivals: Arrivals::Random,
        json: None,
    }
}

/// A Redis with the commands of an edge that is gone.
pub(super) struct BareRedis {
    stand: Stand,
    heard: Arc<[Heard]>,
}

impl BareRedis {
    /// Listens to an edge, and ends it.
    pub(super) async fn start(binaries: &Binaries) -> Result<Self> {
        let stand = Stand::start(binaries, "bare").await?;
        let heard = listen(&stand.site.redis, async || place(&stand).await).await?;
        stand.settle().await?;
        stand.site.process().kill()?;
        stand.site.nats.kill()?;
        let heard = heard.into();
        Ok(Self { stand, heard })
    }

    /// One round over so many connections: how many a second, and how long each took.
    pub(super) async fn load(&self, shape: Loop, length: Length) -> Result<(f64, Recording)> {
        let bare = |n| Bare::new(&self.stand.site.redis, &self.heard, n * 7);
        let works = (0..shape.connections)
            .map(bare)
            .collect::<Result<Vec<_>>>()?;
        loaded(shape, length, works).await
    }
}

/// One round of any work, on a thread of its own.
pub(super) async fn loaded<W: Work + 'static>(
    shape: Loop,
    length: Length,
    works: Vec<W>,
) -> Result<(f64, Recording)> {
    super::super::alone(move || async move {
        let span = Span::of(WARM_UP, Duration::from_secs_f64(length.seconds));
        let pacer = Pacer::start(&shape, Arrivals::Random, span);
        let recording = drive(&pacer, works).await?;
        let failed = recording.failed().iter().next();
        ensure!(failed.is_none(), "{failed:?}");
        Ok((recording.done() as f64 / span.seconds(), recording))
    })
    .await
}

/// Places orders, each with the id and the key under which it is known then.
async fn place(stand: &Stand) -> Result<Vec<(String, String)>> {
    use super::super::wire::Wire;
    let mut wire = Wire::new(&stand.kiosk.place);
    wire.exchange(&stand.kiosk.get("/v1/menu")).await?;
    let wishes = super::super::wish::wishes(wire.body())?;
    let mut placed = Vec::new();
    for wish in wishes.iter().cycle().take(SAMPLES) {
        let key = uuid::Uuid::now_v7().to_string();
        let status = wire
            .exchange(&stand.kiosk.post("/v1/orders", &key, wish))
            .await?;
        let answer: Value = serde_json::from_slice(wire.body())?;
        ensure!(status == 201, "{status}: {answer}");
        let order = answer["id"].as_str().context("an order without id")?;
        placed.push((order.to_owned(), key));
    }
    Ok(placed)
}
