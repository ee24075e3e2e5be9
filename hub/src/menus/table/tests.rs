use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};
use sunakku_common::menu::Menu;

use super::super::content::Content;
use super::*;

fn content(document: Value, overrides: Value) -> Content {
    serde_json::from_value(json!({ "document": document, "overrides": overrides }))
        .expect("a content")
}

#[test]
fn what_a_spreadsheet_would_run_is_escaped_and_comes_back() {
    for text in [
        "=1+1", "+1", "-1", "@x", "\tx", "\rx", "'", "'=1", "''", "=", "x=1", "'tis", "",
    ] {
        let escaped = escape(text);
        assert!(!escaped.starts_with(FORMULA), "{escaped:?}");
        assert_eq!(unescape(&escaped), text);
    }
    // Typed by a person.
    assert_eq!(unescape("'tis"), "'tis");
    let name = "=HYPERLINK(\"http://x\";\"y\")";
    let content = content(
        json!({"id": "m", "currency": "EUR", "categories": [{"id": "c", "name": {"en": name}}]}),
        json!({}),
    );
    let text = write(&content).expect("CSV");
    assert!(text.contains("'=HYPERLINK"), "{text}");
    assert_eq!(read(&text).expect("a table"), content);
}

#[test]
fn every_mistake_is_told_by_line_and_column() {
    let text = "\
kind,of,id,name:en,category,price,station,colour,consumes,available,group,max
menu,,m,,,,,,,,,
item,,tea,Tea,drinks,3.50,bar,,cup,maybe,,
item,,cake,\"A
cake\",,,bar,red,,,,
group,pie,size,Size,,,,,,,,x
option,tea,large,,,,,,,,size,
station,,bar,Bar,,,,,,,,
robot,,r2,,,,,,,,,
";
    let faults = read(text).expect_err("mistakes");
    let told: Vec<(u64, &str)> = faults
        .iter()
        .map(|fault| (fault.line, fault.column.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (1, "colour"),
            (1, "currency"),
            (3, "price"),
            (3, "consumes"),
            (3, "available"),
            (4, "category"),
            (4, "price"),
            (4, "colour"),
            (6, "max"),
            (6, "of"),
            (7, "group"),
            (8, "name:en"),
            (9, "kind"),
        ]
    );
}

#[test]
fn rows_may_stand_in_any_order_and_columns_too() {
    let text = "\u{feff}group,price,id,kind,of,max,name:en,category,station,currency\r\n\
        size,50,large,option,tea,,Large,,,\r\n\
        ,,size,group,tea,1,Size,,,\r\n\
        ,,,,,,,,,\r\n\
        ,200,tea,item,,,Tea,drinks,bar,\r\n\
        ,,drinks,category,,,Drinks,,,\r\n\
        ,,lunch,menu,,,,,,EUR\r\n";
    let content = read(text).expect("a table");
    assert_eq!(content.faults(), []);
    let tea = content.document.item("tea").expect("tea");
    assert_eq!(tea.modifiers[0].options[0].price, 50);
}

fn code() -> impl Strategy<Value = String> {
    "[A-Za-z0-9._:-]{1,6}"
}

fn codes() -> impl Strategy<Value = Vec<String>> {
    prop::collection::btree_set(code(), 0..3).prop_map(|codes| codes.into_iter().collect())
}

/// What people write, with everything that a table could stumble over.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-=+@'\"a-z,;\n\r\t é日]{0,8}[a-z]",
        "\\PC{1,10}".prop_filter("not blank", |text| !text.trim().is_empty()),
    ]
}

fn text() -> impl Strategy<Value = Value> {
    btree_map("en|ja|pt-BR", words(), 1..3).prop_map(|text| json!(text))
}

fn schedule() -> impl Strategy<Value = Value> {
    let days = prop::sample::subsequence(vec!["mon", "wed", "sun"], 0..3);
    let dayparts = prop::sample::subsequence(vec!["am", "pm"], 0..2);
    let moment = prop::sample::select(vec!["2026-11-27", "2026-11-27T06:30"]);
    (
        dayparts,
        days,
        option::of(moment.clone()),
        option::of(moment),
    )
        .prop_map(|(dayparts, weekdays, from, until)| {
            json!({"dayparts": dayparts, "weekdays": weekdays, "valid_from": from,
                   "valid_until": until})
        })
}

fn units() -> impl Strategy<Value = Value> {
    btree_map(code(), 1_u32..1_000, 0..3).prop_map(|units| json!(units))
}

fn choice() -> impl Strategy<Value = Value> {
    let option = (
        code(),
        text(),
        0_i64..10_000,
        codes(),
        units(),
        any::<bool>(),
    )
        .prop_map(|(id, name, price, allergens, consumes, available)| {
            json!({"id": id, "name": name, "price": price, "allergens": allergens,
                   "consumes": consumes, "available": available})
        });
    (text(), 0_u32..3, 1_u32..4, vec(option, 0..3)).prop_map(|(name, min, max, options)| {
        json!({"name": name, "min": min, "max": max, "options": options})
    })
}

fn item() -> impl Strategy<Value = Value> {
    let first = (
        text(),
        option::of(text()),
        code(),
        0_i64..1_000_000,
        0_u32..2_000,
        codes(),
    );
    let second = (
        codes(),
        option::of(0_u32..9_000),
        code(),
        option::of(words()),
        units(),
    );
    let third = (
        vec(choice(), 0..3),
        vec((code(), 1_u32..9), 0..3),
        any::<bool>(),
        schedule(),
    );
    (first, second, third, 0_u32..900).prop_map(|(first, second, third, seconds)| {
        let (name, description, category, price, tax_rate, allergens) = first;
        let (diet, energy_kj, station, image, consumes) = second;
        let (mut modifiers, set, available, schedule) = third;
        for (n, group) in modifiers.iter_mut().enumerate() {
            group["id"] = json!(format!("g{n}"));
        }
        let part = |(item, quantity): (String, u32)| json!({"item": item, "quantity": quantity});
        json!({"name": name, "description": description.unwrap_or(json!({})),
               "category": category, "price": price, "tax_rate": tax_rate,
               "allergens": allergens, "diet": diet, "energy_kj": energy_kj, "station": station,
               "image": image, "consumes": consumes, "modifiers": modifiers,
               "set": set.into_iter().map(part).collect::<Vec<_>>(), "available": available,
               "schedule": schedule, "preparation_seconds": seconds})
    })
}

fn any_content() -> impl Strategy<Value = Content> {
    let over = (
        option::of(0_i64..999),
        option::of(any::<bool>()),
        option::of(code()),
        option::of(schedule()),
    );
    let over = over.prop_map(|(price, available, station, schedule)| {
        json!({"price": price, "available": available, "station": station, "schedule": schedule})
    });
    // An empty override is a fault, and so is a place without any.
    let over = over
        .prop_filter("says something", |over| {
            over.as_object()
                .is_some_and(|members| members.values().any(|value| !value.is_null()))
        })
        .boxed();
    let scopes = || btree_map(words(), btree_map(code(), over.clone(), 1..3), 0..3);
    let sku = option::of(0_u32..50).prop_map(|mark| json!({ "low_mark": mark }));
    let category = (code(), text(), schedule())
        .prop_map(|(id, name, schedule)| json!({"id": id, "name": name, "schedule": schedule}));
    let clock = "(0[0-9]|1[0-9]|2[0-3]):[0-5][0-9]";
    let daypart = (code(), text(), clock, clock)
        .prop_map(|(id, name, from, to)| json!({"id": id, "name": name, "from": from, "to": to}));
    let lists = (
        codes(),
        btree_map(code(), sku, 0..3),
        vec(daypart, 0..3),
        vec(category, 0..3),
    );
    (code(), lists, vec(item(), 0..4), scopes(), scopes()).prop_map(
        |(id, (stations, skus, dayparts, categories), mut items, regions, sites)| {
            for (n, item) in items.iter_mut().enumerate() {
                item["id"] = json!(format!("i{n}"));
            }
            content(
                json!({"id": id, "currency": "EUR", "stations": stations, "skus": skus,
                       "dayparts": dayparts, "categories": categories, "items": items}),
                json!({"regions": regions, "sites": sites}),
            )
        },
    )
}

proptest! {
    #[test]
    fn a_menu_survives_a_table_and_json_without_loss(content in any_content()) {
        let text = write(&content).expect("CSV");
        let again = read(&text);
        prop_assert_eq!(again.as_ref(), Ok(&content), "{}", text);
        let text = serde_json::to_string(&content).expect("JSON");
        let again: Content = serde_json::from_str(&text).expect("a content");
        prop_assert_eq!(again.hash().expect("a hash"), content.hash().expect("a hash"));
        prop_assert_eq!(again, content);
    }

    #[test]
    fn no_cell_is_run_by_a_spreadsheet(content in any_content()) {
        let text = write(&content).expect("CSV");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        for record in reader.records() {
            let record = record.expect("a record");
            prop_assert!(record.iter().all(|cell| !cell.starts_with(FORMULA)), "{:?}", record);
        }
    }

    /// Whatever comes, reading ends with a content or with places.
    #[test]
    fn nonsense_is_told_and_never_breaks(text in "(kind|id|menu|item|,|\"|\n|a|=){0,60}") {
        if let Err(faults) = read(&text) {
            prop_assert!(!faults.is_empty());
        }
    }
}

proptest! {
    /// The same of a menu that comes as JSON: one of which a byte was changed, or cut off.
    #[test]
    fn a_damaged_menu_is_refused_or_told_what_is_wrong(
        content in any_content(),
        place in 0_usize..10_000,
        byte in any::<u8>(),
    ) {
        let mut text = serde_json::to_vec(&content).expect("JSON");
        let place = place % text.len();
        prop_assert!(serde_json::from_slice::<Content>(&text[..place]).is_err());
        text[place] = byte;
        if let Ok(read) = serde_json::from_slice::<Content>(&text) {
            // What may be published can be frozen, and is within the bounds of one.
            let is_sound = read.faults().is_empty() && !read.has_nul();
            prop_assert!(!is_sound || read.hash().is_ok());
            let _ = read.diff(&content);
        }
    }
}

#[test]
fn the_empty_menu_is_a_table_too() {
    let menu = Menu::new("m", "EUR".to_owned().try_into().expect("a currency"));
    let content = Content::of(menu);
    assert_eq!(read(&write(&content).expect("CSV")), Ok(content));
}
