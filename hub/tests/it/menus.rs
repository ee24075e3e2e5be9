//! Drafts of menus, and admins who change them at once.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Admin, Hub, World};

async fn price_of(admin: &Admin<'_>, item: &str) -> Result<Value> {
    let draft = admin.get("/v1/menus/lunch").await?;
    let items = draft["items"].as_array().context("items")?;
    let item = items.iter().find(|one| one["id"] == item);
    Ok(item.context("the item")?["price"].clone())
}

#[tokio::test]
async fn a_draft_is_made_changed_and_told_with_its_faults() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    let new = json!({"id": "bar", "currency": "EUR"});
    let draft = admin.post("/v1/menus", new.clone(), 201).await?;
    ensure!(
        draft["version"] == 0 && draft["faults"] == json!([]),
        "{draft}"
    );
    let problem = admin.post("/v1/menus", new, 409).await?;
    ensure!(
        problem["type"] == "urn:sunakku:problem:menu-exists",
        "{problem}"
    );
    let bad = json!({"id": "a b", "currency": "EUR"});
    admin.post("/v1/menus", bad, 422).await?;

    let tea = json!({"id": "tea", "name": {"en": "Tea"}, "category": "drinks", "price": 200,
                     "station": "bar"});
    let added = admin.post("/v1/menus/bar/items", tea.clone(), 201).await?;
    let fault = &added["faults"][0];
    ensure!(
        fault["path"] == "items[0].category",
        "an unsound draft is kept and told: {added}"
    );
    admin.post("/v1/menus/bar/items", tea, 409).await?;
    let changed = admin
        .patch(
            "/v1/menus/bar/items/tea",
            json!({"price": 220, "diet": ["vegan"]}),
            200,
        )
        .await?;
    ensure!(
        changed["price"] == 220 && changed["name"]["en"] == "Tea",
        "{changed}"
    );
    for nonsense in [
        json!({"prise": 1}),
        json!({"price": "1"}),
        json!({"id": "t"}),
        json!({"name": null}),
    ] {
        admin
            .patch("/v1/menus/bar/items/tea", nonsense, 422)
            .await?;
    }
    let nul = json!({"name": {"en": "T\u{0}"}});
    admin.patch("/v1/menus/bar/items/tea", nul, 422).await?;
    admin
        .patch("/v1/menus/bar/items/pie", json!({"price": 1}), 404)
        .await?;
    admin.delete("/v1/menus/bar/items/tea", 200).await?;
    admin.delete("/v1/menus/bar/items/tea", 404).await?;
    let list = admin.get("/v1/menus").await?;
    let row = &list["items"][0];
    ensure!(
        row["id"] == "bar" && row["items"] == 0 && row["changed"] == true,
        "{list}"
    );
    Ok(())
}

#[tokio::test]
async fn two_admins_lose_nothing_silently() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let (ann, other) = (Admin::of(&hub).await?, Admin::of(&hub).await?);
    ann.lunch(&[]).await?;
    let seen = ann
        .send(Method::GET, "/v1/menus/lunch", &[], Value::Null, 200)
        .await?;
    let tag = seen.etag()?;

    // Both change what the other does not: both stand.
    let (burger, cola) = ("/v1/menus/lunch/items/burger", "/v1/menus/lunch/items/cola");
    tokio::try_join!(
        ann.patch(burger, json!({"price": 950}), 200),
        other.patch(cola, json!({"price": 260}), 200),
    )?;
    let prices = (
        price_of(&ann, "burger").await?,
        price_of(&ann, "cola").await?,
    );
    ensure!(prices == (json!(950), json!(260)), "{prices:?}");

    // What was seen is no more: told, and nothing changed.
    let stale = [("if-match", tag.as_str())];
    let change = json!({"price": 1});
    let refused = ann
        .send(Method::PATCH, burger, &stale, change.clone(), 412)
        .await?;
    let problem = refused.json()?;
    ensure!(
        problem["type"] == "urn:sunakku:problem:draft-changed",
        "{problem}"
    );
    ensure!(problem["revision"] == 3, "{problem}");
    ann.send(
        Method::POST,
        "/v1/menus/lunch/publish",
        &stale,
        json!({}),
        412,
    )
    .await?;
    ensure!(price_of(&ann, "burger").await? == 950);
    let fresh = [("if-match", "\"2\", \"3\"")];
    let done = ann.send(Method::PATCH, burger, &fresh, change, 200).await?;
    ensure!(done.etag()? == "\"4\"", "{done:?}");

    // The whole at once takes what others did with it, so it must be said.
    let whole = json!({"document": {"currency": "EUR"}});
    let path = "/v1/menus/lunch";
    ann.send(Method::PUT, path, &[], whole.clone(), 428).await?;
    ann.send(
        Method::POST,
        "/v1/menus/lunch/import",
        &[],
        whole.clone(),
        428,
    )
    .await?;
    ann.send(Method::PUT, path, &stale, whole.clone(), 412)
        .await?;
    let any = [("if-match", "*")];
    let empty = ann
        .send(Method::PUT, path, &any, whole, 200)
        .await?
        .json()?;
    ensure!(
        empty["items"] == json!([]) && empty["id"] == "lunch",
        "{empty}"
    );
    Ok(())
}

#[tokio::test]
async fn of_many_changes_of_one_revision_one_wins() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&[]).await?;
    let change = async |price: i64| {
        let seen = [("if-match", "\"1\""), ("content-type", "application/json")];
        let body = json!({ "price": price }).to_string();
        admin
            .ask(
                Method::PATCH,
                "/v1/menus/lunch/items/cola",
                &seen,
                Some(body),
            )
            .await
    };
    let answers = tokio::try_join!(change(1), change(2), change(3), change(4), change(5))?;
    let answers = [answers.0, answers.1, answers.2, answers.3, answers.4];
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    ensure!(statuses == [200, 412, 412, 412, 412], "{statuses:?}");
    let won = answers
        .iter()
        .find(|answer| answer.status == 200)
        .context("one")?;
    ensure!(won.json()?["price"] == price_of(&admin, "cola").await?);
    Ok(())
}

#[tokio::test]
async fn what_a_place_has_otherwise_is_seen_with_its_origin() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let pool = world.pool().await?;
    sqlx::query("update site set region = 'north'")
        .execute(&pool)
        .await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&["s1", "s2"]).await?;
    let site = "/v1/menus/lunch/overrides/s1/burger";
    let region = "/v1/menus/lunch/regions/north/burger";
    admin
        .put(region, json!({"price": 800, "available": false}), 200)
        .await?;
    admin.put(site, json!({"price": 700}), 200).await?;
    admin.put(site, json!({}), 422).await?;
    admin
        .put(
            "/v1/menus/lunch/overrides/s9/burger",
            json!({"price": 1}),
            404,
        )
        .await?;
    admin
        .put("/v1/menus/lunch/overrides/s1/pie", json!({"price": 1}), 404)
        .await?;

    let burger_at = async |id: &str, version: &str| {
        let path = format!("/v1/menus/lunch/effective/{id}{version}");
        let effective = admin.get(&path).await?;
        let item = effective["items"][0].clone();
        let origin = &item["origin"];
        let values = [
            &item["price"],
            &origin["price"],
            &item["available"],
            &origin["available"],
            &origin["station"],
        ];
        anyhow::Ok(json!(values))
    };
    let draft = "?version=draft";
    let expected = json!([700, "site", false, "region", "organisation"]);
    ensure!(burger_at("s1", draft).await? == expected);
    let of_region = json!([800, "region", false, "region", "organisation"]);
    ensure!(burger_at("s2", draft).await? == of_region);
    admin
        .send(
            Method::GET,
            "/v1/menus/lunch/effective/s1",
            &[],
            Value::Null,
            404,
        )
        .await?;

    // A version freezes the overrides; taking one away changes the draft alone.
    admin.publish().await?;
    admin.delete(site, 200).await?;
    admin.delete(site, 404).await?;
    ensure!(burger_at("s1", "").await? == expected);
    ensure!(burger_at("s1", draft).await? == of_region);
    admin.delete(region, 200).await?;
    let inherited = json!([900, "organisation", true, "organisation", "organisation"]);
    ensure!(burger_at("s1", draft).await? == inherited);

    // An item takes what is otherwise about it with it.
    admin.put(site, json!({"station": "bar"}), 200).await?;
    let removed = admin.delete("/v1/menus/lunch/items/burger", 200).await?;
    ensure!(removed["faults"] == json!([]), "{removed}");
    ensure!(admin.get("/v1/menus/lunch").await?["overrides"] == json!({}));
    Ok(())
}
