//! Steps that the rules do not have are refused and change nothing; what a cook has begun is not
//! called off behind his back.

use serde_json::{Value, json};
use sunakku_common::claims::Role;
use sunakku_common::event::{TicketMoved, kind};

use crate::bad_input::assert_problem;
use crate::books::read_log;
use crate::screen::Screen;
use crate::site::{TestSite, order, order_of};

/// Does one step of a ticket or order, whoever may; the status.
async fn step(test: &TestSite, path: &str) -> u16 {
    let reason = json!({ "reason": "spilt" });
    let answer = if path.ends_with("/cancel") {
        test.manager.post(path, None, &reason).await
    } else {
        test.manager.act(path).await
    };
    answer.unwrap().status.as_u16()
}

/// An order of two lines for one station, brought into a state by these steps.
async fn ticket_after(test: &TestSite, steps: &[&str]) -> (String, String) {
    let line = json!({"item": "cola", "quantity": 1});
    let placed = test.placed(&order(&[line.clone(), line])).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    let ticket = test.tickets_of(&id).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for next in steps {
        let status = step(test, &path_of(&id, &ticket, next)).await;
        assert_eq!(status, 200, "{steps:?}: {next}");
    }
    (id, ticket)
}

fn path_of(order: &str, ticket: &str, step: &str) -> String {
    match step {
        "cancel" | "collect" => format!("/v1/orders/{order}/{step}"),
        _ => format!("/v1/tickets/{ticket}/{step}"),
    }
}

const STEPS: [&str; 7] = [
    "start",
    "lines/1/bump",
    "bump",
    "recall",
    "confirm",
    "cancel",
    "collect",
];

/// How an order and its ticket come to stand, and the steps that lead on from there.
const LEGAL: [(&[&str], &[&str]); 8] = [
    (&[], &["start", "lines/1/bump", "bump", "cancel"]),
    (&["start"], &["lines/1/bump", "bump", "cancel"]),
    (&["lines/1/bump"], &["bump", "cancel"]),
    (&["bump"], &["recall", "cancel", "collect"]),
    (&["cancel"], &[]),
    (&["start", "cancel"], &["confirm"]),
    (&["start", "cancel", "confirm"], &[]),
    (&["bump", "collect"], &[]),
];

#[tokio::test]
async fn every_step_that_the_rules_do_not_have_is_refused_and_changes_nothing() {
    let test = TestSite::start().await;
    for (before, legal) in LEGAL {
        for next in STEPS {
            let (order, ticket) = ticket_after(&test, before).await;
            let path = path_of(&order, &ticket, next);
            if legal.contains(&next) {
                assert_eq!(step(&test, &path).await, 200, "{before:?}: {next}");
                continue;
            }
            let head = test.head().await;
            let answer = if next == "cancel" {
                let reason = json!({ "reason": "spilt" });
                test.manager.post(&path, None, &reason).await.unwrap()
            } else {
                test.manager.act(&path).await.unwrap()
            };
            assert_problem(&answer, 409, "illegal-transition");
            assert_eq!(test.head().await, head, "{before:?}: {next}");
        }
    }
}

#[tokio::test]
async fn a_begun_ticket_stays_with_its_cook_until_he_confirms_that_it_was_called_off() {
    let test = TestSite::start().await;
    let burger = json!({"item": "burger", "quantity": 1});
    let cola = json!({"item": "cola", "quantity": 1});
    let placed = test.placed(&order(&[burger, cola])).await;
    let id = placed["id"].as_str().unwrap();
    let tickets = test.tickets_of(id).await;
    test.ticket_step(&tickets[0], "start").await;
    let mut screen = Screen::follow(&test, "topics=tickets").await;
    screen.next().await.unwrap();
    let cancel = format!("/v1/orders/{id}/cancel");
    let reason = json!({ "reason": "guest left" });
    test.kitchen
        .post(&cancel, None, &reason)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    // The one that nobody had begun is gone.
    let open: Vec<Value> = test.kitchen.all("/v1/tickets").await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0]["id"], tickets[0]["id"]);
    assert_eq!(
        (
            &open[0]["state"],
            &open[0]["needs_confirmation"],
            &open[0]["reason"]
        ),
        (&json!("cancelled"), &json!(true), &json!("guest left"))
    );
    let counts = test.kitchen.get("/v1/tickets/counts").await.unwrap().body;
    assert_eq!(counts["items"], json!([]), "it is not to be made any more");
    let mut told = Vec::new();
    while told.len() < 2 {
        let frame = screen.next().await.unwrap();
        if frame["type"] == "ticket" {
            told.push((
                frame["data"]["id"].clone(),
                frame["data"]["needs_confirmation"].clone(),
            ));
        }
    }
    assert!(
        told.contains(&(tickets[0]["id"].clone(), json!(true))),
        "{told:?}"
    );
    assert!(
        told.contains(&(tickets[1]["id"].clone(), json!(false))),
        "{told:?}"
    );
    let confirm = format!("/v1/tickets/{}/confirm", tickets[0]["id"].as_str().unwrap());
    assert_eq!(test.kiosk.act(&confirm).await.unwrap().status, 403);
    test.site.restart().await.unwrap();
    let confirmed = test
        .kitchen
        .act(&confirm)
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .body;
    assert_eq!(confirmed["needs_confirmation"], false);
    assert_eq!(
        test.kitchen.all::<Value>("/v1/tickets").await.unwrap(),
        Vec::<Value>::new()
    );
    let events = read_log(&test).await;
    let last = events
        .iter()
        .rfind(|event| event.kind == kind::TICKET_CONFIRMED)
        .unwrap();
    assert_eq!(last.body::<TicketMoved>().unwrap().by.actor, "kitchen");
    assert_eq!(
        test.stock("patty").await,
        Some(99),
        "what was begun is used up"
    );
    test.placed(&order_of("cola", 1)).await;
}

#[tokio::test]
async fn every_step_tells_who_made_it_where_and_what_led_to_it() {
    let test = TestSite::start().await;
    let (id, ticket) = ticket_after(&test, &[]).await;
    let path = path_of(&id, &ticket, "bump");
    let at_screen = async |device: &str| {
        let request = test.kitchen.request(reqwest::Method::POST, &path);
        let answer = request.header("x-device", device).send().await.unwrap();
        answer.status().as_u16()
    };
    assert_eq!(at_screen("grill screen 2").await, 400, "that is no code");
    assert_eq!(at_screen("screen-2").await, 200);
    let events = read_log(&test).await.into_iter();
    let mut traces = Vec::new();
    let told: Vec<(String, Value)> = events
        .filter(|event| event.body.get().contains(&id))
        .map(|event| {
            let mut by = event.body::<Value>().unwrap()["by"].clone();
            traces.push(by.as_object_mut().unwrap().remove("trace"));
            (event.kind.clone(), by)
        })
        .collect();
    // What a request leads to is told under the request's trace, also by the queue.
    assert!(traces.iter().all(Option::is_some), "{traces:?}");
    assert_eq!((&traces[0], &traces[2]), (&traces[1], &traces[3]));
    assert_ne!(traces[0], traces[2], "two requests");
    let by = |actor: &str, device: Option<&str>, cause: &str| match device {
        Some(device) => json!({ "actor": actor, "device": device, "cause": cause }),
        None => json!({ "actor": actor, "cause": cause }),
    };
    let (cook, kiosk) = (Role::Kitchen.as_str(), Role::Kiosk.as_str());
    let expected = [
        (kind::ORDER_PLACED, by(kiosk, Some(kiosk), "request")),
        (kind::TICKET_CREATED, by("queue", None, "job")),
        (kind::TICKET_BUMPED, by(cook, Some("screen-2"), "request")),
        (kind::ORDER_PREPARING, by(cook, Some("screen-2"), "ticket")),
        (kind::ORDER_READY, by(cook, Some("screen-2"), "ticket")),
    ];
    let expected: Vec<(String, Value)> = expected.map(|(kind, by)| (kind.to_owned(), by)).into();
    assert_eq!(told, expected);
}
