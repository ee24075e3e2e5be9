//! Kitchen printers: what is printed where, what is not, and what becomes of what could not be.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use sunakku_common::event::{JobDead, TicketCreated, TicketMoved, kind};
use xtask::harness::{LIMIT, wait_for};
use xtask::world::SiteOptions;

use crate::books::read_log;
use crate::memory::redis_of;
use crate::paper::{Mood, Printer};
use crate::site::{TestSite, order, order_of, seed};

/// Settings of a printer that is tried again soon.
pub(crate) fn hasty(name: &str, printer: &Printer, more: toml::Table) -> toml::Value {
    let mut table = toml::toml! {
        timeout_seconds = 2
        retry_min_milliseconds = 20
        retry_max_seconds = 0
    };
    table.insert("name".to_owned(), name.into());
    table.insert("address".to_owned(), printer.address.to_string().into());
    table.extend(more);
    table.into()
}

/// The settings of the printer at the grill.
pub(crate) fn grill(printer: &Printer) -> toml::Value {
    hasty("hot", printer, toml::toml! { stations = ["grill"] })
}

pub(crate) fn options(printers: Vec<toml::Value>, more: toml::Table) -> SiteOptions {
    let mut options = SiteOptions::new("s1", seed()).with(more);
    options.edge.insert("printers".to_owned(), printers.into());
    options
}

pub(crate) async fn start(printers: Vec<toml::Value>, more: toml::Table) -> TestSite {
    TestSite::start_with(options(printers, more)).await
}

/// A site with one printer, at the grill.
pub(crate) async fn with_grill(printer: &Printer) -> TestSite {
    start(vec![grill(printer)], toml::Table::new()).await
}

pub(crate) async fn metric(test: &TestSite, sample: &str) -> f64 {
    let request = test.manager.request(Method::GET, "/metrics");
    let text = request.send().await.unwrap().text().await.unwrap();
    let found = text.lines().find_map(|line| line.strip_prefix(sample));
    found.unwrap_or_else(|| panic!("{sample} is not in {text}"));
    found.unwrap().trim().parse().unwrap()
}

pub(crate) async fn jobs(test: &TestSite, printer: &str, result: &str) -> f64 {
    let labels = format!("{{printer=\"{printer}\",result=\"{result}\"}}");
    metric(test, &format!("sunakku_printer_jobs_total{labels}")).await
}

pub(crate) async fn wait_for_metric(test: &TestSite, sample: &str, wanted: impl Fn(f64) -> bool) {
    wait_for(sample, LIMIT, async || match metric(test, sample).await {
        value if wanted(value) => Ok(()),
        value => Err(value.to_string()),
    })
    .await
    .unwrap();
}

/// Waits until a further try of a printer has failed.
pub(crate) async fn wait_for_failure(test: &TestSite, printer: &str) {
    let before = jobs(test, printer, "retried").await;
    let sample = format!("sunakku_printer_jobs_total{{printer=\"{printer}\",result=\"retried\"}}");
    wait_for_metric(test, &sample, |value| before < value).await;
}

pub(crate) async fn letters(test: &TestSite, count: usize) -> Vec<Value> {
    wait_for("dead letters", LIMIT, async || {
        let letters: Vec<Value> = test.manager.all("/v1/queue/dead").await.unwrap();
        if letters.len() == count {
            Ok(letters)
        } else {
            Err(format!("{letters:?}"))
        }
    })
    .await
    .unwrap()
}

/// Takes an order and waits for its tickets.
pub(crate) async fn cooked(test: &TestSite, item: &str) -> (String, Vec<Value>) {
    let placed = test.placed(&order_of(item, 1)).await;
    let tickets = test.tickets_of(placed["id"].as_str().unwrap()).await;
    (placed["number"].to_string(), tickets)
}

async fn wait_for_sheet_of(printer: &Printer, number: &str) {
    wait_for("its ticket on paper", LIMIT, async || {
        let sheets = printer.sheets();
        if sheets.iter().any(|sheet| is_of(sheet, number)) {
            Ok(())
        } else {
            Err(format!("{sheets:?}"))
        }
    })
    .await
    .unwrap();
}

/// Whether a sheet is that of a pickup number at the grill.
pub(crate) fn is_of(sheet: &str, number: &str) -> bool {
    // The command that makes it large ends right before it.
    sheet.contains(&format!("\u{11}{number} grill\n"))
}

#[tokio::test]
async fn each_station_prints_its_own_tickets_in_its_own_language() {
    let (hot, cold) = (
        Printer::start(Mood::Ready).await,
        Printer::start(Mood::Quiet).await,
    );
    let japanese = toml::toml! {
        stations = ["bar"]
        language = "ja"
        code_page = "shift_jis"
    };
    let zone = toml::toml! {
        [site]
        time_zone = "Asia/Tokyo"
    };
    let test = start(vec![grill(&hot), hasty("cold", &cold, japanese)], zone).await;
    let burger = json!({"item": "burger", "quantity": 2, "modifiers": ["onion"], "note": "rare"});
    let mut request = order(&[burger, json!({"item": "cola", "quantity": 1})]);
    (request["avoid"], request["service"]) = (json!(["nuts", "milk"]), json!("away"));
    let placed = test.placed(&request).await;
    let sheet = hot.wait_for_sheets(1).await.remove(0);
    let at: DateTime<Utc> = placed["placed_at"].as_str().unwrap().parse().unwrap();
    let time = at.with_timezone(&chrono_tz::Asia::Tokyo).format("%H:%M");
    for text in [
        "1 grill\n",
        "TAKE AWAY\n",
        " ALLERGY! NO: nuts, milk\n",
        "2 x burger\n",
        "    + Onion\n",
        "    ! rare\n",
        "Also at: bar\n",
        &format!("Placed {time}\n"),
    ] {
        assert!(sheet.contains(text), "{text:?} is not in {sheet:?}");
    }
    assert!(
        !sheet.contains("cola") && !sheet.contains("COPY"),
        "{sheet:?}"
    );
    let sheet = cold.wait_for_sheets(1).await.remove(0);
    for text in [
        "1 x colaですよ\n",
        "持ち帰り\n",
        "アレルギー注意！除去: nuts, milk\n",
    ] {
        assert!(sheet.contains(text), "{text:?} is not in {sheet:?}");
    }
    test.placed(&order_of("cake", 1)).await;
    let sheet = cold.wait_for_sheets(2).await.remove(1);
    assert!(sheet.contains("1 x cakeですよ\n"), "{sheet:?}");
    assert_eq!((hot.sheets().len(), cold.sheets().len()), (1, 2));
    let printed = "sunakku_printer_jobs_total{printer=\"cold\",result=\"printed\"}";
    wait_for_metric(&test, printed, |count| count == 2.0).await;
    wait_for_metric(&test, "sunakku_printer_up{printer=\"hot\"}", |up| up == 1.0).await;
    let waiting = "sunakku_printer_waiting{printer=\"cold\"}";
    wait_for_metric(&test, waiting, |count| count == 0.0).await;
}

#[tokio::test]
async fn what_is_cancelled_or_done_before_it_could_be_printed_is_not() {
    let printer = Printer::start(Mood::Ready).await;
    let test = with_grill(&printer).await;
    printer.switch_off().await;
    let (_, cancelled) = cooked(&test, "burger").await;
    let (_, done) = cooked(&test, "burger").await;
    let (begun, cooking) = cooked(&test, "burger").await;
    let cancel = format!(
        "/v1/orders/{}/cancel",
        cancelled[0]["order"].as_str().unwrap()
    );
    test.manager
        .act(&cancel)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    test.ticket_step(&done[0], "bump").await;
    test.ticket_step(&cooking[0], "start").await;
    wait_for_failure(&test, "hot").await;
    printer.switch_on(Mood::Ready).await;
    let (last, _) = cooked(&test, "burger").await;
    let sheets = printer.wait_for_sheets(2).await;
    assert!(
        is_of(&sheets[0], &begun) && is_of(&sheets[1], &last),
        "{sheets:?}"
    );
    assert_eq!(printer.sheets().len(), 2);
    letters(&test, 0).await;
}

#[tokio::test]
async fn a_ticket_that_is_too_old_is_a_dead_letter_and_printed_when_somebody_wants_it() {
    let printer = Printer::start(Mood::Ready).await;
    printer.switch_off().await;
    let more = toml::toml! {
        stations = ["grill"]
        expire_seconds = 8
    };
    let test = start(vec![hasty("hot", &printer, more)], toml::Table::new()).await;
    let mut numbers = Vec::new();
    for _ in 0..3 {
        numbers.push(cooked(&test, "burger").await.0);
    }
    let letters_then = letters(&test, 3).await;
    for letter in &letters_then {
        let found = (&letter["kind"], &letter["target"], &letter["reason"]);
        assert_eq!(found, (&json!("print"), &json!("hot"), &json!("expired")));
    }
    assert!(!letters_then[0]["attempts"].as_array().unwrap().is_empty());
    let act = async |letter: &Value, verb: &str| {
        let path = format!("/v1/queue/dead/{}/{verb}", letter["id"].as_str().unwrap());
        let why = json!({"reason": "it was shouted across"});
        let body = if verb == "discard" { why } else { json!({}) };
        test.manager
            .post(&path, None, &body)
            .await
            .unwrap()
            .expect(200)
            .unwrap();
    };
    act(&letters_then[1], "discard").await;
    printer.switch_on(Mood::Ready).await;
    act(&letters_then[2], "retry").await;
    let sheet = printer.wait_for_sheets(1).await.remove(0);
    assert!(
        is_of(&sheet, &numbers[2]) && !sheet.contains("COPY"),
        "{sheet:?}"
    );
    // Nothing old comes with what is new.
    let (number, _) = cooked(&test, "burger").await;
    let sheets = printer.wait_for_sheets(2).await;
    assert!(is_of(&sheets[1], &number), "{sheets:?}");
    assert_eq!(sheets.len(), 2);
    assert_eq!(letters(&test, 1).await, letters_then[..1]);
    let events = read_log(&test).await;
    let of_kind = |kind: &str| events.iter().filter(|event| event.kind == kind).count();
    assert_eq!(
        (of_kind(kind::JOB_RETRIED), of_kind(kind::JOB_DISCARDED)),
        (1, 1)
    );
    let dead = events.iter().find(|event| event.kind == kind::JOB_DEAD);
    let dead: JobDead = dead.unwrap().body().unwrap();
    assert_eq!(
        (dead.target.as_str(), dead.reason.as_str()),
        ("hot", "expired")
    );
    assert_eq!(jobs(&test, "hot", "dead").await, 3.0);
}

#[tokio::test]
async fn a_fallback_prints_once_what_no_screen_acknowledges_in_time() {
    let printer = Printer::start(Mood::Ready).await;
    let spare = hasty("spare", &printer, toml::toml! { fallback = true });
    let soon = toml::toml! {
        [kitchen]
        acknowledge_seconds = 5
    };
    let test = start(vec![spare], soon).await;
    let (seen, tickets) = cooked(&test, "burger").await;
    test.ticket_step(&tickets[0], "acknowledge").await;
    let (begun, tickets) = cooked(&test, "burger").await;
    test.ticket_step(&tickets[0], "start").await;
    let (unseen, tickets) = cooked(&test, "burger").await;
    wait_for_sheet_of(&printer, &unseen).await;
    let late = test.ticket_step(&tickets[0], "acknowledge").await;
    assert_ne!(late["acknowledged_at"], Value::Null);
    // One that waits for its time outlives the edge, and nothing is told again.
    let (forgotten, _) = cooked(&test, "burger").await;
    test.site.process().kill().unwrap();
    test.site.restart().await.unwrap();
    wait_for_sheet_of(&printer, &forgotten).await;
    let (last, _) = cooked(&test, "burger").await;
    wait_for_sheet_of(&printer, &last).await;
    let events = read_log(&test).await;
    let of_kind = |kind: &'static str| {
        let events = events.iter().filter(move |event| event.kind == kind);
        events.map(|event| (event.at, event.body::<TicketMoved>().unwrap()))
    };
    let mut told = Vec::new();
    for (_, moved) in of_kind(kind::TICKET_ESCALATED) {
        assert_eq!(moved.acknowledged_at, None, "{moved:?}");
        told.push(moved.number.to_string());
    }
    for number in [unseen, forgotten, last] {
        assert!(told.contains(&number), "{number} {told:?}");
    }
    // Those that were seen in time were not told, unless the machine was too slow for that.
    let created = events
        .iter()
        .filter(|event| event.kind == kind::TICKET_CREATED);
    for created in created.take(2) {
        let body: TicketCreated = created.body().unwrap();
        let steps = of_kind(kind::TICKET_ACKNOWLEDGED).chain(of_kind(kind::TICKET_STARTED));
        let mut steps = steps.filter(|(_, step)| step.ticket == body.ticket);
        let in_time = steps.any(|(at, _)| at - created.at < TimeDelta::seconds(5));
        assert!(
            !in_time || !told.contains(&body.number.to_string()),
            "{told:?}"
        );
    }
    let sheets = printer.sheets();
    assert_eq!(sheets.len(), told.len(), "{seen} {begun} {sheets:?}");
    assert!(
        told.iter()
            .zip(&sheets)
            .all(|(number, sheet)| is_of(sheet, number))
    );
}

#[tokio::test]
async fn a_dead_printer_holds_up_no_order_and_no_other_printer() {
    let (dead, hung, cold) = (
        Printer::start(Mood::Ready).await,
        Printer::start(Mood::Hangs).await,
        Printer::start(Mood::Ready).await,
    );
    dead.switch_off().await;
    let printers = vec![
        grill(&dead),
        hasty("hung", &hung, toml::toml! { stations = ["grill", "bar"] }),
        hasty("cold", &cold, toml::toml! { stations = ["bar"] }),
    ];
    let test = start(printers, toml::Table::new()).await;
    let both = [
        json!({"item": "burger", "quantity": 1}),
        json!({"item": "cola", "quantity": 1}),
    ];
    for _ in 0..20 {
        let placed = test.placed(&order(&both)).await;
        let tickets = test.tickets_of(placed["id"].as_str().unwrap()).await;
        assert_eq!(tickets.len(), 2);
    }
    cold.wait_for_sheets(20).await;
    for (name, count) in [("hot", 20.0), ("hung", 40.0)] {
        let waiting = format!("sunakku_printer_waiting{{printer=\"{name}\"}}");
        wait_for_metric(&test, &waiting, |waits| waits == count).await;
    }
    wait_for_failure(&test, "hot").await;
    wait_for_failure(&test, "hung").await;
    assert_eq!(hung.sheets().len(), 0);
}

#[tokio::test]
async fn a_ticket_that_cannot_be_read_holds_up_none_behind_it() {
    let printer = Printer::start(Mood::Ready).await;
    printer.switch_off().await;
    let test = with_grill(&printer).await;
    let (_, tickets) = cooked(&test, "burger").await;
    let (number, _) = cooked(&test, "burger").await;
    let text = |name: &str| tickets[0][name].as_str().unwrap().to_owned();
    let mut damage = redis::cmd("HSET");
    damage.arg(format!("{{s1}}:order:{}", text("order")));
    damage.arg(format!("ticket:{}", text("id"))).arg("no JSON");
    damage.exec_async(&mut redis_of(&test).await).await.unwrap();
    let letter = letters(&test, 1).await.remove(0);
    assert_eq!(letter["id"], format!("print:hot:{}", text("id")));
    assert!(
        letter["reason"]
            .as_str()
            .unwrap()
            .contains("cannot be read"),
        "{letter}"
    );
    printer.switch_on(Mood::Ready).await;
    let sheets = printer.wait_for_sheets(1).await;
    assert!(is_of(&sheets[0], &number), "{sheets:?}");
}
