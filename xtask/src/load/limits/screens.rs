//! Menu reads, screens, memory and start.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::time::sleep;

use super::super::edge;
use super::super::report::Row;
use super::super::schedule::Loop;
use super::super::target::Caller;
use super::super::wire::Wire;
use super::super::works::Reads;
use super::bare_http::Hello;
use super::bench::{CONNECTIONS, Length, Stand, loaded};
use super::figure::{Figure, Target};

/// Screens, as the target has it.
const SCREENS: usize = 1_000;
/// Orders a second meanwhile.
const ORDERS: f64 = 300.0;
/// How often it is looked whether the edge is ready.
const LOOK: Duration = Duration::from_millis(1);
/// Starts that are timed.
const STARTS: usize = 7;
/// A start that takes longer has failed.
const START_LIMIT: Duration = Duration::from_secs(30);

/// `GET /v1/menu` beside a hello-world.
pub(super) async fn menus(stand: &Stand, length: Length) -> Result<Vec<Figure>> {
    let hello = Hello::start().await?;
    let nobody = Caller::new(&hello.url, "")?;
    let (mut ours, mut limits) = (Vec::new(), Vec::new());
    let shape = Loop {
        connections: CONNECTIONS,
        per_second: None,
    };
    for _round in 0..length.rounds {
        let request = [nobody.get("/")].into();
        let works = (0..CONNECTIONS).map(|n| Reads::new(&nobody, &request, n));
        limits.push(loaded(shape, length, works.collect()).await?.0);
        let report = stand
            .load(length, |options| options.menus = Some(shape))
            .await?;
        ensure!(report.rows.iter().all(Row::is_clean), "{report}");
        ours.push(report.row("menus")?.per_second);
    }
    let mut wire = Wire::new(&stand.kiosk.place);
    wire.exchange(&stand.kiosk.get("/v1/menu")).await?;
    let size = wire.body().len();
    Ok(vec![
        Figure::new("menu reads, 64 connections", "/s", &ours)
            .beside("axum hello-world", &limits)
            .wanted(Target::ShareAtLeast(0.5))
            .note(format!(
                "an answer is {size} bytes of JSON; hello-world says 13"
            )),
    ])
}

/// A thousand screens while orders come in.
pub(super) async fn watched(stand: &Stand, length: Length) -> Result<Vec<Figure>> {
    let (mut frames, mut answers, mut shown) = (Vec::new(), Vec::new(), 0);
    for _round in 0..length.rounds {
        let set = |options: &mut edge::Options| {
            options.watchers = SCREENS;
            options.orders = Some(Loop {
                connections: CONNECTIONS,
                per_second: Some(ORDERS),
            });
        };
        let report = stand.load(length, set).await?;
        ensure!(report.rows.iter().all(Row::is_clean), "{report}");
        let screens = report.row("answer to frame")?;
        frames.push(screens.ms.map_or(f64::NAN, |ms| ms.p99));
        shown += screens.frames.unwrap_or(0);
        answers.push(report.row("orders")?.ms.map_or(f64::NAN, |ms| ms.p99));
        stand.settle().await?;
    }
    Ok(vec![
        Figure::new(
            "1,000 screens, 300 orders/s: 201 to frame, p99",
            "ms",
            &frames,
        )
        .wanted(Target::AtMost(100.0))
        .note(format!("{shown} frames of stock in all rounds")),
        Figure::new("1,000 screens, 300 orders/s: order, p99", "ms", &answers),
    ])
}

/// Time from exec to the first good answer of `/readyz`, its servers running.
pub(super) async fn starts(stand: &Stand) -> Result<Vec<Figure>> {
    let anybody = Caller::new(&stand.site.url(), "")?;
    let (request, mut times) = (anybody.get("/readyz"), Vec::new());
    for _start in 0..STARTS {
        stand.site.process().kill()?;
        let begin = Instant::now();
        stand.site.process().restart()?;
        loop {
            let mut wire = Wire::new(&anybody.place);
            if matches!(wire.exchange(&request).await, Ok(200)) {
                break;
            }
            ensure!(
                begin.elapsed() < START_LIMIT,
                "the edge does not become ready"
            );
            sleep(LOOK).await;
        }
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(vec![
        Figure::new("from exec to ready", "ms", &times).wanted(Target::AtMost(300.0)),
    ])
}

/// What the edge has taken of memory in all that was done to it.
pub(super) fn memory(stand: &Stand) -> Result<Vec<Figure>> {
    let (now, most) = stand.memory()?;
    Ok(vec![
        Figure::new("memory of the edge at most (RSS)", "MB", &[most])
            .wanted(Target::AtMost(60.0))
            .note(format!("{now:.0} MB at the end")),
    ])
}
