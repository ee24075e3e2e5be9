//! The proof, and that it notices.

use anyhow::{Result, ensure};
use sqlx::PgPool;

use crate::support::{Hub, World};

/// What `ledger verify` says after this change, and that it says it with exit code 1.
async fn verify_after(world: &World, pool: &PgPool, change: &'static str) -> Result<String> {
    sqlx::query(change).execute(pool).await?;
    let output = Hub::run(world, &["ledger", "verify"]).await?;
    let said = String::from_utf8(output.stdout)?;
    ensure!(output.status.code() == Some(1), "after {change}: {said}");
    Ok(said)
}

#[tokio::test]
async fn a_change_in_the_store_is_noticed_where_it_was_made() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let _hub = Hub::start(&world, "hub").await?;
    for name in ["s1", "s2"] {
        let mut site = world.site(name).await?;
        site.place_each(1..=9, "cola");
        site.commit(1, 9).await?;
    }
    let said = Hub::command(&world, &["ledger", "verify"]).await?;
    ensure!(said.contains("2 logs are what the sites sent"), "{said}");

    let pool = world.pool().await?;
    let fourth = "select event from site_event where site_id = 's1' and seq = 4";
    let sent: String = sqlx::query_scalar(fourth).fetch_one(&pool).await?;
    let change = "update site_event set event = replace(event, '250', '251')
                  where site_id = 's1' and seq = 4";
    let said = verify_after(&world, &pool, change).await?;
    ensure!(said.contains("4 is not the event"), "{said}");
    ensure!(
        said.contains("s2") && said.contains("ok: 9 events"),
        "{said}"
    );
    let only = Hub::command(&world, &["ledger", "verify", "--site", "s2"]).await?;
    ensure!(only.contains("1 logs"), "{only}");
    sqlx::query("update site_event set event = $1 where site_id = 's1' and seq = 4")
        .bind(sent)
        .execute(&pool)
        .await?;
    Hub::command(&world, &["ledger", "verify"]).await?;

    let said = verify_after(
        &world,
        &pool,
        "update site_cursor set chain = sha256('x') where site_id = 's2'",
    )
    .await?;
    ensure!(
        said.contains("the cursor's chain is not the log's"),
        "{said}"
    );
    let said = verify_after(&world, &pool, "delete from site_event where seq = 5").await?;
    ensure!(said.contains("6 follows 4"), "{said}");
    let said = verify_after(
        &world,
        &pool,
        "delete from site_cursor where site_id = 's1'",
    )
    .await?;
    ensure!(said.contains("no cursor is kept"), "{said}");
    Ok(())
}
