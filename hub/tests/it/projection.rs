//! What is made out of events, and what is parked.

mod figures;
mod recount;

use anyhow::{Result, ensure};
use serde_json::json;
use sqlx::PgPool;
use sunakku_common::event::kind;

use crate::support::{Hub, World, order_id, placed};

type Parked = Vec<(i64, String, String)>;

async fn parked(pool: &PgPool) -> Result<Parked> {
    let query = "select seq, kind, reason from parked_event order by seq";
    Ok(sqlx::query_as(query).fetch_all(pool).await?)
}

#[tokio::test]
async fn what_cannot_be_projected_is_parked_and_the_next_event_is_applied() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    site.push(kind::ORDER_PLACED, &json!({"order": "no order"}));
    site.push(
        kind::LOG_CORRUPT,
        &json!({"kind": "order.placed", "found": "%%"}),
    );
    site.step(order_id(), 1, "ready");
    let mut dear = placed(order_id(), 2, &[("cola", 1, 250)]);
    dear["details"]["total"] = 1.into();
    site.push(kind::ORDER_PLACED, &dear);
    let order = site.place(3, "cola", 1, 250);
    site.push("weather.changed", &json!({"rain": true}));
    site.step(order, 3, "preparing");
    site.commit(1, 7).await?;

    let pool = world.pool().await?;
    let parked = parked(&pool).await?;
    let seqs: Vec<i64> = parked.iter().map(|(seq, ..)| *seq).collect();
    ensure!(seqs == [1, 2, 3, 4], "{parked:?}");
    let reasons = ["cannot be read", "damaged", "no such order", "its total"];
    for ((_, _, reason), expected) in parked.iter().zip(reasons) {
        ensure!(
            reason.contains(expected),
            "{reason:?} instead of {expected:?}"
        );
    }
    let found = hub.get("/v1/orders").await?;
    ensure!(found["items"][0]["state"] == "preparing", "{found}");
    let kept: i64 =
        sqlx::query_scalar("select count(*) from site_event where kind like 'weather%'")
            .fetch_one(&pool)
            .await?;
    ensure!(kept == 1, "an unknown kind is kept");
    let counts = ["applied", "parked"]
        .map(|result| format!("sunakku_ingest_events_total{{site=\"s1\",result=\"{result}\"}}"));
    let counts = (hub.metric(&counts[0]).await?, hub.metric(&counts[1]).await?);
    ensure!(counts == (3.0, 4.0), "{counts:?}");
    Hub::command(&world, &["ledger", "verify"]).await?;
    Ok(())
}

#[tokio::test]
async fn devices_are_those_that_a_site_has_let_in() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    let by = json!({"actor": "mia", "cause": "request"});
    let ids = [7, 8, 9].map(uuid::Uuid::from_u128);
    let moved = |device: uuid::Uuid, name: &str| json!({"device": device, "name": name, "role": "kiosk", "by": by});
    site.push(kind::DEVICE_PAIRED, &moved(ids[0], "kiosk-2"));
    site.push(kind::DEVICE_PAIRED, &moved(ids[1], "kiosk-1"));
    site.push(kind::DEVICE_PAIRED, &moved(ids[2], "kiosk-3"));
    site.push(kind::DEVICE_REVOKED, &moved(ids[2], ""));
    site.push(kind::DEVICE_PAIRED, &moved(ids[0], "a kiosk"));
    site.commit(1, 5).await?;
    // Told again by a later life of the store: what was shut out stays so.
    site = site.reborn();
    site.push(kind::DEVICE_PAIRED, &moved(ids[2], "kiosk-3"));
    site.push(kind::DEVICE_REVOKED, &moved(ids[0], "kiosk-2"));
    site.commit(1, 2).await?;
    let pool = world.pool().await?;
    let reasons = parked(&pool).await?;
    ensure!(
        reasons.len() == 1 && reasons[0].2.contains("its name"),
        "{reasons:?}"
    );
    for rebuild in [false, true] {
        if rebuild {
            Hub::command(&world, &["figures", "rebuild"]).await?;
        }
        let found = hub.get("/v1/sites/s1/devices").await?;
        let names: Vec<_> = found["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|row| (&row["name"], &row["role"], &row["paired_by"]))
            .collect();
        let (name, role, by) = (json!("kiosk-1"), json!("kiosk"), json!("mia"));
        ensure!(names == [(&name, &role, &by)], "{found}");
    }
    let found = hub.get("/v1/sites/s2/devices").await?;
    ensure!(found["items"] == json!([]), "{found}");
    let token = hub.token("ann").await?;
    let path = "/v1/sites/nowhere/devices";
    hub.send(reqwest::Method::GET, path, Some(&token), None, 404)
        .await?;
    Ok(())
}

#[tokio::test]
async fn what_the_database_refuses_is_parked_and_hinders_nobody() -> Result<()> {
    let world = World::new(&["s1", "s2"]).await?;
    let _hub = Hub::start(&world, "hub").await?;
    let pool = world.pool().await?;
    // Stands for whatever the checks in front of it do not foresee.
    sqlx::query("alter table site_order add constraint no_seven check (number <> 7)")
        .execute(&pool)
        .await?;
    let (mut bad, mut good) = (world.site("s1").await?, world.site("s2").await?);
    for number in [6, 7, 8] {
        let order = bad.place(number, "cola", 1, 250);
        bad.step(order, number, "preparing");
        good.place(number + 10, "cola", 1, 250);
    }
    tokio::try_join!(bad.commit(1, 6), good.commit(1, 3))?;

    let parked = parked(&pool).await?;
    let seqs: Vec<i64> = parked.iter().map(|(seq, ..)| *seq).collect();
    ensure!(seqs == [3, 4], "the order and its step: {parked:?}");
    ensure!(parked[0].2.contains("no_seven"), "{parked:?}");
    let (orders, sold): (i64, i64) = sqlx::query_as(
        "select count(*), (select sum(orders)::bigint from hourly_sales) from site_order",
    )
    .fetch_one(&pool)
    .await?;
    ensure!((orders, sold) == (5, 5), "{orders} orders, {sold} sold");
    Ok(())
}

#[tokio::test]
async fn a_character_that_postgres_cannot_hold_does_not_wedge_a_site() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    let mut body = placed(order_id(), 1, &[("cola", 1, 250)]);
    body["details"]["lines"][0]["note"] = "no \0 ice".into();
    body["details"]["lines"][0]["name"] = json!({"en": "Co\0la"});
    body["by"]["actor"] = "\0".into();
    site.push(kind::ORDER_PLACED, &body);
    site.push("strange\\u0000kind", &json!({"a": "\0"}));
    site.push_raw("other.kind", r#"{"lone": "\ud800", "deep": [[[[]]]]}"#);
    site.commit(1, 3).await?;

    let pool = world.pool().await?;
    ensure!(parked(&pool).await?.is_empty(), "nothing is parked");
    let found = hub.get("/v1/orders").await?;
    let line = &found["items"][0]["lines"][0];
    ensure!(
        line["note"] == "no \u{fffd} ice" && line["name"] == "Co\u{fffd}la",
        "{line}"
    );
    let id = found["items"][0]["id"].as_str().unwrap_or_default();
    let timeline = hub.get(&format!("/v1/orders/{id}/timeline")).await?;
    ensure!(timeline["items"][0]["kind"] == "order.placed", "{timeline}");
    Hub::command(&world, &["ledger", "verify"]).await?;
    Ok(())
}

#[tokio::test]
async fn stock_is_what_the_last_event_said_and_the_ledger_tells_why() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let _hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    let change = |delta: i64, on_hand: i64, suspended: bool| json!([{"sku": "patty", "delta": delta, "on_hand": on_hand, "suspended": suspended}]);
    let by = json!({"actor": "kim"});
    site.push(
        kind::STOCK_ADJUSTED,
        &json!({"stock": change(10, 10, false), "by": by}),
    );
    let order = order_id();
    let mut body = placed(order, 1, &[("burger", 2, 900)]);
    body["stock"] = change(-2, 8, false);
    site.push(kind::ORDER_PLACED, &body);
    let mut body = json!({"order": order, "number": 1, "state": "cancelled", "by": by});
    body["stock"] = change(2, 10, false);
    site.push(kind::ORDER_CANCELLED, &body);
    site.push(
        kind::STOCK_SUSPENDED,
        &json!({"stock": change(0, 10, true), "by": by}),
    );
    site.commit(1, 4).await?;

    let pool = world.pool().await?;
    let stock: (i64, bool, i64) =
        sqlx::query_as("select on_hand, suspended, seq from stock where sku = 'patty'")
            .fetch_one(&pool)
            .await?;
    ensure!(stock == (10, true, 4), "{stock:?}");
    let ledger: Vec<(i64, i64, bool)> = sqlx::query_as(
        "select delta, on_hand, order_id is not null from stock_movement order by seq",
    )
    .fetch_all(&pool)
    .await?;
    ensure!(
        ledger
            == [
                (10, 10, false),
                (-2, 8, true),
                (2, 10, true),
                (0, 10, false)
            ],
        "{ledger:?}"
    );
    Ok(())
}
