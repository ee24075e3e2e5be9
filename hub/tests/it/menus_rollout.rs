//! What sites tell of the menus that they run.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sunakku_common::event::kind;
use sunakku_common::ids::SiteId;

use crate::support::{Admin, Hub, Log, World, wanted_at};

async fn row(admin: &Admin<'_>, site: &str) -> Result<Value> {
    let list = admin.get("/v1/menus/lunch/rollout").await?;
    let rows = list["items"].as_array().context("rows")?;
    let row = rows.iter().find(|row| row["site"] == site);
    Ok(row.context("the site")?.clone())
}

/// Tells something of the menu, and waits for its commit.
async fn tell(site: &mut Log, kind: &str, body: Value) -> Result<()> {
    let seq = site.push(kind, &body);
    site.commit(seq, seq).await
}

async fn hash_of(world: &World, site: &str) -> Result<String> {
    let site: SiteId = site.parse()?;
    let wanted = wanted_at(&world.pool().await?, &site, chrono::Utc::now()).await?;
    let now = wanted.and_then(|wanted| wanted.now);
    Ok(now.context("a version of now")?.hash)
}

#[tokio::test]
async fn each_site_is_as_far_as_it_tells() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&["s1", "s2"]).await?;
    admin.publish().await?;
    let never = row(&admin, "s1").await?;
    ensure!(
        never["state"] == "never" && never["wanted"] == 1 && never["reported"].is_null(),
        "{never}"
    );

    let mut site = world.site("s1").await?;
    // As a store tells that was born with a seed.
    tell(&mut site, kind::MENU_ACTIVATED, json!({"version": 7})).await?;
    let seed = row(&admin, "s1").await?;
    ensure!(
        seed["state"] == "pending" && seed["reported"] == 7,
        "{seed}"
    );

    let hash = hash_of(&world, "s1").await?;
    let body = json!({"version": 1, "hash": hash, "menu": "lunch"});
    tell(&mut site, kind::MENU_ACTIVATED, body).await?;
    let current = row(&admin, "s1").await?;
    ensure!(
        current["state"] == "current" && current["reported_hash"] == hash,
        "{current}"
    );
    ensure!(current["since"].is_string(), "{current}");
    ensure!(
        row(&admin, "s2").await?["state"] == "never",
        "it told nothing"
    );

    admin
        .patch("/v1/menus/lunch/items/cola", json!({"price": 260}), 200)
        .await?;
    admin.publish().await?;
    ensure!(row(&admin, "s1").await?["state"] == "pending");
    let body = json!({"version": 2, "menu": "lunch", "reason": "another currency"});
    tell(&mut site, kind::MENU_REFUSED, body).await?;
    let failed = row(&admin, "s1").await?;
    ensure!(
        failed["state"] == "failed" && failed["reason"] == "another currency",
        "{failed}"
    );
    ensure!(
        failed["reported"] == 1,
        "it sells on by what it had: {failed}"
    );

    let other = json!({"version": 2, "hash": "f".repeat(64), "menu": "lunch"});
    admin.publish().await?;
    tell(&mut site, kind::MENU_ACTIVATED, other.clone()).await?;
    ensure!(
        row(&admin, "s1").await?["state"] == "pending",
        "2 is not 3 yet"
    );
    let mut foreign = other;
    foreign["version"] = json!(3);
    tell(&mut site, kind::MENU_ACTIVATED, foreign).await?;
    ensure!(
        row(&admin, "s1").await?["state"] == "drift",
        "3 it says, but not what it was given"
    );

    // A scheduled one is seen before it comes.
    let at = chrono::Utc::now() + chrono::TimeDelta::days(1);
    admin
        .post("/v1/menus/lunch/publish", json!({ "at": at }), 201)
        .await?;
    let row = row(&admin, "s1").await?;
    ensure!(
        row["wanted"] == 3 && row["next"] == 4 && row["next_at"].is_string(),
        "{row}"
    );
    Ok(())
}

/// Menu, version and hash that a site runs; version and reason of what it refused.
type Told = (
    Option<String>,
    Option<i64>,
    Option<String>,
    Option<i64>,
    Option<String>,
);

#[tokio::test]
async fn what_a_site_tells_again_or_wrongly_does_no_harm() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    for body in [
        json!({"version": 1, "menu": "lunch", "hash": "a"}),
        json!({"version": 2, "menu": "lunch", "hash": "b"}),
        json!({"version": u64::MAX, "menu": "lunch"}),
        json!({"version": 3, "menu": "l u n c h"}),
        json!({"version": 3, "hash": "c".repeat(999)}),
        json!({"menu": "lunch"}),
    ] {
        site.push(kind::MENU_ACTIVATED, &body);
    }
    site.push(
        kind::MENU_REFUSED,
        &json!({"version": 3, "reason": "\u{0}"}),
    );
    site.commit(1, 7).await?;
    let pool = world.pool().await?;
    let told: Told = sqlx::query_as(
        "select menu_id, version, hash, refused_version, refused_reason from site_menu",
    )
    .fetch_one(&pool)
    .await?;
    let text = |text: &str| Some(text.to_owned());
    ensure!(
        told == (text("lunch"), Some(2), text("b"), Some(3), text("\u{fffd}")),
        "{told:?}"
    );
    let ledger = hub.ledger("s1").await?;
    ensure!(ledger["parked"] == 4, "{ledger}");
    // A store that begins anew tells the last again.
    let mut again = site.reborn();
    again.push_again(&site, 2);
    again.commit(1, 1).await?;
    let version: i64 = sqlx::query_scalar("select version from site_menu")
        .fetch_one(&pool)
        .await?;
    ensure!(version == 2);
    Ok(())
}
