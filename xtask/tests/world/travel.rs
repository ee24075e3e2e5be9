//! An order on its way from the kiosk to Postgres.

use serde_json::{Value, json};
use sqlx::Row as _;
use uuid::Uuid;
use xtask::harness::{LIMIT, wait_for};

use crate::scene::{Scene, new_key};

/// What happens to an order of one station, in this order.
const LIFE: [&str; 8] = [
    "order.placed",
    "hub.committed",
    "ticket.created",
    "ticket.started",
    "order.preparing",
    "ticket.bumped",
    "order.ready",
    "order.collected",
];

async fn ticket_of(scene: &Scene, order: &str) -> String {
    let probe = async || {
        let tickets: Vec<Value> = scene.tokens.sites[0]
            .kitchen
            .all("/v1/tickets")
            .await
            .map_err(|error| error.to_string())?;
        let mine = tickets.iter().find(|ticket| ticket["order"] == order);
        mine.and_then(|ticket| ticket["id"].as_str().map(str::to_owned))
            .ok_or_else(|| format!("{} others", tickets.len()))
    };
    wait_for("the order's ticket", LIMIT, probe).await.unwrap()
}

/// Makes the order's ticket and hands it over.
async fn cook(scene: &Scene, order: &str) {
    let ticket = ticket_of(scene, order).await;
    let kitchen = &scene.tokens.sites[0].kitchen;
    for path in [
        format!("/v1/tickets/{ticket}/start"),
        format!("/v1/tickets/{ticket}/bump"),
        format!("/v1/orders/{order}/collect"),
    ] {
        kitchen.act(&path).await.unwrap().expect(200).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_travels_from_the_kiosk_to_the_ledger() {
    let scene = Scene::start(1).await;
    let burger =
        json!({"item": "burger", "quantity": 2, "modifiers": ["double"], "note": "rare & <hot>"});
    let request = json!({"channel": "kiosk", "lines": [burger, {"item": "fries", "quantity": 1}]});
    let key = new_key();
    let placed = scene.kiosk(0).order(&key, &request).await.unwrap();
    let placed = placed.expect(201).unwrap().body;
    let id = placed["id"].as_str().unwrap();
    cook(&scene, id).await;
    scene.settled().await;

    stands_in_postgres(&scene, id, &key).await;
    is_shown_by_the_hub(&scene, id, &placed).await;
    has_its_whole_life_on_the_timeline(&scene, id).await;
    let (sync, ledger) = (scene.sync(0).await, scene.ledger(0).await);
    assert_eq!(sync["head"], ledger["head"]);
    assert_eq!(sync["head"], ledger["cursor"]);
    assert_eq!(sync["chain"], ledger["chain_hub"]);
    assert_eq!(sync["epoch"], ledger["epoch"]);
    assert_eq!(ledger["chain_equal"], true);
    let none = (&json!(0), &json!(0));
    assert_eq!((&ledger["gaps"], &ledger["duplicates"]), none);
    scene.assert_books().await;
}

async fn stands_in_postgres(scene: &Scene, id: &str, key: &str) {
    let id: Uuid = id.parse().unwrap();
    let order = sqlx::query("select * from site_order where order_id = $1");
    let order = order.bind(id).fetch_one(&scene.postgres).await.unwrap();
    let text = |name: &str| order.get::<String, _>(name);
    assert_eq!(
        (text("site_id"), text("idempotency_key"), text("state")),
        ("s1".into(), key.into(), "collected".into())
    );
    let total = 2 * (900 + 250) + 380;
    assert_eq!(
        (order.get::<i64, _>("total"), text("currency")),
        (total, "EUR".into())
    );
    assert_eq!(order.get::<i32, _>("number"), 1);

    type Line = (String, i32, i64, i64, Option<String>);
    let lines: Vec<Line> = sqlx::query_as(
        "select item, quantity, unit_price, total, note from order_line
         where order_id = $1 order by line",
    )
    .bind(id)
    .fetch_all(&scene.postgres)
    .await
    .unwrap();
    let burger = (
        "burger".into(),
        2,
        1_150,
        2_300,
        Some("rare & <hot>".into()),
    );
    assert_eq!(lines, [burger, ("fries".into(), 1, 380, 380, None)]);

    let sales: Vec<(String, i64, i64, i64)> =
        sqlx::query_as("select item, units, orders, revenue from hourly_sales order by item")
            .fetch_all(&scene.postgres)
            .await
            .unwrap();
    assert_eq!(
        sales,
        [("burger".into(), 2, 1, 2_300), ("fries".into(), 1, 1, 380)]
    );
}

async fn is_shown_by_the_hub(scene: &Scene, id: &str, placed: &Value) {
    let orders: Vec<Value> = scene.tokens.admin.all("/v1/orders?site=s1").await.unwrap();
    assert_eq!(orders.len(), 1, "{orders:?}");
    let shown = &orders[0];
    assert_eq!(
        (shown["id"].as_str(), shown["state"].as_str()),
        (Some(id), Some("collected"))
    );
    for name in ["number", "total", "currency"] {
        assert_eq!(shown[name], placed[name], "{name}");
    }
}

async fn has_its_whole_life_on_the_timeline(scene: &Scene, id: &str) {
    let path = format!("/v1/orders/{id}/timeline");
    let rows: Vec<Value> = scene.tokens.admin.all(&path).await.unwrap();
    let kinds: Vec<&str> = rows
        .iter()
        .map(|row| row["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, LIFE);
    let sequences: Vec<u64> = rows
        .iter()
        .map(|row| row["seq"].as_u64().unwrap())
        .collect();
    assert!(sequences.is_sorted(), "{sequences:?}");
    let actor = |kind: &str| {
        let row = rows.iter().find(|row| row["kind"] == kind).unwrap();
        row["actor"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(
        (
            actor("order.placed"),
            actor("ticket.bumped"),
            actor("order.collected")
        ),
        ("kiosk".into(), "kitchen".into(), "kitchen".into())
    );
}
