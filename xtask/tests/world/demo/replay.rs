//! Replays: what stands in Postgres at the end is what stands in the file.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use xtask::harness::workspace_root;

use super::{Demo, Files, assert_even, run, text};

/// Bill, day, time, dish, quantity, price, shop: as a till might write them. Days are beyond the
/// twelfth somewhere, the lines of a bill are scattered, the soup has two prices.
const SALES: &[(&str, &str, &str, &str, u32, &str, &str)] = &[
    ("B1", "03/04/2026", "12:01:10", "Soup", 2, "4.50", "North"),
    (
        "B2",
        "03/04/2026",
        "12:02:00",
        "Bread, sliced",
        1,
        "1.20",
        "South",
    ),
    (
        "B1",
        "03/04/2026",
        "12:01:10",
        "Bread, sliced",
        3,
        "1.20",
        "North",
    ),
    ("B3", "13/04/2026", "09:30:00", "Soup", 1, "5.00", "North"),
    ("B1", "03/04/2026", "12:01:10", "Soup", 1, "4.50", "North"),
    // The same bill number in another shop is another bill.
    (
        "B1",
        "14/04/2026",
        "18:00:00",
        "Tea \"Ceylon\"",
        2,
        "2.05",
        "South",
    ),
    (
        "B4",
        "14/04/2026",
        "18:00:30",
        "Ramen 拉麺",
        1,
        "11.90",
        "South",
    ),
    ("B2", "03/04/2026", "12:02:00", "Soup", 4, "5.00", "South"),
    (
        "B5",
        "15/04/2026",
        "23:59:59",
        "Tea \"Ceylon\"",
        10,
        "2.05",
        "North",
    ),
];

/// Lines that are no sale, in between.
const BROKEN: [&str; 4] = [
    "B6,not a day,12:00:00,Soup,1,4.50,North",
    "B6,15/04/2026,12:00:00,Soup,many,4.50,North",
    "B6,15/04/2026,12:00:00,,1,4.50,North",
    "B6,31/02/2026,12:00:00,Soup,1,4.50,North",
];

fn file() -> String {
    let mut lines = vec!["Bill,Date,Time,Item,Quantity,Price,Site".to_owned()];
    for (n, (bill, date, time, item, quantity, price, site)) in SALES.iter().enumerate() {
        let item = item.replace('"', "\"\"");
        lines.push(format!(
            "{bill},{date},{time},\"{item}\",{quantity},{price},{site}"
        ));
        lines.extend(BROKEN.get(n).map(|line| (*line).to_owned()));
    }
    lines.join("\n") + "\n"
}

fn cents(price: &str) -> u64 {
    price.replace('.', "").parse().unwrap()
}

#[tokio::test]
async fn a_replayed_file_stands_in_postgres_as_it_was() {
    let files = Files::new();
    let (csv, summary) = (files.write("till.csv", &file()), files.path("summary.json"));
    let arguments = ["--columns", "order=Bill,time=Date+Time", "--speed", "max"];
    let paths = ["--replay", text(&csv), "--summary", text(&summary)];
    let ended = run(&[&arguments[..], &paths].concat()).await;
    assert!(ended.said.contains("Everything holds."), "{ended}");

    let (mut items, mut bills, mut total) = (BTreeMap::new(), BTreeSet::new(), 0);
    let mut per_site: BTreeMap<&str, (BTreeSet<&str>, u64)> = BTreeMap::new();
    for (bill, _, _, item, quantity, price, site) in SALES {
        *items.entry(*item).or_insert(0) += quantity;
        bills.insert((site, bill));
        let amount = u64::from(*quantity) * cents(price);
        total += amount;
        let here = per_site.entry(*site).or_default();
        here.0.insert(bill);
        here.1 += amount;
    }
    let summary = files.json("summary.json");
    assert_eq!(summary["items"], json!(items));
    let all = json!({
        "sent": bills.len(), "accepted": bills.len(), "refused": 0, "committed": bills.len(),
    });
    assert_eq!(summary["orders"], all);
    assert_eq!(
        summary["total"],
        json!({"sent": total, "accepted": total, "committed": total})
    );
    assert_eq!(summary["bad_lines"], BROKEN.len());
    assert_even(&summary);
    let sites: BTreeMap<&str, (u64, u64)> = summary["sites"]
        .as_array()
        .unwrap()
        .iter()
        .map(|site| {
            let orders = site["orders"]["committed"].as_u64().unwrap();
            let total = site["total"]["committed"].as_u64().unwrap();
            (site["id"].as_str().unwrap(), (orders, total))
        })
        .collect();
    let expected = per_site.iter().map(|(name, (bills, total))| {
        let id = if *name == "North" { "north" } else { "south" };
        (id, (bills.len() as u64, *total))
    });
    assert_eq!(sites, expected.collect());
}

#[tokio::test]
async fn a_year_of_a_real_bakery_is_counted_to_the_last_roll() {
    let csv = workspace_root().join("../shared/data/bread-basket.csv");
    let Ok(content) = std::fs::read_to_string(&csv) else {
        eprintln!("skipped: there is no {}", csv.display());
        return;
    };
    let (mut items, mut bills) = (BTreeMap::new(), BTreeSet::new());
    for line in content.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        if fields[3] != "NONE" {
            *items.entry(fields[3].to_owned()).or_insert(0) += 1;
            bills.insert(fields[2].to_owned());
        }
    }
    let files = Files::new();
    let summary = files.path("summary.json");
    let paths = ["--replay", text(&csv), "--summary", text(&summary)];
    run(&[&["--speed", "max"][..], &paths].concat()).await;
    let summary = files.json("summary.json");
    assert_eq!(summary["items"], json!(items));
    let orders = bills.len();
    assert_eq!(
        summary["orders"],
        json!({"sent": orders, "accepted": orders, "refused": 0, "committed": orders})
    );
    assert_eq!(summary["bad_lines"], 0);
    assert_even(&summary);
}

#[tokio::test]
async fn a_replay_with_counted_stock_sells_out_and_oversells_nothing() {
    let files = Files::new();
    let mut csv = "Order,Time,Item,Quantity\n".to_owned();
    for order in 0..60 {
        csv += &format!("{order},2026-04-03 12:{order:02}:00,Cake,1\n");
        csv += &format!("{order},2026-04-03 12:{order:02}:00,Tea {},1\n", order % 30);
    }
    let (csv, summary) = (files.write("till.csv", &csv), files.path("summary.json"));
    let arguments = ["--speed", "max", "--stock", "3", "--sites", "2"];
    let paths = ["--replay", text(&csv), "--summary", text(&summary)];
    run(&[&arguments[..], &paths].concat()).await;
    let summary = files.json("summary.json");
    assert_even(&summary);
    assert_eq!(summary["items"]["Cake"], 2 * 3, "three at each site");
    assert_eq!(summary["orders"]["accepted"], 6);
    assert_eq!(summary["orders"]["refused"], 60 - 6);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_told_and_ends_with_1() {
    let files = Files::new();
    let no_columns = files.write("words.csv", "some,words\nno,sale\n");
    let missing = files.path("missing.csv");
    for (csv, expected) in [(&missing, "missing.csv"), (&no_columns, "column")] {
        let ended = Demo::start(&["--replay", text(csv)]).end().await;
        assert_eq!(ended.status.code(), Some(1), "{ended}");
        assert!(ended.complained.contains(expected), "{ended}");
        assert!(!ended.complained.contains("panicked"), "{ended}");
    }
}
