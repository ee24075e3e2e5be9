//! What screens and paper say of the site is what the hub has set; how printers stand is shown.

use serde_json::{Value, json};
use xtask::harness::{LIMIT, wait_for};

use crate::head_office::{HeadOffice, SELDOM, settings};
use crate::paper::{Mood, Printer};
use crate::printers::{cooked, grill, with_grill};
use crate::site::TestSite;

async fn told_to_pages(test: &TestSite) -> Value {
    let session = test.kiosk.get("/v1/session").await.unwrap();
    session.expect(200).unwrap().body["site"].clone()
}

#[tokio::test]
async fn pages_and_paper_go_by_the_name_and_the_clocks_that_the_hub_has_set() {
    let printer = Printer::start(Mood::Ready).await;
    let hub = HeadOffice::start(true).await;
    let more = toml::Table::from_iter([("printers".to_owned(), vec![grill(&printer)].into())]);
    let test = hub.site_with(SELDOM, more).await;
    let own = json!({"id": "s1", "name": "s1", "time_zone": "UTC"});
    assert_eq!(told_to_pages(&test).await, own);
    // Kathmandu's minutes are nobody else's.
    let set = settings(1, json!({"name": "Harbour", "time_zone": "Asia/Kathmandu"}));
    hub.configure(&set).await;
    test.site_until("the settings", |site| site["revision"] == 1)
        .await;
    let site = json!({"id": "s1", "name": "Harbour", "time_zone": "Asia/Kathmandu"});
    assert_eq!(told_to_pages(&test).await, site);
    let (_, tickets) = cooked(&test, "burger").await;
    let at: chrono::DateTime<chrono::Utc> =
        tickets[0]["placed_at"].as_str().unwrap().parse().unwrap();
    let time = at
        .with_timezone(&chrono_tz::Asia::Kathmandu)
        .format("%H:%M");
    let sheet = printer.wait_for_sheets(1).await.remove(0);
    assert!(sheet.contains(&format!("Placed {time}\n")), "{sheet:?}");
}

async fn printer_until(test: &TestSite, what: &str, wanted: impl Fn(&Value) -> bool) {
    wait_for(what, LIMIT, async || {
        let printers = test.kitchen.get("/v1/printers").await;
        let printers = printers.map_err(|error| error.to_string())?.body;
        let printer = &printers["items"][0];
        let fits = wanted(printer);
        fits.then_some(()).ok_or_else(|| printer.to_string())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn it_is_shown_whether_a_printer_prints_why_not_and_what_waits_for_it() {
    let printer = Printer::start(Mood::Ready).await;
    let test = with_grill(&printer).await;
    cooked(&test, "burger").await;
    printer_until(&test, "the first ticket", |printer| {
        printer["state"] == "ready"
            && printer["last_printed_at"].is_string()
            && printer["waiting"] == 0
            && printer["name"] == "hot"
            && printer["stations"] == json!(["grill"])
            && printer["fallback"] == false
    })
    .await;
    printer.be(Mood::Empty);
    cooked(&test, "burger").await;
    printer_until(&test, "the trouble", |printer| {
        let trouble = printer["trouble"].as_str().unwrap_or_default();
        printer["state"] == "failing" && trouble.contains("out of paper") && printer["waiting"] == 1
    })
    .await;
    printer.be(Mood::Ready);
    printer_until(&test, "the end of it", |printer| {
        printer["state"] == "ready" && printer["trouble"].is_null() && printer["waiting"] == 0
    })
    .await;
}
