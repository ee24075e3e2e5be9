//! The hub is away: sites sell on, say so, and afterwards everything arrives, in order, once.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use xtask::demo::guests::{self, Told};
use xtask::demo::options::Speed;
use xtask::demo::plan::Planned;
use xtask::harness::{LIMIT, Server as _, wait_for};
use xtask::world::SiteOptions;

use crate::load::sold_everywhere;
use crate::scene::{Scene, new_key, seed};

/// How the hub can be away.
#[derive(Debug, Clone, Copy)]
enum Away {
    LineCut,
    LineSilent,
    HubKilled,
    HubHangs,
}

impl Away {
    fn begin(self, scene: &Scene) {
        let hub = &scene.world.hub;
        match self {
            Self::LineCut => hub.line.cut(),
            Self::LineSilent => hub.line.silence(),
            Self::HubKilled => hub.process().kill().unwrap(),
            Self::HubHangs => hub.process().stop().unwrap(),
        }
    }

    async fn end(self, scene: &Scene) {
        let hub = &scene.world.hub;
        match self {
            Self::LineCut | Self::LineSilent => hub.line.heal(),
            Self::HubKilled => hub.restart().await.unwrap(),
            Self::HubHangs => hub.process().cont().unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sites_sell_on_without_the_hub_and_tell_it_everything_afterwards() {
    let scene = Scene::start(2).await;
    let mut told = Vec::new();
    for away in [
        Away::LineCut,
        Away::LineSilent,
        Away::HubKilled,
        Away::HubHangs,
    ] {
        let stored = scene.count("select count(*) from site_order").await;
        scene
            .under_load(&mut told, async |told| {
                sold_everywhere(told, 2, 10).await;
                away.begin(&scene);
                for n in 0..2 {
                    says_how_it_stands(&scene, n).await;
                }
                sold_everywhere(told, 2, 10).await;
                away.end(&scene).await;
                sold_everywhere(told, 2, 10).await;
            })
            .await;
        scene.assert_holds(&told).await;
        let now = scene.count("select count(*) from site_order").await;
        eprintln!("{away:?}: {} orders", now - stored);
    }
}

/// The site says that the hub is away, how far behind it is, and for how long that can go on.
async fn says_how_it_stands(scene: &Scene, n: usize) {
    let number = |sync: &Value, name: &str| sync[name].as_u64().unwrap();
    let first = scene.away(n).await;
    let more = |sync: &Value| number(&first, "lag_events") + 20 <= number(sync, "lag_events");
    let then = scene.sync_until(n, "the lag to grow", more).await;
    assert_eq!(
        (&then["hub"], &then["cursor"]),
        (&"away".into(), &first["cursor"])
    );
    assert!(then["problem"].is_string(), "{then}");
    assert!(0.0 < then["days_left"].as_f64().unwrap(), "{then}");
    assert_eq!(
        number(&then, "head") - number(&then, "cursor"),
        number(&then, "lag_events")
    );
    // It is ready all the same: nothing that it needs is missing.
    let ready = scene.kiosk(n).get("/readyz").await.unwrap();
    ready.expect(200).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_without_its_own_nats_server_sells_on_and_knows_what_is_missing() {
    let scene = Scene::start(1).await;
    let mut told = Vec::new();
    scene
        .under_load(&mut told, async |told| {
            sold_everywhere(told, 1, 10).await;
            scene.site(0).nats.kill().unwrap();
            let problem = "the site's own nats-server is away";
            let says = |sync: &Value| sync["problem"] == problem;
            scene.sync_until(0, "the site to know", says).await;
            sold_everywhere(told, 1, 50).await;
            scene.site(0).nats.restart().await.unwrap();
        })
        .await;
    scene.assert_holds(&told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_waited_for_a_long_line_crosses_it_compressed() {
    let scene = Scene::start(1).await;
    let line = &scene.world.hub.line;
    line.cut();
    // nats-server spares itself the work on lines that answer within 10 ms.
    line.delay(Duration::from_millis(30));
    scene.away(0).await;
    let body = json!({"channel": "kiosk", "lines": [{"item": "tea", "quantity": 1}]});
    for _ in 0..200 {
        let order = scene.kiosk(0).order(&new_key(), &body).await.unwrap();
        order.expect(201).unwrap();
    }
    let stored = "select coalesce(sum(octet_length(event)), 0)::bigint from site_event";
    let (before, carried) = (scene.count(stored).await, line.carried());
    line.heal();
    scene.settled().await;
    let events = scene.count(stored).await - before;
    let crossed = line.carried() - carried;
    eprintln!("{events} bytes of events crossed the line in {crossed} bytes");
    assert!(
        0 < events && crossed < events.unsigned_abs() / 2,
        "{events} bytes in {crossed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_whose_log_is_full_refuses_orders_until_the_hub_has_taken_some() {
    let log = toml::toml! {
        [log]
        budget_bytes = 1_000_000
    };
    let scene = Scene::start_with(vec![SiteOptions::new("s1", seed()).with(log)]).await;
    scene.world.hub.line.cut();
    scene.away(0).await;
    let body = json!({"channel": "kiosk", "lines": [{"item": "tea", "quantity": 1}]});
    let wish = Planned {
        site: 0,
        after: Duration::ZERO,
        body: body.clone(),
        total: 220,
    };
    let (wishes, told, stop) = (vec![wish; 1_500], Told::default(), CancellationToken::new());
    let kiosks = [scene.kiosk(0).clone()];
    let guests = guests::replay(&kiosks, &wishes, Speed::Max, &told, &stop);
    let line = async {
        wait_for("the log to be full", LIMIT, async || {
            let order = kiosks[0].order(&new_key(), &body).await;
            let answer = order.map_err(|error| error.to_string())?;
            let full = (503, "log-full");
            let now = (answer.status.as_u16(), answer.problem());
            (now == full)
                .then_some(())
                .ok_or_else(|| format!("{now:?}"))
        })
        .await
        .unwrap();
        scene.world.hub.line.heal();
    };
    let served = async { tokio::join!(guests, line) };
    timeout(4 * LIMIT, served)
        .await
        .expect("guests who are never served");
    let told = told.all();
    let accepted = told.iter().filter(|outcome| outcome.answer.is_ok()).count();
    assert_eq!(accepted, wishes.len(), "everybody was served in the end");
    scene.settled().await;
    scene.assert_told_once(&told).await;
    scene.assert_books().await;
}
