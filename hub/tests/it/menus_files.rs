//! Menus as files: over HTTP and by the program.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Admin, Hub, World};

const CSV: [(&str, &str); 2] = [("content-type", "text/csv"), ("if-match", "*")];

async fn export(admin: &Admin<'_>, format: &str) -> Result<String> {
    let path = format!("/v1/menus/lunch/export?format={format}");
    let exported = admin.ask(Method::GET, &path, &[], None).await?;
    ensure!(exported.status == 200, "{exported:?}");
    exported.etag()?;
    Ok(exported.text)
}

#[tokio::test]
async fn a_draft_goes_out_and_comes_in_as_it_was() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&["s1"]).await?;
    admin
        .put(
            "/v1/menus/lunch/overrides/s1/cola",
            json!({"schedule": {}, "price": 5}),
            200,
        )
        .await?;
    let name = json!({"name": {"en": "=cmd|' /C calc'!A0", "ja": "a,\"b\"\nc"}});
    admin
        .patch("/v1/menus/lunch/items/burger", name, 200)
        .await?;
    let (json, csv) = (export(&admin, "json").await?, export(&admin, "csv").await?);
    ensure!(csv.contains("'=cmd"), "{csv}");

    let tried = admin
        .ask(
            Method::POST,
            "/v1/menus/lunch/import?dry_run=true",
            &CSV,
            Some(csv.replace("900", "950")),
        )
        .await?;
    let tried = tried.json()?;
    let changes =
        json!([{"path": "items[burger].price", "change": "changed", "before": 900, "after": 950}]);
    ensure!(
        tried["changes"] == changes && tried["revision"].is_null(),
        "{tried}"
    );
    ensure!(export(&admin, "csv").await? == csv, "it was only tried");

    let any = [("if-match", "*")];
    let empty = json!({"document": {"currency": "EUR"}});
    admin
        .send(Method::PUT, "/v1/menus/lunch", &any, empty.clone(), 200)
        .await?;
    let done = admin
        .ask(Method::POST, "/v1/menus/lunch/import", &CSV, Some(csv))
        .await?;
    ensure!(done.status == 200, "{done:?}");
    ensure!(export(&admin, "json").await? == json, "by a table");
    admin
        .send(Method::PUT, "/v1/menus/lunch", &any, empty, 200)
        .await?;
    let parsed: Value = serde_json::from_str(&json)?;
    admin
        .send(
            Method::POST,
            "/v1/menus/lunch/import",
            &any,
            parsed.clone(),
            200,
        )
        .await?;
    ensure!(export(&admin, "json").await? == json, "by JSON");
    // Under another code it is another menu.
    let copied = admin.post("/v1/menus/dinner/import", parsed, 201).await?;
    ensure!(
        copied["menu"] == "dinner" && copied["revision"] == 1,
        "{copied}"
    );
    Ok(())
}

#[tokio::test]
async fn a_bad_file_is_told_by_line_and_column_and_changes_nothing() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&[]).await?;
    let csv = "kind,id,currency,price\nmenu,lunch,EUR,\nitem,tea,,free\n".to_owned();
    let refused = admin
        .ask(Method::POST, "/v1/menus/lunch/import", &CSV, Some(csv))
        .await?;
    ensure!(refused.status == 422, "{refused:?}");
    let problem = refused.json()?;
    let faults = problem["faults"].as_array().context("faults")?;
    let told: Vec<Value> = faults
        .iter()
        .map(|fault| json!([fault["line"], fault["column"]]))
        .collect();
    ensure!(
        told == [
            json!([3, "category"]),
            json!([3, "price"]),
            json!([3, "station"])
        ],
        "{problem}"
    );
    let odd = json!({"document": {"currency": "EUR", "colour": 1}});
    admin.post("/v1/menus/lunch/import", odd, 422).await?;
    let xml = [("content-type", "text/xml")];
    let refused = admin
        .ask(
            Method::POST,
            "/v1/menus/lunch/import",
            &xml,
            Some("<x/>".into()),
        )
        .await?;
    ensure!(refused.status == 415, "{refused:?}");
    ensure!(admin.get("/v1/menus/lunch").await?["revision"] == 1);
    // What a table cannot say is not written as one.
    let allergens = json!({"allergens": ["two words"]});
    admin
        .patch("/v1/menus/lunch/items/cola", allergens, 200)
        .await?;
    let path = "/v1/menus/lunch/export?format=csv";
    admin.send(Method::GET, path, &[], Value::Null, 409).await?;
    Ok(())
}

#[tokio::test]
async fn the_program_exports_and_imports() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&[]).await?;
    let csv = Hub::command(&world, &["menu", "export", "lunch", "--format", "csv"]).await?;
    let file = world.sandbox.root().join("menu.csv");
    std::fs::write(&file, csv.replace("250", "270"))?;
    let file = file.to_str().context("a path")?;
    let told = Hub::command(&world, &["menu", "import", "--dry-run", file]).await?;
    ensure!(told.contains("~ items[cola].price: 250 -> 270"), "{told}");
    ensure!(
        admin.get("/v1/menus/lunch").await?["revision"] == 1,
        "a dry run"
    );
    Hub::command(&world, &["menu", "import", file]).await?;
    let draft = admin.get("/v1/menus/lunch").await?;
    ensure!(
        draft["items"][1]["price"] == 270 && draft["updated_by"] == "sunakku-hub",
        "{draft}"
    );
    Hub::command(&world, &["menu", "import", "--menu", "copy", file]).await?;
    ensure!(admin.get("/v1/menus/copy").await?["items"][1]["price"] == 270);
    std::fs::write(file, "kind,id,price\nitem,tea,x\n")?;
    let failed = Hub::run(&world, &["menu", "import", file]).await?;
    let said = String::from_utf8(failed.stderr)?;
    ensure!(
        failed.status.code() == Some(1) && said.contains("menu.csv:2: price"),
        "{said}"
    );
    let json = Hub::command(&world, &["menu", "export", "copy"]).await?;
    let json: Value = serde_json::from_str(&json)?;
    ensure!(json["document"]["id"] == "copy", "{json}");
    Ok(())
}

#[tokio::test]
async fn a_whole_menu_may_be_longer_than_other_bodies() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&[]).await?;
    let item = |n: u32| {
        json!({"id": format!("i{n}"), "name": {"en": "I"}, "category": "c", "price": 1,
               "station": "bar", "description": {"en": "w".repeat(1_900)}})
    };
    let menu = |items: u32| {
        json!({"document": {"currency": "EUR", "categories": [{"id": "c", "name": {"en": "C"}}],
                            "items": (0..items).map(item).collect::<Vec<_>>()}})
    };
    let any = [("if-match", "*")];
    let path = "/v1/menus/lunch/import";
    let taken = admin
        .send(Method::POST, path, &any, menu(180), 200)
        .await?
        .json()?;
    ensure!(taken["faults"] == json!([]), "{}", taken["faults"]);
    admin.publish().await?;
    admin
        .send(Method::PUT, "/v1/menus/lunch", &any, menu(300), 200)
        .await?;
    let problem = admin
        .post("/v1/menus/lunch/publish", json!({}), 422)
        .await?;
    ensure!(problem["faults"][0]["path"] == "items", "{problem}");
    let problem = admin
        .send(Method::POST, path, &any, menu(1_200), 413)
        .await?
        .json()?;
    ensure!(
        problem["type"] == "urn:sunakku:problem:body-too-large",
        "{problem}"
    );
    Ok(())
}
