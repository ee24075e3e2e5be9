//! The hub is restored from a backup that is older than what it had committed: the sites send
//! again what it has forgotten.

use serde_json::Value;
use xtask::harness::Server as _;

use crate::copies::Copy;
use crate::load::sold_everywhere;
use crate::scene::Scene;

impl Scene {
    /// Copies the hub's database while it is down.
    pub(crate) async fn back_up_hub(&self) -> Copy {
        let hub = &self.world.hub;
        hub.process().kill().unwrap();
        let backup = Copy::take(self, &hub.postgres).await;
        hub.restart().await.unwrap();
        backup
    }

    /// Stops the hub and its database, puts the backup in its place, and starts both.
    pub(crate) async fn restore_hub(&self, backup: &Copy) {
        let hub = &self.world.hub;
        hub.process().kill().unwrap();
        hub.postgres.kill().unwrap();
        backup.put_back(&hub.postgres);
        hub.postgres.restart().await.unwrap();
        hub.restart().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_restored_from_an_old_backup_gets_again_what_it_forgot() {
    let scene = Scene::start(2).await;
    let mut told = Vec::new();
    let sell = async |told: &xtask::demo::guests::Told| sold_everywhere(told, 2, 40).await;
    scene.under_load(&mut told, sell).await;
    let backup = scene.back_up_hub().await;
    scene.under_load(&mut told, sell).await;
    scene.assert_holds(&told).await;
    let before = [scene.ledger(0).await, scene.ledger(1).await];

    // While nobody orders: the next heart beat finds out.
    scene.restore_hub(&backup).await;
    scene.assert_holds(&told).await;
    for (n, before) in before.iter().enumerate() {
        assert_same_log(before, &scene.ledger(n).await);
    }

    // While guests go on ordering.
    scene
        .under_load(&mut told, async |told| {
            sold_everywhere(told, 2, 20).await;
            scene.restore_hub(&backup).await;
            sold_everywhere(told, 2, 20).await;
        })
        .await;
    scene.assert_holds(&told).await;
    for (n, before) in before.iter().enumerate() {
        assert_eq!(scene.ledger(n).await["epoch"], before["epoch"]);
    }
}

fn assert_same_log(before: &Value, after: &Value) {
    for same in ["epoch", "cursor", "head", "chain_hub", "chain_edge"] {
        assert_eq!(after[same], before[same], "{same}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_forgot_a_whole_epoch_gets_it_again() {
    let scene = Scene::start(1).await;
    let mut told = Vec::new();
    let sell = async |told: &xtask::demo::guests::Told| sold_everywhere(told, 1, 40).await;
    scene.under_load(&mut told, sell).await;
    let backup = scene.back_up_hub().await;
    let first = scene.epoch(0).await;

    // The site goes on in the first epoch, then loses a little and begins a second one.
    scene.under_load(&mut told, sell).await;
    scene.assert_holds(&told).await;
    let redis = &scene.site(0).redis;
    let copy = Copy::take(&scene, redis).await;
    scene.site(0).wait_ready().await.unwrap();
    let set_back = scene.placed(0, "cola", 1).await;
    scene.settled().await;
    redis.kill().unwrap();
    copy.put_back(redis);
    redis.restart().await.unwrap();
    scene.site(0).wait_ready().await.unwrap();
    scene.under_load(&mut told, sell).await;
    scene.settled().await;
    assert_ne!(scene.epoch(0).await, first);
    scene.assert_told_once(&told).await;

    // The hub knows neither the end of the first epoch nor the second.
    scene.restore_hub(&backup).await;
    scene.under_load(&mut told, sell).await;
    scene.settled().await;
    scene.assert_told_once(&told).await;
    scene.assert_books().await;
    // Only the order that the site itself no longer knew is gone.
    let orders = scene.count("select count(*) from site_order").await;
    let accepted = told.iter().filter(|outcome| outcome.answer.is_ok()).count();
    assert_eq!(
        usize::try_from(orders).unwrap(),
        accepted,
        "without {set_back}"
    );
}
