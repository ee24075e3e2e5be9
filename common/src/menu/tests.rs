use super::*;

fn menu() -> Menu {
    serde_json::from_str(
        r#"{"version": 1, "currency": "EUR",
            "categories": [{"id": "c", "name": {"en": "C"}}],
            "items": [{"id": "burger", "name": {"en": "Burger"}, "category": "c",
                       "price": 900, "station": "grill", "consumes": {"patty": 1},
                       "allergens": ["gluten"], "preparation_seconds": 300,
                       "modifiers": [{"id": "extra", "name": {"en": "Extra"}, "max": 1,
                         "options": [{"id": "double", "name": {"en": "Double"},
                                      "price": 200, "consumes": {"patty": 1}}]}]},
                      {"id": "cola", "name": {"en": "Cola"}, "category": "c",
                       "price": 250, "station": "bar"}]}"#,
    )
    .expect("a literal")
}

/// The menu with a lunch of a burger and two colas.
fn with_set() -> Menu {
    let mut menu = menu();
    let mut lunch = Item::new("lunch", Text::english("Lunch"), "c", 1_200, "counter");
    lunch.set = vec![
        SetPart {
            item: "burger".into(),
            quantity: 1,
        },
        SetPart {
            item: "cola".into(),
            quantity: 2,
        },
    ];
    lunch.allergens = vec!["mustard".into()];
    menu.items.push(lunch);
    menu
}

fn paths(menu: &Menu) -> Vec<String> {
    menu.faults().into_iter().map(|fault| fault.path).collect()
}

#[test]
fn a_sound_menu_has_no_faults_and_knows_its_skus() {
    assert_eq!(menu().faults(), []);
    assert_eq!(
        menu().skus(),
        BTreeSet::from(["cola".into(), "patty".into()])
    );
}

#[test]
fn every_mistake_is_reported_with_its_place() {
    let mut menu = menu();
    menu.items[0].modifiers[0].options[0].price = -1;
    menu.items[0].modifiers[0].min = 2;
    menu.items[1].category = "nowhere".into();
    menu.items[1].id = "burger".into();
    menu.items[1].name = Text::default();
    assert_eq!(
        paths(&menu),
        [
            "items[0].modifiers[0].max",
            "items[0].modifiers[0].options",
            "items[0].modifiers[0].options[0].price",
            "items[1].id",
            "items[1].category",
            "items[1].name",
        ]
    );
}

#[test]
fn a_menu_that_names_its_stations_has_no_others() {
    let mut menu = menu();
    menu.stations = vec!["grill".into(), "grill".into()];
    assert_eq!(paths(&menu), ["stations[1]", "items[1].station"]);
}

#[test]
fn a_set_takes_what_its_parts_take_and_as_long_as_the_slowest() {
    let menu = with_set();
    assert_eq!(menu.faults(), []);
    let lunch = menu.item("lunch").expect("the set");
    let taken = Consumes::from([("cola".into(), 2), ("patty".into(), 1)]);
    assert_eq!(menu.consumption(lunch), taken);
    assert_eq!(menu.preparation_seconds(lunch), 300);
    assert_eq!(menu.allergens(lunch), ["mustard", "gluten"]);
    assert!(!menu.skus().contains("lunch"));
}

#[test]
fn a_set_is_not_offered_without_its_parts() {
    let mut menu = with_set();
    let noon = NaiveDateTime::default();
    assert!(menu.offers(&menu.items[2], noon));
    menu.items[1].available = false;
    assert!(!menu.offers(&menu.items[2], noon));
}

#[test]
fn a_set_has_neither_sets_nor_choices_nor_itself() {
    let mut menu = with_set();
    menu.items[0].modifiers[0].min = 1;
    let part = |item: &str, quantity| SetPart {
        item: item.into(),
        quantity,
    };
    menu.items[2].set.push(part("lunch", 1));
    menu.items[2].set.push(part("pizza", 100));
    menu.items[2].set.push(part("cola", 1));
    let mut feast = Item::new("feast", Text::english("Feast"), "c", 1, "counter");
    feast.set = vec![part("lunch", 1)];
    menu.items.push(feast);
    assert_eq!(
        paths(&menu),
        [
            "items[2].set[0].item",
            "items[2].set[2].item",
            "items[2].set[3].quantity",
            "items[2].set[3].item",
            "items[2].set[4].item",
            "items[3].set[0].item",
        ]
    );
}

#[test]
fn clashing_and_inverted_schedules_are_faults() {
    let mut menu: Menu = serde_json::from_str(
        r#"{"currency": "EUR",
            "dayparts": [
              {"id": "breakfast", "name": {"en": "B"}, "from": "06:00", "to": "11:00"},
              {"id": "brunch", "name": {"en": "Br"}, "from": "10:59", "to": "14:00"},
              {"id": "late", "name": {"en": "L"}, "from": "22:00", "to": "06:01"},
              {"id": "never", "name": {"en": "N"}, "from": "15:00", "to": "15:00"}],
            "categories": [{"id": "c", "name": {"en": "C"},
                            "schedule": {"dayparts": ["breakfast"], "weekdays": ["mon"]}}],
            "items": [
              {"id": "a", "name": {"en": "A"}, "category": "c", "price": 1, "station": "bar",
               "schedule": {"dayparts": ["late", "supper"]}},
              {"id": "b", "name": {"en": "B"}, "category": "c", "price": 1, "station": "bar",
               "schedule": {"valid_from": "2026-12-01", "valid_until": "2026-11-30"}},
              {"id": "d", "name": {"en": "D"}, "category": "c", "price": 1, "station": "bar",
               "schedule": {"weekdays": ["tue", "tue"]}}]}"#,
    )
    .expect("a literal");
    assert_eq!(
        paths(&menu),
        [
            "dayparts[1].from",
            "dayparts[2].from",
            "dayparts[3].to",
            "items[0].schedule.dayparts[1]",
            "items[0].schedule",
            "items[1].schedule.valid_until",
            "items[2].schedule.weekdays[1]",
            "items[2].schedule",
        ]
    );
    menu.dayparts.truncate(1);
    menu.items.clear();
    assert_eq!(menu.faults(), []);
}

#[test]
fn equal_contents_have_one_hash() {
    let menu = with_set();
    let again: Menu =
        serde_json::from_value(serde_json::to_value(&menu).expect("JSON")).expect("a menu");
    let hash = canonical::hash(&menu).expect("a hash");
    assert_eq!(canonical::hash(&again).expect("a hash"), hash);
    assert_eq!(hash.len(), 64);
    let mut other = menu;
    other.items[0].price += 1;
    assert_ne!(canonical::hash(&other).expect("a hash"), hash);
    let text = canonical::text(&serde_json::json!({"b": [1, null], "a": {"d": "ä\n", "c": true}}));
    assert_eq!(
        text.expect("text"),
        r#"{"a":{"c":true,"d":"ä\n"},"b":[1,null]}"#
    );
}

#[test]
fn a_menu_that_no_message_could_carry_is_a_fault() {
    let mut menu = menu();
    let words = Text::english("w".repeat(1_999));
    for n in 0..210 {
        let mut item = Item::new(&format!("i{n}"), Text::english("I"), "c", 1, "bar");
        item.description = words.clone();
        menu.items.push(item);
    }
    assert_eq!(paths(&menu), ["items"]);
    menu.items.truncate(150);
    assert_eq!(menu.faults(), []);
}
