//! The audit, and changes that are asked for more than once.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Admin, Hub, World};

fn column(list: &Value, name: &str) -> Vec<Value> {
    let rows = list["items"].as_array().into_iter().flatten();
    rows.map(|row| row[name].clone()).collect()
}

#[tokio::test]
async fn every_change_is_noted_with_what_was_before_and_after() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&["s1"]).await?;
    admin
        .patch("/v1/menus/lunch/items/cola", json!({"price": 270}), 200)
        .await?;
    admin
        .put(
            "/v1/menus/lunch/overrides/s1/cola",
            json!({"price": 300}),
            200,
        )
        .await?;
    admin.publish().await?;
    // What was refused is not.
    admin
        .patch("/v1/menus/lunch/items/pie", json!({"price": 1}), 404)
        .await?;
    let all = admin.get("/v1/audit").await?;
    ensure!(
        column(&all, "action")
            == [
                "menu.publish",
                "menu.override.set",
                "menu.item.change",
                "site.menu",
                "menu.create",
                "user.from-configuration",
                "site.create"
            ],
        "{all}"
    );
    let change = &all["items"][2];
    ensure!(
        change["who"] == "ann" && change["object"] == "menu/lunch/items/cola",
        "{change}"
    );
    ensure!(change["address"] == "127.0.0.1", "{change}");
    ensure!(
        change["before"]["price"] == 250 && change["after"]["price"] == 270,
        "{change}"
    );
    let published = &all["items"][0]["after"]["published"];
    ensure!(published["version"] == 1, "{published}");

    let at = change["at"].as_str().context("a time")?;
    for (query, count) in [
        ("who=ann", 5),
        ("who=bob", 0),
        ("action=menu", 4),
        ("action=menu.publish", 1),
        ("action=men", 0),
        ("object=menu/lunch", 4),
        ("object=menu/lunch/items", 1),
        ("object=menu/lun", 0),
        ("object=site/s1", 2),
        (&format!("from={at}"), 3),
        (&format!("to={at}"), 4),
        (&format!("from={at}&to={at}"), 0),
    ] {
        let found = admin.get(&format!("/v1/audit?{query}")).await?;
        ensure!(column(&found, "id").len() == count, "{query}: {found}");
    }
    let first = admin.get("/v1/audit?limit=2").await?;
    let next = first["next"].as_str().context("more")?;
    let second = admin
        .get(&format!("/v1/audit?limit=200&after={next}"))
        .await?;
    ensure!(second["next"].is_null());
    let walked = [column(&first, "id"), column(&second, "id")].concat();
    ensure!(walked == column(&all, "id"));
    admin
        .send(
            Method::GET,
            "/v1/audit?from=yesterday",
            &[],
            Value::Null,
            400,
        )
        .await?;
    Ok(())
}

#[tokio::test]
async fn the_audit_cannot_be_changed() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    Admin::of(&hub).await?.lunch(&[]).await?;
    let pool = world.pool().await?;
    for change in [
        "update audit set actor = 'bob'",
        "delete from audit",
        "truncate audit",
    ] {
        let refused = sqlx::query(change).execute(&pool).await;
        ensure!(refused.is_err(), "{change}");
    }
    Ok(())
}

#[tokio::test]
async fn a_change_asked_for_again_is_made_once() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    // One after the other: the first makes the key that both sign with.
    let one = Hub::start(&world, "one").await?;
    let two = Hub::start(&world, "two").await?;
    let (ann, again) = (Admin::of(&one).await?, Admin::of(&two).await?);
    ann.lunch(&["s1"]).await?;
    let key = [("idempotency-key", "k-1"), ("if-match", "\"1\"")];
    let cola = "/v1/menus/lunch/items/cola";
    let first = ann
        .send(Method::PATCH, cola, &key, json!({"price": 270}), 200)
        .await?;
    ensure!(!first.is_replayed());
    // By another replica, though the draft is no more what was seen.
    let second = again
        .send(Method::PATCH, cola, &key, json!({ "price": 270 }), 200)
        .await?;
    ensure!(second.is_replayed(), "{second:?}");
    ensure!(second.json()? == first.json()? && second.etag()? == first.etag()?);
    let other = ann
        .send(Method::PATCH, cola, &key, json!({"price": 280}), 422)
        .await?
        .json()?;
    ensure!(
        other["type"] == "urn:sunakku:problem:idempotency-key-reused",
        "{other}"
    );
    let elsewhere = "/v1/menus/lunch/items/burger";
    ann.send(Method::PATCH, elsewhere, &key, json!({"price": 270}), 422)
        .await?;
    let bad = [("idempotency-key", "a b")];
    ann.send(Method::PATCH, cola, &bad, json!({"price": 1}), 400)
        .await?;

    // What was refused leaves the key free.
    let key = [("idempotency-key", "k-2")];
    let missing = "/v1/menus/lunch/items/pie";
    ann.send(Method::PATCH, missing, &key, json!({"price": 1}), 404)
        .await?;
    let pie = json!({"id": "pie", "name": {"en": "Pie"}, "category": "food", "price": 9, "station": "bar"});
    ann.post("/v1/menus/lunch/items", pie, 201).await?;
    let now = ann
        .send(Method::PATCH, missing, &key, json!({"price": 1}), 200)
        .await?;
    ensure!(!now.is_replayed());

    // At the same moment, at both replicas: one version, and the same answer for all.
    let key = [("idempotency-key", "k-3")];
    let publish = async |admin: &Admin<'_>| {
        let path = "/v1/menus/lunch/publish";
        admin
            .send(Method::POST, path, &key, json!({"note": "once"}), 201)
            .await
    };
    let answers = tokio::try_join!(
        publish(&ann),
        publish(&again),
        publish(&ann),
        publish(&again)
    )?;
    let answers = [answers.0, answers.1, answers.2, answers.3];
    let replayed = answers.iter().filter(|answer| answer.is_replayed()).count();
    ensure!(replayed == 3, "{answers:?}");
    ensure!(
        answers
            .iter()
            .all(|answer| answer.headers["location"] == "/v1/menus/lunch/versions/1")
    );
    let bodies: Vec<Value> = answers
        .iter()
        .map(|answer| answer.json())
        .collect::<Result<_>>()?;
    ensure!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    ensure!(column(&ann.get("/v1/menus/lunch/versions").await?, "version") == [1]);
    // An import that made a menu is answered as it was, not refused for want of If-Match.
    let key = [("idempotency-key", "k-4")];
    let file = json!({"document": {"currency": "EUR"}});
    for replayed in [false, true] {
        let path = "/v1/menus/new/import";
        let made = ann
            .send(Method::POST, path, &key, file.clone(), 201)
            .await?;
        ensure!(made.is_replayed() == replayed, "{made:?}");
    }
    Ok(())
}
