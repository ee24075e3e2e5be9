use super::*;
use crate::replay::csv::Line;

fn options(sites: Option<u16>) -> Options {
    Options {
        sites,
        rush: 0.0,
        replay: None,
        columns: None,
        speed: super::super::options::Speed::Max,
        dates: None,
        currency: "EUR".to_owned(),
        stock: None,
        seconds: None,
        state: None,
        summary: None,
        programs: crate::harness::Profile::Debug,
    }
}

fn transaction(order: &str, site: Option<&str>, lines: &[(&str, u32, Option<i64>)]) -> Transaction {
    let line = |(item, quantity, unit_price): &(&str, u32, Option<i64>)| Line {
        item: (*item).to_owned(),
        quantity: *quantity,
        unit_price: *unit_price,
    };
    Transaction {
        order: order.to_owned(),
        site: site.map(str::to_owned),
        at: chrono::NaiveDateTime::default(),
        lines: lines.iter().map(line).collect(),
    }
}

fn menu() -> ReplayMenu {
    let currency = Currency::try_from("EUR".to_owned()).expect("a code");
    ReplayMenu {
        currency,
        items: Vec::new(),
        ids: HashMap::new(),
    }
}

#[test]
fn an_item_at_several_prices_becomes_as_many_items_of_one_name() {
    let mut menu = menu();
    let order = transaction(
        "1",
        None,
        &[
            ("Tea", 1, Some(200)),
            ("Tea", 2, Some(250)),
            ("Tea", 1, Some(200)),
            ("Café ☕", 1, None),
        ],
    );
    let parts = menu.lines(&order);
    let (lines, total) = &parts[0];
    assert_eq!(
        (parts.len(), lines.len(), *total),
        (1, 3, 2 * 200 + 2 * 250 + 100)
    );
    assert_eq!(lines[0]["quantity"], 2, "like lines are put together");
    let seed = menu.seed(Some(7));
    assert_eq!(seed.menu.faults(), []);
    assert_eq!(seed.stock.values().sum::<u32>(), 21);
    assert_eq!(
        seed.menu
            .items
            .iter()
            .filter(|item| item.name.0["en"] == "Tea")
            .count(),
        2
    );
}

#[test]
fn a_huge_order_is_placed_in_parts_that_add_up() {
    let names: Vec<String> = (0..2_500).map(|n| format!("item {n}")).collect();
    let lines: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), 1, Some(3)))
        .collect();
    let parts = menu().lines(&transaction("1", None, &lines));
    assert_eq!(
        parts
            .iter()
            .map(|(lines, _)| lines.len())
            .collect::<Vec<_>>(),
        [1_000, 1_000, 500]
    );
    assert_eq!(parts.iter().map(|(_, total)| total).sum::<i64>(), 7_500);
}

#[test]
fn orders_go_to_the_site_that_the_file_names_else_round() {
    let here = |site| transaction("1", site, &[("Tea", 1, None)]);
    let named = [
        here(Some("Leeds")),
        here(Some("São Paulo")),
        here(Some("Leeds")),
    ];
    let (sites, site_of) = deal(&options(None), &named).expect("dealt");
    assert_eq!(
        (sites[site_of[0]].as_str(), site_of[0]),
        ("leeds", site_of[2])
    );
    assert_eq!(sites[site_of[1]], "s-o-paulo");
    let (sites, site_of) = deal(&options(Some(1)), &named).expect("dealt");
    assert_eq!((sites.len(), site_of), (1, vec![0, 0, 0]));
    let nameless = [here(None), here(None), here(None)];
    let (sites, site_of) = deal(&options(None), &nameless).expect("dealt");
    assert_eq!(
        (sites, site_of),
        (vec!["s1".to_owned(), "s2".to_owned()], vec![0, 1, 0])
    );
}

#[test]
fn the_demos_own_menu_is_sound() {
    let seed = lunch_menu().expect("a menu");
    assert_eq!(seed.menu.items.len(), 26);
    let skus = seed.menu.skus();
    assert!(
        seed.stock.keys().all(|sku| skus.contains(sku)),
        "every counted SKU is used"
    );
}
