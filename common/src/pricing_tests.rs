use super::*;

fn menu() -> Menu {
    serde_json::from_str(
        r#"{"version": 3, "currency": "EUR", "categories": [{"id": "c", "name": {"en": "C"}}],
            "items": [
              {"id": "burger", "name": {"en": "Burger"}, "category": "c", "price": 900,
               "station": "grill", "consumes": {"patty": 1}, "modifiers": [
                 {"id": "size", "name": {"en": "Size"}, "min": 1, "max": 1, "options": [
                   {"id": "single", "name": {"en": "Single"}},
                   {"id": "double", "name": {"en": "Double"}, "price": 250,
                    "consumes": {"patty": 1}}]}]},
              {"id": "meatball", "name": {"en": "Meatball"}, "category": "c", "price": 400,
               "station": "grill", "consumes": {"patty": 2}},
              {"id": "cola", "name": {"en": "Cola"}, "category": "c", "price": 250,
               "station": "bar"},
              {"id": "gone", "name": {"en": "Gone"}, "category": "c", "price": 1,
               "station": "bar", "available": false}]}"#,
    )
    .expect("a literal")
}

const LIMITS: OrderLimits = OrderLimits {
    max_lines: 3,
    max_quantity: 99,
    max_pickup_hours: 48,
};

fn price(json: &str) -> Result<Priced, OrderFault> {
    let request: OrderRequest = serde_json::from_str(json).expect("a request");
    request.price(&menu(), &menu().index(), &LIMITS, Utc::now())
}

fn lines(lines: &str) -> Result<Priced, OrderFault> {
    price(&format!(r#"{{"channel": "kiosk", "lines": [{lines}]}}"#))
}

fn fault_path(result: Result<Priced, OrderFault>) -> String {
    match result {
        Err(OrderFault::Invalid { path, .. }) => path,
        other => panic!("expected an invalid order, got {other:?}"),
    }
}

#[test]
fn lines_and_options_that_share_a_sku_claim_it_together() {
    let priced = lines(
        r#"{"item": "burger", "quantity": 2, "modifiers": ["double"]},
           {"item": "meatball", "quantity": 1}, {"item": "cola", "quantity": 3}"#,
    )
    .expect("a sound order");
    assert_eq!(priced.claims["patty"], 2 * 2 + 2);
    assert_eq!(priced.claims["cola"], 3);
    assert_eq!(priced.total, 2 * (900 + 250) + 400 + 3 * 250);
    assert_eq!(
        priced.total,
        priced.lines.iter().map(|line| line.total).sum::<i64>()
    );
}

#[test]
fn a_shortage_names_every_item_that_needs_the_sku_and_what_is_left_of_it() {
    let priced = lines(
        r#"{"item": "burger", "quantity": 2, "modifiers": ["double"]},
           {"item": "meatball", "quantity": 1}, {"item": "cola", "quantity": 3}"#,
    )
    .expect("a sound order");
    let short = priced.short_items(|sku| {
        (sku == "patty").then_some(StockLevel {
            on_hand: Some(5),
            suspended: false,
        })
    });
    let item = |item: &str, requested, available| ShortItem {
        item: item.into(),
        requested,
        available,
    };
    assert_eq!(short, [item("burger", 2, 2), item("meatball", 1, 2)]);
}

#[test]
fn nonsense_is_refused_with_its_place() {
    assert_eq!(fault_path(lines("")), "lines");
    let cola = r#"{"item": "cola", "quantity": 1}"#;
    assert_eq!(fault_path(lines(&[cola; 4].join(","))), "lines");
    for quantity in ["0", "-1", "100", "9223372036854775807"] {
        let line = format!(r#"{{"item": "cola", "quantity": {quantity}}}"#);
        assert_eq!(fault_path(lines(&line)), "lines[0].quantity", "{quantity}");
    }
    assert_eq!(
        fault_path(lines(r#"{"item": "pizza", "quantity": 1}"#)),
        "lines[0].item"
    );
    let burger = |modifiers: &str| {
        fault_path(lines(&format!(
            r#"{{"item": "burger", "quantity": 1, "modifiers": {modifiers}}}"#
        )))
    };
    assert_eq!(burger("[]"), "lines[0].modifiers");
    assert_eq!(burger(r#"["single", "double"]"#), "lines[0].modifiers");
    assert_eq!(burger(r#"["single", "single"]"#), "lines[0].modifiers[1]");
    assert_eq!(burger(r#"["huge"]"#), "lines[0].modifiers[0]");
}

#[test]
fn what_the_menu_has_but_does_not_offer_is_out_of_stock() {
    let refused = lines(r#"{"item": "gone", "quantity": 2}"#);
    let short = ShortItem {
        item: "gone".into(),
        requested: 2,
        available: 0,
    };
    assert_eq!(refused, Err(OrderFault::Unavailable(vec![short])));
}

#[test]
fn a_total_that_no_longer_holds_is_told() {
    let order = |total: i64| {
        price(&format!(
            r#"{{"channel": "kiosk", "expected_total": {total},
                "lines": [{{"item": "cola", "quantity": 2}}]}}"#
        ))
    };
    assert_eq!(order(400), Err(OrderFault::PriceChanged { total: 500 }));
    assert!(order(500).is_ok());
}

#[test]
fn an_unknown_or_doubled_field_is_no_order() {
    for json in [
        r#"{"channel": "kiosk", "lines": [], "total": 1}"#,
        r#"{"channel": "kiosk", "channel": "kiosk", "lines": []}"#,
        r#"{"channel": "drone", "lines": []}"#,
    ] {
        assert!(
            serde_json::from_str::<OrderRequest>(json).is_err(),
            "{json}"
        );
    }
}

#[test]
fn a_suspended_sku_sells_nothing_and_an_uncounted_one_without_end() {
    let consumes = Consumes::from([("a".into(), 2), ("b".into(), 1)]);
    let level = |on_hand, suspended| Some(StockLevel { on_hand, suspended });
    assert_eq!(sellable(&consumes, |_| None), None);
    assert_eq!(sellable(&consumes, |_| level(None, false)), None);
    assert_eq!(sellable(&consumes, |_| level(Some(5), false)), Some(2));
    assert_eq!(sellable(&consumes, |_| level(Some(-1), false)), Some(0));
    assert_eq!(sellable(&consumes, |_| level(Some(5), true)), Some(0));
}
