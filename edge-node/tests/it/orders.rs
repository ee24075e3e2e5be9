//! Orders are taken whole or not at all, and never oversold.

use std::collections::HashSet;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::site::{TestSite, new_key, order, order_of};

#[tokio::test]
async fn an_accepted_order_says_what_was_ordered_and_what_it_costs() {
    let test = TestSite::start().await;
    let burger = json!({"item": "burger", "quantity": 2, "modifiers": ["double"], "note": "rare"});
    let request = order(&[burger, json!({"item": "cola", "quantity": 1})]);
    let placed = test.placed(&request).await;
    assert_eq!(
        (&placed["number"], &placed["state"]),
        (&json!(1), &json!("placed"))
    );
    assert_eq!(placed["total"], 2 * (900 + 250) + 250);
    assert_eq!(placed["currency"], "EUR");
    assert_eq!(placed["lines"][0]["modifiers"][0]["id"], "double");
    assert_eq!(placed["lines"][0]["note"], "rare");
    assert_eq!(test.stock("patty").await, Some(100 - 4));
    let seen = test.order(placed["id"].as_str().unwrap()).await;
    assert_eq!(
        (&seen["lines"], &seen["total"]),
        (&placed["lines"], &placed["total"])
    );
}

#[tokio::test]
async fn the_last_one_is_sold_once_under_200_simultaneous_buyers() {
    let test = TestSite::start().await;
    test.set_stock("cake", 1).await;
    let buy = async || {
        test.kiosk
            .order(&new_key(), &order_of("cake", 1))
            .await
            .unwrap()
    };
    let answers = join_all((0..200).map(|_| buy())).await;
    let (sold, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 201);
    assert_eq!((sold.len(), refused.len()), (1, 199));
    for answer in refused {
        assert_eq!(
            (answer.status.as_u16(), answer.problem()),
            (409, "out-of-stock")
        );
        let items = json!([{"item": "cake", "requested": 1, "available": 0}]);
        assert_eq!(answer.body["items"], items);
    }
    assert_eq!(test.stock("cake").await, Some(0));
    assert_eq!(test.all_orders().await.len(), 1);
}

#[tokio::test]
async fn an_order_claims_all_of_its_stock_or_nothing() {
    let test = TestSite::start().await;
    test.set_stock("patty", 5).await;
    let head = test.head().await;
    let lines = [
        json!({"item": "cake", "quantity": 1}),
        json!({"item": "burger", "quantity": 2, "modifiers": ["double"]}),
        json!({"item": "meatball", "quantity": 1}),
    ];
    let answer = test
        .kiosk
        .order(&new_key(), &order(&lines))
        .await
        .unwrap()
        .expect(409)
        .unwrap();
    let short = json!([
        {"item": "burger", "requested": 2, "available": 2},
        {"item": "meatball", "requested": 1, "available": 2},
    ]);
    assert_eq!(answer.body["items"], short, "both lines need the patties");
    assert_eq!(
        (test.stock("patty").await, test.stock("cake").await),
        (Some(5), Some(50))
    );
    assert_eq!(test.head().await, head, "a refused order leaves no event");
    test.set_stock("patty", 6).await;
    test.placed(&order(&lines)).await;
    assert_eq!(
        (test.stock("patty").await, test.stock("cake").await),
        (Some(0), Some(49))
    );
}

#[tokio::test]
async fn pickup_numbers_count_up_and_never_repeat_across_restarts() {
    let test = TestSite::start().await;
    let mut numbers = Vec::new();
    for round in 0..4 {
        let buys = (0..25).map(|_| async { test.placed(&order_of("cola", 1)).await });
        let placed: Vec<Value> = join_all(buys).await;
        numbers.extend(placed.iter().map(|order| order["number"].as_u64().unwrap()));
        if round % 2 == 0 {
            test.site.restart().await.unwrap();
        } else {
            xtask::harness::Server::restart(&test.site.redis)
                .await
                .unwrap();
            test.site.wait_ready().await.unwrap();
        }
    }
    let distinct: HashSet<u64> = numbers.iter().copied().collect();
    assert_eq!(distinct, (1..=100).collect());
}

#[tokio::test]
async fn calling_off_before_cooking_gives_the_stock_back_once() {
    let test = TestSite::start().await;
    let placed = test.placed(&order_of("meatball", 3)).await;
    let cancel = format!("/v1/orders/{}/cancel", placed["id"].as_str().unwrap());
    assert_eq!(test.stock("patty").await, Some(94));
    let answers = join_all((0..10).map(|_| test.kiosk.act(&cancel))).await;
    let statuses: Vec<u16> = answers
        .iter()
        .map(|a| a.as_ref().unwrap().status.as_u16())
        .collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    let refused = answers
        .into_iter()
        .map(Result::unwrap)
        .find(|a| a.status == 409)
        .unwrap();
    assert_eq!(refused.problem(), "illegal-transition");
    assert_eq!(test.stock("patty").await, Some(100));
}

#[tokio::test]
async fn a_kiosk_sees_and_calls_off_its_own_orders_alone() {
    let test = TestSite::start().await;
    let answer = test
        .manager
        .order(&new_key(), &order_of("cola", 1))
        .await
        .unwrap();
    let id = answer.expect(201).unwrap().body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/v1/orders/{id}");
    test.kiosk.get(&path).await.unwrap().expect(404).unwrap();
    test.kiosk
        .act(&format!("{path}/cancel"))
        .await
        .unwrap()
        .expect(404)
        .unwrap();
    test.kiosk
        .get("/v1/orders")
        .await
        .unwrap()
        .expect(403)
        .unwrap();
}

#[tokio::test]
async fn lists_are_walked_to_the_end_without_gap_or_repetition() {
    let test = TestSite::start().await;
    let placed =
        join_all((0..120).map(|_| async { test.placed(&order_of("cola", 1)).await })).await;
    let listed: Vec<Value> = {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let page = test
                .manager
                .get(&format!("/v1/orders?limit=7{after}"))
                .await
                .unwrap();
            all.extend(page.body["items"].as_array().unwrap().clone());
            let Some(next) = page.body["next"].as_str() else {
                break all;
            };
            after = format!("&after={next}");
        }
    };
    let ids = |orders: &[Value]| -> HashSet<String> {
        orders
            .iter()
            .map(|order| order["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!((listed.len(), ids(&listed)), (120, ids(&placed)));
    let numbers: Vec<u64> = listed
        .iter()
        .map(|order| order["number"].as_u64().unwrap())
        .collect();
    assert!(numbers.is_sorted());
}

#[tokio::test]
async fn the_menu_shows_live_stock_in_the_readers_language_and_has_an_etag() {
    let test = TestSite::start().await;
    let menu = test
        .kiosk
        .get("/v1/menu")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let item = |menu: &Value, id: &str| {
        menu["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|item| item["id"] == id)
            .unwrap()
            .clone()
    };
    assert_eq!(item(&menu.body, "burger")["stock"], 100);
    assert_eq!(item(&menu.body, "meatball")["stock"], 50);
    assert_eq!(item(&menu.body, "cola")["stock"], Value::Null);
    assert_eq!(item(&menu.body, "cake")["name"], "cake");
    let etag = menu.headers["etag"].clone();
    let again = test
        .kiosk
        .request(reqwest::Method::GET, "/v1/menu")
        .header("if-none-match", &etag);
    assert_eq!(test.kiosk.send(again).await.unwrap().status, 304);
    let japanese = test.kiosk.request(reqwest::Method::GET, "/v1/menu");
    let japanese = test
        .kiosk
        .send(japanese.header("accept-language", "ja-JP"))
        .await
        .unwrap();
    assert_eq!(item(&japanese.body, "cake")["name"], "cakeですよ");
    test.placed(&order_of("cake", 50)).await;
    xtask::harness::wait_for("the menu to show it", xtask::harness::LIMIT, async || {
        let menu = test.kiosk.get("/v1/menu").await.unwrap();
        assert_ne!(menu.headers["etag"], "");
        let cake = item(&menu.body, "cake");
        if cake["available"] == false && cake["stock"] == 0 {
            Ok(())
        } else {
            Err(cake.to_string())
        }
    })
    .await
    .unwrap();
}
