//! What the analytics answer, for figures that can be counted by hand.

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Admin, Hub, Log, World, order_id, placed};

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("a time").to_utc()
}

/// Places an order at a time, and gives its id.
fn place(site: &mut Log, at: &str, lines: &[(&str, u32, i64)]) -> Uuid {
    let id = order_id();
    let mut body = placed(id, site.head() as u32 + 1, lines);
    body["details"]["placed_at"] = at.into();
    body["details"]["ready_estimate_at"] = at.into();
    site.push_at(time(at), "order.placed", &body.to_string());
    id
}

fn step(site: &mut Log, at: &str, order: Uuid, state: &str, reason: Option<&str>) {
    let body = json!({"order": order, "number": 1, "state": state, "reason": reason,
                      "by": {"actor": "kim"}});
    site.push_at(time(at), &format!("order.{state}"), &body.to_string());
}

fn stock(site: &mut Log, at: &str, kind: &str, delta: i64, on_hand: i64, reason: Option<&str>) {
    let body = json!({"by": {"actor": "kim"}, "reason": reason, "stock": [
        {"sku": "cola", "delta": delta, "on_hand": on_hand, "suspended": false}]});
    site.push_at(time(at), kind, &body.to_string());
}

/// A site in Berlin, in the night in which its clocks go back; and one in Tokyo.
async fn story(world: &World) -> Result<()> {
    let pool = world.pool().await?;
    let change = "update site set time_zone = $2, currency = $3, region = $4 where site_id = $1";
    for (site, zone, currency, region) in [
        ("berlin", "Europe/Berlin", "EUR", "west"),
        ("tokyo", "Asia/Tokyo", "JPY", "east"),
    ] {
        let query = sqlx::query(change)
            .bind(site)
            .bind(zone)
            .bind(currency)
            .bind(region);
        query.execute(&pool).await?;
    }
    let mut berlin = world.site("berlin").await?;
    place(&mut berlin, "2026-10-24T10:00:00.000Z", &[("cola", 2, 250)]);
    place(&mut berlin, "2026-10-25T00:30:00.000Z", &[("cola", 1, 250)]);
    place(
        &mut berlin,
        "2026-10-25T01:30:00.000Z",
        &[("cola", 1, 250), ("burger", 1, 900)],
    );
    place(&mut berlin, "2026-10-25T10:00:00.000Z", &[("cola", 2, 250)]);
    let late = place(
        &mut berlin,
        "2026-10-25T10:30:00.000Z",
        &[("burger", 1, 900)],
    );
    step(&mut berlin, "2026-10-25T10:40:00.000Z", late, "ready", None);
    let gone = place(
        &mut berlin,
        "2026-10-25T11:00:00.000Z",
        &[("burger", 3, 900)],
    );
    step(
        &mut berlin,
        "2026-10-25T11:01:00.000Z",
        gone,
        "cancelled",
        Some("=changed my mind"),
    );
    for seconds in [100, 200, 300] {
        let (ticket, at) = (Uuid::now_v7(), time("2026-10-25T10:30:00.000Z"));
        let body = json!({"ticket": ticket, "order": late, "details": {"station": "grill"}});
        berlin.push_at(at, "ticket.created", &body.to_string());
        let body = json!({"ticket": ticket, "order": late, "state": "done"});
        let at = at + chrono::TimeDelta::seconds(seconds);
        berlin.push_at(at, "ticket.bumped", &body.to_string());
    }
    stock(
        &mut berlin,
        "2026-10-25T09:00:00.000Z",
        "stock.adjusted",
        10,
        10,
        None,
    );
    stock(
        &mut berlin,
        "2026-10-25T09:10:00.000Z",
        "stock.adjusted",
        -4,
        6,
        Some("waste"),
    );
    stock(
        &mut berlin,
        "2026-10-25T12:15:00.000Z",
        "stock.adjusted",
        -6,
        0,
        Some("waste"),
    );
    stock(
        &mut berlin,
        "2026-10-25T12:45:00.000Z",
        "stock.adjusted",
        6,
        6,
        None,
    );
    berlin.commit(1, berlin.head()).await?;
    let mut tokyo = world.site("tokyo").await?;
    place(&mut tokyo, "2026-10-24T15:30:00.000Z", &[("cola", 3, 400)]);
    tokyo.commit(1, 1).await
}

#[tokio::test]
async fn figures_are_by_each_sites_own_clock_and_currencies_stay_apart() -> Result<()> {
    let world = World::new(&["berlin", "tokyo"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    story(&world).await?;
    let admin = Admin::of(&hub).await?;
    let day = "from=2026-10-25&to=2026-10-26";

    let all = admin.get(&format!("/v1/analytics/sales?{day}")).await?;
    ensure!(
        all["totals"]
            == json!({"orders": 5, "units": 9, "revenue": null, "currency": null, "currencies": [
                {"currency": "EUR", "orders": 4, "units": 6, "revenue": 2_800},
                {"currency": "JPY", "orders": 1, "units": 3, "revenue": 1_200}]}),
        "{all}"
    );
    ensure!(
        all["rows"][1]
            == json!({"site": "berlin", "item": "burger", "from": "2026-10-24T22:00:00Z",
                      "local": "2026-10-25", "units": 2, "orders": 2, "revenue": 1_800,
                      "currency": "EUR"}),
        "{all}"
    );
    let sums = format!("/v1/analytics/sales?{day}&of=none&by=all");
    let sums = admin.get(&sums).await?;
    ensure!(
        sums["rows"].as_array().map(Vec::len) == Some(2),
        "one for each currency: {sums}"
    );

    // The hour from two to three comes twice that night.
    let hours = format!("/v1/analytics/sales?{day}&site=berlin&of=site&by=hour");
    let hours = admin.get(&hours).await?;
    let rows = hours["rows"].as_array().context("rows")?;
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row["from"].clone(), row["local"].clone()))
        .collect();
    let expected = [
        ("2026-10-25T00:00:00Z", "2026-10-25T02:00"),
        ("2026-10-25T01:00:00Z", "2026-10-25T02:00"),
        ("2026-10-25T10:00:00Z", "2026-10-25T11:00"),
    ];
    ensure!(
        told == expected.map(|(from, local)| (json!(from), json!(local))),
        "{hours}"
    );
    let heat = admin
        .get(&format!("/v1/analytics/heatmap?{day}&site=berlin"))
        .await?;
    ensure!(
        heat["rows"][0]
            == json!({"weekday": 7, "hour": 2, "orders": 2, "units": 3, "days": 1, "average": 2.0}),
        "{heat}"
    );
    let east = admin
        .get(&format!("/v1/analytics/sites?{day}&region=east"))
        .await?;
    ensure!(
        east["rows"][0]["site"] == "tokyo" && east["totals"]["revenue"] == 1_200,
        "{east}"
    );
    // An hour that a moment lies in is meant as a whole.
    let part = "/v1/analytics/sales?from=2026-10-25T01:45:00Z&to=2026-10-25T01:50:00Z&site=berlin";
    let part = admin.get(part).await?;
    ensure!(
        part["totals"]["orders"] == 1 && part["from"] == "2026-10-25T01:00:00Z",
        "{part}"
    );
    Ok(())
}

#[tokio::test]
async fn items_times_stock_and_losses_are_what_happened() -> Result<()> {
    let world = World::new(&["berlin", "tokyo"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    story(&world).await?;
    let admin = Admin::of(&hub).await?;
    let day = "from=2026-10-25&to=2026-10-26&site=berlin";
    let rows = async |what: &str| -> Result<Value> {
        Ok(admin.get(&format!("/v1/analytics/{what}?{day}")).await?["rows"].clone())
    };

    let items = rows("items").await?;
    ensure!(
        items[0]
            == json!({"item": "cola", "name": "cola", "orders": 3, "units": 4, "revenue": 1_000,
                      "currency": "EUR", "share": 35.71, "attach": 75.0, "before_units": 2,
                      "change": 100.0}),
        "{items}"
    );
    let times = rows("preparation").await?;
    let find = |measure: &str, station: Value| {
        let is = |row: &&Value| row["measure"] == measure && row["station"] == station;
        let row = times
            .as_array()
            .into_iter()
            .flatten()
            .filter(|row| row["site"] == "berlin");
        row.into_iter().find(is).cloned().context("a row")
    };
    let grill = find("preparation", json!("grill"))?;
    let (half, most) = (grill["p50_seconds"].as_f64(), grill["p90_seconds"].as_f64());
    let is_near = |found: Option<f64>, exact: f64| {
        found.is_some_and(|found| (found / exact - 1.0).abs() <= 0.025)
    };
    ensure!(
        is_near(half, 200.0) && is_near(most, 300.0) && grill["count"] == 3,
        "{grill}"
    );
    let promise = find("promise", Value::Null)?;
    ensure!(
        promise["kept"] == 0.0 && promise["p50_seconds"] == 590.0,
        "{promise}"
    );
    let lost = rows("cancellations").await?;
    ensure!(
        lost == json!([{"site": "berlin", "state": "cancelled", "reason": "=changed my mind",
                        "orders": 1, "amount": 2_700, "currency": "EUR"}]),
        "{lost}"
    );
    let stock = rows("stock").await?;
    ensure!(
        stock[0]["removed"] == 10 && stock[0]["added"] == 16 && stock[0]["removed_for"] == "waste",
        "{stock}"
    );
    let out = rows("sold-out").await?;
    ensure!(
        out[0]["sku"] == "cola"
            && out[0]["minutes"] == 30.0
            && out[0]["usually_at"] == "13:15"
            && out[0]["is_out"] == false,
        "{out}"
    );
    let sites = rows("sites").await?;
    ensure!(
        sites[0]["before_revenue"] == 500
            && sites[0]["sold_out_minutes"] == 30.0
            && sites[0]["average_order"] == 700.0,
        "{sites}"
    );
    Ok(())
}

#[tokio::test]
async fn what_would_have_been_sold_is_what_is_usual_in_such_hours() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut site = world.site("s1").await?;
    // Monday to Wednesday, noon to one: 4, 8 and, half an hour of it sold out, 3.
    for (day, units) in [(2, 4), (3, 8), (4, 3)] {
        let at = format!("2026-11-0{day}T12:05:00.000Z");
        place(&mut site, &at, &[("cola", units, 200)]);
    }
    stock(
        &mut site,
        "2026-11-04T12:30:00.000Z",
        "stock.adjusted",
        -3,
        0,
        None,
    );
    stock(
        &mut site,
        "2026-11-04T13:00:00.000Z",
        "stock.adjusted",
        9,
        9,
        None,
    );
    site.commit(1, 5).await?;
    let admin = Admin::of(&hub).await?;
    let out = admin
        .get("/v1/analytics/sold-out?from=2026-11-04&to=2026-11-05")
        .await?;
    let row = &out["rows"][0];
    ensure!(
        row["lost_units"] == 3.0 && row["lost_revenue"] == 600,
        "half of six: {out}"
    );

    let forecast = admin.get("/v1/analytics/forecast?day=2026-11-10").await?;
    let row = &forecast["rows"][0];
    ensure!(
        row["units"] == 8.0 && row["naive"] == 8.0,
        "the Tuesday before: {forecast}"
    );
    Ok(())
}

#[tokio::test]
async fn a_table_runs_nothing_and_a_question_that_makes_no_sense_is_told() -> Result<()> {
    let world = World::new(&["berlin", "tokyo"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    story(&world).await?;
    let admin = Admin::of(&hub).await?;
    let path = "/v1/analytics/cancellations?from=2026-10-25&to=2026-10-26&site=berlin&format=csv";
    let answered = admin.ask(Method::GET, path, &[], None).await?;
    ensure!(
        answered.text
            == "site,state,reason,orders,amount,currency\r\n\
                berlin,cancelled,'=changed my mind,1,2700,EUR\r\n",
        "{answered:?}"
    );
    for what in [
        "sales",
        "heatmap",
        "items",
        "sold-out",
        "preparation",
        "stock",
        "sites",
        "forecast",
    ] {
        let path = format!("/v1/analytics/{what}?format=csv");
        let answered = admin.ask(Method::GET, &path, &[], None).await?;
        ensure!(answered.status == 200, "{what}: {answered:?}");
    }
    for (query, slug) in [
        ("from=2026-10-26&to=2026-10-25", "invalid-range"),
        ("from=2026-10-25&to=2026-10-25", "invalid-range"),
        ("from=yesterday", "invalid-range"),
        ("from=2000-01-01", "invalid-range"),
        ("of=weather", "invalid-query"),
        ("form=2026-10-25", "invalid-query"),
    ] {
        let path = format!("/v1/analytics/sales?{query}");
        let answered = admin.ask(Method::GET, &path, &[], None).await?;
        ensure!(
            answered.status == 400 && answered.text.contains(slug),
            "{query}: {answered:?}"
        );
    }
    let path = "/v1/analytics/sales?site=nowhere";
    let answered = admin.ask(Method::GET, path, &[], None).await?;
    ensure!(answered.status == 404, "{answered:?}");
    Ok(())
}
