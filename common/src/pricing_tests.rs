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
    request.price(&menu(), &menu().index(), &LIMITS, Utc::now(), Tz::UTC)
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
    let (consumes, claims) = (&priced.line_consumes, &priced.claims);
    let short = short_items(&priced.lines, consumes, claims, |sku| {
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

#[test]
fn a_set_costs_its_own_price_and_takes_what_its_parts_take() {
    let mut menu = menu();
    let lunch = r#"{"id": "lunch", "name": {"en": "Lunch"}, "category": "c", "price": 600,
        "station": "counter", "set": [{"item": "meatball"}, {"item": "cola", "quantity": 2}]}"#;
    menu.items
        .push(serde_json::from_str(lunch).expect("an item"));
    assert_eq!(menu.faults(), []);
    let order = r#"{"channel": "kiosk", "lines": [{"item": "lunch", "quantity": 3, "note": "hot"},
        {"item": "cola", "quantity": 1}]}"#;
    let request: OrderRequest = serde_json::from_str(order).expect("a request");
    let priced = request.price(&menu, &menu.index(), &LIMITS, Utc::now(), Tz::UTC);
    let priced = priced.expect("a sound order");
    assert_eq!(priced.total, 3 * 600 + 250);
    let claims = BTreeMap::from([("cola".to_owned(), 7), ("patty".to_owned(), 6)]);
    assert_eq!(priced.claims, claims);
    let made = |line: &OrderLine| {
        let lines = line.to_make().into_iter();
        let told = lines.map(|line| {
            (
                line.item,
                line.station,
                line.quantity,
                line.total,
                line.note,
            )
        });
        told.collect::<Vec<_>>()
    };
    let note = Some("hot".to_owned());
    assert_eq!(
        made(&priced.lines[0]),
        [
            ("meatball".into(), "grill".into(), 3, 0, note.clone()),
            ("cola".into(), "bar".into(), 6, 0, note),
        ]
    );
    assert_eq!(
        made(&priced.lines[1]),
        [("cola".into(), "bar".into(), 1, 250, None)]
    );
}

#[test]
fn what_is_offered_is_asked_for_the_time_at_which_it_is_wanted() {
    let mut menu = menu();
    let part = r#"{"id": "am", "name": {"en": "Morning"}, "from": "06:00", "to": "11:00"}"#;
    menu.dayparts = vec![serde_json::from_str(part).expect("a daypart")];
    menu.items[2].schedule.dayparts = vec!["am".into()];
    let now: DateTime<Utc> = "2026-11-26T22:30:00Z".parse().expect("a time");
    let order = |pickup: &str, zone: Tz| {
        let json = format!(
            r#"{{"channel": "phone", "lines": [{{"item": "cola", "quantity": 1}}]{pickup}}}"#
        );
        let request: OrderRequest = serde_json::from_str(&json).expect("a request");
        request
            .price(&menu, &menu.index(), &LIMITS, now, zone)
            .is_ok()
    };
    assert!(!order("", Tz::Europe__Berlin));
    assert!(order("", Tz::Asia__Tokyo), "half past seven there");
    assert!(order(
        r#", "pickup_at": "2026-11-27T06:00:00Z""#,
        Tz::Europe__Berlin
    ));
    assert!(!order(
        r#", "pickup_at": "2026-11-27T10:00:00Z""#,
        Tz::Europe__Berlin
    ));
}

mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::menu::{Item, SetPart};
    use crate::text::Text;

    proptest! {
        /// Whatever sets are ordered: the total is the sum of the lines, parts cost nothing, and
        /// the claims are exactly what the lines to make would claim by themselves.
        #[test]
        fn money_and_stock_of_sets_add_up(
            parts in prop::collection::vec((0_usize..3, 1_u32..5), 1..3),
            price in 0_i64..5_000,
            lines in prop::collection::vec((0_usize..4, 1_i64..5), 1..=3),
        ) {
            let mut menu = Menu::new("m", "EUR".to_owned().try_into().expect("a currency"));
            for (n, id) in ["a", "b", "c"].into_iter().enumerate() {
                let mut item = Item::new(id, Text::english(id), "x", 100 * n as i64, id);
                item.consumes = Consumes::from([("shared".into(), 1), (id.to_owned(), 2)]);
                menu.items.push(item);
            }
            let mut set = Item::new("set", Text::english("Set"), "x", price, "counter");
            set.set = parts.iter().map(|(n, quantity)| SetPart {
                item: menu.items[*n].id.clone(),
                quantity: *quantity,
            }).collect();
            menu.items.push(set);
            let lines = lines.iter().map(|(n, quantity)| LineRequest {
                item: menu.items[*n].id.clone(),
                quantity: *quantity,
                modifiers: Vec::new(),
                note: None,
            });
            let request = OrderRequest {
                lines: lines.collect(),
                channel: crate::order::Channel::Kiosk,
                service: None,
                avoid: Vec::new(),
                expected_total: None,
                pickup_at: None,
            };
            let priced = request.price(&menu, &menu.index(), &LIMITS, Utc::now(), Tz::UTC).expect("sound");
            let sum: Minor = priced.lines.iter().map(|line| line.unit_price * Minor::from(line.quantity)).sum();
            prop_assert_eq!(priced.total, sum);
            let mut claims: BTreeMap<String, u64> = BTreeMap::new();
            for line in &priced.lines {
                let made = line.to_make();
                let works = made.iter().map(|line| (line.item.as_str(), line.quantity, line.station.as_str()));
                prop_assert!(works.eq(line.works().map(|work| (work.item, work.quantity, work.station))));
                let cost: Minor = made.iter().map(|line| line.total).sum();
                prop_assert_eq!(cost, if line.parts.is_empty() { line.total } else { 0 });
                for line in made {
                    let item = menu.item(&line.item).expect("an item");
                    for (sku, units) in item.consumption() {
                        *claims.entry(sku).or_default() += u64::from(units) * u64::from(line.quantity);
                    }
                }
            }
            prop_assert_eq!(claims, priced.claims);
        }

        /// Whatever bytes are sent as an order, reading them ends.
        #[test]
        fn no_bytes_of_an_order_break_its_reading(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            cut in 0_usize..200,
            byte in any::<u8>(),
        ) {
            let _ = serde_json::from_slice::<OrderRequest>(&bytes);
            // Nearer to an order than chance comes: one whose text is cut or changed in one place.
            let mut text = br#"{"channel":"kiosk","service":"here","avoid":["nuts"],
                "expected_total":250,"pickup_at":"2026-11-23T12:00:00Z",
                "lines":[{"item":"cola","quantity":1,"modifiers":[],"note":"cold"}]}"#.to_vec();
            let at = cut % text.len();
            let _ = serde_json::from_slice::<OrderRequest>(&text[..at]);
            text[at] = byte;
            if let Ok(request) = serde_json::from_slice::<OrderRequest>(&text) {
                let _ = request.price(&menu(), &menu().index(), &LIMITS, Utc::now(), Tz::UTC);
            }
        }

        /// Whatever an order asks for: it is priced within the limits, or refused with a place.
        #[test]
        fn an_odd_order_is_priced_or_refused(
            lines in prop::collection::vec(
                ("(burger|meatball|cola|gone|nothing|.{0,8})", any::<i64>(), "(single|double|.{0,4})", ".{0,300}"),
                0..6,
            ),
            small in any::<bool>(),
            total in prop::option::of(any::<i64>()),
            seconds in -10_000_000_000_i64..10_000_000_000,
            has_time in any::<bool>(),
        ) {
            let line = |(item, quantity, option, note): &(String, i64, String, String)| LineRequest {
                item: item.clone(),
                quantity: if small { quantity.rem_euclid(4) } else { *quantity },
                modifiers: if option.is_empty() { Vec::new() } else { vec![option.clone()] },
                note: (!note.is_empty()).then(|| note.clone()),
            };
            let request = OrderRequest {
                lines: lines.iter().map(line).collect(),
                channel: crate::order::Channel::Phone,
                service: None,
                avoid: Vec::new(),
                expected_total: total,
                pickup_at: chrono::DateTime::from_timestamp(seconds, 0).filter(|_| has_time),
            };
            match request.price(&menu(), &menu().index(), &LIMITS, Utc::now(), Tz::UTC) {
                Ok(priced) => {
                    prop_assert!((1..=LIMITS.max_lines).contains(&priced.lines.len()));
                    prop_assert!(0 <= priced.total);
                    prop_assert!(priced.lines.iter().all(|line| line.quantity <= LIMITS.max_quantity));
                }
                Err(OrderFault::Invalid { path, .. }) => prop_assert!(!path.is_empty()),
                Err(_) => {}
            }
        }
    }
}
