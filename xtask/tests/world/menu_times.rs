//! When a version takes over at a site: by its own clocks, and back again by an admin's word.

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::{Europe::Berlin, Tz};
use serde_json::{Value, json};
use sunakku_common::claims::Role;
use xtask::harness::{LIMIT, WallClock, wait_for};
use xtask::world::SiteOptions;

use crate::scene::{Scene, new_key, seed};

/// How far a year is looked ahead for a change of the clocks.
const HOURS_AHEAD: i64 = 366 * 24;

/// Six in the morning after the next change of the clocks, and when that is.
fn morning_after_the_change(zone: Tz, now: DateTime<Utc>) -> (NaiveDateTime, DateTime<Utc>) {
    let offset = |at: DateTime<Utc>| at.with_timezone(&zone).offset().fix();
    let change = (1..HOURS_AHEAD)
        .map(|hours| now + TimeDelta::hours(hours))
        .find(|at| offset(*at) != offset(now))
        .expect("the zone's clocks change every year");
    let day = change.with_timezone(&zone).date_naive();
    let local = day.and_hms_opt(6, 0, 0).unwrap();
    let LocalResult::Single(moment) = zone.from_local_datetime(&local) else {
        panic!("{local} is no time of one meaning");
    };
    (local, moment.to_utc())
}

impl Scene {
    /// What a site says about itself, once it is as wanted.
    async fn site_until(&self, n: usize, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, LIMIT, async || {
            let site = self.site(n).client(Role::Manager).await;
            let site = site
                .map_err(|error| error.to_string())?
                .get("/v1/site")
                .await;
            let site = site.map_err(|error| error.to_string())?.body;
            wanted(&site)
                .then(|| site.clone())
                .ok_or_else(|| site.to_string())
        })
        .await
        .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_for_a_local_time_takes_over_right_across_a_change_of_the_clocks_without_the_hub()
{
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
    scene.publish(400).await;
    scene.sells_by(0, 1).await;
    let (local, moment) = morning_after_the_change(Berlin, Utc::now());
    scene.draft(500).await;
    let at_local = local.format("%Y-%m-%dT%H:%M").to_string();
    scene.publish_draft(&json!({ "at_local": at_local })).await;
    let known = |site: &Value| site["menu"]["next"]["version"] == 2;
    let site = scene.site_until(0, "the site to know the next version", known);
    assert_eq!(
        site.await["menu"]["next"]["at"].as_str().unwrap().parse(),
        Ok(moment)
    );
    scene.world.hub.line.cut();
    scene.away(0).await;

    // An hour is what a wrong offset would cost, in either direction.
    clock.stop_at(moment - TimeDelta::minutes(5)).unwrap();
    scene.site(0).restart().await.unwrap();
    let before = scene.site_until(0, "the site to answer", |site| {
        site["menu"]["version"] != Value::Null
    });
    assert_eq!(before.await["menu"]["version"], 1);
    clock.stop_at(moment + TimeDelta::minutes(5)).unwrap();
    let by_the_next = |site: &Value| site["menu"]["version"] == 2;
    scene
        .site_until(0, "the site to sell by the next version", by_the_next)
        .await;
    let cake = json!({"channel": "kiosk", "lines": [{"item": "cake", "quantity": 1}], "expected_total": 500});
    let kiosk = scene.site(0).client(Role::Kiosk).await.unwrap();
    kiosk
        .order(&new_key(), &cake)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_back_reaches_a_site_and_its_carts() {
    let scene = Scene::start(1).await;
    scene.publish(400).await;
    scene.publish(500).await;
    scene.sells_by(0, 2).await;
    let cart = |total: i64| json!({"channel": "kiosk", "lines": [{"item": "cake", "quantity": 1}], "expected_total": total});
    scene
        .kiosk(0)
        .order(&new_key(), &cart(500))
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    let to = json!({"version": 1});
    let back = scene
        .tokens
        .admin
        .post("/v1/menus/main/rollback", None, &to);
    let back = back.await.unwrap().expect(201).unwrap().body;
    assert_eq!(
        (&back["version"], &back["restores"]),
        (&json!(3), &json!(1))
    );
    scene.sells_by(0, 3).await;
    let refused = scene.kiosk(0).order(&new_key(), &cart(500)).await.unwrap();
    assert_eq!(refused.problem(), "price-changed", "{}", refused.body);
    assert_eq!(refused.body["total"], 400, "{}", refused.body);
    scene
        .kiosk(0)
        .order(&new_key(), &cart(400))
        .await
        .unwrap()
        .expect(201)
        .unwrap();
}
