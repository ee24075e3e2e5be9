//! A random history of one menu: whatever admins do, versions stay what they were, and every site
//! is to run the newest one with its own overrides.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use sunakku_common::ids::SiteId;
use sunakku_hub::menus::content::Content;

use crate::support::{Admin, Hub, World, wanted_at};

const SITES: [&str; 2] = ["s1", "s2"];
const ITEMS: [&str; 2] = ["burger", "cola"];

/// What an admin does.
#[derive(Debug, Clone)]
enum Step {
    Price(usize, i64),
    OfSite(usize, usize, Option<i64>),
    OfRegion(usize, bool),
    Publish,
    RollBack(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..ITEMS.len(), 0_i64..2_000).prop_map(|(item, price)| Step::Price(item, price)),
        3 => (0..SITES.len(), 0..ITEMS.len(), prop::option::of(0_i64..2_000))
            .prop_map(|(site, item, price)| Step::OfSite(site, item, price)),
        1 => (0..ITEMS.len(), any::<bool>()).prop_map(|(item, on)| Step::OfRegion(item, on)),
        2 => Just(Step::Publish),
        1 => any::<usize>().prop_map(Step::RollBack),
    ];
    prop::collection::vec(step, 60)
}

async fn content_of(admin: &Admin<'_>, version: i64) -> Result<Value> {
    let mut content = admin
        .get(&format!("/v1/menus/lunch/versions/{version}"))
        .await?;
    content
        .as_object_mut()
        .context("an object")?
        .remove("version");
    Ok(content)
}

async fn draft(admin: &Admin<'_>) -> Result<Value> {
    admin.get("/v1/menus/lunch/export?format=json").await
}

#[tokio::test]
async fn versions_stay_what_they_were_whatever_is_done_afterwards() -> Result<()> {
    let world = World::new(&SITES).await?;
    let pool = world.pool().await?;
    sqlx::query("update site set region = 'north' where site_id = 's1'")
        .execute(&pool)
        .await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&SITES).await?;
    let mut published: BTreeMap<i64, Value> = BTreeMap::new();
    let steps = steps().new_tree(&mut TestRunner::default());
    let steps = steps.map_err(anyhow::Error::msg)?.current();
    for step in &steps {
        match *step {
            Step::Price(item, price) => {
                let path = format!("/v1/menus/lunch/items/{}", ITEMS[item]);
                admin.patch(&path, json!({ "price": price }), 200).await?;
            }
            Step::OfSite(site, item, price) => {
                let path = format!("/v1/menus/lunch/overrides/{}/{}", SITES[site], ITEMS[item]);
                match price {
                    Some(price) => admin.put(&path, json!({ "price": price }), 200).await?,
                    None => {
                        let overrides = &draft(&admin).await?["overrides"]["sites"];
                        let is_set = !overrides[SITES[site]][ITEMS[item]].is_null();
                        admin.delete(&path, if is_set { 200 } else { 404 }).await?
                    }
                };
            }
            Step::OfRegion(item, available) => {
                let path = format!("/v1/menus/lunch/regions/north/{}", ITEMS[item]);
                let over = json!({ "available": available });
                admin.put(&path, over, 200).await?;
            }
            Step::Publish => {
                let version = admin.publish().await?;
                published.insert(version, draft(&admin).await?);
            }
            Step::RollBack(n) => {
                let count = published.len();
                let Some(old) = published.keys().nth(n % count.max(1)).copied() else {
                    continue;
                };
                let body = json!({ "version": old });
                let back = admin.post("/v1/menus/lunch/rollback", body, 201).await?;
                let version = back["version"].as_i64().context("a version")?;
                published.insert(version, published[&old].clone());
            }
        }
        check(&admin, &pool, &published)
            .await
            .with_context(|| format!("{steps:?}"))?;
    }
    for (n, (version, content)) in (1..).zip(&published) {
        ensure!(*version == n, "{steps:?}: {version} is the {n}th");
        ensure!(content_of(&admin, n).await? == *content, "{steps:?}: {n}");
    }
    Ok(())
}

/// Every site is to run the newest version, with what is its own.
async fn check(
    admin: &Admin<'_>,
    pool: &sqlx::PgPool,
    published: &BTreeMap<i64, Value>,
) -> Result<()> {
    let Some((newest, content)) = published.last_key_value() else {
        return Ok(());
    };
    ensure!(
        content_of(admin, *newest).await? == *content,
        "version {newest}"
    );
    let content: Content = serde_json::from_value(content.clone())?;
    for (site, region) in [("s1", Some("north")), ("s2", None)] {
        let site: SiteId = site.parse()?;
        let wanted = wanted_at(pool, &site, chrono::Utc::now()).await?;
        let now = wanted.and_then(|wanted| wanted.now);
        let now = now.context("a version of now")?;
        let mut expected = content
            .overrides
            .effective(&content.document, region, &site);
        expected.version = u64::try_from(*newest)?;
        ensure!(
            now.open(None)? == expected,
            "{site}: {now:?}\ninstead of {expected:?}"
        );
    }
    Ok(())
}
