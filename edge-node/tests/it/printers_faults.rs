//! Printers, edges and stores that fail in every way: every ticket gets on paper, twice only when the
//! second says so.

use xtask::harness::{LIMIT, Server as _, wait_for};

use crate::lost_data::{copy_folder, epoch};
use crate::paper::{Mood, Printer};
use crate::printers::{
    cooked, grill, hasty, is_of, jobs, letters, metric, options, start, wait_for_failure,
    wait_for_metric, with_grill,
};
use crate::site::order_of;
use crate::tap::Side;
use crate::worker_steps::TappedSite;

#[tokio::test]
async fn a_printer_that_fails_in_any_way_prints_when_it_is_back() {
    let printer = Printer::start(Mood::Ready).await;
    let test = with_grill(&printer).await;
    cooked(&test, "burger").await;
    printer.wait_for_sheets(1).await;
    // Whether the ticket may have been on paper before it was printed whole.
    for (mood, copy) in [
        (None, false),
        (Some(Mood::Empty), false),
        (Some(Mood::Hangs), false),
        (Some(Mood::Tears), true),
    ] {
        match mood {
            Some(mood) => printer.be(mood),
            None => printer.switch_off().await,
        }
        let before = printer.sheets().len();
        let (number, _) = cooked(&test, "burger").await;
        wait_for_failure(&test, "hot").await;
        wait_for_metric(&test, "sunakku_printer_up{printer=\"hot\"}", |up| up == 0.0).await;
        match mood {
            Some(_) => printer.be(Mood::Ready),
            None => printer.switch_on(Mood::Ready).await,
        }
        let sheets = printer.wait_for_sheets(before + 1).await;
        let sheet = &sheets[before];
        assert!(is_of(sheet, &number), "{mood:?} {sheet:?}");
        assert_eq!(sheet.contains("COPY"), copy, "{mood:?} {sheet:?}");
    }
    // It took a ticket to its end, and ran out of paper before it could say so.
    let before = printer.sheets().len();
    printer.be(Mood::RunsOut);
    let (number, _) = cooked(&test, "burger").await;
    printer.wait_for_sheets(before + 1).await;
    wait_for_failure(&test, "hot").await;
    printer.be(Mood::Ready);
    let sheets = printer.wait_for_sheets(before + 2).await;
    assert!(is_of(&sheets[before + 1], &number));
    assert!(!sheets[before].contains("COPY") && sheets[before + 1].contains("*** COPY ***"));
    cooked(&test, "burger").await;
    let sheets = printer.wait_for_sheets(before + 3).await;
    assert!(!sheets[before + 2].contains("COPY"));
    let copies = "sunakku_printer_jobs_total{printer=\"hot\",result=\"copy\"}";
    wait_for_metric(&test, copies, |count| count == 2.0).await;
    assert_eq!(printer.sheets().len(), before + 3);
    letters(&test, 0).await;
}

#[tokio::test]
async fn a_printer_that_never_answers_has_to_close_unless_that_is_not_asked_of_it() {
    let (strict, lax) = (
        Printer::start(Mood::Mute).await,
        Printer::start(Mood::Mute).await,
    );
    let more = toml::toml! {
        stations = ["grill"]
        closes = false
    };
    let test = start(
        vec![grill(&strict), hasty("lax", &lax, more)],
        toml::Table::new(),
    )
    .await;
    for _ in 0..2 {
        cooked(&test, "burger").await;
    }
    wait_for_failure(&test, "hot").await;
    strict.be(Mood::Quiet);
    let sheets = lax.wait_for_sheets(2).await;
    assert!(!sheets.concat().contains("COPY"));
    let printed = "sunakku_printer_jobs_total{printer=\"hot\",result=\"printed\"}";
    // The second one was never begun before.
    wait_for_metric(&test, printed, |count| count == 1.0).await;
    assert_eq!(jobs(&test, "hot", "copy").await, 1.0);
    assert_eq!(jobs(&test, "lax", "retried").await, 0.0);
}

#[tokio::test]
async fn an_edge_that_dies_before_it_knows_prints_a_copy_and_one_that_knows_nothing() {
    let printer = Printer::start(Mood::Dawdles).await;
    let patient = toml::toml! {
        stations = ["grill"]
        timeout_seconds = 60
    };
    let test = start(vec![hasty("hot", &printer, patient)], toml::Table::new()).await;
    let (first, _) = cooked(&test, "burger").await;
    printer.wait_for_sheets(1).await;
    test.site.process().kill().unwrap();
    printer.be(Mood::Ready);
    test.site.restart().await.unwrap();
    let sheets = printer.wait_for_sheets(2).await;
    assert!(is_of(&sheets[1], &first) && sheets[1].contains("*** COPY ***"));
    let copies = "sunakku_printer_jobs_total{printer=\"hot\",result=\"copy\"}";
    wait_for_metric(&test, copies, |count| count == 1.0).await;
    // What was printed is printed, whether or not its place in the log was noted.
    for _ in 0..3 {
        let before = printer.sheets().len();
        let (number, _) = cooked(&test, "burger").await;
        let sheets = printer.wait_for_sheets(before + 1).await;
        assert!(is_of(&sheets[before], &number), "{sheets:?}");
        assert!(!sheets[before].contains("COPY"), "{sheets:?}");
        let done = "sunakku_printer_jobs_total{printer=\"hot\",result=\"printed\"}";
        wait_for_metric(&test, done, |count| count == 1.0).await;
        test.site.process().kill().unwrap();
        test.site.restart().await.unwrap();
    }
    cooked(&test, "burger").await;
    printer.wait_for_sheets(6).await;
    assert_eq!(printer.sheets().len(), 6);
}

/// Places an order and has the edge die at a message about its print to Redis; whether it did before
/// all was done.
async fn die_at(site: &TappedSite, printer: &Printer, pass: usize, side: Side) -> bool {
    let test = &site.test;
    site.redis.set("print:hot:", pass, side);
    let placed = test.placed(&order_of("burger", 1)).await;
    let number = placed["number"].to_string();
    let done = "sunakku_printer_waiting{printer=\"hot\"}";
    let printed = || {
        let sheets = printer.sheets().into_iter();
        sheets
            .filter(|sheet| is_of(sheet, &number))
            .collect::<Vec<_>>()
    };
    let stopped = wait_for(
        "the flow to stop, or the ticket to be done",
        LIMIT,
        async || {
            if site.redis.has_stopped() {
                return Ok(true);
            }
            match (printed().len(), metric(test, done).await) {
                (1, 0.0) => Ok(false),
                found => Err(format!("{found:?}")),
            }
        },
    );
    let stopped = stopped.await.unwrap();
    if stopped {
        test.site.process().kill().unwrap();
        site.redis.open();
        test.site.restart().await.unwrap();
    }
    site.redis.open();
    wait_for("the ticket to be done", LIMIT, async || {
        match (printed().len(), metric(test, done).await) {
            (1.., 0.0) => Ok(()),
            found => Err(format!("{found:?}")),
        }
    })
    .await
    .unwrap();
    let sheets = printed();
    assert!(
        !sheets[0].contains("COPY") || sheets.len() == 1,
        "{sheets:?}"
    );
    assert!(
        sheets.iter().skip(1).all(|sheet| sheet.contains("COPY")),
        "{sheets:?}"
    );
    assert!(sheets.len() <= 2, "{sheets:?}");
    stopped
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_dies_at_any_message_to_redis_prints_every_ticket_and_marks_every_copy() {
    let printer = Printer::start(Mood::Ready).await;
    let site = TappedSite::start(options(vec![grill(&printer)], toml::Table::new())).await;
    for side in [Side::Before, Side::After] {
        let mut steps = 0;
        while die_at(&site, &printer, steps, side).await {
            steps += 1;
            assert!(steps < 20, "a ticket that is never done");
        }
        // Looked at, begun, ended.
        assert!(3 <= steps, "only {steps} messages were met");
    }
    letters(&site.test, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_are_printed_once_while_redis_is_killed_again_and_again() {
    let printer = Printer::start(Mood::Ready).await;
    let test = with_grill(&printer).await;
    let mut numbers = Vec::new();
    for _ in 0..4 {
        for _ in 0..5 {
            numbers.push(test.placed(&order_of("burger", 1)).await["number"].to_string());
        }
        test.site.redis.kill().unwrap();
        test.site.redis.restart().await.unwrap();
        test.site.wait_ready().await.unwrap();
    }
    let whole = |sheets: &[String], number: &str| {
        let of_number = sheets.iter().filter(|sheet| is_of(sheet, number));
        of_number.filter(|sheet| !sheet.contains("COPY")).count()
    };
    wait_for("all tickets on paper", LIMIT, async || {
        let sheets = printer.sheets();
        let of = |number: &&String| sheets.iter().any(|sheet| is_of(sheet, number));
        match numbers.iter().filter(|number| !of(number)).count() {
            0 => Ok(()),
            some => Err(format!("{some} are missing")),
        }
    })
    .await
    .unwrap();
    let sheets = printer.sheets();
    assert!(
        numbers.iter().all(|number| whole(&sheets, number) <= 1),
        "{sheets:?}"
    );
    letters(&test, 0).await;
}

#[tokio::test]
async fn an_edge_that_is_told_to_stop_ends_the_ticket_at_the_printer() {
    let printer = Printer::start(Mood::Slow).await;
    let patient = toml::toml! {
        stations = ["grill"]
        timeout_seconds = 60
    };
    let test = start(vec![hasty("hot", &printer, patient)], toml::Table::new()).await;
    cooked(&test, "burger").await;
    printer.wait_for_sheets(1).await;
    let ended = test.site.process().terminate(LIMIT);
    let (ended, ()) = tokio::join!(ended, async { printer.be(Mood::Ready) });
    assert!(ended.unwrap().is_some_and(|status| status.success()));
    test.site.restart().await.unwrap();
    let (number, _) = cooked(&test, "burger").await;
    let sheets = printer.wait_for_sheets(2).await;
    assert!(is_of(&sheets[1], &number), "{sheets:?}");
    assert!(!sheets.concat().contains("COPY"), "{sheets:?}");
}

#[tokio::test]
async fn a_printer_that_answers_in_real_time_alone_is_believed_when_it_has_taken_all() {
    let printer = Printer::start(Mood::Dawdles).await;
    let test = with_grill(&printer).await;
    for _ in 0..2 {
        cooked(&test, "burger").await;
    }
    let printed = "sunakku_printer_jobs_total{printer=\"hot\",result=\"printed\"}";
    wait_for_metric(&test, printed, |count| count == 2.0).await;
    assert_eq!(printer.sheets().len(), 2);
    assert_eq!(jobs(&test, "hot", "retried").await, 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_set_back_tells_tickets_again_and_none_is_printed_again() {
    let printer = Printer::start(Mood::Ready).await;
    let test = with_grill(&printer).await;
    let copy = test.sandbox.folder("copy").unwrap();
    let printed = "sunakku_printer_jobs_total{printer=\"hot\",result=\"printed\"}";
    for _ in 0..3 {
        cooked(&test, "burger").await;
    }
    wait_for_metric(&test, printed, |count| count == 3.0).await;
    test.site.redis.kill().unwrap();
    copy_folder(test.site.redis.data(), &copy);
    test.site.redis.restart().await.unwrap();
    test.site.wait_ready().await.unwrap();
    let ended = epoch(&test).await;
    cooked(&test, "burger").await;
    wait_for_metric(&test, printed, |count| count == 4.0).await;
    test.site.redis.kill().unwrap();
    test.site.redis.wipe().unwrap();
    copy_folder(&copy, test.site.redis.data());
    test.site.redis.restart().await.unwrap();
    wait_for("a new epoch", LIMIT, async || {
        let sync = test.manager.get("/v1/sync").await;
        let sync = sync.map_err(|error| error.to_string())?;
        match sync.body["epoch"].as_str() {
            Some(epoch) if *epoch != ended.to_string() => Ok(()),
            _ => Err(sync.body.to_string()),
        }
    })
    .await
    .unwrap();
    test.site.wait_ready().await.unwrap();
    let (number, _) = cooked(&test, "burger").await;
    let sheets = printer.wait_for_sheets(5).await;
    assert!(is_of(&sheets[4], &number), "{sheets:?}");
    assert!(!sheets.concat().contains("COPY"), "{sheets:?}");
    let waiting = "sunakku_printer_waiting{printer=\"hot\"}";
    wait_for_metric(&test, waiting, |count| count == 0.0).await;
    assert_eq!(printer.sheets().len(), 5);
}
