//! A site's store is set back to an older copy, or lost: a new epoch begins, no sequence stands
//! for two events, and what the hub already knew stays there.

use serde_json::Value;
use uuid::Uuid;
use xtask::demo::guests::{Outcome, Told};
use xtask::harness::Server as _;

use crate::copies::Copy;
use crate::load::sold_everywhere;
use crate::scene::Scene;

const SELL: usize = 30;

async fn sell(told: &Told) {
    sold_everywhere(told, 1, SELL).await;
}

/// A site that has sold something, a copy of its store, and guests since.
async fn with_copy() -> (Scene, Copy, Vec<Outcome>) {
    let scene = Scene::start(1).await;
    let mut told = Vec::new();
    scene.under_load(&mut told, sell).await;
    scene.assert_holds(&told).await;
    let copy = Copy::take(&scene, &scene.site(0).redis).await;
    scene.site(0).wait_ready().await.unwrap();
    scene.under_load(&mut told, sell).await;
    scene.assert_holds(&told).await;
    (scene, copy, told)
}

/// Kills the store and puts the copy in its place; it does not run yet.
fn put_back(scene: &Scene, copy: &Copy) {
    let redis = &scene.site(0).redis;
    redis.kill().unwrap();
    copy.put_back(redis);
}

/// Everyone who was ever told 201 stands at the hub, also what the store has forgotten; nothing
/// is there twice, in several epochs.
async fn assert_all_at_hub(scene: &Scene, told: &[Outcome], epochs: usize) {
    scene.settled().await;
    scene.assert_told_once(told).await;
    scene.assert_books().await;
    let orders = scene.count("select count(*) from site_order").await;
    let accepted = told.iter().filter(|outcome| outcome.answer.is_ok()).count();
    assert_eq!(usize::try_from(orders).unwrap(), accepted);
    let rows: Vec<Value> = scene.tokens.admin.all("/v1/ledger?all=true").await.unwrap();
    assert_eq!(rows.len(), epochs, "{rows:?}");
    let (sync, ledger) = (scene.sync(0).await, scene.ledger(0).await);
    assert_eq!(
        (&ledger["epoch"], &ledger["cursor"], &ledger["chain_hub"]),
        (&sync["epoch"], &sync["head"], &sync["chain"])
    );
    assert_eq!(ledger["chain_equal"], true);
}

async fn reason(scene: &Scene, epoch: Uuid) -> String {
    sqlx::query_scalar(
        "select event::jsonb #>> '{body,reason}' from site_event where epoch = $1 and seq = 1",
    )
    .bind(epoch)
    .fetch_one(&scene.postgres)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_set_back_begins_a_new_epoch() {
    let (scene, copy, mut told) = with_copy().await;
    let first = scene.epoch(0).await;
    // Under the eyes of the edge, with guests at the door.
    scene
        .under_load(&mut told, async |told| {
            put_back(&scene, &copy);
            scene.site(0).redis.restart().await.unwrap();
            sell(told).await;
        })
        .await;
    let second = scene.epoch(0).await;
    assert_ne!(second, first);
    assert_all_at_hub(&scene, &told, 2).await;
    assert_eq!(reason(&scene, second).await, "set-back");

    // The same copy again, behind the back of the edge: the epoch that it holds has ended.
    scene.site(0).process().kill().unwrap();
    put_back(&scene, &copy);
    scene.site(0).redis.restart().await.unwrap();
    scene.site(0).restart().await.unwrap();
    assert_all_at_hub(&scene, &told, 3).await;
    scene.under_load(&mut told, sell).await;
    assert_all_at_hub(&scene, &told, 3).await;
    let third = scene.epoch(0).await;
    assert!(third != first && third != second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_set_back_while_the_line_is_cut_is_found_out_at_the_next_contact() {
    let (scene, copy, mut told) = with_copy().await;
    let first = scene.epoch(0).await;
    scene.world.hub.line.cut();
    scene.away(0).await;
    // The edge remembers nothing either: it tells a second history under the first epoch.
    scene.site(0).process().kill().unwrap();
    put_back(&scene, &copy);
    scene.site(0).redis.restart().await.unwrap();
    scene.site(0).restart().await.unwrap();
    scene
        .under_load(&mut told, async |told| {
            sold_everywhere(told, 1, 3 * SELL).await
        })
        .await;
    assert_eq!(scene.epoch(0).await, first);
    scene.world.hub.line.heal();
    assert_all_at_hub(&scene, &told, 2).await;
    let second = scene.epoch(0).await;
    assert_ne!(second, first);
    assert_eq!(reason(&scene, second).await, "forked");

    scene.under_load(&mut told, sell).await;
    assert_all_at_hub(&scene, &told, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_wiped_begins_a_new_epoch_and_sells_by_itself() {
    let (scene, _, mut told) = with_copy().await;
    let first = scene.epoch(0).await;
    scene.world.hub.line.cut();
    scene.away(0).await;
    scene.site(0).redis.kill().unwrap();
    scene.site(0).redis.wipe().unwrap();
    scene
        .under_load(&mut told, async |told| {
            scene.site(0).redis.restart().await.unwrap();
            sell(told).await;
        })
        .await;
    let second = scene.epoch(0).await;
    assert_ne!(second, first);
    let menu = scene.kiosk(0).get("/v1/menu").await.unwrap();
    assert_eq!(
        menu.expect(200).unwrap().body["items"]
            .as_array()
            .unwrap()
            .len(),
        6
    );
    scene.world.hub.line.heal();
    assert_all_at_hub(&scene, &told, 2).await;
    assert_eq!(reason(&scene, second).await, "born");
}
