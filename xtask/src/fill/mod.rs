//! `cargo xtask fill`: a hub's database with many sites and years of orders, made by the database itself,
//! and how long each answer of the dashboard takes on it. For measuring alone: the sites have no logs.

mod measure;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::Value;
use sqlx::{Connection as _, PgConnection};

/// What is made of one site; `:site`, `:days` and `:orders` are numbers of ours.
const SITE: &str = include_str!("site.sql");
/// The tables that grow, whose indexes are made once they are full.
const BIG: [&str; 2] = ["site_order", "order_line"];

/// Fill a running demo's hub with sites and orders, and measure the dashboard's answers.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The demo's state: `cargo demo --rush 0 --sites 1 --state FILE`.
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
    /// Sites to make; 0 makes none.
    #[arg(long, default_value_t = 200)]
    pub sites: u32,
    /// Days up to today.
    #[arg(long, default_value_t = 120)]
    pub days: u32,
    /// Orders on each working day at each site: with 2.4 lines each, and a third of them at weekends.
    #[arg(long, default_value_t = 430)]
    pub orders: u32,
    /// How often each answer is asked for; 0 asks for none.
    #[arg(long, default_value_t = 40)]
    pub asks: u32,
}

/// Does it.
///
/// # Errors
/// When a server does not answer.
pub async fn run(options: Options) -> Result<bool> {
    let state: Value = serde_json::from_slice(&std::fs::read(&options.state)?)?;
    let text = |name: &str| {
        let value = state["hub"][name].as_str();
        value.with_context(|| format!("no hub.{name} in the state"))
    };
    let mut database = PgConnection::connect(text("postgres_url")?).await?;
    if options.sites > 0 {
        fill(&mut database, &options).await?;
    }
    if options.asks > 0 {
        measure::run(&mut database, text("url")?, &state, options.asks).await?;
    }
    Ok(true)
}

#[expect(clippy::print_stdout, reason = "this is a command")]
async fn fill(database: &mut PgConnection, options: &Options) -> Result<()> {
    sqlx::raw_sql(
        "set statement_timeout = 0; set synchronous_commit = off; set work_mem = '256MB'",
    )
    .execute(&mut *database)
    .await?;
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "select i.indexname::text, i.indexdef from pg_indexes i
         where i.tablename = any($1)
           and not exists (select from pg_constraint c where c.conname = i.indexname)",
    )
    .bind(&BIG[..])
    .fetch_all(&mut *database)
    .await?;
    for (name, _) in &indexes {
        run_sql(database, format!("drop index {name}")).await?;
    }
    let begin = Instant::now();
    for site in 1..=options.sites {
        let sql = SITE
            .replace(":site::", &format!("{site}::"))
            .replace(":site", &site.to_string())
            .replace(":days", &options.days.to_string())
            .replace(":orders", &options.orders.to_string());
        run_sql(database, sql)
            .await
            .with_context(|| format!("site {site}"))?;
        if site % 10 == 0 {
            println!("{site} sites after {:.0} s", begin.elapsed().as_secs_f64());
        }
    }
    for (_, definition) in indexes {
        run_sql(database, definition).await?;
    }
    run_sql(database, "vacuum analyze".to_owned()).await?;
    println!("filled after {:.0} s", begin.elapsed().as_secs_f64());
    Ok(())
}

async fn run_sql(database: &mut PgConnection, sql: String) -> Result<()> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(database)
        .await?;
    Ok(())
}
