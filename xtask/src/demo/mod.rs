//! `cargo demo`: a hub and its sites on real servers, with guests and cooks, and the proof at the
//! end that nothing was lost, doubled or oversold.

pub mod audit;
pub mod figures;
pub mod guests;
pub(crate) mod head_office;
pub mod options;
mod pages;
pub mod plan;
mod report;
mod screen;
pub mod staff;
pub mod state;
pub mod tokens;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use sunakku_common::menu::Seed;
use sunakku_common::money::Currency;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use audit::Summary;
use guests::Told;
use options::Speed;
use pages::Pages;
use plan::Plan;
use staff::Pace;
use tokens::Tokens;

use crate::harness::{Binaries, Profile, Sandbox, binaries, interrupted, servers};
use crate::world::{HubOptions, SiteOptions, World};

pub use options::Options;

/// How long the hub may take to get everything, once nothing new comes, without any progress.
const CATCH_UP: Duration = Duration::from_secs(60);
/// When the head office changes the menu.
const CHANGE_AFTER: Duration = Duration::from_secs(1);
/// How long cooks may take to finish after the last guest.
const CLOSING_TIME: Duration = Duration::from_secs(30);

/// Runs the demo. `Ok(false)` when the reconciliation does not hold.
pub async fn run(options: Options) -> Result<bool> {
    let plan = match &options.replay {
        Some(file) => Some(plan::replay(&options, file)?),
        None => None,
    };
    let (seed, sites) = match &plan {
        Some(plan) => (plan.seed.clone(), plan.sites.clone()),
        None => {
            let sites = (1..=options.sites.unwrap_or(2))
                .map(|n| format!("s{n}"))
                .collect();
            (plan::lunch_menu()?, sites)
        }
    };
    report::remarks(plan.as_ref());
    let programs = prepare(options.programs).await?;
    let sandbox = Sandbox::new()?;
    let start = start(
        sandbox,
        &programs,
        &seed.menu.currency,
        &sites,
        plan.as_ref(),
    );
    let world = tokio::select! {
        world = start => world?,
        ended = interrupted() => { ended?; bail!("interrupted before all was up") }
    };
    let tokens = Tokens::sign_in(&world).await?;
    head_office::open(&world, &tokens, &seed).await?;
    let mut pages = Pages::default();
    let mut write_state = async || match &options.state {
        Some(path) => {
            pages.renew(&world, &tokens).await;
            state::write(path, &world, &tokens, &pages)
        }
        None => Ok(()),
    };
    write_state().await?;
    let head = report::welcome(&world)?;
    let supervise = world.supervise(async || {
        if let Err(error) = write_state().await {
            tracing::warn!("the state file is not up to date: {error:#}");
        }
    });
    let summary = tokio::select! {
        summary = play(&options, &world, &tokens, plan.as_ref(), &seed, &head) => summary?,
        () = supervise => bail!("the supervisor ended"),
    };
    report::summary(&summary, &seed.menu.currency);
    if let Some(path) = &options.summary {
        let text = serde_json::to_string_pretty(&summary)? + "\n";
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(summary.holds())
}

/// Builds the programs and finds the servers.
async fn prepare(profile: Profile) -> Result<Binaries> {
    let found = tokio::task::spawn_blocking(servers::all).await??;
    report::servers(&found);
    tokio::task::spawn_blocking(move || binaries(profile)).await?
}

async fn start(
    sandbox: Sandbox,
    programs: &Binaries,
    currency: &Currency,
    sites: &[String],
    plan: Option<&Plan>,
) -> Result<World> {
    let zone = "Europe/Berlin";
    let hub = HubOptions {
        sites: sites
            .iter()
            .map(|id| (id.clone(), zone.to_owned()))
            .collect(),
        currency: currency.code().to_owned(),
        ..HubOptions::default()
    };
    // A replayed file may hold larger orders than a guest at a kiosk would place.
    let max_lines = plan.map_or(0, |plan| plan.max_lines).max(100);
    let max_quantity = plan.map_or(0, |plan| plan.max_quantity).max(999);
    let mut settings = toml::Table::new();
    let orders = toml::Table::from_iter([
        ("max_lines".to_owned(), i64::try_from(max_lines)?.into()),
        ("max_quantity".to_owned(), i64::from(max_quantity).into()),
    ]);
    settings.insert("orders".to_owned(), orders.into());
    let site = toml::Table::from_iter([("time_zone".to_owned(), zone.into())]);
    settings.insert("site".to_owned(), site.into());
    let sites = sites.iter().map(|id| {
        let name = toml::Table::from_iter([("name".to_owned(), format!("Cafeteria {id}").into())]);
        let site = toml::Table::from_iter([("site".to_owned(), name.into())]);
        SiteOptions::new(id, None).with(settings.clone()).with(site)
    });
    World::start(sandbox, programs, hub, sites.collect()).await
}

async fn play(
    options: &Options,
    world: &World,
    tokens: &Tokens,
    plan: Option<&Plan>,
    seed: &Seed,
    head: &str,
) -> Result<Summary> {
    let connect = PgPoolOptions::new()
        .max_connections(4)
        .acquire_timeout(Duration::from_secs(5));
    let postgres = connect.connect_lazy(&world.hub.postgres.url())?;
    let told = Told::default();
    let open = async {
        let changed = async {
            sleep(CHANGE_AFTER).await;
            head_office::change(tokens, &seed.menu).await
        };
        tokio::try_join!(day(options, tokens, plan, seed, &told), changed)
    };
    let (lasted, menu_change) = tokio::select! {
        ended = open => ended?,
        () = screen::show(world, tokens, &told, &postgres, head) => bail!("the screen ended"),
    };
    report::closing();
    settle(tokens).await;
    let mut summary = audit::audit(world, tokens, &seed.menu, &told.all(), &postgres).await?;
    for site in &world.sites {
        summary.differing_figures += figures::different(&tokens.admin, &postgres, &site.id).await?;
    }
    summary.bad_lines = plan.map_or(0, |plan| plan.bad_lines.len());
    summary.seconds = lasted.as_secs_f64();
    summary.menu_change_ms = menu_change.as_secs_f64() * 1e3;
    measure(&mut summary, world, &told, &postgres).await?;
    Ok(summary)
}

/// Guests, cooks and managers at work. Answers how long the guests took.
async fn day(
    options: &Options,
    tokens: &Tokens,
    plan: Option<&Plan>,
    seed: &Seed,
    told: &Told,
) -> Result<Duration> {
    let (stop, home) = (CancellationToken::new(), CancellationToken::new());
    let kiosks: Vec<_> = tokens.sites.iter().map(|site| site.kiosk.clone()).collect();
    let begin = Instant::now();
    let guests = async {
        match plan {
            Some(plan) => guests::replay(&kiosks, &plan.orders, options.speed, told, &stop).await,
            None if options.rush > 0.0 => {
                guests::rush(&kiosks, &seed.menu, options.rush, told, &stop).await;
            }
            None => stop.cancelled().await,
        }
        begin.elapsed()
    };
    let staffed = plan.is_some() || options.rush > 0.0;
    let pace = match (plan, options.speed) {
        (Some(_), Speed::Max) => Pace {
            cooking: Duration::ZERO,
            collecting: Duration::ZERO,
        },
        _ => Pace {
            cooking: Duration::from_secs(2),
            collecting: Duration::from_secs(1),
        },
    };
    let staff = tokens.sites.iter().map(|site| async {
        if staffed {
            let restock = async {
                // A replay with counted stock is there to be sold out.
                if plan.is_none() {
                    staff::restock(&site.manager, &seed.stock, &home).await;
                }
            };
            tokio::join!(staff::cook(&site.kitchen, pace, &home), restock);
        }
    });
    let end = async {
        tokio::pin!(guests);
        let stopped = async {
            tokio::select! {
                () = limit(options.limit()) => Ok(()),
                ended = interrupted() => ended,
            }
        };
        let lasted = tokio::select! {
            lasted = &mut guests => {
                // The replay is over: what was ordered is still made and handed over.
                finish_cooking(tokens).await;
                lasted
            }
            stopped = stopped => {
                stopped?;
                // Who has sent an order waits for its answer.
                stop.cancel();
                guests.await
            }
        };
        home.cancel();
        Ok::<_, anyhow::Error>(lasted)
    };
    let (lasted, _) = tokio::join!(end, futures::future::join_all(staff));
    lasted
}

async fn limit(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Waits until nothing is open any more, or closing time has come.
async fn finish_cooking(tokens: &Tokens) {
    let begin = Instant::now();
    while begin.elapsed() < CLOSING_TIME {
        let mut open = 0;
        for site in &tokens.sites {
            let queue = site.manager.get("/v1/queue").await;
            open += queue
                .ok()
                .and_then(|answer| answer.body["orders_open"].as_u64())
                .unwrap_or(0);
        }
        if open == 0 {
            return;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until nothing moves any more and the hub has committed every log to its head.
async fn settle(tokens: &Tokens) {
    let mut progress = (u64::MAX, Instant::now());
    let mut heads_before = Vec::new();
    loop {
        let (mut lag, mut heads) = (0, Vec::new());
        for site in &tokens.sites {
            let sync = site.manager.get("/v1/sync").await;
            let answer = sync.ok().filter(|answer| answer.status == 200);
            let known = answer
                .as_ref()
                .and_then(|answer| answer.body["lag_events"].as_u64());
            let fresh = answer
                .as_ref()
                .is_some_and(|answer| answer.body["hub"] == "connected");
            lag += known.filter(|_| fresh).unwrap_or(1);
            heads.push(answer.and_then(|answer| answer.body["head"].as_u64()));
        }
        // What was under way when the last guest was served may still be told.
        let quiet = heads == heads_before;
        if lag == 0 && quiet {
            return;
        }
        if lag < progress.0 {
            progress = (lag, Instant::now());
        }
        heads_before = heads;
        if progress.1.elapsed() > CATCH_UP {
            tracing::error!(
                lag,
                "the hub does not get everything: the reconciliation will show it"
            );
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn measure(
    summary: &mut Summary,
    world: &World,
    told: &Told,
    postgres: &PgPool,
) -> Result<()> {
    let figures = &mut summary.figures;
    let accepted = summary.orders.accepted as f64;
    figures.orders_per_second = if summary.seconds > 0.0 {
        accepted / summary.seconds
    } else {
        0.0
    };
    (figures.order_ms_p50, figures.order_ms_p99) = told.latency_ms().unwrap_or_default();
    (figures.commit_ms_p50, figures.commit_ms_p99) = audit::commit_ms(postgres).await?;
    figures.edge_rss_mib = world
        .sites
        .iter()
        .map(|site| rss_mib(site.process().pid()))
        .collect();
    figures.hub_rss_mib = rss_mib(world.hub.process().pid());
    Ok(())
}

/// Resident memory of a process, MiB (`VmRSS` of proc(5)); 0 when it is gone.
fn rss_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| {
        line.trim()
            .trim_end_matches(" kB")
            .trim()
            .parse::<f64>()
            .ok()
    });
    kib.unwrap_or(0.0) / 1024.0
}
