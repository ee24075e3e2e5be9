//! `kill -9` in the middle of load: what was answered 201 is there exactly once. Message servers
//! are wiped as well, because they own nothing.

use crate::load::{sold, sold_everywhere};
use crate::scene::{Scene, programs};
use crate::victims::Victim;

/// How often each is killed.
const KILLS: usize = 4;
/// Orders at a site between two kills.
const BETWEEN: usize = 12;

fn strike(scene: &Scene, victim: Victim, kill: usize) {
    victim.kill(&scene.world);
    if victim.owns_nothing() && kill % 2 == 1 {
        victim.wipe(&scene.world);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_any_part_of_a_site_loses_and_doubles_nothing() {
    let scene = Scene::start(2).await;
    let mut told = Vec::new();
    for victim in Victim::of_site(0) {
        scene
            .under_load(&mut told, async |told| {
                for kill in 0..KILLS {
                    sold_everywhere(told, 2, BETWEEN).await;
                    strike(&scene, victim, kill);
                    // The neighbour notices nothing; without its nats-server the site sells on.
                    sold(told, 1, BETWEEN).await;
                    if matches!(victim, Victim::SiteNats(_)) {
                        sold(told, 0, BETWEEN).await;
                    }
                    victim.start(&scene.world).await;
                }
                sold_everywhere(told, 2, BETWEEN).await;
            })
            .await;
        eprintln!("{victim:?} was killed {KILLS} times: {} guests", told.len());
        scene.assert_holds(&told).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_any_part_of_the_hub_loses_and_doubles_nothing() {
    let scene = Scene::start(2).await;
    let mut told = Vec::new();
    for victim in Victim::OF_HUB {
        scene
            .under_load(&mut told, async |told| {
                for kill in 0..KILLS {
                    sold_everywhere(told, 2, BETWEEN).await;
                    strike(&scene, victim, kill);
                    sold_everywhere(told, 2, BETWEEN).await;
                    victim.start(&scene.world).await;
                }
            })
            .await;
        eprintln!("{victim:?} was killed {KILLS} times: {} guests", told.len());
        scene.assert_holds(&told).await;
    }
}

/// Batches of sites that a hub has committed, by its own count.
async fn batches(url: &str) -> u64 {
    let text = reqwest::get(format!("{url}/metrics")).await.unwrap();
    let text = text.text().await.unwrap();
    let line = "sunakku_ingest_batches_total{result=\"committed\"}";
    let count = text.lines().find_map(|known| known.strip_prefix(line));
    count.unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hubs_share_the_work_and_either_can_be_killed() {
    let scene = Scene::start(2).await;
    let (hub, programs) = (&scene.world.hub, programs().await);
    let replica = hub.replica(&scene.world.sandbox, &programs).await.unwrap();
    let mut told = Vec::new();
    scene
        .under_load(&mut told, async |told| {
            sold_everywhere(told, 2, 2 * BETWEEN).await;
            for url in [hub.url(), replica.url()] {
                assert!(0 < batches(&url).await, "{url} has nothing to do");
            }
            for _ in 0..KILLS {
                hub.process().kill().unwrap();
                sold_everywhere(told, 2, BETWEEN).await;
                hub.restart().await.unwrap();
                replica.process().kill().unwrap();
                sold_everywhere(told, 2, BETWEEN).await;
                replica.restart().await.unwrap();
            }
        })
        .await;
    scene.assert_holds(&told).await;
}
