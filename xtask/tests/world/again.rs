//! A log that is sent again, that is broken, or that has nothing to tell.

use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use redis::streams::StreamRangeReply;
use xtask::harness::{LIMIT, wait_for};

use crate::load::sold_everywhere;
use crate::scene::Scene;

/// The store of s1, behind its edge's back.
async fn store(scene: &Scene) -> MultiplexedConnection {
    let client = redis::Client::open(scene.site(0).redis.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_sent_again_doubles_nothing() {
    let scene = Scene::start(2).await;
    let mut told = Vec::new();
    let sell = async |told: &xtask::demo::guests::Told| sold_everywhere(told, 2, 40).await;
    scene.under_load(&mut told, sell).await;
    scene.assert_holds(&told).await;
    let (before, neighbour) = (scene.ledger(0).await, scene.ledger(1).await);
    assert_eq!(before["duplicates"], 0, "{before}");

    scene.site(0).process().kill().unwrap();
    let () = store(&scene).await.del("{s1}:cursor:hub").await.unwrap();
    scene.site(0).restart().await.unwrap();
    scene.assert_holds(&told).await;

    let after = scene.ledger(0).await;
    assert_eq!(
        after["duplicates"], before["cursor"],
        "all of it came again"
    );
    for same in ["cursor", "head", "chain_hub", "epoch", "gaps", "forks"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    let untouched = scene.ledger(1).await;
    assert_eq!(untouched["duplicates"], neighbour["duplicates"]);

    scene.under_load(&mut told, sell).await;
    scene.assert_holds(&told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_site_is_heard_and_a_log_with_a_hole_goes_on_in_a_new_epoch() {
    let scene = Scene::start(1).await;
    scene.settled().await;
    let before = scene.ledger(0).await;
    wait_for("the hub to hear of an idle site", LIMIT, async || {
        let now = scene.ledger(0).await;
        assert_eq!(now["head"], before["head"], "nothing happens there");
        let heard = now["last_seen"] != before["last_seen"];
        heard.then_some(()).ok_or_else(|| now.to_string())
    })
    .await
    .unwrap();

    scene.world.hub.line.cut();
    scene.away(0).await;
    let order = scene.placed(0, "tea", 1).await;
    let log = async || -> Vec<String> {
        let found = store(&scene).await.xrange_all("{s1}:log").await.unwrap();
        let StreamRangeReply { ids } = found;
        ids.into_iter().map(|entry| entry.id).collect()
    };
    let routed = order["id"].as_str().unwrap().to_owned();
    wait_for("the order's ticket", LIMIT, async || {
        let path = format!("/v1/orders/{routed}");
        let order = scene.manager(0).get(&path).await.unwrap().body;
        let has_ticket = order["tickets"] != serde_json::json!([]);
        has_ticket.then_some(()).ok_or_else(|| order.to_string())
    })
    .await
    .unwrap();
    scene.site(0).process().kill().unwrap();
    let last = log().await.pop().unwrap();
    let () = store(&scene).await.xdel("{s1}:log", &[last]).await.unwrap();
    scene.site(0).restart().await.unwrap();
    scene.placed(0, "tea", 1).await;
    let first = scene.epoch(0).await;
    scene.world.hub.line.heal();
    scene.settled().await;
    assert_ne!(scene.epoch(0).await, first);
    assert_eq!(scene.count("select count(*) from site_order").await, 2);
    scene.assert_books().await;
}
