//! What the menu offers when, and sets of items.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use sunakku_common::menu::{Item, Menu, SetPart};
use sunakku_common::text::Text;
use xtask::harness::{LIMIT, wait_for};
use xtask::world::SiteOptions;

use crate::site::{TestSite, new_key, order_of, seed};

async fn with_menu(change: impl FnOnce(&mut Menu)) -> TestSite {
    let mut seed = seed();
    change(&mut seed.menu);
    assert_eq!(seed.menu.faults(), []);
    TestSite::start_with(SiteOptions::new("s1", seed)).await
}

/// A part of the day from and to so many hours from now; the site's clocks show UTC.
fn daypart(id: &str, from: i64, to: i64) -> Value {
    let clock = |hours| {
        (Utc::now() + TimeDelta::hours(hours))
            .format("%H:%M")
            .to_string()
    };
    json!({"id": id, "name": {"en": id}, "from": clock(from), "to": clock(to)})
}

fn only(item: &mut Item, daypart: &str) {
    item.schedule.dayparts = vec![daypart.to_owned()];
}

async fn menu(test: &TestSite) -> Value {
    let menu = test.kiosk.get("/v1/menu").await.unwrap();
    menu.expect(200).unwrap().body
}

fn item<'a>(menu: &'a Value, id: &str) -> &'a Value {
    let mut items = menu["items"].as_array().unwrap().iter();
    items.find(|item| item["id"] == id).unwrap()
}

#[tokio::test]
async fn what_is_not_offered_now_cannot_be_ordered_for_now() {
    let test = with_menu(|menu| {
        // Hours away from now, so that no slow machine crosses a border; one of them may well
        // cross midnight.
        menu.dayparts = [daypart("now", -3, 3), daypart("later", 5, 8)]
            .map(|part| serde_json::from_value(part).unwrap())
            .to_vec();
        only(&mut menu.items[2], "now");
        only(&mut menu.items[3], "later");
    })
    .await;
    let shown = menu(&test).await;
    assert_eq!(shown["daypart"], "now");
    assert_eq!(shown["dayparts"][1]["id"], "later");
    assert_eq!(item(&shown, "burger")["available"], true, "all day");
    assert_eq!(item(&shown, "cake")["available"], true);
    assert_eq!(item(&shown, "cola")["available"], false);
    test.placed(&order_of("cake", 1)).await;
    let mut cola = order_of("cola", 2);
    let refused = test.kiosk.order(&new_key(), &cola).await.unwrap();
    assert_eq!(
        (refused.status.as_u16(), refused.problem()),
        (409, "out-of-stock")
    );
    let items = json!([{"item": "cola", "requested": 2, "available": 0}]);
    assert_eq!(refused.body["items"], items);
    // Asked for the time at which it is wanted.
    cola["pickup_at"] = json!(Utc::now() + TimeDelta::minutes(6 * 60 + 30));
    test.placed(&cola).await;
}

/// A lunch of a burger and two colas.
fn lunch() -> Item {
    let mut lunch = Item::new("lunch", Text::english("Lunch"), "food", 1_100, "bar");
    lunch.set = [("burger", 1), ("cola", 2)]
        .map(|(item, quantity)| SetPart {
            item: item.to_owned(),
            quantity,
        })
        .to_vec();
    lunch
}

#[tokio::test]
async fn a_set_is_one_line_for_the_guest_and_parts_for_the_kitchen() {
    let test = with_menu(|menu| menu.items.push(lunch())).await;
    let shown = menu(&test).await;
    let set = item(&shown, "lunch");
    assert_eq!(set["set"][1], json!({"item": "cola", "quantity": 2}));
    assert_eq!(
        (&set["stock"], &set["available"]),
        (&json!(100), &json!(true))
    );
    let placed = test.placed(&order_of("lunch", 2)).await;
    assert_eq!(placed["total"], 2_200);
    let parts = &placed["lines"][0]["parts"];
    assert_eq!(
        (&parts[0]["station"], &parts[1]["quantity"]),
        (&json!("grill"), &json!(2))
    );
    assert_eq!(test.stock("patty").await, Some(98));

    let id = placed["id"].as_str().unwrap();
    let tickets = test.tickets_of(id).await;
    let mut made: Vec<Value> = tickets
        .iter()
        .map(|ticket| {
            let lines = ticket["lines"].as_array().unwrap();
            assert_eq!(lines.len(), 1);
            json!([ticket["station"], lines[0]["item"], lines[0]["quantity"]])
        })
        .collect();
    made.sort_by_key(Value::to_string);
    assert_eq!(
        made,
        [json!(["bar", "cola", 4]), json!(["grill", "burger", 2])]
    );
    for ticket in &tickets {
        test.ticket_step(ticket, "bump").await;
    }
    assert_eq!(test.order(id).await["state"], "ready");
}

#[tokio::test]
async fn a_set_sells_out_with_its_parts_and_gives_them_back() {
    let test = with_menu(|menu| menu.items.push(lunch())).await;
    test.set_stock("patty", 3).await;
    let refused = test
        .kiosk
        .order(&new_key(), &order_of("lunch", 4))
        .await
        .unwrap();
    assert_eq!(
        (refused.status.as_u16(), refused.problem()),
        (409, "out-of-stock")
    );
    let items = json!([{"item": "lunch", "requested": 4, "available": 3}]);
    assert_eq!(refused.body["items"], items);
    let placed = test.placed(&order_of("lunch", 3)).await;
    assert_eq!(test.stock("patty").await, Some(0));
    let cancel = format!("/v1/orders/{}/cancel", placed["id"].as_str().unwrap());
    test.kiosk.act(&cancel).await.unwrap().expect(200).unwrap();
    assert_eq!(test.stock("patty").await, Some(3));
}

#[tokio::test]
async fn a_menu_is_the_same_by_gzip_and_is_sold_out_there_as_well() {
    use std::io::Read as _;
    let test = with_menu(|_| {}).await;
    let packed = async || {
        let url = format!("{}/v1/menu", test.site.url());
        let request = reqwest::Client::new()
            .get(url)
            .bearer_auth(&test.kiosk.token);
        let answer = request
            .header("accept-encoding", "gzip")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.headers()["content-encoding"], "gzip");
        let vary = answer.headers()["vary"].to_str().unwrap().to_owned();
        assert!(vary.contains("accept-encoding"), "{vary}");
        let bytes = answer.bytes().await.unwrap();
        let mut text = String::new();
        let mut unpacked = flate2::read::GzDecoder::new(&bytes[..]);
        unpacked.read_to_string(&mut text).unwrap();
        assert!(
            bytes.len() < text.len() / 2,
            "{} of {}",
            bytes.len(),
            text.len()
        );
        serde_json::from_str::<Value>(&text).unwrap()
    };
    assert_eq!(packed().await, menu(&test).await);
    let before = item(&packed().await, "cake")["stock"].as_u64().unwrap();
    test.placed(&order_of("cake", 1)).await;
    wait_for("the new stock", LIMIT, async || {
        let stock = item(&packed().await, "cake")["stock"].as_u64();
        (stock == Some(before - 1))
            .then_some(())
            .ok_or_else(|| format!("{stock:?}"))
    })
    .await
    .unwrap();
}
