//! A picture's way from an admin to a site's guests.

use reqwest::Method;
use serde_json::json;
use xtask::harness::{LIMIT, wait_for};

use crate::scene::Scene;

/// Larger than a picture is kept.
const UPLOADED: &[u8] = include_bytes!("../../../docs/pictures/phone.png");

impl Scene {
    async fn picture(&self, n: usize, name: &str) -> reqwest::Response {
        let url = format!("{}/pictures/{name}", self.site(n).url());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(url).send().await.unwrap()
    }

    async fn uploaded(&self, file: &'static [u8]) -> String {
        let admin = &self.tokens.admin;
        let upload = admin.request(Method::POST, "/v1/pictures").body(file);
        let answer = admin.send(upload).await.unwrap().expect(201).unwrap();
        answer.body["name"].as_str().unwrap().to_owned()
    }

    async fn publish_with(&self, price: i64, picture: &str) -> i64 {
        self.draft(price).await;
        let path = "/v1/menus/main/items/cake";
        let image = json!({ "image": picture });
        let admin = &self.tokens.admin;
        let patch = admin.request(Method::PATCH, path).json(&image);
        admin.send(patch).await.unwrap().expect(200).unwrap();
        self.publish_draft(&json!({})).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_picture_reaches_a_site_over_a_line_that_was_cut() {
    let scene = Scene::start(1).await;
    let version = scene.publish(400).await;
    scene.sells_by(0, version).await;
    let name = scene.uploaded(UPLOADED).await;
    scene.world.hub.line.cut();
    scene.away(0).await;
    let version = scene.publish_with(420, &name).await;
    assert_eq!(scene.picture(0, &name).await.status(), 404);
    scene.placed(0, "cake", 1).await;
    scene.world.hub.line.heal();
    scene.sells_by(0, version).await;
    let what = "the picture at the site";
    let shown = wait_for(what, 2 * LIMIT, async || {
        let answer = scene.picture(0, &name).await;
        let status = answer.status();
        (status == 200).then_some(answer).ok_or(status.to_string())
    });
    let shown = shown.await.unwrap().bytes().await.unwrap();
    let url = format!("{}/v1/pictures/{name}", scene.world.hub.url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let at_hub = client.get(url).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(shown, at_hub);
    assert!(shown.len() <= 256 * 1024, "{}", shown.len());

    // An edge that starts without a hub has it.
    scene.world.hub.line.cut();
    scene.site(0).restart().await.unwrap();
    scene.sells_by(0, version).await;
    assert_eq!(scene.picture(0, &name).await.bytes().await.unwrap(), shown);
    scene.world.hub.line.heal();
    scene.settled().await;
}
