//! Load on an edge: guests, readers of the menu, cooks and screens at the same time.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use futures::future::{join_all, try_join_all};
use tokio::sync::{Semaphore, watch};

use super::drive::{Work, drive};
use super::record::Recording;
use super::report::{Report, Row};
use super::schedule::{Loop, Pacer, Span};
use super::target::{Caller, Run, Target};
use super::told::Told;
use super::watch::{Heard, Kind, Watcher};
use super::wire::Wire;
use super::wish::wishes;
use super::works::{Cook, Orders, Rail, Reads};

/// Screens whose every frame is timed: enough for a quantile of a thousandth, and all over the
/// order in which they connected.
const TIMED: usize = 100;
/// Screens that connect at a time.
const CONNECTING: usize = 32;
/// How long frames may take after the last order.
const LAST_FRAMES: Duration = Duration::from_secs(1);

/// Put load on a running edge.
///
/// LOOP is a number of connections, each as fast as answers come (64), or with a rate for all of them
/// together (64@300): then every time counts from when the request was to begin, whether or not a
/// connection was free.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The edge, and who calls.
    #[command(flatten)]
    pub target: Target,
    /// Length, arrivals and output.
    #[command(flatten)]
    pub run: Run,
    /// Guests: each reads the menu and then orders.
    #[arg(long, value_name = "LOOP")]
    pub guests: Option<Loop>,
    /// Orders without a look at the menu.
    #[arg(long, value_name = "LOOP")]
    pub orders: Option<Loop>,
    /// Reads of the menu.
    #[arg(long, value_name = "LOOP")]
    pub menus: Option<Loop>,
    /// Cooks who bump tickets that wait.
    #[arg(long, value_name = "LOOP")]
    pub cooks: Option<Loop>,
    /// Screens that follow the edge by WebSocket; the time from each order's answer to its frame
    /// of stock is shown.
    #[arg(long, default_value_t = 0, value_name = "SCREENS")]
    pub watchers: usize,
    /// Topics that these screens follow.
    #[arg(long, default_value = "stock", value_name = "TOPICS")]
    pub topics: String,
}

impl Options {
    /// A run of nothing yet.
    pub(crate) fn of(run: Run) -> Self {
        let target = Target {
            url: String::new(),
            token: None,
            user: None,
            password: None,
        };
        Self {
            target,
            run,
            guests: None,
            orders: None,
            menus: None,
            cooks: None,
            watchers: 0,
            topics: "stock".to_owned(),
        }
    }
}

/// Runs it.
pub(crate) async fn run(options: &Options) -> Result<Report> {
    let caller = Caller::of(&options.target).await?;
    load(&caller, options).await
}

/// Puts the load of `options` on the edge that `caller` calls.
pub(crate) async fn load(caller: &Caller, options: &Options) -> Result<Report> {
    let loops = [options.guests, options.orders, options.menus, options.cooks];
    ensure!(
        loops.iter().any(Option::is_some) || 0 < options.watchers,
        "say what the load is made of: --guests, --orders, --menus, --cooks or --watchers"
    );
    let wishes: Arc<[String]> = match (options.guests, options.orders) {
        (None, None) => Arc::new([]),
        _ => read_wishes(caller).await?.into(),
    };
    let told = Arc::<Told>::default();
    let screens = Screens::connect(caller, options, &told).await?;
    let told_of = screens.as_ref().map(|_| &told);
    let span = options.run.span();
    let orders = |shape: &Loop, looks: bool| {
        let work = |n| Orders::new(caller, &wishes, n * 7, looks, told_of);
        (0..shape.connections).map(work).collect::<Vec<_>>()
    };
    let menu: Arc<[Vec<u8>]> = Arc::new([caller.get("/v1/menu")]);
    let reads = |shape: &Loop| {
        let work = |n| Reads::new(caller, &menu, n);
        (0..shape.connections).map(work).collect::<Vec<_>>()
    };
    let rail = Rail::default();
    let cooks = |shape: &Loop| {
        let work = |_| Cook::new(caller, &rail);
        (0..shape.connections).map(work).collect::<Vec<_>>()
    };
    let lane = Lane {
        run: &options.run,
        span,
    };
    let (guests, placed, read, cooked) = tokio::try_join!(
        lane.drive("guests", options.guests, |shape| orders(shape, true)),
        lane.drive("orders", options.orders, |shape| orders(shape, false)),
        lane.drive("menus", options.menus, reads),
        lane.drive("cooks", options.cooks, cooks),
    )?;
    let mut rows: Vec<Row> = [guests, placed, read, cooked]
        .into_iter()
        .flatten()
        .collect();
    if let Some(screens) = screens {
        rows.push(screens.end(&told, span).await?);
    }
    Ok(Report::new(&caller.url, span.seconds(), rows))
}

/// One kind of work in a run.
pub(crate) struct Lane<'a> {
    pub(crate) run: &'a Run,
    pub(crate) span: Span,
}

impl Lane<'_> {
    /// Does it, if it was asked for.
    pub(crate) async fn drive<W: Work>(
        &self,
        name: &str,
        shape: Option<Loop>,
        works: impl FnOnce(&Loop) -> Vec<W>,
    ) -> Result<Option<Row>> {
        let Some(shape) = shape else { return Ok(None) };
        let pacer = Pacer::start(&shape, self.run.arrivals, self.span);
        let recording = drive(&pacer, works(&shape)).await?;
        let connections = shape.connections;
        let row = Row::new(name, connections, self.span.seconds(), &recording);
        Ok(Some(row.wanted(shape.per_second)))
    }
}

async fn read_wishes(caller: &Caller) -> Result<Vec<String>> {
    let mut wire = Wire::new(&caller.place);
    let status = wire.exchange(&caller.get("/v1/menu")).await?;
    let body = String::from_utf8_lossy(wire.body());
    ensure!(status == 200, "GET /v1/menu answers {status}: {body}");
    wishes(wire.body())
}

/// The connected screens.
struct Screens {
    count: usize,
    heard: Arc<Heard>,
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Screens {
    async fn connect(caller: &Caller, options: &Options, told: &Arc<Told>) -> Result<Option<Self>> {
        let count = options.watchers;
        if count == 0 {
            return Ok(None);
        }
        let every = count.div_ceil(TIMED);
        let places = Semaphore::new(CONNECTING);
        let connect = |n: usize| {
            let kind = if n.is_multiple_of(every) {
                Kind::Timed
            } else {
                Kind::Counted
            };
            let places = &places;
            async move {
                let _place = places.acquire().await?;
                Watcher::connect(caller, &options.topics, kind, told).await
            }
        };
        let mut watchers = try_join_all((0..count).map(connect)).await?;
        let finder = Watcher::connect(caller, "orders", Kind::Orders, told).await;
        watchers.push(finder.context("the screen that follows orders")?);
        let (heard, stop) = (Arc::<Heard>::default(), watch::Sender::new(false));
        let listen = |watcher: Watcher| {
            let (heard, stop) = (Arc::clone(&heard), stop.subscribe());
            tokio::spawn(async move { watcher.listen(&heard, stop).await })
        };
        let tasks = watchers.into_iter().map(listen).collect();
        Ok(Some(Self {
            count,
            heard,
            stop,
            tasks,
        }))
    }

    async fn end(self, told: &Told, span: Span) -> Result<Row> {
        use std::sync::atomic::Ordering::Relaxed;
        tokio::time::sleep(LAST_FRAMES).await;
        self.stop.send_replace(true);
        for ended in join_all(self.tasks).await {
            ended.context("a screen")?;
        }
        let mut recording = Recording::new()?;
        told.delays(&mut recording);
        let row = Row::new("answer to frame", self.count, span.seconds(), &recording);
        let (frames, dropped) = (
            self.heard.frames.load(Relaxed),
            self.heard.dropped.load(Relaxed),
        );
        Ok(row.screens(frames, dropped))
    }
}
