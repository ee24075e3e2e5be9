//! How long each answer of the dashboard takes.

use std::time::Instant;

use anyhow::{Context as _, Result};
use chrono::{Days, Utc};
use hdrhistogram::Histogram;
use serde_json::Value;
use sqlx::PgConnection;

use crate::world::Client;

/// Asked first, so that what is measured is not the first look at a cold disk.
const WARM_UP: u32 = 2;

/// Asks each so often, one after the other, and prints a table in Markdown.
#[expect(clippy::print_stdout, reason = "this is a command")]
pub(super) async fn run(
    database: &mut PgConnection,
    url: &str,
    state: &Value,
    asks: u32,
) -> Result<()> {
    let rows: (i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from site), (select count(*) from site_order),
                (select count(*) from order_line)",
    )
    .fetch_one(database)
    .await?;
    println!("{} sites, {} orders, {} lines\n", rows.0, rows.1, rows.2);
    let admin = &state["hub"]["admin"];
    let text = |name: &str| admin[name].as_str().with_context(|| format!("no {name}"));
    let body = serde_json::json!({"user": text("user")?, "password": text("password")?});
    let nobody = Client::with_token(url, "")?;
    let session = nobody.post("/v1/session", None, &body).await?.expect(200)?;
    let token = session.body["access_token"].as_str().context("a token")?;
    let client = Client::with_token(url, token)?;
    println!("| answer | p50 ms | p95 ms | most ms |\n|---|---|---|---|");
    for path in paths() {
        let mut times: Histogram<u64> = Histogram::new(3)?;
        let mut failed = false;
        for ask in 0..WARM_UP + asks {
            let begin = Instant::now();
            // What takes too long is told as that, and the others are asked for all the same.
            if client.get(&path).await?.status != 200 {
                failed = true;
                break;
            }
            if ask >= WARM_UP {
                times.record(begin.elapsed().as_micros().try_into()?)?;
            }
        }
        if failed {
            println!("| `{path}` | took too long | | |");
            continue;
        }
        let ms = |micros: u64| micros as f64 / 1_000.0;
        println!(
            "| `{path}` | {:.0} | {:.0} | {:.0} |",
            ms(times.value_at_quantile(0.5)),
            ms(times.value_at_quantile(0.95)),
            ms(times.max())
        );
    }
    Ok(())
}

/// What the dashboard's views ask for.
fn paths() -> Vec<String> {
    let today = Utc::now().date_naive();
    let days = |n: u64| {
        format!(
            "from={}&to={}",
            today - Days::new(n - 1),
            today + Days::new(1)
        )
    };
    let mut paths: Vec<String> = [
        "/v1/overview",
        "/v1/sites?limit=200",
        "/v1/ledger?limit=200",
        "/v1/orders?limit=50",
        "/v1/orders?limit=50&site=fill-042",
        "/v1/orders?limit=50&number=17",
        "/v1/orders?limit=50&q=17",
        "/v1/orders?limit=50&q=item%207",
        "/v1/orders?limit=50&q=nothing%20like%20it",
        "/v1/orders?limit=50&amount=1250",
        "/v1/orders?limit=50&amount=98765",
        "/v1/orders?limit=50&item=item-7",
        "/v1/orders?limit=50&state=cancelled",
        "/v1/audit?limit=50",
        "/v1/users?limit=200",
        "/v1/analytics/forecast",
        "/v1/analytics/forecast?site=fill-042",
    ]
    .map(str::to_owned)
    .into();
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
        for days in [days(1), days(28), days(28) + "&site=fill-042", days(100)] {
            paths.push(format!("/v1/analytics/{report}{days}"));
        }
    }
    paths
}
