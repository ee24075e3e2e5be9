//! Everything at once, by chance. `WORLD_SEED=<number>` repeats a storm.

use std::time::Duration;

use futures::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::sleep;

use crate::load::sold_everywhere;
use crate::scene::Scene;
use crate::victims::Victim;

/// Gusts of one storm.
const GUSTS: usize = 12;
/// Victims of one gust at most.
const AT_ONCE: usize = 3;

/// What happens to the line meanwhile.
#[derive(Debug, Clone, Copy)]
enum Line {
    Whole,
    Cut,
    Silent,
    Slow,
}

/// Seed of what happens by chance.
pub(crate) fn seed() -> u64 {
    let asked = std::env::var("WORLD_SEED").ok();
    let seed = asked.map_or_else(rand::random, |seed| seed.parse().unwrap());
    eprintln!("WORLD_SEED={seed}");
    seed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_kills_hangs_and_cut_lines_loses_and_doubles_nothing() {
    let seed = seed();
    let mut random = StdRng::seed_from_u64(seed);
    let scene = Scene::start(2).await;
    let mut told = Vec::new();
    scene
        .under_load(&mut told, async |told| {
            for _ in 0..GUSTS {
                gust(&scene, &mut random).await;
            }
            sold_everywhere(told, 2, 5).await;
        })
        .await;
    eprintln!("{} guests in the storm of WORLD_SEED={seed}", told.len());
    scene.assert_holds(&told).await;
}

/// Some are killed, some hang, the line does what it likes; then all is mended.
async fn gust(scene: &Scene, random: &mut StdRng) {
    let all = [Victim::of_site(0), Victim::of_site(1), Victim::OF_HUB].concat();
    let count = random.random_range(1..=AT_ONCE);
    let victims: Vec<Victim> = all.sample(random, count).copied().collect();
    let hang = random.random_bool(0.3);
    let line = [
        Line::Whole,
        Line::Whole,
        Line::Cut,
        Line::Silent,
        Line::Slow,
    ];
    let line = *line.choose(random).unwrap();
    let length = Duration::from_millis(random.random_range(0..900));
    let calm = Duration::from_millis(random.random_range(0..600));
    eprintln!("{victims:?} hang {hang}, line {line:?}, for {length:?}");

    let world = &scene.world;
    match line {
        Line::Whole => {}
        Line::Cut => world.hub.line.cut(),
        Line::Silent => world.hub.line.silence(),
        Line::Slow => world.hub.line.delay(Duration::from_millis(80)),
    }
    for victim in &victims {
        if hang {
            victim.process(world).stop().unwrap();
        } else {
            victim.kill(world);
            if victim.owns_nothing() && random.random_bool(0.5) {
                victim.wipe(world);
            }
        }
    }
    // How long it lasts, not a wait for anything.
    sleep(length).await;
    world.hub.line.heal();
    world.hub.line.delay(Duration::ZERO);
    if hang {
        for victim in &victims {
            victim.process(world).cont().unwrap();
        }
    } else {
        join_all(victims.iter().map(|victim| victim.start(world))).await;
    }
    sleep(calm).await;
}
