//! An order is cooked station by station, and only by the steps that there are.

use serde_json::{Value, json};

use crate::bad_input::assert_problem;
use crate::site::{TestSite, order, order_of};

fn id(thing: &Value) -> &str {
    thing["id"].as_str().unwrap()
}

/// The ticket of a station.
fn at<'a>(tickets: &'a [Value], station: &str) -> &'a Value {
    tickets
        .iter()
        .find(|ticket| ticket["station"] == station)
        .unwrap()
}

/// An order with one ticket of two lines at the grill, and one of one line at the bar.
async fn dinner(test: &TestSite) -> (Value, Vec<Value>) {
    let burger = json!({"item": "burger", "quantity": 2, "modifiers": ["onion"], "note": "rare"});
    let lines = [
        burger,
        json!({"item": "cola", "quantity": 1}),
        json!({"item": "meatball", "quantity": 1}),
    ];
    let mut request = order(&lines);
    (request["avoid"], request["service"]) = (json!(["nuts", "milk"]), json!("here"));
    let placed = test.placed(&request).await;
    let tickets = test.tickets_of(id(&placed)).await;
    (placed, tickets)
}

impl TestSite {
    async fn state(&self, order: &Value) -> String {
        self.order(id(order)).await["state"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn ticket(&self, ticket: &Value) -> Value {
        let path = format!("/v1/tickets/{}", id(ticket));
        self.kitchen
            .get(&path)
            .await
            .unwrap()
            .expect(200)
            .unwrap()
            .body
    }

    async fn listed(&self, query: &str) -> Vec<String> {
        let tickets: Vec<Value> = self
            .kitchen
            .all(&format!("/v1/tickets{query}"))
            .await
            .unwrap();
        tickets.iter().map(|ticket| id(ticket).to_owned()).collect()
    }
}

#[tokio::test]
async fn each_station_gets_one_ticket_that_says_all_it_needs() {
    let test = TestSite::start().await;
    let (placed, tickets) = dinner(&test).await;
    assert_eq!(tickets.len(), 2);
    let (grill, bar) = (at(&tickets, "grill"), at(&tickets, "bar"));
    let items = |ticket: &Value| -> Vec<Value> {
        ticket["lines"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["item"].clone())
            .collect()
    };
    assert_eq!(
        (items(grill), items(bar)),
        (
            vec![json!("burger"), json!("meatball")],
            vec![json!("cola")]
        )
    );
    assert_eq!(
        (&grill["others"], &bar["others"]),
        (&json!(["bar"]), &json!(["grill"]))
    );
    for ticket in &tickets {
        assert_eq!(ticket["avoid"], json!(["nuts", "milk"]));
        assert_eq!(
            (&ticket["service"], &ticket["state"]),
            (&json!("here"), &json!("waiting"))
        );
        assert_eq!(
            (&ticket["number"], &ticket["order"]),
            (&placed["number"], &placed["id"])
        );
        assert_eq!(ticket["placed_at"], placed["placed_at"]);
    }
    let burger = &grill["lines"][0];
    assert_eq!(
        (&burger["note"], &burger["quantity"]),
        (&json!("rare"), &json!(2))
    );
    assert_eq!(
        (&burger["n"], &grill["lines"][1]["n"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(burger["modifiers"][0]["id"], "onion");
    let known: Vec<&Value> = tickets.iter().map(|ticket| &ticket["id"]).collect();
    assert_eq!(test.order(id(&placed)).await["tickets"], json!(known));
}

#[tokio::test]
async fn an_order_is_ready_when_all_its_tickets_are_and_recalled_with_any_of_them() {
    let test = TestSite::start().await;
    let (placed, tickets) = dinner(&test).await;
    let (grill, bar) = (at(&tickets, "grill"), at(&tickets, "bar"));
    assert_eq!(test.state(&placed).await, "placed");
    let started = test.ticket_step(grill, "start").await;
    assert_eq!(
        (&started["state"], test.state(&placed).await),
        (&json!("cooking"), "preparing".to_owned())
    );
    assert!(started["cooking_at"].is_string());
    let half = test.ticket_step(grill, "lines/2/bump").await;
    assert_eq!(half["state"], "cooking");
    assert_eq!(
        (&half["lines"][0]["done"], &half["lines"][1]["done"]),
        (&json!(false), &json!(true))
    );
    let done = test.ticket_step(grill, "lines/1/bump").await;
    assert_eq!(
        (&done["state"], test.state(&placed).await),
        (&json!("done"), "preparing".to_owned())
    );
    // From waiting straight to done.
    test.ticket_step(bar, "bump").await;
    let ready = test.order(id(&placed)).await;
    assert_eq!(ready["state"], "ready");
    assert!(ready["ready_at"].is_string());
    let again = test.ticket_step(grill, "recall").await;
    assert_eq!(
        (&again["state"], test.state(&placed).await),
        (&json!("cooking"), "preparing".to_owned())
    );
    assert!(
        again["lines"]
            .as_array()
            .unwrap()
            .iter()
            .all(|line| line["done"] == false)
    );
    assert_eq!(
        test.ticket(bar).await["state"],
        "done",
        "the other ticket stays done"
    );
    test.ticket_step(grill, "bump").await;
    assert_eq!(test.state(&placed).await, "ready");
    let collect = format!("/v1/orders/{}/collect", id(&placed));
    let collected = test
        .kitchen
        .act(&collect)
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .body;
    assert_eq!(collected["state"], "collected");
    assert!(collected["closed_at"].is_string());
    assert_eq!(test.listed("").await, [""; 0]);
}

#[tokio::test]
async fn a_line_bumped_on_a_waiting_ticket_begins_it() {
    let test = TestSite::start().await;
    let (placed, tickets) = dinner(&test).await;
    let bumped = test
        .ticket_step(at(&tickets, "grill"), "lines/1/bump")
        .await;
    assert_eq!(
        (&bumped["state"], test.state(&placed).await),
        (&json!("cooking"), "preparing".to_owned())
    );
}

#[tokio::test]
async fn a_step_that_leads_nowhere_is_refused_and_leaves_no_event() {
    let test = TestSite::start().await;
    let (placed, tickets) = dinner(&test).await;
    let (grill, bar) = (at(&tickets, "grill"), at(&tickets, "bar"));
    let refused = async |ticket: &Value, steps: &[&str]| {
        let head = test.head().await;
        for step in steps {
            let path = format!("/v1/tickets/{}/{step}", id(ticket));
            let answer = test.kitchen.act(&path).await.unwrap();
            assert_problem(&answer, 409, "illegal-transition");
            assert_eq!(answer.body["state"], test.ticket(ticket).await["state"]);
        }
        for line in ["0", "3", "4294967295"] {
            let path = format!("/v1/tickets/{}/lines/{line}/bump", id(ticket));
            assert_problem(&test.kitchen.act(&path).await.unwrap(), 404, "not-found");
        }
        assert_eq!(test.head().await, head);
    };
    let collect = format!("/v1/orders/{}/collect", id(&placed));
    let too_soon = async || {
        let answer = test.kitchen.act(&collect).await.unwrap();
        assert_problem(&answer, 409, "illegal-transition");
    };
    refused(grill, &["recall"]).await;
    too_soon().await;
    test.ticket_step(grill, "lines/1/bump").await;
    refused(grill, &["start", "lines/1/bump", "recall"]).await;
    test.ticket_step(grill, "bump").await;
    refused(grill, &["start", "bump", "lines/1/bump", "lines/2/bump"]).await;
    too_soon().await;
    test.ticket_step(bar, "bump").await;
    test.kitchen
        .act(&collect)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    refused(grill, &["start", "bump", "lines/1/bump", "recall"]).await;
    too_soon().await;
    let cancel = format!("/v1/orders/{}/cancel", id(&placed));
    let late = json!({"reason": "cold"});
    let answer = test.manager.post(&cancel, None, &late).await.unwrap();
    assert_problem(&answer, 409, "illegal-transition");
}

#[tokio::test]
async fn calling_off_is_free_before_cooking_and_then_needs_staff_and_a_reason() {
    let test = TestSite::start().await;
    let (early, tickets) = dinner(&test).await;
    assert_eq!(test.stock("patty").await, Some(96));
    let cancel = |order: &Value| format!("/v1/orders/{}/cancel", id(order));
    test.kiosk
        .act(&cancel(&early))
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(
        test.stock("patty").await,
        Some(100),
        "nothing was cooked yet"
    );
    for ticket in &tickets {
        assert_eq!(test.ticket(ticket).await["state"], "cancelled");
    }
    assert_eq!(test.listed("").await, [""; 0]);
    let (late, tickets) = dinner(&test).await;
    let (grill, bar) = (at(&tickets, "grill"), at(&tickets, "bar"));
    test.ticket_step(grill, "bump").await;
    let (none, blank) = (json!({}), json!({"reason": "  "}));
    let reason = json!({"reason": "the guest has left"});
    for (client, body) in [
        (&test.kiosk, &none),
        (&test.kiosk, &reason),
        (&test.kitchen, &none),
        (&test.kitchen, &blank),
    ] {
        let answer = client.post(&cancel(&late), None, body).await.unwrap();
        assert_problem(&answer, 409, "illegal-transition");
    }
    let gone = test
        .kitchen
        .post(&cancel(&late), None, &reason)
        .await
        .unwrap()
        .expect(200)
        .unwrap();
    assert_eq!(gone.body["state"], "cancelled");
    assert_eq!(gone.body["reason"], "the guest has left");
    assert_eq!(
        test.stock("patty").await,
        Some(96),
        "what is cooked does not come back"
    );
    assert_eq!(test.ticket(grill).await["state"], "done");
    assert_eq!(test.ticket(bar).await["state"], "cancelled");
    let path = format!("/v1/tickets/{}/recall", id(grill));
    assert_problem(
        &test.kitchen.act(&path).await.unwrap(),
        409,
        "illegal-transition",
    );
}

#[tokio::test]
async fn lists_of_tickets_are_by_state_and_station_in_the_order_of_their_orders() {
    let test = TestSite::start().await;
    let mut tickets = Vec::new();
    for _ in 0..3 {
        tickets.push(dinner(&test).await.1);
    }
    let of = |order: usize, station: &str| id(at(&tickets[order], station)).to_owned();
    test.ticket_step(at(&tickets[0], "grill"), "start").await;
    test.ticket_step(at(&tickets[1], "grill"), "bump").await;
    let cancelled = test.placed(&order_of("cake", 1)).await;
    let gone = test.tickets_of(id(&cancelled)).await;
    test.kiosk
        .act(&format!("/v1/orders/{}/cancel", id(&cancelled)))
        .await
        .unwrap();
    let open = [
        of(0, "grill"),
        of(0, "bar"),
        of(1, "bar"),
        of(2, "grill"),
        of(2, "bar"),
    ];
    assert_eq!(test.listed("").await, open);
    assert_eq!(
        test.listed("?station=grill").await,
        [of(0, "grill"), of(2, "grill")]
    );
    assert_eq!(test.listed("?state=cooking").await, [of(0, "grill")]);
    assert_eq!(
        test.listed("?state=waiting&station=grill").await,
        [of(2, "grill")]
    );
    assert_eq!(test.listed("?state=done").await, [of(1, "grill")]);
    assert_eq!(test.listed("?state=cancelled").await, [id(&gone[0])]);
    assert_eq!(test.listed("?station=nowhere").await, [""; 0]);
    let first = test
        .kitchen
        .get("/v1/tickets?limit=2")
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .body;
    let next = format!(
        "/v1/tickets?limit=200&after={}",
        first["next"].as_str().unwrap()
    );
    let rest = test
        .kitchen
        .get(&next)
        .await
        .unwrap()
        .expect(200)
        .unwrap()
        .body;
    let pages = [&first, &rest]
        .into_iter()
        .flat_map(|page| page["items"].as_array().unwrap());
    assert_eq!(
        pages
            .map(|ticket| id(ticket).to_owned())
            .collect::<Vec<_>>(),
        open
    );
    assert_eq!(rest["next"], Value::Null);
}
