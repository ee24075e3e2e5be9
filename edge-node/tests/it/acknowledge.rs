//! A cook who has seen a ticket says so once; whoever works at it has seen it too.

use reqwest::Method;
use serde_json::{Value, json};
use sunakku_common::event::{TicketMoved, kind};

use crate::bad_input::assert_problem;
use crate::books::read_log;
use crate::screen::Screen;
use crate::site::{TestSite, new_key, order, order_of};

fn path(ticket: &Value, step: &str) -> String {
    format!("/v1/tickets/{}/{step}", ticket["id"].as_str().unwrap())
}

async fn tickets(test: &TestSite) -> Vec<Value> {
    let burger = json!({"item": "burger", "quantity": 1});
    let lines = [burger.clone(), burger];
    let placed = test.placed(&order(&lines)).await;
    test.tickets_of(placed["id"].as_str().unwrap()).await
}

#[tokio::test]
async fn a_ticket_is_acknowledged_once_and_stays_where_it_stands() {
    let test = TestSite::start().await;
    let ticket = tickets(&test).await.remove(0);
    assert_eq!(ticket["acknowledged_at"], Value::Null);
    let key = new_key();
    let acknowledge = async || {
        let request = test
            .kitchen
            .request(Method::POST, &path(&ticket, "acknowledge"));
        let request = request.header("Idempotency-Key", &key);
        test.kitchen
            .send(request)
            .await
            .unwrap()
            .expect(200)
            .unwrap()
    };
    let mut screen = Screen::follow(&test, "topics=tickets").await;
    let shown = &screen.news().await["data"]["tickets"][0];
    assert_eq!(
        (&shown["id"], &shown["acknowledged_at"]),
        (&ticket["id"], &Value::Null)
    );
    let first = acknowledge().await.body;
    assert_eq!(first["state"], "waiting");
    let at = first["acknowledged_at"].clone();
    assert!(at.is_string(), "{first}");
    let frame = screen.news().await;
    assert_eq!(
        (&frame["type"], &frame["data"]["acknowledged_at"]),
        (&json!("ticket"), &at)
    );
    let again = acknowledge().await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.body, first);
    let id = ticket["order"].as_str().unwrap();
    assert_eq!(test.order(id).await["state"], "placed");
    let refused = test
        .kitchen
        .act(&path(&ticket, "acknowledge"))
        .await
        .unwrap();
    assert_problem(&refused, 409, "illegal-transition");
    // Steps after it leave the time as it was.
    let started = test.ticket_step(&ticket, "start").await;
    assert_eq!(started["acknowledged_at"], at);
    let events = read_log(&test).await;
    let mut told = events
        .iter()
        .filter(|event| event.kind == kind::TICKET_ACKNOWLEDGED);
    let moved: TicketMoved = told.next().unwrap().body().unwrap();
    assert_eq!(moved.by.actor, "kitchen");
    assert_eq!(json!(moved.acknowledged_at), at);
    assert!(told.next().is_none());
}

#[tokio::test]
async fn whoever_begins_or_makes_some_of_a_ticket_has_seen_it() {
    let test = TestSite::start().await;
    for step in ["start", "lines/1/bump", "bump"] {
        let ticket = tickets(&test).await.remove(0);
        let moved = test.ticket_step(&ticket, step).await;
        assert!(moved["acknowledged_at"].is_string(), "{moved}");
        let refused = test
            .kitchen
            .act(&path(&ticket, "acknowledge"))
            .await
            .unwrap();
        assert_problem(&refused, 409, "illegal-transition");
    }
    let placed = test.placed(&order_of("cola", 1)).await;
    let id = placed["id"].as_str().unwrap();
    let ticket = test.tickets_of(id).await.remove(0);
    let cancel = format!("/v1/orders/{id}/cancel");
    test.manager
        .act(&cancel)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    let refused = test
        .kitchen
        .act(&path(&ticket, "acknowledge"))
        .await
        .unwrap();
    assert_problem(&refused, 409, "illegal-transition");
    let nowhere = path(&json!({ "id": uuid::Uuid::now_v7() }), "acknowledge");
    let missing = test.kitchen.act(&nowhere).await.unwrap();
    assert_problem(&missing, 404, "not-found");
}
