//! What a guest is told to wait: the work before the order, at the pace of its station.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use sunakku_common::claims::Role;
use xtask::harness::{LIMIT, wait_for};
use xtask::world::SiteOptions;

use crate::queue::wait_for_queue;
use crate::site::{TestSite, order_of, seed};

/// Two cooks at the grill; one at the bar, where nobody said how many.
async fn start() -> TestSite {
    let two = toml::toml! {
        name = "grill"
        cooks = 2
    };
    let mut options = SiteOptions::new("s1", seed());
    options
        .edge
        .insert("stations".to_owned(), vec![toml::Value::Table(two)].into());
    TestSite::start_with(options).await
}

/// Seconds that the guest of a new order is told to wait. It is called off at once.
async fn told(test: &TestSite, item: &str) -> i64 {
    let placed = test.placed(&order_of(item, 1)).await;
    let time = |name: &str| -> DateTime<Utc> { placed[name].as_str().unwrap().parse().unwrap() };
    let seconds = (time("ready_estimate_at") - time("placed_at")).num_seconds();
    let cancel = format!("/v1/orders/{}/cancel", placed["id"].as_str().unwrap());
    test.kiosk.act(&cancel).await.unwrap().expect(200).unwrap();
    seconds
}

/// Waits until a new order is told to wait so long: the edge learns of others right after they
/// were taken.
pub(crate) async fn assert_told(test: &TestSite, item: &str, seconds: i64) {
    wait_for(
        &format!("{seconds} s of waiting"),
        LIMIT,
        async || match told(test, item).await {
            found if found == seconds => Ok(()),
            other => Err(format!("{other} s")),
        },
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn a_guest_is_told_of_the_work_before_the_order_also_after_a_restart() {
    let test = start().await;
    // Everything takes a minute.
    assert_told(&test, "burger", 60).await;
    let placed = test.placed(&order_of("burger", 4)).await;
    assert_told(&test, "burger", 4 * 60 / 2 + 60).await;
    assert_told(&test, "cola", 60).await;
    test.placed(&order_of("cake", 3)).await;
    assert_told(&test, "cola", 3 * 60 + 60).await;
    test.site.restart().await.unwrap();
    assert_told(&test, "burger", 180).await;
    assert_told(&test, "cola", 240).await;
    for ticket in test.tickets_of(placed["id"].as_str().unwrap()).await {
        test.ticket_step(&ticket, "bump").await;
    }
    // Nobody had begun it, so it tells nothing of the grill's pace.
    assert_told(&test, "burger", 60).await;
}

#[tokio::test]
async fn promises_and_preparation_are_measured_against_what_really_happened() {
    let test = start().await;
    wait_for_queue(&test).await;
    let placed = test.placed(&order_of("burger", 1)).await;
    let tickets: Vec<Value> = test.tickets_of(placed["id"].as_str().unwrap()).await;
    test.ticket_step(&tickets[0], "start").await;
    test.ticket_step(&tickets[0], "bump").await;
    let sre = test.site.client(Role::Sre).await.unwrap();
    wait_for("both to be measured", LIMIT, async || {
        let answer = sre.request(Method::GET, "/metrics").send().await;
        let metrics = answer.unwrap().text().await.unwrap();
        let wanted = [
            r#"sunakku_kitchen_preparation_seconds_count{station="grill"} 1"#,
            r#"sunakku_kitchen_estimate_error_seconds_bucket{direction="early",le="60"} 1"#,
        ];
        match wanted.iter().find(|line| !metrics.contains(*line)) {
            None => Ok(()),
            Some(missing) => Err(missing.to_string()),
        }
    })
    .await
    .unwrap();
    // It was made at once, so the grill is believed to be quicker than planned.
    let quicker = told(&test, "burger").await;
    assert!(quicker < 60, "{quicker}");
}

#[tokio::test]
async fn a_busy_station_gets_a_scheduled_order_earlier_than_an_idle_one() {
    let test = start().await;
    test.placed(&order_of("cake", 10)).await;
    assert_told(&test, "cola", 10 * 60 + 60).await;
    // Idle, either would have to begin in five minutes.
    let pickup_at = Utc::now() + TimeDelta::minutes(6);
    let scheduled = async |item: &str| {
        let mut request = order_of(item, 1);
        request["pickup_at"] = json!(pickup_at);
        test.placed(&request).await["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (idle, busy) = (scheduled("burger").await, scheduled("cola").await);
    test.tickets_of(&busy).await;
    assert_eq!(test.order(&idle).await["tickets"], json!([]));
}
