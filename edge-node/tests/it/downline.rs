//! Menus and settings that come down from the hub.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use sunakku_common::down::{MenuVersion, text_hash};
use sunakku_common::event::{MenuRefused, kind};
use sunakku_common::menu::Sku;
use sunakku_common::money::Currency;
use sunakku_common::subjects;
use xtask::harness::Server as _;

use crate::bad_input::assert_problem;
use crate::head_office::{HeadOffice, SELDOM, down, menu, settings, site_id};
use crate::screen::Screen;
use crate::site::{TestSite, new_key, order_of};

async fn cake_price(test: &TestSite) -> Value {
    let menu = test
        .kiosk
        .get("/v1/menu")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let items = menu.body["items"].as_array().unwrap();
    let cake = items.iter().find(|item| item["id"] == "cake").unwrap();
    cake["price"].clone()
}

#[tokio::test]
async fn a_pushed_menu_is_sold_by_at_once_and_told_to_screens() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    let before = test.kiosk.get("/v1/menu").await.unwrap();
    let mut screen = Screen::follow(&test, "topics=menu").await;
    assert_eq!(screen.news().await["data"]["menu"]["version"], 1);
    let mut new = menu(2, 420);
    let mut scone = new.items[2].clone();
    scone.id = "scone".to_owned();
    scone.preparation_seconds = 500;
    new.items.push(scone);
    hub.publish(&new).await;

    let frame = screen.news().await;
    assert_eq!(
        (&frame["type"], &frame["data"]["version"]),
        (&"menu".into(), &2.into())
    );
    assert_eq!(frame["data"]["menu"], "main");
    // Who is told of it finds it.
    assert_eq!(cake_price(&test).await, 420);
    let after = test.kiosk.get("/v1/menu").await.unwrap();
    assert_ne!(before.headers["etag"], after.headers["etag"]);
    let skus: Vec<Value> = test.kiosk.all("/v1/stock").await.unwrap();
    let scone = skus.iter().find(|row| row["sku"] == "scone");
    assert_eq!(
        scone.unwrap()["on_hand"],
        Value::Null,
        "known, and not counted"
    );

    // A guest who still saw the old price is told the new one.
    let mut order = order_of("cake", 2);
    order["expected_total"] = json!(700);
    let answer = test.kiosk.order(&new_key(), &order).await.unwrap();
    assert_problem(&answer, 409, "price-changed");
    assert_eq!(answer.body["total"], 840);
    let placed = test.placed(&order_of("scone", 1)).await;
    let (from, to) = (&placed["placed_at"], &placed["ready_estimate_at"]);
    let time =
        |value: &Value| -> chrono::DateTime<Utc> { value.as_str().unwrap().parse().unwrap() };
    assert!(
        TimeDelta::seconds(500) <= time(to) - time(from),
        "the kitchen plans by it"
    );
    let shown = test.shown().await;
    assert_eq!(shown["menu"]["origin"], "hub:main");
    assert!(shown["menu"]["confirmed_at"].is_string(), "{shown}");
}

#[tokio::test]
async fn an_order_that_was_taken_stays_taken_when_a_new_menu_makes_it_too_long() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    let mut screen = Screen::follow(&test, "topics=menu").await;
    screen.news().await;
    let mut order = order_of("cake", 1);
    let line = order["lines"][0].clone();
    order["lines"] = vec![line; 40].into();
    let key = new_key();
    let first = test.kiosk.order(&key, &order).await.unwrap();
    let first = first.expect(201).unwrap();

    let mut new = menu(2, 350);
    let cake = new.items.iter_mut().find(|item| item.id == "cake");
    let long = "菓".repeat(2_000);
    cake.unwrap().name = serde_json::from_value(json!({ "en": long, "ja": long })).unwrap();
    hub.publish(&new).await;
    screen.news().await;
    let refused = test.kiosk.order(&new_key(), &order).await.unwrap();
    assert_problem(&refused, 422, "invalid-order");
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("bytes"), "{detail}");
    let again = test.kiosk.order(&key, &order).await.unwrap();
    let again = again.expect(201).unwrap();
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.body["id"], first.body["id"]);
}

#[tokio::test]
async fn a_menus_low_marks_count_where_the_site_has_none_of_its_own() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    let mut screen = Screen::follow(&test, "topics=menu").await;
    screen.news().await;
    let mark = async || test.manager.get("/v1/stock/cake").await.unwrap().body["low_mark"].clone();
    let own = async |mark: Value| {
        let body = json!({ "low_mark": mark });
        let path = "/v1/stock/cake/low-mark";
        let answer = test.manager.put(path, &body).await.unwrap();
        answer.expect(200).unwrap().body["low_mark"].clone()
    };
    let mut marked = menu(2, 350);
    let low_mark = Some(60);
    marked.skus.insert("cake".to_owned(), Sku { low_mark });
    hub.publish(&marked).await;
    screen.news().await;
    assert_eq!(mark().await, 60);
    test.wait_for_metric("sunakku_stock_low", 1.0).await;
    let mut stock = Screen::follow(&test, "topics=stock").await;
    stock.next().await;
    test.adjust("cake", 1).await.expect(200).unwrap();
    let change = stock.news().await["data"].clone();
    assert_eq!(
        (&change["low_mark"], &change["low"]),
        (&json!(60), &json!(true))
    );
    assert_eq!(own(json!(4)).await, 4);
    assert_eq!(own(Value::Null).await, 60, "the menu's is back");
    hub.publish(&menu(3, 350)).await;
    screen.news().await;
    assert_eq!(mark().await, Value::Null);
}

#[tokio::test]
async fn a_push_that_was_lost_is_made_up_for_by_the_next_reading() {
    let hub = HeadOffice::start(false).await;
    let test = hub.site(1).await;
    for version in 2..=4 {
        hub.publish(&menu(version, 400)).await;
        test.sells_by(version).await;
    }
    hub.configure(&settings(7, json!({}))).await;
    test.site_until("the settings", |site| site["revision"] == 7)
        .await;
}

#[tokio::test]
async fn an_edge_that_starts_alone_sells_by_its_last_menu_and_switches_at_the_next_ones_time() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    let at = Utc::now() + TimeDelta::seconds(25);
    let (now, next) = (menu(2, 420), menu(3, 430));
    hub.write(&down(Some(&now), Some((at, &next)))).await;
    let shown = test.site_until("the next menu to be known", |site| {
        site["menu"]["next"]["version"] == 3
    });
    assert_eq!(shown.await["menu"]["version"], 2);
    // The hub is gone, and so is the seed: what the edge knows stands in its store.
    hub.nats.kill().unwrap();
    std::fs::remove_file(test.site.data.join("edge/seed.json")).unwrap();
    test.site.restart().await.unwrap();
    let shown = test.shown().await;
    if Utc::now() < at {
        assert_eq!(shown["menu"]["version"], 2, "{shown}");
    }
    test.sells_by(3).await;
    assert!(at <= Utc::now(), "not before its time");
    assert_eq!(cake_price(&test).await, 430);
    // Its time has passed for good.
    test.site.restart().await.unwrap();
    assert_eq!(test.shown().await["menu"]["version"], 3);
    assert_eq!(test.told(kind::MENU_ACTIVATED).await.len(), 3, "each once");
}

#[tokio::test]
async fn a_menu_that_cannot_be_used_is_refused_once_and_the_old_one_goes_on() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    hub.publish(&menu(5, 420)).await;
    test.sells_by(5).await;
    let good = MenuVersion::of(&menu(6, 1)).unwrap();
    let text = good.menu.get().to_owned();
    let mut damaged = down(Some(&menu(6, 1)), None);
    damaged.current.as_mut().unwrap().hash = text_hash("another text");
    let mut newer = damaged.clone();
    let odd = text.replacen('{', r#"{"surcharge":5,"#, 1);
    let current = newer.current.as_mut().unwrap();
    current.hash = text_hash(&odd);
    current.menu = serde_json::value::RawValue::from_string(odd).unwrap();
    let mut faulty = menu(6, 1);
    faulty.items[0].category = "nowhere".to_owned();
    let mut yen = menu(6, 1);
    yen.currency = Currency::try_from("JPY".to_owned()).unwrap();
    hub.configure(&settings(1, json!({}))).await;
    test.site_until("the currency", |site| site["currency"] == "EUR")
        .await;

    let offers = [
        (damaged, "damaged"),
        (newer, "surcharge"),
        (down(Some(&faulty), None), "nowhere"),
        (down(Some(&yen), None), "JPY"),
        (down(Some(&menu(4, 1)), None), "older"),
        (down(Some(&menu(5, 1)), None), "under this version"),
    ];
    for (n, (offer, why)) in offers.iter().enumerate() {
        for _ in 0..3 {
            hub.write(offer).await;
        }
        let events = test.told_until(kind::MENU_REFUSED, n + 1).await;
        let refused: MenuRefused = events[n].body().unwrap();
        assert!(refused.reason.contains(why), "{refused:?} without {why}");
        assert_eq!(refused.menu.as_deref(), Some("main"));
        let shown = |site: &Value| site["menu"]["refused"]["reason"] == refused.reason;
        test.site_until("the reason", shown).await;
        assert_eq!(test.shown().await["menu"]["version"], 5);
    }
    assert_eq!(cake_price(&test).await, 420);
    assert_eq!(
        test.told(kind::MENU_REFUSED).await.len(),
        offers.len(),
        "each once"
    );
    // An admin's word takes the one that the hub has now.
    let reload = (
        sunakku_common::ids::CommandId::new(),
        "menu.reload",
        json!({"go_back": true}),
        60,
    );
    hub.send(&[reload]).await;
    test.told_until(kind::COMMAND_APPLIED, 1).await;
    assert_eq!(cake_price(&test).await, 1);
    assert_eq!(test.shown().await["menu"]["refused"], Value::Null);
}

#[tokio::test]
async fn what_names_another_site_or_comes_by_another_way_is_dropped() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    let mut foreign = down(Some(&menu(2, 1)), None);
    foreign.site = "s2".parse().unwrap();
    hub.write(&foreign).await;
    let forged = serde_json::to_vec(&down(Some(&menu(3, 1)), None)).unwrap();
    let subject = subjects::menu(&site_id());
    hub.client.publish(subject, forged.into()).await.unwrap();
    // What comes after them is taken: they were seen by then.
    hub.configure(&settings(1, json!({}))).await;
    test.site_until("the settings", |site| site["revision"] == 1)
        .await;
    hub.publish(&menu(4, 440)).await;
    test.sells_by(4).await;
    let versions = test.told(kind::MENU_ACTIVATED).await.len();
    assert_eq!(versions, 2, "the seed's and the last one");
}

#[tokio::test]
async fn a_wiped_store_is_given_the_menu_and_the_settings_again() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    hub.publish(&menu(2, 420)).await;
    hub.configure(&settings(3, json!({}))).await;
    test.sells_by(2).await;
    test.site_until("the settings", |site| site["revision"] == 3)
        .await;
    hub.nats.kill().unwrap();
    test.site.redis.kill().unwrap();
    test.site.redis.wipe().unwrap();
    test.site.redis.restart().await.unwrap();
    test.told_until(kind::SITE_CONFIGURED, 1).await;
    test.told_until(kind::MENU_ACTIVATED, 1).await;
    test.site.restart().await.unwrap();
    let shown = test.shown().await;
    assert_eq!(
        (&shown["menu"]["version"], &shown["revision"]),
        (&2.into(), &3.into())
    );
}

#[tokio::test]
async fn a_closed_site_takes_no_orders_and_says_when_it_opens() {
    let test = TestSite::start().await;
    let key = new_key();
    let order = order_of("cake", 1);
    test.kiosk
        .order(&key, &order)
        .await
        .unwrap()
        .expect(201)
        .unwrap();
    let refused = test.kiosk.act("/v1/site/close").await.unwrap();
    assert_problem(&refused, 403, "forbidden");
    let body = json!({"reason": "the oven burns"});
    let closed = test
        .manager
        .post("/v1/site/close", Some("k"), &body)
        .await
        .unwrap();
    let closed = closed.expect(200).unwrap();
    assert_eq!(closed.body["state"], "closed");
    let again = test
        .manager
        .post("/v1/site/close", Some("k"), &body)
        .await
        .unwrap();
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.body["closed_until"], closed.body["closed_until"]);
    for restart in [false, true] {
        if restart {
            test.site.restart().await.unwrap();
        }
        let answer = test.kiosk.order(&new_key(), &order).await.unwrap();
        assert_problem(&answer, 409, "site-closed");
        assert_eq!(answer.body["opens_at"], closed.body["opens_at"]);
        // What was taken before stays taken.
        let first = test.kiosk.order(&key, &order).await.unwrap();
        assert_eq!(first.headers["idempotency-replayed"], "true");
        let menu = test.kiosk.get("/v1/menu").await.unwrap().body;
        assert_eq!(
            (&menu["site"]["open"], &menu["site"]["reason"]),
            (&false.into(), &"the oven burns".into())
        );
    }
    test.manager
        .act("/v1/site/open")
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    test.placed(&order).await;
    let past = json!({"until": "2020-01-01T00:00:00Z"});
    let odd = test
        .manager
        .post("/v1/site/close", None, &past)
        .await
        .unwrap();
    assert_problem(&odd, 422, "invalid-body");
    assert_eq!(test.told(kind::SITE_CLOSED).await.len(), 1);
    assert_eq!(test.told(kind::SITE_OPENED).await.len(), 1);
}

#[tokio::test]
async fn the_hubs_settings_are_in_force_also_after_a_restart_without_it() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    test.placed(&order_of("cake", 1)).await;
    // Open on one day of the year alone.
    let never = json!({"opening_hours": {"week": {"mon": []}}, "max_open_orders": 1});
    hub.configure(&settings(2, never)).await;
    test.site_until("the settings", |site| site["state"] == "closed")
        .await;
    hub.configure(&settings(1, json!({"name": "of old"}))).await;
    hub.nats.kill().unwrap();
    test.site.restart().await.unwrap();
    let shown = test.shown().await;
    assert_eq!(
        (&shown["name"], &shown["time_zone"]),
        (&"Harbour".into(), &"Europe/Berlin".into())
    );
    assert_eq!(
        (&shown["state"], &shown["max_open_orders"]),
        (&"closed".into(), &1.into())
    );
    let answer = test
        .kiosk
        .order(&new_key(), &order_of("cake", 1))
        .await
        .unwrap();
    assert_problem(&answer, 409, "site-closed");
    assert_eq!(answer.body["opens_at"], Value::Null);
}

#[tokio::test]
async fn an_edge_without_any_menu_says_so_until_it_gets_one() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    std::fs::remove_file(test.site.data.join("edge/seed.json")).unwrap();
    test.site.redis.kill().unwrap();
    test.site.redis.wipe().unwrap();
    test.site.process().kill().unwrap();
    test.site.redis.restart().await.unwrap();
    test.site.restart().await.unwrap();
    let menu_answer = test.kiosk.get("/v1/menu").await.unwrap();
    assert_problem(&menu_answer, 503, "no-menu");
    let order = test
        .kiosk
        .order(&new_key(), &order_of("cake", 1))
        .await
        .unwrap();
    assert_problem(&order, 503, "no-menu");
    hub.publish(&menu(9, 420)).await;
    test.sells_by(9).await;
    test.placed(&order_of("cake", 1)).await;
}
