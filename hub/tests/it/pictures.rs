//! Pictures of items: uploaded, kept once, named by menus.

use std::io::Cursor;

use anyhow::{Context as _, Result, ensure};
use futures::{FutureExt as _, StreamExt as _};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sunakku_common::subjects;

use crate::support::{Admin, Hub, World};

/// A picture of one colour, as a PNG.
fn png(width: u32, height: u32, red: u8) -> Result<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    let image = RgbImage::from_pixel(width, height, Rgb([red, 90, 30]));
    DynamicImage::from(image).write_to(&mut file, ImageFormat::Png)?;
    Ok(file.into_inner())
}

async fn upload(hub: &Hub, key: Option<&str>, file: Vec<u8>) -> Result<Response> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let token = hub.token("ann").await?;
    // What the header says counts for nothing.
    let mut request = client
        .post(hub.url("/v1/pictures"))
        .bearer_auth(token)
        .header("content-type", "text/html")
        .body(file);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    Ok(request.send().await?)
}

async fn refused(hub: &Hub, file: Vec<u8>, status: u16, slug: &str) -> Result<()> {
    let answer = upload(hub, None, file).await?;
    let got = answer.status();
    let problem: Value = answer.json().await?;
    let kind = format!("urn:sunakku:problem:{slug}");
    ensure!(
        got == status && problem["type"] == kind.as_str(),
        "{got} {problem}"
    );
    Ok(())
}

#[tokio::test]
async fn a_picture_is_kept_once_and_noted_and_shown() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    let file = png(1600, 1000, 200)?;
    let first = upload(&hub, Some("k1"), file.clone()).await?;
    ensure!(first.status() == 201, "{first:?}");
    let location = first.headers()["location"].to_str()?.to_owned();
    let kept: Value = first.json().await?;
    let size = (&kept["width"], &kept["height"]);
    ensure!(size == (&json!(800), &json!(500)), "{kept}");
    let name = kept["name"].as_str().context("a name")?.to_owned();
    ensure!(location == format!("/v1/pictures/{name}"), "{location}");

    // The same key, the same picture without one, and another picture.
    let replayed = upload(&hub, Some("k1"), file.clone()).await?;
    ensure!(replayed.headers().contains_key("idempotency-replayed"));
    ensure!(replayed.json::<Value>().await? == kept);
    let again = upload(&hub, None, file).await?;
    ensure!(again.status() == 200, "{again:?}");
    ensure!(again.json::<Value>().await? == kept);
    let other = upload(&hub, Some("k1"), png(10, 10, 1)?).await?;
    ensure!(other.status() == 422, "the key was used: {other:?}");
    let other = upload(&hub, None, png(10, 10, 1)?).await?;
    let small: Value = other.json().await?;
    ensure!(small["width"] == 10, "never enlarged: {small}");

    let audit = hub.get("/v1/audit?action=picture.upload").await?;
    let noted = audit["items"].as_array().context("rows")?;
    ensure!(noted.len() == 2, "once each: {audit}");
    ensure!(
        noted
            .iter()
            .any(|row| row["after"] == kept && row["who"] == "ann")
    );

    // Everyone who knows it may see it, and keep it.
    let client = reqwest::Client::builder().no_proxy().build()?;
    let shown = client.get(hub.url(&location)).send().await?;
    ensure!(shown.status() == 200, "{shown:?}");
    let headers = shown.headers().clone();
    ensure!(headers["content-type"] == "image/jpeg", "{headers:?}");
    ensure!(headers["x-content-type-options"] == "nosniff");
    ensure!(headers["cache-control"].to_str()?.contains("immutable"));
    ensure!(
        headers["content-security-policy"]
            .to_str()?
            .contains("sandbox")
    );
    let bytes = shown.bytes().await?;
    ensure!(Some(bytes.len() as u64) == kept["bytes"].as_u64());
    let made = image::load_from_memory(&bytes)?;
    ensure!((made.width(), made.height()) == (800, 500));
    let known = client
        .get(hub.url(&location))
        .header("if-none-match", &headers["etag"]);
    ensure!(known.send().await?.status() == 304);
    for none in [
        "burger",
        &format!("{}.png", "0".repeat(32)),
        "..%2f..%2fetc",
    ] {
        let path = format!("/v1/pictures/{none}");
        hub.send(Method::GET, &path, None, None, 404).await?;
    }

    // Lists say which items name one.
    admin.lunch(&[]).await?;
    let image = json!({ "image": name });
    admin
        .patch("/v1/menus/lunch/items/burger", image, 200)
        .await?;
    let page = hub.get("/v1/pictures?limit=1").await?;
    ensure!(
        page["items"][0]["name"] == small["name"],
        "newest first: {page}"
    );
    let next = page["next"].as_str().context("there are more")?;
    let rest = hub.get(&format!("/v1/pictures?after={next}")).await?;
    let used = json!([{"menu": "lunch", "item": "burger"}]);
    ensure!(rest["items"][0]["used_by"] == used, "{rest}");
    ensure!(rest["next"].is_null(), "{rest}");
    Ok(())
}

#[tokio::test]
async fn what_is_no_picture_or_too_much_is_refused() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start_with(&world, "hub", "[http]\nmax_picture_bytes = 1000000\n").await?;
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>".to_vec();
    refused(&hub, svg, 415, "picture-kind").await?;
    refused(&hub, Vec::new(), 415, "picture-kind").await?;
    refused(&hub, b"GIF89a and more".to_vec(), 415, "picture-kind").await?;
    let mut torn = png(300, 300, 7)?;
    torn.truncate(60);
    refused(&hub, torn, 422, "picture-unreadable").await?;
    refused(&hub, png(17_000, 4, 7)?, 422, "picture-too-large").await?;
    refused(&hub, vec![0; 1_000_001], 413, "body-too-large").await?;
    let audit = hub.get("/v1/audit?action=picture.upload").await?;
    ensure!(audit["items"] == json!([]), "{audit}");
    Ok(())
}

#[tokio::test]
async fn a_menu_that_names_a_picture_that_is_not_there_is_not_published() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&["s1"]).await?;
    let cola = "/v1/menus/lunch/items/cola";
    let missing = format!("{}.jpg", "ab".repeat(16));
    admin.patch(cola, json!({ "image": missing }), 200).await?;
    let publish = "/v1/menus/lunch/publish";
    let refused = admin.post(publish, json!({}), 422).await?;
    let fault = &refused["faults"][0];
    ensure!(
        refused["type"] == "urn:sunakku:problem:invalid-menu" && fault["path"] == "items[1].image",
        "{refused}"
    );
    let kept: Value = upload(&hub, None, png(20, 20, 5)?).await?.json().await?;
    for name in [&kept["name"], &json!("burger"), &json!("a name of old")] {
        admin.patch(cola, json!({ "image": name }), 200).await?;
        admin.publish().await?;
    }
    // By file a name stays what it is.
    admin
        .patch(cola, json!({ "image": kept["name"] }), 200)
        .await?;
    let csv = admin
        .ask(Method::GET, "/v1/menus/lunch/export?format=csv", &[], None)
        .await?;
    let name = kept["name"].as_str().context("a name")?;
    ensure!(csv.text.contains(name), "{csv:?}");
    let headers = [("content-type", "text/csv"), ("if-match", "*")];
    let path = "/v1/menus/lunch/import";
    let back = admin
        .ask(Method::POST, path, &headers, Some(csv.text))
        .await?;
    ensure!(back.json()?["changes"] == json!([]), "{back:?}");
    Ok(())
}

#[tokio::test]
async fn a_site_gets_a_picture_in_its_own_inbox_alone() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let kept: Value = upload(&hub, None, png(20, 20, 5)?).await?.json().await?;
    let name = kept["name"].as_str().context("a name")?.to_owned();
    let site = world.site("s1").await?;
    let subject = subjects::picture(&"s1".parse()?);
    let wanted = |name: &str| json!({ "name": name }).to_string().into();
    let answer = site.client.request(subject.clone(), wanted(&name)).await?;
    let bytes = answer.payload.len() as u64;
    ensure!(Some(bytes) == kept["bytes"].as_u64(), "{bytes}");
    let other = format!("{}.png", "0".repeat(32));
    let none = site.client.request(subject.clone(), wanted(&other)).await?;
    ensure!(none.payload.is_empty(), "nothing for what is not there");

    // What it asks for another, and what is no question, is not answered; the next one is.
    let mut foreign = site.client.subscribe("_INBOX.s2.x").await?;
    let ask = |reply: &'static str, payload| {
        site.client
            .publish_with_reply(subject.clone(), reply, payload)
    };
    ask("_INBOX.s2.x", wanted(&name)).await?;
    ask("_INBOX.s1.x", "no question".into()).await?;
    let answer = site.client.request(subject.clone(), wanted(&name)).await?;
    ensure!(answer.payload.len() as u64 == bytes);
    let heard = foreign.next().now_or_never();
    ensure!(heard.is_none(), "{heard:?}");
    Ok(())
}
