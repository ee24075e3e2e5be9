//! Fills the database.

use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Args;
use sqlx::{Connection as _, PgConnection};

/// What is made of one site; `:site`, `:days` and `:orders` are numbers of ours.
const SITE: &str = include_str!("site.sql");
/// The tables that grow, whose indexes are made once they are full.
const BIG: [&str; 2] = ["site_order", "order_line"];

/// Fill a database whose schema is there (`sunakku-hub migrate`).
#[derive(Debug, Clone, Args)]
pub(super) struct Options {
    /// The database, such as postgres://sunakku@127.0.0.1/sunakku.
    pub(super) postgres: String,
    /// Sites to make.
    #[arg(long, default_value_t = 200)]
    pub(super) sites: u32,
    /// Days up to today.
    #[arg(long, default_value_t = 120)]
    pub(super) days: u32,
    /// Orders on each working day at each site: with 2.4 lines each, and a third of them at weekends. As
    /// it stands, 8.4 million orders with 20 million lines in all.
    #[arg(long, default_value_t = 432)]
    pub(super) orders: u32,
}

#[expect(clippy::print_stdout, reason = "this is a command")]
pub(super) async fn run(options: &Options) -> Result<()> {
    let mut connection = PgConnection::connect(&options.postgres).await?;
    let database = &mut connection;
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
    let (orders, lines): (i64, i64) = sqlx::query_as(
        "select (select count(*) from site_order), (select count(*) from order_line)",
    )
    .fetch_one(database)
    .await?;
    let seconds = begin.elapsed().as_secs_f64();
    println!("filled after {seconds:.0} s: {orders} orders, {lines} lines");
    Ok(())
}

async fn run_sql(database: &mut PgConnection, sql: String) -> Result<()> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(database)
        .await?;
    Ok(())
}
