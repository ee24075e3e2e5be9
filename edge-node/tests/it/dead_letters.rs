//! Jobs that fail: tried again, then given up with their order rejected and its stock back; tried
//! again or discarded by a person. Never a loop, never a job that blocks others.

use reqwest::Method;
use serde_json::{Value, json};
use sunakku_common::event::{JobDead, JobDiscarded, OrderMoved, kind};
use xtask::harness::{LIMIT, Server as _, wait_for};
use xtask::world::{Answer, SiteOptions};

use crate::books::{assert_cooked_once, counted, read_log};
use crate::memory::redis_of;
use crate::queue::{queue, wait_for_queue};
use crate::site::{TestSite, new_key, order_of, seed};

/// A site whose queue gives up soon.
pub(crate) fn hasty() -> SiteOptions {
    SiteOptions::new("s1", seed()).with(toml::toml! {
        [queue]
        max_attempts = 3
        retry_min_milliseconds = 20
        retry_max_seconds = 1
        ack_wait_seconds = 1
    })
}

async fn act(test: &TestSite, path: &str, body: &Value) -> Answer {
    test.manager.post(path, None, body).await.unwrap()
}

pub(crate) async fn switch(test: &TestSite, to: &str) {
    let path = format!("/v1/queue/{to}");
    act(test, &path, &json!({})).await.expect(200).unwrap();
}

/// Writes what an order's record says of what was ordered; answers what it said before.
async fn write_details(test: &TestSite, id: &str, details: &str) -> String {
    let mut set = redis::cmd("HGET");
    let key = format!("{{s1}}:order:{id}");
    let mut connection = redis_of(test).await;
    let before: String = set
        .arg(&key)
        .arg("details")
        .query_async(&mut connection)
        .await
        .unwrap();
    let mut set = redis::cmd("HSET");
    set.arg(&key).arg("details").arg(details);
    set.exec_async(&mut connection).await.unwrap();
    before
}

/// Takes an order whose record is damaged before any worker sees it; its id, and the mend.
async fn broken_order(test: &TestSite, item: &str) -> (String, String) {
    switch(test, "pause").await;
    let placed = test.placed(&order_of(item, 1)).await;
    let id = placed["id"].as_str().unwrap().to_owned();
    let sound = write_details(test, &id, "no JSON").await;
    switch(test, "resume").await;
    (id, sound)
}

async fn letters(test: &TestSite) -> Vec<Value> {
    test.manager.all("/v1/queue/dead").await.unwrap()
}

/// Waits for the letter about an order's job.
async fn letter_of(test: &TestSite, id: &str) -> Value {
    wait_for("the job to be given up", LIMIT, async || {
        let letters = letters(test).await;
        let found = letters.iter().find(|letter| letter["order"] == id);
        found.cloned().ok_or_else(|| format!("{letters:?}"))
    })
    .await
    .unwrap()
}

/// Waits until the order is rejected, which comes right after the letter.
async fn wait_for_rejection(test: &TestSite, id: &str) {
    wait_for("the order to be rejected", LIMIT, async || {
        let events = read_log(test).await;
        let mut rejected = events
            .iter()
            .filter(|event| event.kind == kind::ORDER_REJECTED);
        let of_order = |event: &_| moved(event).order.to_string() == id;
        if rejected.any(of_order) {
            Ok(())
        } else {
            Err(format!("{} events", events.len()))
        }
    })
    .await
    .unwrap();
}

fn moved(event: &sunakku_common::event::Event) -> OrderMoved {
    event.body().unwrap()
}

#[tokio::test]
async fn a_job_that_keeps_failing_rejects_its_order_and_stands_in_the_dead_letters() {
    let test = TestSite::start_with(hasty()).await;
    wait_for_queue(&test).await;
    let (id, sound) = broken_order(&test, "cake").await;
    let letter = letter_of(&test, &id).await;
    assert_eq!(letter["id"], format!("route:{id}"));
    assert_eq!(letter["kind"], "route");
    let attempts = letter["attempts"].as_array().unwrap();
    // A worker that stalls for longer than the ack wait is overtaken by another one's try.
    assert!(attempts.len() >= 3, "{letter}");
    for attempt in attempts {
        assert!(
            attempt["error"].as_str().unwrap().contains("details"),
            "{attempt}"
        );
    }
    wait_for_rejection(&test, &id).await;
    assert_eq!(test.stock("cake").await, Some(50), "its stock is back");
    write_details(&test, &id, &sound).await;
    let order = test.order(&id).await;
    assert_eq!(
        (&order["state"], &order["tickets"]),
        (&json!("rejected"), &json!([]))
    );
    assert_eq!(queue(&test).await["dead"], 1);
    // Others were cooked meanwhile, and are now.
    wait_for_queue(&test).await;
    let events = read_log(&test).await;
    counted(&events);
    let dead: Vec<JobDead> = events
        .iter()
        .filter(|event| event.kind == kind::JOB_DEAD)
        .map(|event| event.body().unwrap())
        .collect();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].attempts.len(), attempts.len());
}

#[tokio::test]
async fn a_dead_job_that_is_tried_again_claims_its_stock_anew_or_is_refused() {
    let test = TestSite::start_with(hasty()).await;
    wait_for_queue(&test).await;
    let (id, sound) = broken_order(&test, "cake").await;
    letter_of(&test, &id).await;
    wait_for_rejection(&test, &id).await;
    write_details(&test, &id, &sound).await;
    let path = format!("/v1/queue/dead/route:{id}/retry");
    test.set_stock("cake", 0).await;
    let refused = act(&test, &path, &json!({})).await;
    assert_eq!(
        (refused.status.as_u16(), refused.problem()),
        (409, "out-of-stock")
    );
    assert_eq!(refused.body["skus"][0]["sku"], "cake", "{}", refused.body);
    assert_eq!(test.order(&id).await["state"], "rejected");
    assert_eq!(letters(&test).await.len(), 1);
    test.set_stock("cake", 3).await;
    let key = new_key();
    let retry = async || {
        let request = test.manager.request(Method::POST, &path);
        test.manager
            .send(request.header("Idempotency-Key", &key))
            .await
            .unwrap()
            .expect(200)
            .unwrap()
    };
    let first = retry().await;
    assert_eq!(first.headers.get("idempotency-replayed"), None);
    assert_eq!(test.stock("cake").await, Some(2), "claimed once");
    test.tickets_of(&id).await;
    let again = retry().await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.body, first.body);
    assert_eq!(test.stock("cake").await, Some(2));
    assert_eq!(letters(&test).await, Vec::<Value>::new());
    let order = test.order(&id).await;
    assert_eq!(
        (&order["state"], &order["closed_at"], &order["reason"]),
        (&json!("placed"), &Value::Null, &Value::Null)
    );
    let without_key = act(&test, &path, &json!({})).await;
    assert_eq!(without_key.status, 404, "the letter is gone");
    counted(&read_log(&test).await);
    assert_cooked_once(&test).await;
}

#[tokio::test]
async fn a_dead_job_is_discarded_with_a_reason_that_stands_in_the_log() {
    let test = TestSite::start_with(hasty()).await;
    wait_for_queue(&test).await;
    let (id, _sound) = broken_order(&test, "cola").await;
    letter_of(&test, &id).await;
    wait_for_rejection(&test, &id).await;
    let path = format!("/v1/queue/dead/route:{id}/discard");
    for bad in [
        json!({}),
        json!({"reason": " "}),
        json!({"reason": "x".repeat(201)}),
    ] {
        let refused = act(&test, &path, &bad).await;
        assert_eq!(refused.status, 422, "{bad}");
    }
    let kitchen = test
        .kitchen
        .post(&path, None, &json!({"reason": "no"}))
        .await
        .unwrap();
    assert_eq!(kitchen.status, 403, "cooks do not decide that");
    let done = act(&test, &path, &json!({"reason": "a test order"})).await;
    assert_eq!(
        (done.status.as_u16(), &done.body["state"]),
        (200, &json!("discarded"))
    );
    assert_eq!(
        act(&test, &path, &json!({"reason": "again"})).await.status,
        404
    );
    assert_eq!(letters(&test).await, Vec::<Value>::new());
    let events = read_log(&test).await;
    let last = events
        .iter()
        .rfind(|event| event.kind == kind::JOB_DISCARDED)
        .unwrap();
    let discarded: JobDiscarded = last.body().unwrap();
    assert_eq!(
        (discarded.reason.as_str(), discarded.by.actor.as_str()),
        ("a test order", "manager")
    );
}

#[tokio::test]
async fn without_nats_server_a_failing_job_is_given_up_as_well() {
    let test = TestSite::start_with(hasty()).await;
    wait_for_queue(&test).await;
    test.site.nats.kill().unwrap();
    let (id, _sound) = broken_order(&test, "cake").await;
    let letter = letter_of(&test, &id).await;
    assert!(
        letter["attempts"].as_array().unwrap().len() >= 3,
        "{letter}"
    );
    wait_for_rejection(&test, &id).await;
    assert_eq!(test.stock("cake").await, Some(50));
}

#[tokio::test]
async fn what_failed_so_far_is_known_after_a_restart() {
    let test = TestSite::start_with(hasty().with(toml::toml! {
        [queue]
        max_attempts = 4
        retry_min_milliseconds = 700
        retry_max_seconds = 1
    }))
    .await;
    wait_for_queue(&test).await;
    let (id, _sound) = broken_order(&test, "cake").await;
    wait_for("a first failure", LIMIT, async || {
        let queue = queue(&test).await;
        if queue["retrying"] == 1 {
            Ok(())
        } else {
            Err(queue.to_string())
        }
    })
    .await
    .unwrap();
    test.site.process().kill().unwrap();
    test.site.restart().await.unwrap();
    let letter = letter_of(&test, &id).await;
    assert!(
        letter["attempts"].as_array().unwrap().len() >= 4,
        "{letter}"
    );
    wait_for_rejection(&test, &id).await;
}
