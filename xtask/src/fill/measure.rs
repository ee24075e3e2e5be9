//! How long each answer of the dashboard takes.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};
use chrono::{Days, Utc};
use clap::Args;
use hdrhistogram::Histogram;
use serde_json::Value;

use super::plans;
use crate::load::Target;
use crate::world::Client;

/// Asked first, so that what is measured is not the first look at a cold disk.
const WARM_UP: u32 = 2;

/// Ask a running hub for everything that the pages of its dashboard ask for, one after the other.
#[derive(Debug, Clone, Args)]
pub(super) struct Options {
    #[command(flatten)]
    target: Target,
    /// How often each answer is asked for.
    #[arg(long, default_value_t = 20)]
    asks: u32,
    /// What 95 in 100 answers may take, milliseconds.
    #[arg(long, default_value_t = 300.0)]
    wanted: f64,
    /// Only the answers whose path has this in it.
    #[arg(long, default_value = "")]
    only: String,
    /// The log of a Postgres with auto_explain (`log_min_duration = 0`): the table then names the indexes.
    #[arg(long, value_name = "FILE")]
    postgres_log: Option<PathBuf>,
}

/// Prints a table in Markdown. `Ok(false)` when an answer failed, or took longer than is wanted.
#[expect(clippy::print_stdout, reason = "this is a command")]
pub(super) async fn run(options: &Options) -> Result<bool> {
    let client = options.target.client().await?;
    let site = first_site(&client).await?;
    println!("| answer | p50 ms | p95 ms | most ms | bytes | read by |\n|---|---|---|---|---|---|");
    let mut is_good = true;
    let order = last_order(&client, &site).await?;
    for path in paths(&site, &order) {
        if !path.contains(&options.only) {
            continue;
        }
        let mut times: Histogram<u64> = Histogram::new(3)?;
        let (mut failed, mut bytes) = (None, 0);
        for ask in 0..WARM_UP + options.asks {
            let begin = Instant::now();
            // What takes too long is told as that, and the others are asked for all the same.
            let answer = client.get(&path).await?;
            let took = begin.elapsed();
            if answer.status != 200 {
                failed = Some(answer.status.as_u16());
                break;
            }
            if ask >= WARM_UP {
                times.record(took.as_micros().try_into()?)?;
            }
            bytes = answer.body.to_string().len();
        }
        let read = match &options.postgres_log {
            Some(log) => {
                let end = plans::end(log)?;
                client.get(&path).await?;
                plans::since(log, end)?
            }
            None => String::new(),
        };
        if let Some(status) = failed {
            println!("| `{path}` | {status} | | | | {read} |");
            is_good = false;
            continue;
        }
        let ms = |micros: u64| micros as f64 / 1_000.0;
        let (half, most) = (times.value_at_quantile(0.5), times.value_at_quantile(0.95));
        is_good &= ms(most) <= options.wanted;
        println!(
            "| `{path}` | {:.0} | {:.0} | {:.0} | {bytes} | {read} |",
            ms(half),
            ms(most),
            ms(times.max())
        );
    }
    Ok(is_good)
}

/// The site with the most revenue of the last weeks stands for one of them.
async fn first_site(client: &Client) -> Result<String> {
    let sites = client.get("/v1/analytics/sites").await?.expect(200)?.body;
    let id = |row: &Value| row["site"].as_str().map(str::to_owned);
    id(&sites["rows"][0]).context("there is no site")
}

/// Its last order.
async fn last_order(client: &Client, site: &str) -> Result<String> {
    let path = format!("/v1/orders?limit=1&site={site}");
    let orders = client.get(&path).await?.expect(200)?.body;
    let id = orders["items"][0]["id"].as_str().map(str::to_owned);
    id.context("the site has no order")
}

/// What the dashboard's views ask for.
fn paths(site: &str, order: &str) -> Vec<String> {
    let today = Utc::now().date_naive();
    let days = |n: u64| {
        let (from, to) = (today - Days::new(n - 1), today + Days::new(1));
        format!("from={from}&to={to}")
    };
    let of_one = format!("&site={site}");
    let mut paths: Vec<String> = [
        "/v1/overview",
        "/v1/sites?limit=200",
        "/v1/ledger?limit=200",
        "/v1/ledger?all=true",
        "/v1/menus?limit=200",
        "/v1/audit?limit=50",
        "/v1/audit?action=site&limit=6",
        "/v1/users?limit=200",
    ]
    .map(str::to_owned)
    .into();
    paths.push(format!("/v1/sites/{site}/commands?limit=20"));
    paths.push(format!("/v1/orders/{order}"));
    paths.push(format!("/v1/orders/{order}/timeline"));
    for search in [
        "",
        "&number=17",
        "&q=17",
        "&q=9999",
        "&q=item%207",
        "&q=item",
        "&q=onions",
        "&q=nothing%20like%20it",
        "&amount=1250",
        "&amount=98765",
        "&item=item-7",
        "&item=item-7&state=cancelled",
        "&item=nothing",
        "&state=cancelled",
        "&state=expired",
        "&state=preparing",
        "&q=item%207&amount=1250",
    ] {
        for site in ["", &of_one] {
            paths.push(format!("/v1/orders?limit=50{search}{site}"));
        }
    }
    let hours = format!("from={today}&to={}", today + Days::new(1));
    for site in ["", &of_one] {
        paths.push(format!("/v1/analytics/sales?of=none&by=hour&{hours}{site}"));
        paths.push(format!(
            "/v1/analytics/forecast?day={}{site}",
            today + Days::new(1)
        ));
    }
    for report in [
        "sales?of=none&by=day&",
        "heatmap?",
        "items?",
        "sold-out?",
        "preparation?",
        "cancellations?",
        "stock?",
        "sites?",
    ] {
        for days in [days(7), days(28), days(100)] {
            for site in ["", &of_one] {
                paths.push(format!("/v1/analytics/{report}{days}{site}"));
            }
        }
    }
    paths
}
