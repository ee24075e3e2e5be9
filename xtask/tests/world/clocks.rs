//! A site's wall clock that was wrong, and is set right.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use xtask::harness::{LIMIT, WallClock, wait_for};
use xtask::world::SiteOptions;

use crate::scene::{Scene, seed};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_a_clock_that_ran_ahead_is_made_at_once_when_the_clock_is_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let Some(clock) = WallClock::find(folder.path().join("clock")).unwrap() else {
        eprintln!("not shown: this machine has no libfaketime");
        return;
    };
    let site = SiteOptions {
        clock: Some(clock.clone()),
        ..SiteOptions::new("s1", seed())
    };
    let scene = Scene::start_with(vec![site]).await;
    let manager = scene.manager(0);
    let reason = json!({ "reason": "so that the order waits" });
    let paused = manager.post("/v1/queue/pause", None, &reason).await;
    paused.unwrap().expect(200).unwrap();
    clock.run_ahead(TimeDelta::hours(26)).unwrap();
    let placed = wait_for("an order of tomorrow", LIMIT, async || {
        let order = scene.placed(0, "cola", 1).await;
        let at: DateTime<Utc> = order["placed_at"].as_str().unwrap().parse().unwrap();
        (Utc::now() + TimeDelta::hours(25) < at)
            .then(|| order["id"].as_str().unwrap().to_owned())
            .ok_or_else(|| at.to_string())
    });
    let placed = placed.await.unwrap();
    clock.run_ahead(TimeDelta::zero()).unwrap();
    // The program looks at such a clock once a second.
    wait_for("the clock to be right again", LIMIT, async || {
        let order = scene.placed(0, "cola", 1).await;
        let at: DateTime<Utc> = order["placed_at"].as_str().unwrap().parse().unwrap();
        (at < Utc::now() + TimeDelta::hours(1))
            .then_some(())
            .ok_or_else(|| at.to_string())
    })
    .await
    .unwrap();
    let resumed = manager.act("/v1/queue/resume").await;
    resumed.unwrap().expect(200).unwrap();
    wait_for(
        "the order of tomorrow to be at its stations",
        LIMIT,
        async || {
            let order = manager.get(&format!("/v1/orders/{placed}")).await;
            let order: Value = order.map_err(|error| error.to_string())?.body;
            let tickets = order["tickets"].as_array();
            tickets
                .is_some_and(|tickets| !tickets.is_empty())
                .then_some(())
                .ok_or_else(|| order.to_string())
        },
    )
    .await
    .unwrap();
    scene.settled().await;
}
