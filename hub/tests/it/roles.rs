//! Who may do what to the schema: the role that owns it, and the hub's.

use anyhow::{Result, ensure};
use sqlx::PgPool;
use sunakku_hub::database::migrator;
use xtask::harness::{LIMIT, PostgresServer, wait_for};

use crate::support::{Hub, Roles, World};

/// The step before the one that makes `let_in`.
const BEFORE: i64 = 34;

#[tokio::test]
async fn the_hubs_role_owns_nothing_changes_no_schema_and_no_audit_and_is_enough() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let _hub = Hub::start(&world, "hub").await?;
    let role = PgPool::connect(&PostgresServer::as_hub(&world.postgres_url)).await?;
    for refused in [
        "create table mine (n int)",
        "create temporary table mine (n int)",
        "create schema mine",
        "drop table site",
        "alter table audit disable trigger all",
        "create index on audit (actor)",
        "update audit set actor = 'nobody'",
        "delete from audit",
        "truncate audit",
        "delete from menu_version",
        "update menu_version set note = ''",
        "insert into _sqlx_migrations select * from _sqlx_migrations",
        "select let_in('sunakku_hub')",
        "set role sunakku",
        "create role another",
    ] {
        let error = sqlx::query(refused).execute(&role).await;
        let Err(sqlx::Error::Database(error)) = error else {
            anyhow::bail!("{refused}: {error:?}");
        };
        ensure!(
            error.code().as_deref() == Some("42501"),
            "{refused}: {error}"
        );
    }
    let owned: i64 =
        sqlx::query_scalar("select count(*) from pg_tables where tableowner = current_user")
            .fetch_one(&role)
            .await?;
    ensure!(owned == 0, "{owned} tables");
    // Who is the owner is kept out by a trigger at least.
    let error = sqlx::query("truncate audit")
        .execute(&world.pool().await?)
        .await;
    ensure!(error.is_err(), "the owner emptied the audit");
    // Partitions are made all the same, for their owner.
    let made: i32 = sqlx::query_scalar("select make_site_event_partitions(5)")
        .fetch_one(&role)
        .await?;
    ensure!(made == 2, "{made} partitions");
    Ok(())
}

#[tokio::test]
async fn a_hub_that_owns_nothing_waits_until_the_owner_has_brought_the_schema_up_to_date()
-> Result<()> {
    let mut world = World::new(&["s1"]).await?;
    migrator().undo(&world.pool().await?, BEFORE).await?;
    world.roles = Roles::HubAlone;
    let refused = Hub::run(&world, &["migrate"]).await?;
    let told = String::from_utf8(refused.stderr)?;
    ensure!(
        !refused.status.success() && told.contains("postgres.owner_url"),
        "{told}"
    );
    let hub = Hub::start_unready(&world, "hub").await?;
    wait_for("a hub that says whose turn it is", LIMIT, async || {
        let log = std::fs::read_to_string(hub.process.log_path());
        let log = log.map_err(|error| error.to_string())?;
        log.contains("run `sunakku-hub migrate`")
            .then_some(())
            .ok_or(log)
    })
    .await?;
    hub.wait_status("unready").await?;

    world.roles = Roles::Both;
    Hub::command(&world, &["migrate"]).await?;
    hub.wait_ready().await?;
    // And one that starts then asks for nothing.
    world.roles = Roles::HubAlone;
    Hub::command(&world, &["migrate"]).await?;
    Hub::start(&world, "later").await?;
    let told = Hub::run(&world, &["doctor"]).await?.stdout;
    let told = String::from_utf8(told)?;
    ensure!(told.contains("the hub's role owns no table"), "{told}");
    Ok(())
}

#[tokio::test]
async fn one_role_for_everything_still_works_and_the_doctor_says_so() -> Result<()> {
    let mut world = World::new(&[]).await?;
    world.roles = Roles::OwnerAlone;
    let hub = Hub::start(&world, "hub").await?;
    let told = String::from_utf8(Hub::run(&world, &["doctor"]).await?.stdout)?;
    ensure!(told.contains("the hub's role owns the tables"), "{told}");
    drop(hub);
    // Named twice, the owner takes nothing from itself.
    let pool = world.pool().await?;
    sqlx::query("select let_in(current_user)")
        .execute(&pool)
        .await?;
    migrator().undo(&pool, BEFORE).await?;
    Hub::command(&world, &["migrate"]).await?;
    Ok(())
}
