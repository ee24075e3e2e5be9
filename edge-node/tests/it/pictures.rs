//! Uploaded pictures: fetched from the hub, kept, served; never waited for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::StreamExt as _;
use sunakku_common::menu::Menu;
use sunakku_common::picture::{Format, PictureName, PictureWanted};
use sunakku_common::subjects;
use xtask::harness::{LIMIT, Server as _, wait_for};

use crate::head_office::{HeadOffice, SELDOM, menu, site_id};
use crate::site::{TestSite, new_key, order_of};

/// What the hub answers, by name.
type Album = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Answers sites that want pictures, as the hub does.
async fn show(hub: &HeadOffice) -> Album {
    let album = Album::default();
    let client = hub.client.clone();
    let subject = subjects::picture(&site_id());
    let mut asked = client.subscribe(subject).await.unwrap();
    client.flush().await.unwrap();
    let shown = Arc::clone(&album);
    tokio::spawn(async move {
        while let Some(message) = asked.next().await {
            let wanted: PictureWanted = serde_json::from_slice(&message.payload).unwrap();
            let bytes = shown.lock().unwrap().get(wanted.name.as_str()).cloned();
            let reply = message.reply.unwrap();
            client
                .publish(reply, bytes.unwrap_or_default().into())
                .await
                .unwrap();
        }
    });
    album
}

fn with_pictures(version: u64, names: &[&PictureName]) -> Menu {
    let mut menu = menu(version, 350);
    for (item, name) in menu.items.iter_mut().zip(names) {
        item.image = Some(name.to_string());
    }
    menu
}

async fn get(test: &TestSite, name: &str) -> reqwest::Response {
    let url = format!("{}/pictures/{name}", test.site.url());
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .get(url)
        .send()
        .await
        .unwrap()
}

async fn until(test: &TestSite, name: &PictureName, status: u16) -> reqwest::Response {
    let what = format!("{name} to be answered with {status}");
    wait_for(&what, LIMIT, async || {
        let answer = get(test, name.as_str()).await;
        let got = answer.status();
        (got == status).then_some(answer).ok_or(got.to_string())
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_menus_pictures_are_fetched_kept_without_a_hub_and_forgotten_with_it() {
    let hub = HeadOffice::start(true).await;
    let album = show(&hub).await;
    let test = hub.site(SELDOM).await;
    let (cake, soup) = (b"a cake".to_vec(), b"soup".to_vec());
    let (of_cake, of_soup) = (
        PictureName::of(&cake, Format::Jpeg),
        PictureName::of(&soup, Format::Png),
    );
    let add = |name: &PictureName, bytes: &[u8]| {
        let mut album = album.lock().unwrap();
        album.insert(name.to_string(), bytes.to_vec());
    };
    add(&of_cake, &cake);
    // A lie, of which nothing is believed.
    add(&of_soup, b"not soup");
    hub.publish(&with_pictures(2, &[&of_cake, &of_soup])).await;
    test.sells_by(2).await;
    let shown = until(&test, &of_cake, 200).await;
    let headers = shown.headers().clone();
    assert_eq!(headers["content-type"], "image/jpeg");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert!(
        headers["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    assert_eq!(shown.bytes().await.unwrap(), cake);
    // One that does not come holds up nothing.
    assert_eq!(get(&test, of_soup.as_str()).await.status(), 404);
    test.placed(&order_of("cake", 1)).await;
    test.wait_for_metric("sunakku_pictures_missing", 1.0).await;
    for none in ["burger", "..%2f..%2fetc%2fpasswd", "x.jpg"] {
        assert_eq!(get(&test, none).await.status(), 404, "{none}");
    }
    // Asked for again by itself.
    add(&of_soup, &soup);
    until(&test, &of_soup, 200).await;
    test.wait_for_metric("sunakku_pictures_missing", 0.0).await;

    // Without a hub, over a restart.
    hub.nats.kill().unwrap();
    test.site.restart().await.unwrap();
    assert_eq!(
        until(&test, &of_cake, 200).await.bytes().await.unwrap(),
        cake
    );
    until(&test, &of_soup, 200).await;
    let answer = test.kiosk.order(&new_key(), &order_of("cake", 1)).await;
    answer.unwrap().expect(201).unwrap();

    // What no menu names any more is not kept.
    hub.nats.restart().await.unwrap();
    test.site.nats.wait_linked(1).await.unwrap();
    hub.publish(&with_pictures(3, &[&of_cake])).await;
    test.sells_by(3).await;
    until(&test, &of_soup, 404).await;
    let kept = wait_for("one to be kept", LIMIT, async || {
        let client = redis::Client::open(test.site.redis.url()).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let kept: Vec<String> = redis::cmd("HKEYS")
            .arg("{s1}:pictures")
            .query_async(&mut connection)
            .await
            .unwrap();
        (kept.len() == 1)
            .then_some(kept.clone())
            .ok_or(format!("{kept:?}"))
    });
    assert_eq!(kept.await.unwrap(), [of_cake.to_string()]);
    until(&test, &of_cake, 200).await;
}
