//! What is kept for sites to read: for all of them at once, whoever else writes, whatever is lost.

use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::{self, kv::Store};
use serde_json::{Value, json};
use sunakku_common::down::MenuDown;
use sunakku_common::site::Settings;
use xtask::harness::{LIMIT, wait_for};

use crate::support::{Admin, Hub, World};

/// The buckets, read as a site would.
struct Buckets {
    jetstream: jetstream::Context,
}

impl Buckets {
    async fn of(world: &World) -> Result<Self> {
        let options = async_nats::ConnectOptions::new();
        let client = world.nats.connect(options).await?;
        let jetstream = jetstream::new(client);
        Ok(Self { jetstream })
    }

    async fn store(&self, bucket: &str) -> Result<Store> {
        Ok(self.jetstream.get_key_value(bucket).await?)
    }

    async fn value(&self, bucket: &str, site: &str) -> Result<Value> {
        let value = self.store(bucket).await?.get(site).await?;
        value.map_or(Ok(Value::Null), |value| Ok(serde_json::from_slice(&value)?))
    }

    /// Waits until a key is as wanted.
    async fn until(
        &self,
        bucket: &str,
        site: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        wait_for(&format!("{bucket} of {site}"), 2 * LIMIT, async || {
            // It may be no JSON, and the bucket may be gone.
            let value = self.value(bucket, site).await;
            let value = value.map_err(|error| format!("{error:#}"))?;
            is_so(&value)
                .then(|| value.clone())
                .ok_or_else(|| value.to_string())
        })
        .await
    }

    /// The last write of a bucket.
    async fn last(&self, bucket: &str) -> Result<u64> {
        let stream = self.store(bucket).await?.stream;
        Ok(stream.get_info().await?.state.last_sequence)
    }

    async fn sells_by(&self, site: &str, version: i64) -> Result<MenuDown> {
        let is_so = |menu: &Value| menu["current"]["version"] == version;
        let menu = self.until("menu", site, is_so).await?;
        Ok(serde_json::from_value(menu)?)
    }

    async fn settings(&self, site: &str) -> Result<Settings> {
        let settings = self.until("site", site, |settings| !settings.is_null());
        Ok(serde_json::from_value(settings.await?)?)
    }
}

fn limited_to(orders: u64) -> Value {
    json!({ "opening_hours": {}, "max_open_orders": orders })
}

#[tokio::test]
async fn one_site_that_cannot_be_kept_up_holds_up_nobody_else() -> Result<()> {
    let world = World::new(&["s1", "s2", "s3", "s4"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    let buckets = Buckets::of(&world).await?;
    admin.lunch(&["s1", "s4"]).await?;
    let pool = world.pool().await?;
    admin.publish().await?;
    // A menu that this program cannot read, a zone that there is not.
    for sql in [
        "insert into menu (menu_id, draft, updated_by) values ('odd', '{}', 'ann')",
        "insert into menu_version (menu_id, version, document, overrides, content_hash, note, author, at)
         values ('odd', 1, '{\"stars\": 5}', '{}', repeat('0', 64), '', 'ann', now())",
        "update site set menu_id = 'odd' where site_id = 's2'",
        "update site set menu_id = 'lunch', time_zone = 'Mars/Base' where site_id = 's3'",
    ] {
        sqlx::query(sql).execute(&pool).await?;
    }
    admin
        .put("/v1/sites/s4/settings", limited_to(7), 200)
        .await?;
    buckets.sells_by("s1", 1).await?;
    buckets.sells_by("s4", 1).await?;
    let is_told = |settings: &Value| settings["max_open_orders"] == 7;
    buckets.until("site", "s4", is_told).await?;
    let own = buckets.settings("s2").await?;
    ensure!(
        own.name == "s2",
        "its menu is bad, its settings are not: {own:?}"
    );
    for site in ["s2", "s3"] {
        ensure!(buckets.value("menu", site).await?.is_null(), "{site}");
    }
    wait_for("the failures to be counted", LIMIT, async || {
        let failed = hub.metric("sunakku_rollout_failures_total").await;
        let failed = failed.map_err(|error| format!("{error:#}"))?;
        (0.0 < failed).then_some(()).ok_or("none".to_owned())
    })
    .await?;
    // Once it can be read again, it goes down.
    sqlx::query("update site set time_zone = 'UTC' where site_id = 's3'")
        .execute(&pool)
        .await?;
    buckets.sells_by("s3", 1).await?;
    Ok(())
}

#[tokio::test]
async fn what_was_wiped_or_changed_in_the_buckets_is_written_again() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    let buckets = Buckets::of(&world).await?;
    admin.lunch(&["s1", "s2"]).await?;
    admin.publish().await?;
    for site in ["s1", "s2"] {
        buckets.sells_by(site, 1).await?;
    }
    let before = buckets.settings("s1").await?;
    for bucket in ["menu", "site"] {
        buckets.jetstream.delete_key_value(bucket).await?;
    }
    // Whatever wakes the roll-out: it compares all sites, not the one that changed.
    admin
        .put("/v1/sites/s2/settings", limited_to(7), 200)
        .await?;
    for site in ["s1", "s2"] {
        buckets.sells_by(site, 1).await?;
    }
    ensure!(
        buckets.settings("s1").await? == before,
        "under its old number"
    );

    // A foreign value, and one key taken away.
    let menus = buckets.store("menu").await?;
    menus.put("s1", "nonsense".into()).await?;
    buckets.store("site").await?.delete("s1").await?;
    admin
        .put("/v1/sites/s2/settings", limited_to(8), 200)
        .await?;
    buckets.sells_by("s1", 1).await?;
    ensure!(buckets.settings("s1").await? == before);

    // An archived site is left nothing to read.
    admin.post("/v1/sites/s1/archive", Value::Null, 200).await?;
    buckets.until("menu", "s1", Value::is_null).await?;
    buckets.until("site", "s1", Value::is_null).await?;
    buckets.sells_by("s2", 1).await?;
    Ok(())
}

#[tokio::test]
async fn two_replicas_beside_each_other_end_at_the_newest() -> Result<()> {
    const ROUNDS: u64 = 12;
    let sites = ["s1", "s2", "s3", "s4", "s5", "s6"];
    let world = World::new(&sites).await?;
    let hubs = [
        Hub::start(&world, "hub-1").await?,
        Hub::start(&world, "hub-2").await?,
    ];
    let admins = [Admin::of(&hubs[0]).await?, Admin::of(&hubs[1]).await?];
    let buckets = Buckets::of(&world).await?;
    admins[0].lunch(&sites).await?;
    let mut last = std::collections::BTreeMap::new();
    for round in 1..=ROUNDS {
        let admin = &admins[usize::from(round % 2 == 0)];
        admin.publish().await?;
        let path = format!("/v1/sites/s{}/settings", round % 6 + 1);
        admin.put(&path, limited_to(round), 200).await?;
        for site in sites {
            if let Ok(settings) = buckets.value("site", site).await
                && let Some(revision) = settings["revision"].as_i64()
            {
                let before = last.insert(site, revision).unwrap_or_default();
                ensure!(before <= revision, "{site}: {revision} after {before}");
            }
        }
    }
    for site in sites {
        buckets.sells_by(site, i64::try_from(ROUNDS)?).await?;
        let orders = (1..=ROUNDS).filter(|round| format!("s{}", round % 6 + 1) == site);
        let orders = orders.max().context("each had a turn")?;
        let is_last = |settings: &Value| settings["max_open_orders"] == orders;
        let told = buckets.until("site", site, is_last).await?;
        let revision: i64 =
            sqlx::query_scalar("select revision from site_revision where site_id = $1")
                .bind(site)
                .fetch_one(&world.pool().await?)
                .await?;
        ensure!(
            told["revision"] == revision,
            "{told} is not number {revision}"
        );
    }
    // Neither writes what the other has written.
    let before = buckets.last("site").await?;
    admins[0]
        .put("/v1/sites/s1/settings", limited_to(99), 200)
        .await?;
    let is_last = |settings: &Value| settings["max_open_orders"] == 99;
    buckets.until("site", "s1", is_last).await?;
    ensure!(buckets.last("site").await? == before + 1);
    for hub in &hubs {
        let failed = hub.metric("sunakku_rollout_failures_total").await?;
        ensure!(failed == 0.0, "a replica that comes between is no failure");
    }
    Ok(())
}
