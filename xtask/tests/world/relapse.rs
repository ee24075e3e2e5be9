//! Backups of both sides are put back by chance, again and again: whatever a site's store still
//! holds in the end stands at the hub, once.

use std::collections::HashSet;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use uuid::Uuid;
use xtask::harness::Server as _;

use crate::copies::Copy;
use crate::load::sold_everywhere;
use crate::scene::Scene;
use crate::storm::seed;

/// Relapses of one test.
const RELAPSES: usize = 8;

#[derive(Debug, Clone, Copy)]
enum Relapse {
    SaveStore,
    SetStoreBack,
    /// While the edge is down as well, so that nobody remembers.
    SetStoreBackUnseen,
    WipeStore,
    SaveHub,
    RestoreHub,
}

/// What has been saved so far.
#[derive(Default)]
struct Saved {
    store: Vec<Copy>,
    hub: Vec<Copy>,
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_that_are_put_back_by_chance_end_in_one_truth() {
    let seed = seed();
    let mut random = StdRng::seed_from_u64(seed);
    let scene = Scene::start(1).await;
    let (mut told, mut saved) = (Vec::new(), Saved::default());
    saved
        .store
        .push(Copy::take(&scene, &scene.site(0).redis).await);
    saved.hub.push(scene.back_up_hub().await);
    for _ in 0..RELAPSES {
        let cut = random.random_bool(0.3);
        if cut {
            scene.world.hub.line.cut();
        }
        scene
            .under_load(&mut told, async |told| {
                sold_everywhere(told, 1, 8).await;
                relapse(&scene, &mut saved, &mut random).await;
                sold_everywhere(told, 1, 8).await;
            })
            .await;
        scene.world.hub.line.heal();
        if random.random_bool(0.4) {
            scene.settled().await;
        }
    }
    scene.settled().await;
    eprintln!(
        "{} guests, {} epochs, WORLD_SEED={seed}",
        told.len(),
        epochs(&scene).await
    );
    assert_store_is_at_hub(&scene).await;
    scene.assert_books().await;
    assert_eq!(scene.ledger(0).await["chain_equal"], true);
}

async fn relapse(scene: &Scene, saved: &mut Saved, random: &mut StdRng) {
    use Relapse::{RestoreHub, SaveHub, SaveStore, SetStoreBack, SetStoreBackUnseen, WipeStore};
    let all = [
        SaveStore,
        SaveStore,
        SetStoreBack,
        SetStoreBack,
        SetStoreBackUnseen,
        SetStoreBackUnseen,
        WipeStore,
        SaveHub,
        SaveHub,
        RestoreHub,
        RestoreHub,
    ];
    let relapse = *all.choose(random).unwrap();
    eprintln!("{relapse:?}");
    let site = scene.site(0);
    let store = saved.store.choose(random).unwrap();
    match relapse {
        SaveStore => {
            let copy = Copy::take(scene, &site.redis).await;
            saved.store.push(copy);
        }
        SetStoreBack => {
            site.redis.kill().unwrap();
            store.put_back(&site.redis);
            site.redis.restart().await.unwrap();
        }
        SetStoreBackUnseen => {
            site.process().kill().unwrap();
            site.redis.kill().unwrap();
            store.put_back(&site.redis);
            site.redis.restart().await.unwrap();
            site.restart().await.unwrap();
        }
        WipeStore => {
            site.redis.kill().unwrap();
            site.redis.wipe().unwrap();
            site.redis.restart().await.unwrap();
        }
        SaveHub => {
            let copy = scene.back_up_hub().await;
            saved.hub.push(copy);
        }
        RestoreHub => {
            let backup = saved.hub.choose(random).unwrap();
            scene.restore_hub(backup).await;
        }
    }
}

async fn epochs(scene: &Scene) -> usize {
    let rows: Vec<Value> = scene.tokens.admin.all("/v1/ledger?all=true").await.unwrap();
    rows.len()
}

/// Every order of the store stands in Postgres. Its state may be further there: the hub keeps
/// what it was told by a history that the store has lost.
async fn assert_store_is_at_hub(scene: &Scene) {
    let at_edge: Vec<Value> = scene.manager(0).all("/v1/orders?state=all").await.unwrap();
    let at_edge = at_edge.iter().map(|order| {
        let id: Uuid = order["id"].as_str().unwrap().parse().unwrap();
        (id, order["total"].as_i64().unwrap())
    });
    let at_edge: HashSet<(Uuid, i64)> = at_edge.collect();
    let at_hub: Vec<(Uuid, i64)> = sqlx::query_as("select order_id, total from site_order")
        .fetch_all(&scene.postgres)
        .await
        .unwrap();
    let at_hub = at_hub.into_iter().collect();
    let missing: Vec<_> = at_edge.difference(&at_hub).collect();
    assert!(
        missing.is_empty(),
        "{} of {}: {missing:?}",
        missing.len(),
        at_edge.len()
    );
}
