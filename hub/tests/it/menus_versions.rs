//! Versions: published now or at a time, never changed, and gone back to.

use anyhow::{Context as _, Result, ensure};
use chrono::{TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use sunakku_common::ids::SiteId;
use sunakku_common::menu::canonical;
use sunakku_hub::menus::wanted::Wanted;
use xtask::harness::LIMIT;

use crate::support::{Admin, Hub, World, wanted_at};

async fn of_site(world: &World, site: &str) -> Result<Option<Wanted>> {
    let site: SiteId = site.parse()?;
    wanted_at(&world.pool().await?, &site, Utc::now()).await
}

#[tokio::test]
async fn what_is_published_is_what_its_sites_are_to_run() -> Result<()> {
    let world = World::new(&["s1", "s2", "s3"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&["s1", "s2"]).await?;
    ensure!(
        of_site(&world, "s1").await?.is_none(),
        "nothing was published"
    );
    admin
        .put(
            "/v1/menus/lunch/overrides/s2/cola",
            json!({"price": 300}),
            200,
        )
        .await?;
    let body = json!({"note": "first"});
    let published = admin.post("/v1/menus/lunch/publish", body, 201).await?;
    ensure!(
        published["version"] == 1 && published["state"] == "live",
        "{published}"
    );
    // The draft goes on; the sites do not.
    admin
        .patch("/v1/menus/lunch/items/cola", json!({"price": 1}), 200)
        .await?;
    for (site, price) in [("s1", 250), ("s2", 300)] {
        let wanted = of_site(&world, site).await?.context("a menu")?;
        ensure!(wanted.next.is_none());
        let now = wanted.now.context("a version of now")?;
        let menu = now.open(None)?;
        ensure!((now.version, menu.version) == (1, 1));
        ensure!(menu.id == "lunch" && wanted.code == "lunch");
        ensure!(menu.item("cola").context("cola")?.price == price);
        ensure!(now.hash == canonical::hash(&menu)?);
    }
    ensure!(of_site(&world, "s3").await?.is_none(), "it has no menu");
    ensure!(of_site(&world, "s9").await?.is_none(), "there is none");
    admin.delete("/v1/menus/lunch/sites/s2", 200).await?;
    admin.delete("/v1/menus/lunch/sites/s2", 404).await?;
    ensure!(of_site(&world, "s2").await?.is_none());
    Ok(())
}

#[tokio::test]
async fn an_invalid_draft_is_refused_with_all_its_faults() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&["s1"]).await?;
    admin
        .patch(
            "/v1/menus/lunch/items/burger",
            json!({"station": "moon"}),
            200,
        )
        .await?;
    admin
        .patch(
            "/v1/menus/lunch/items/cola",
            json!({"category": "x", "price": -1}),
            200,
        )
        .await?;
    admin
        .put(
            "/v1/menus/lunch/overrides/s1/cola",
            json!({"price": -5}),
            200,
        )
        .await?;
    let problem = admin
        .post("/v1/menus/lunch/publish", json!({}), 422)
        .await?;
    let faults = problem["faults"].as_array().context("faults")?;
    let paths: Vec<&Value> = faults.iter().map(|fault| &fault["path"]).collect();
    ensure!(
        paths
            == [
                "items[0].station",
                "items[1].category",
                "items[1].price",
                "overrides.sites.s1.cola.price"
            ],
        "{problem}"
    );
    ensure!(admin.get("/v1/menus/lunch/versions").await?["items"] == json!([]));
    Ok(())
}

#[tokio::test]
async fn a_menu_goes_only_to_sites_of_its_currency() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let pool = world.pool().await?;
    sqlx::query("update site set currency = 'GBP' where site_id = 's2'")
        .execute(&pool)
        .await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&["s1"]).await?;
    let problem = admin
        .put("/v1/menus/lunch/sites/s2", Value::Null, 409)
        .await?;
    ensure!(
        problem["type"] == "urn:sunakku:problem:other-currency",
        "{problem}"
    );
    admin
        .put("/v1/menus/lunch/sites/s9", Value::Null, 404)
        .await?;
    let whole = json!({"document": {"currency": "GBP"}});
    let any = [("if-match", "*")];
    admin
        .send(Method::PUT, "/v1/menus/lunch", &any, whole, 200)
        .await?;
    let problem = admin
        .post("/v1/menus/lunch/publish", json!({}), 422)
        .await?;
    ensure!(problem["faults"][0]["path"] == "currency", "{problem}");
    Ok(())
}

#[tokio::test]
async fn differences_are_told_against_what_was_published() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&["s1"]).await?;
    let first = admin.get("/v1/menus/lunch/diff").await?;
    ensure!(
        first["from"].is_null() && first["changes"][0]["change"] == "added",
        "{first}"
    );
    admin.publish().await?;
    ensure!(admin.get("/v1/menus/lunch/diff").await?["changes"] == json!([]));
    admin
        .patch("/v1/menus/lunch/items/cola", json!({"price": 270}), 200)
        .await?;
    admin
        .put(
            "/v1/menus/lunch/overrides/s1/burger",
            json!({"available": false}),
            200,
        )
        .await?;
    let changes = json!([
        {"path": "items[cola].price", "change": "changed", "before": 250, "after": 270},
        {"path": "overrides.sites", "change": "added", "before": null,
         "after": {"s1": {"burger": {"available": false}}}},
    ]);
    let diff = admin.get("/v1/menus/lunch/diff").await?;
    ensure!(diff["changes"] == changes && diff["from"] == 1, "{diff}");
    admin.publish().await?;
    let between = admin.get("/v1/menus/lunch/diff?from=1&to=2").await?;
    ensure!(between["changes"] == changes, "{between}");
    admin
        .send(
            Method::GET,
            "/v1/menus/lunch/diff?from=9",
            &[],
            Value::Null,
            404,
        )
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_version_comes_when_each_sites_clocks_show_its_time() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let pool = world.pool().await?;
    sqlx::query("update site set time_zone = 'Asia/Tokyo' where site_id = 's2'")
        .execute(&pool)
        .await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&["s1", "s2"]).await?;
    admin.publish().await?;
    admin
        .patch("/v1/menus/lunch/items/cola", json!({"price": 300}), 200)
        .await?;
    // Far enough ahead that it is to come in both zones.
    let local = (Utc::now() + TimeDelta::days(2))
        .naive_utc()
        .date()
        .and_hms_opt(6, 0, 0);
    let local = local.context("six in the morning")?;
    let at_local = local.format("%Y-%m-%dT%H:%M").to_string();
    let body = json!({"note": "dearer", "at_local": at_local});
    let published = admin.post("/v1/menus/lunch/publish", body, 201).await?;
    ensure!(
        published["state"] == "scheduled" && published["at"].is_null(),
        "{published}"
    );
    ensure!(published["at_local"] == at_local, "{published}");
    for (site, moment) in [
        ("s1", local.and_utc()),
        ("s2", local.and_utc() - TimeDelta::hours(9)),
    ] {
        let site: SiteId = site.parse()?;
        let before = wanted_at(&pool, &site, moment - TimeDelta::seconds(1))
            .await?
            .context("a menu")?;
        ensure!(before.now.context("now")?.version == 1);
        let (at, next) = before.next.context("next")?;
        ensure!((at, next.version) == (moment, 2), "{site}: {at}");
        ensure!(next.open(None)?.item("cola").context("cola")?.price == 300);
        let after = wanted_at(&pool, &site, moment).await?.context("a menu")?;
        ensure!(after.now.context("now")?.version == 2 && after.next.is_none());
    }
    // One that would overtake it is not published by accident.
    let problem = admin
        .post("/v1/menus/lunch/publish", json!({}), 409)
        .await?;
    ensure!(problem["versions"] == json!([2]), "{problem}");
    let later = json!({"at": Utc::now() + TimeDelta::days(9)});
    admin.post("/v1/menus/lunch/publish", later, 201).await?;
    let now = admin
        .post("/v1/menus/lunch/publish", json!({"supersede": true}), 201)
        .await?;
    ensure!(
        now["version"] == 4 && now["superseded"] == json!([2, 3]),
        "{now}"
    );
    let states = admin.get("/v1/menus/lunch/versions").await?;
    let states: Vec<Value> = states["items"]
        .as_array()
        .context("versions")?
        .iter()
        .map(|one| one["state"].clone())
        .collect();
    ensure!(states == ["live", "past", "past", "past"], "{states:?}");
    for nonsense in [
        json!({"at": "2020-01-01T00:00:00Z"}),
        json!({"at_local": "2020-01-01T06:00"}),
        json!({"at_local": "6 o'clock"}),
        json!({"at": "2120-01-01T00:00:00Z", "at_local": "2120-01-01"}),
    ] {
        admin.post("/v1/menus/lunch/publish", nonsense, 422).await?;
    }
    Ok(())
}

#[tokio::test]
async fn going_back_is_a_new_version_with_the_old_content() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&["s1"]).await?;
    admin.publish().await?;
    admin
        .patch("/v1/menus/lunch/items/cola", json!({"price": 9_999}), 200)
        .await?;
    admin.publish().await?;
    let later = json!({"at": Utc::now() + TimeDelta::days(1)});
    admin.post("/v1/menus/lunch/publish", later, 201).await?;
    let back = admin
        .post(
            "/v1/menus/lunch/rollback",
            json!({"version": 1, "note": "oops"}),
            201,
        )
        .await?;
    ensure!(back["version"] == 4 && back["restores"] == 1, "{back}");
    ensure!(back["superseded"] == json!([3]), "{back}");
    let wanted = of_site(&world, "s1").await?.context("a menu")?;
    let now = wanted.now.context("now")?;
    ensure!(now.version == 4 && now.open(None)?.item("cola").context("cola")?.price == 250);
    ensure!(wanted.next.is_none(), "what was to come will not");
    let versions = admin.get("/v1/menus/lunch/versions").await?;
    let hash = |n: usize| versions["items"][n]["content_hash"].clone();
    ensure!(hash(0) == hash(3) && hash(0) != hash(2), "{versions}");
    let draft = admin.get("/v1/menus/lunch/diff").await?;
    ensure!(
        draft["changes"][0]["after"] == 9_999,
        "the draft stays: {draft}"
    );
    admin
        .post("/v1/menus/lunch/rollback", json!({"version": 9}), 404)
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_version_never_changes() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&["s1"]).await?;
    admin.publish().await?;
    let before = admin.get("/v1/menus/lunch/versions/1").await?;
    // Whatever is done afterwards.
    admin.delete("/v1/menus/lunch/items/burger", 200).await?;
    admin
        .put(
            "/v1/menus/lunch/overrides/s1/cola",
            json!({"price": 1}),
            200,
        )
        .await?;
    admin.publish().await?;
    admin
        .post("/v1/menus/lunch/rollback", json!({"version": 1}), 201)
        .await?;
    let pool = world.pool().await?;
    for change in [
        "update menu_version set note = 'x'",
        "update menu_version set document = '{}' where version = 1",
        "delete from menu_version where version = 1",
    ] {
        let refused = sqlx::query(change).execute(&pool).await;
        ensure!(refused.is_err(), "{change}");
    }
    let after = admin.get("/v1/menus/lunch/versions/1").await?;
    ensure!(before == after, "{before}\n{after}");
    let third = admin.get("/v1/menus/lunch/versions/3").await?;
    ensure!(third["document"] == before["document"] && third["overrides"] == before["overrides"]);
    Ok(())
}

#[tokio::test]
async fn the_roll_out_is_told_when_sites_may_have_another_menu_to_run() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    let mut listener = sqlx::postgres::PgListener::connect(&world.postgres_url).await?;
    listener.listen("sunakku_downline").await?;
    admin.lunch(&["s1"]).await?;
    admin.publish().await?;
    admin
        .post("/v1/menus/lunch/rollback", json!({"version": 1}), 201)
        .await?;
    admin.delete("/v1/menus/lunch/sites/s1", 200).await?;
    // Given to the site, published, gone back, taken away: each is told once.
    for about in ["site", "menu_version", "menu_version", "site"] {
        let told = tokio::time::timeout(LIMIT, listener.recv()).await??;
        ensure!(told.payload() == about, "{told:?}");
    }
    Ok(())
}

/// The hub is killed at any moment of a publish; whoever asked tries again at the next one.
#[tokio::test]
async fn a_publish_that_a_crash_cut_off_is_made_once() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let mut hub = Hub::start(&world, "hub").await?;
    let token = {
        let admin = Admin::of(&hub).await?;
        admin.lunch(&["s1"]).await?;
        hub.token("ann").await?
    };
    let client = reqwest::Client::builder().no_proxy().build()?;
    for round in 0..8_u64 {
        let key = format!("crash-{round}");
        let request = client
            .post(hub.url("/v1/menus/lunch/publish"))
            .bearer_auth(&token)
            .header("idempotency-key", &key)
            .json(&json!({ "note": key }));
        let asking = tokio::spawn(request.send());
        tokio::time::sleep(std::time::Duration::from_millis(round * 2)).await;
        hub.process.kill()?;
        let _cut_off = asking.await?;
        hub = Hub::start(&world, &format!("hub-{round}")).await?;
        let admin = Admin::of(&hub).await?;
        let headers = [("idempotency-key", key.as_str())];
        let body = json!({ "note": key });
        let path = "/v1/menus/lunch/publish";
        admin.send(Method::POST, path, &headers, body, 201).await?;
    }
    let admin = Admin::of(&hub).await?;
    let versions = admin.get("/v1/menus/lunch/versions").await?;
    let rows = versions["items"].as_array().context("versions")?;
    let mut notes: Vec<&str> = rows.iter().filter_map(|row| row["note"].as_str()).collect();
    notes.sort_unstable();
    let expected: Vec<String> = (0..8).map(|round| format!("crash-{round}")).collect();
    ensure!(notes == expected, "{notes:?}");
    let audit = admin.get("/v1/audit?action=menu.publish").await?;
    ensure!(
        audit["items"].as_array().context("audit")?.len() == 8,
        "{audit}"
    );
    Ok(())
}

#[tokio::test]
async fn versions_published_at_once_are_numbered_without_a_gap() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    // One after the other: the first makes the key that both sign with.
    let one = Hub::start(&world, "one").await?;
    let two = Hub::start(&world, "two").await?;
    let (ann, other) = (Admin::of(&one).await?, Admin::of(&two).await?);
    ann.lunch(&["s1"]).await?;
    let mut versions = Vec::new();
    for _ in 0..3 {
        let published = tokio::try_join!(ann.publish(), other.publish(), ann.publish())?;
        versions.extend([published.0, published.1, published.2]);
    }
    versions.sort_unstable();
    ensure!(versions == [1, 2, 3, 4, 5, 6, 7, 8, 9], "{versions:?}");
    Ok(())
}
