//! The schema: up, down and up again, and its partitions.

use anyhow::{Result, ensure};
use sunakku_hub::database::migrator;
use xtask::harness::{LIMIT, wait_for};

use crate::support::{Hub, World};

const TABLES: &str =
    "select string_agg(c.relname || ' ' || a.attname || ' ' || a.atttypid::regtype, ','
        order by c.relname, a.attname)
     from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
     where c.relnamespace = 'public'::regnamespace and c.relname !~ '^_sqlx'";

#[tokio::test]
async fn every_migration_has_its_way_back() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let pool = world.pool().await?;
    let before: String = sqlx::query_scalar(TABLES).fetch_one(&pool).await?;
    {
        // On a filled database as well.
        let _hub = Hub::start(&world, "hub").await?;
        let mut site = world.site("s1").await?;
        site.place(1, "cola", 1, 250);
        site.commit(1, 1).await?;
    }
    migrator().undo(&pool, 0).await?;
    let left: Option<String> = sqlx::query_scalar(TABLES).fetch_one(&pool).await?;
    ensure!(left.is_none(), "left over: {left:?}");
    let functions: i64 = sqlx::query_scalar(
        "select count(*) from pg_proc where pronamespace = 'public'::regnamespace",
    )
    .fetch_one(&pool)
    .await?;
    ensure!(functions == 0, "{functions} functions are left");
    migrator().run(&pool).await?;
    let after: String = sqlx::query_scalar(TABLES).fetch_one(&pool).await?;
    ensure!(before == after, "{before}\ninstead of\n{after}");
    Ok(())
}

#[tokio::test]
async fn partitions_are_made_in_advance_and_take_in_what_came_without() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let pool = world.pool().await?;
    let partitions = "select count(*) from pg_inherits where inhparent = 'site_event'::regclass";
    let made: i64 = sqlx::query_scalar(partitions).fetch_one(&pool).await?;
    ensure!(made == 5, "this month, three ahead and the default: {made}");
    sqlx::query(
        "insert into site_event (site_id, epoch, seq, at, received_at, kind, event, chain)
         select 's1', gen_random_uuid(), 1, now(), now() + make_interval(months => 5), 'k', '{}',
                sha256('x')",
    )
    .execute(&pool)
    .await?;
    let in_default = "select count(*) from site_event_default";
    let strays: i64 = sqlx::query_scalar(in_default).fetch_one(&pool).await?;
    ensure!(strays == 1, "{strays} in the default partition");
    for _ in 0..2 {
        sqlx::query("select make_site_event_partitions(6)")
            .execute(&pool)
            .await?;
    }
    let strays: i64 = sqlx::query_scalar(in_default).fetch_one(&pool).await?;
    let events: i64 = sqlx::query_scalar("select count(*) from site_event")
        .fetch_one(&pool)
        .await?;
    ensure!(
        (strays, events) == (0, 1),
        "{strays} strays, {events} events"
    );
    Ok(())
}

#[tokio::test]
async fn replicas_may_migrate_at_once_and_again() -> Result<()> {
    let world = World::new(&[]).await?;
    let migrate = || Hub::command(&world, &["migrate"]);
    tokio::try_join!(migrate(), migrate(), migrate())?;
    migrate().await?;
    Ok(())
}

#[tokio::test]
async fn a_step_that_waits_for_a_lock_lets_others_pass() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let pool = world.pool().await?;
    migrator().undo(&pool, 4).await?;
    // Somebody reads `site`, which the next step wants to change, and does not end.
    let mut reader = pool.begin().await?;
    let read = "select count(*) from site";
    let _: i64 = sqlx::query_scalar(read).fetch_one(&mut *reader).await?;
    let migrating = Hub::command(&world, &["migrate"]);
    let passing = async {
        let blocked =
            "select count(*) from pg_locks where not granted and relation = 'site'::regclass";
        wait_for("the step to wait", LIMIT, async || {
            let waits: Result<i64, _> = sqlx::query_scalar(blocked).fetch_one(&pool).await;
            matches!(waits, Ok(1..))
                .then_some(())
                .ok_or("it does not".to_owned())
        })
        .await?;
        // Behind it, while the reader goes on.
        let _: i64 = sqlx::query_scalar(read).fetch_one(&pool).await?;
        reader.commit().await?;
        anyhow::Ok(())
    };
    tokio::try_join!(async { migrating.await.map(drop) }, passing)?;
    let menus: i64 = sqlx::query_scalar("select count(*) from menu")
        .fetch_one(&pool)
        .await?;
    ensure!(menus == 0, "{menus} menus");
    Ok(())
}
