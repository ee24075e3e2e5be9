//! What is at hand: counted, corrected, taken off sale, and the same everywhere it is shown.

use futures::future::join_all;
use serde_json::{Value, json};
use xtask::harness::{LIMIT, wait_for};
use xtask::world::Answer;

use crate::bad_input::assert_problem;
use crate::books::{counted, read_log};
use crate::screen::Screen;
use crate::site::{TestSite, new_key, order_of};

impl TestSite {
    pub(crate) async fn adjust(&self, sku: &str, delta: i64) -> Answer {
        let body = json!({ "delta": delta, "reason": "delivery" });
        self.manager
            .post(&format!("/v1/stock/{sku}/adjust"), None, &body)
            .await
            .unwrap()
    }

    async fn set(&self, sku: &str, on_hand: Value) -> Value {
        let body = json!({ "on_hand": on_hand });
        let answer = self
            .manager
            .put(&format!("/v1/stock/{sku}"), &body)
            .await
            .unwrap();
        answer.expect(200).unwrap().body
    }

    async fn sale(&self, sku: &str, step: &str) -> Value {
        let answer = self
            .kitchen
            .act(&format!("/v1/stock/{sku}/{step}"))
            .await
            .unwrap();
        answer.expect(200).unwrap().body
    }

    /// Waits until the menu shows an item so: how many can be sold, and whether it can be ordered.
    async fn wait_for_menu(&self, item: &str, stock: Value, available: bool) {
        wait_for("the menu", LIMIT, async || {
            let menu = self
                .kiosk
                .get("/v1/menu")
                .await
                .map_err(|error| error.to_string())?
                .body;
            let items = menu["items"].as_array().unwrap().iter();
            let shown = items.into_iter().find(|shown| shown["id"] == item).unwrap();
            if shown["stock"] == stock && shown["available"] == available {
                Ok(())
            } else {
                Err(shown.to_string())
            }
        })
        .await
        .unwrap();
    }
}

fn row(sku: &str, on_hand: Value, suspended: bool) -> Value {
    json!({
        "sku": sku, "on_hand": on_hand, "suspended": suspended, "low_mark": null, "low": false,
    })
}

#[tokio::test]
async fn every_change_answers_what_is_at_hand_after_it() {
    let test = TestSite::start().await;
    assert_eq!(
        test.adjust("cake", 5).await.expect(200).unwrap().body,
        row("cake", json!(55), false)
    );
    assert_eq!(
        test.adjust("cake", -55).await.expect(200).unwrap().body,
        row("cake", json!(0), false)
    );
    assert_eq!(
        test.set("cake", json!(7)).await,
        row("cake", json!(7), false)
    );
    assert_eq!(
        test.sale("cake", "suspend").await,
        row("cake", json!(7), true)
    );
    assert_eq!(
        test.adjust("cake", 1).await.body,
        row("cake", json!(8), true),
        "off sale, and counted"
    );
    assert_eq!(
        test.sale("cake", "suspend").await,
        row("cake", json!(8), true)
    );
    assert_eq!(
        test.sale("cake", "resume").await,
        row("cake", json!(8), false)
    );
    assert_eq!(
        test.set("cake", Value::Null).await,
        row("cake", Value::Null, false)
    );
    assert_eq!(
        test.set("cola", json!(3)).await,
        row("cola", json!(3), false)
    );
    let rows: Vec<Value> = test.kiosk.all("/v1/stock").await.unwrap();
    let all = [
        row("cake", Value::Null, false),
        row("cola", json!(3), false),
        row("onion", Value::Null, false),
        row("patty", json!(100), false),
    ];
    assert_eq!(rows, all, "every SKU of the menu, by name");
    let mut walked = Vec::new();
    let mut path = "/v1/stock?limit=1".to_owned();
    while walked.len() < 10 {
        let page = test
            .kiosk
            .get(&path)
            .await
            .unwrap()
            .expect(200)
            .unwrap()
            .body;
        walked.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/stock?limit=1&after={next}");
    }
    assert_eq!(walked, all);
}

#[tokio::test]
async fn what_cannot_be_done_changes_nothing() {
    let test = TestSite::start().await;
    let head = test.head().await;
    let below = test.adjust("cake", -51).await;
    assert_problem(&below, 409, "negative-stock");
    assert_eq!(below.body["on_hand"], 50);
    assert_problem(&test.adjust("cola", 1).await, 409, "not-counted");
    assert_problem(&test.adjust("nothing", 1).await, 404, "not-found");
    let set = test
        .manager
        .put("/v1/stock/nothing", &json!({"on_hand": 1}))
        .await
        .unwrap();
    assert_problem(&set, 404, "not-found");
    assert_eq!(
        (test.head().await, test.stock("cake").await),
        (head, Some(50))
    );
}

#[tokio::test]
async fn what_is_off_sale_cannot_be_ordered_until_it_is_back() {
    let test = TestSite::start().await;
    for (sku, item) in [("cake", "cake"), ("cola", "cola"), ("patty", "burger")] {
        test.sale(sku, "suspend").await;
        let refused = test
            .kiosk
            .order(&new_key(), &order_of(item, 1))
            .await
            .unwrap();
        assert_problem(&refused, 409, "out-of-stock");
        let items = json!([{"item": item, "requested": 1, "available": 0}]);
        assert_eq!(refused.body["items"], items);
        test.wait_for_menu(item, json!(0), false).await;
        test.sale(sku, "resume").await;
        test.placed(&order_of(item, 1)).await;
    }
    let left = (
        test.stock("cake").await,
        test.stock("cola").await,
        test.stock("patty").await,
    );
    assert_eq!(left, (Some(49), None, Some(99)));
}

#[tokio::test]
async fn frames_menu_and_stock_agree_after_every_change() {
    let test = TestSite::start().await;
    let mut screen = Screen::follow(&test, "topics=stock").await;
    screen.next().await.unwrap();
    test.placed(&order_of("meatball", 3)).await;
    assert_eq!(screen.news().await["data"], row("patty", json!(94), false));
    test.wait_for_menu("burger", json!(94), true).await;
    test.wait_for_menu("meatball", json!(47), true).await;
    test.sale("patty", "suspend").await;
    assert_eq!(screen.news().await["data"], row("patty", json!(94), true));
    test.wait_for_menu("meatball", json!(0), false).await;
    test.sale("patty", "resume").await;
    screen.news().await;
    test.set("patty", json!(1)).await;
    assert_eq!(screen.news().await["data"], row("patty", json!(1), false));
    test.wait_for_menu("burger", json!(1), true).await;
    test.wait_for_menu("meatball", json!(0), false).await;
    test.set("patty", Value::Null).await;
    assert_eq!(
        screen.news().await["data"],
        row("patty", Value::Null, false)
    );
    test.wait_for_menu("meatball", Value::Null, true).await;
}

#[tokio::test]
async fn simultaneous_changes_and_orders_add_up() {
    let test = TestSite::start().await;
    let more = join_all((1..=20).map(|delta| test.adjust("cake", delta)));
    let less = join_all((0..40).map(|_| test.adjust("cake", -3)));
    let orders = (0..60).map(|_| async {
        test.kiosk
            .order(&new_key(), &order_of("cake", 2))
            .await
            .unwrap()
    });
    let (more, less, orders) = tokio::join!(more, less, join_all(orders));
    assert!(more.iter().all(|answer| answer.status == 200));
    let made = |answers: &[Answer], status: u16| {
        answers
            .iter()
            .filter(|answer| answer.status == status)
            .count() as i64
    };
    assert_eq!(made(&less, 200) + made(&less, 409), 40);
    assert_eq!(made(&orders, 201) + made(&orders, 409), 60);
    let expected = 50 + 210 - 3 * made(&less, 200) - 2 * made(&orders, 201);
    assert!(0 <= expected);
    assert_eq!(test.stock("cake").await, Some(expected));
    assert_eq!(counted(&read_log(&test).await)["cake"], expected);
}

#[tokio::test]
async fn counting_begins_and_ends_between_an_order_and_its_cancellation() {
    let test = TestSite::start().await;
    let cancel = async |order: &Value| {
        let path = format!("/v1/orders/{}/cancel", order["id"].as_str().unwrap());
        test.kiosk.act(&path).await.unwrap().expect(200).unwrap();
    };
    // Taken while nobody counted: nothing to give back.
    let before = test.placed(&order_of("cola", 2)).await;
    test.set("cola", json!(10)).await;
    cancel(&before).await;
    assert_eq!(test.stock("cola").await, Some(10));
    // Taken while it was counted, called off when nobody counts any more.
    let counted = test.placed(&order_of("cola", 2)).await;
    assert_eq!(test.stock("cola").await, Some(8));
    test.set("cola", Value::Null).await;
    cancel(&counted).await;
    assert_eq!(test.stock("cola").await, None);
}

#[tokio::test]
async fn a_sku_is_low_from_its_mark_on_wherever_it_is_shown() {
    let test = TestSite::start().await;
    let marked = |on_hand: u32, low: bool| json!({ "sku": "cake", "on_hand": on_hand, "suspended": false, "low_mark": 5, "low": low });
    let path = "/v1/stock/cake/low-mark";
    let mark = async |mark: Value| {
        let body = json!({ "low_mark": mark });
        let answer = test.manager.put(path, &body).await.unwrap();
        answer.expect(200).unwrap().body
    };
    test.set("cake", json!(6)).await;
    let mut screen = Screen::follow(&test, "topics=stock").await;
    screen.next().await.unwrap();
    assert_eq!(mark(json!(5)).await, marked(6, false));
    assert_eq!(screen.news().await["data"], marked(6, false));
    // A sale tells it too, and so does an order that is given back.
    let placed = test.placed(&order_of("cake", 1)).await;
    assert_eq!(screen.news().await["data"], marked(5, true));
    let one = test.kiosk.get("/v1/stock/cake").await.unwrap();
    assert_eq!(one.expect(200).unwrap().body, marked(5, true));
    let rows: Vec<Value> = test.kiosk.all("/v1/stock").await.unwrap();
    assert!(rows.contains(&marked(5, true)), "{rows:?}");
    test.wait_for_metric("sunakku_stock_low", 1.0).await;
    let snapshot = Screen::follow(&test, "topics=stock").await.next().await;
    let shown = snapshot.unwrap()["data"]["stock"].clone();
    assert!(
        shown.as_array().unwrap().contains(&marked(5, true)),
        "{shown}"
    );
    let cancel = format!("/v1/orders/{}/cancel", placed["id"].as_str().unwrap());
    test.kiosk.act(&cancel).await.unwrap().expect(200).unwrap();
    assert_eq!(screen.news().await["data"], marked(6, false));
    // It outlives the edge; off sale it is as low as before.
    test.set("cake", json!(0)).await;
    test.sale("cake", "suspend").await;
    test.site.process().kill().unwrap();
    test.site.restart().await.unwrap();
    let one = test.kiosk.get("/v1/stock/cake").await.unwrap().body;
    assert_eq!(
        (&one["low"], &one["suspended"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(mark(Value::Null).await["low"], false);
    test.wait_for_metric("sunakku_stock_low", 0.0).await;
    for wrong in [json!(-1), json!(1_000_001), json!("5")] {
        let answer = test.manager.put(path, &json!({ "low_mark": wrong })).await;
        assert_problem(&answer.unwrap(), 422, "invalid-body");
    }
    let by_cook = test.kitchen.put(path, &json!({ "low_mark": 1 })).await;
    assert_problem(&by_cook.unwrap(), 403, "forbidden");
    for path in ["/v1/stock/nobody", "/v1/stock/nobody/low-mark"] {
        let answer = if path.ends_with("mark") {
            test.manager.put(path, &json!({ "low_mark": 1 })).await
        } else {
            test.manager.get(path).await
        };
        assert_problem(&answer.unwrap(), 404, "not-found");
    }
}
