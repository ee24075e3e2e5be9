//! Guests who call somebody of the staff: told once, kept until somebody has seen to it.

use serde_json::{Value, json};
use sunakku_common::event::{StaffCall, kind};

use crate::bad_input::assert_problem;
use crate::screen::{Screen, request};
use crate::site::{TestSite, new_key};

async fn call(test: &TestSite, key: &str) -> Value {
    let called = test.kiosk.post("/v1/calls", Some(key), &json!({})).await;
    called.unwrap().expect(200).unwrap().body
}

async fn open_calls(test: &TestSite) -> Value {
    let calls = test.kitchen.get("/v1/calls").await.unwrap();
    calls.expect(200).unwrap().body["items"].clone()
}

#[tokio::test]
async fn a_call_is_told_once_outlives_a_restart_and_ends_when_it_is_seen_to() {
    let test = TestSite::start().await;
    let mut kitchen = Screen::follow(&test, "topics=calls").await;
    assert_eq!(kitchen.news().await["data"]["calls"], json!([]));
    let key = new_key();
    let first = call(&test, &key).await;
    assert_eq!(first["device"], "kiosk");
    // Sent again, and touched again and again.
    assert_eq!(call(&test, &key).await, first);
    for _ in 0..5 {
        assert_eq!(call(&test, &new_key()).await, first);
    }
    let frame = kitchen.news().await;
    let told = json!({"device": "kiosk", "since": first["since"], "open": true});
    assert_eq!((&frame["type"], &frame["data"]), (&json!("call"), &told));
    assert_eq!(test.told(kind::STAFF_CALLED).await.len(), 1);

    test.site.restart().await.unwrap();
    assert_eq!(open_calls(&test).await, json!([first]));
    // The kiosk sees by it that somebody comes.
    let mut kiosk = Screen::open(request(&test, "topics=calls", &test.kiosk.token))
        .await
        .unwrap();
    assert_eq!(kiosk.news().await["data"]["calls"], json!([first]));
    let done = "/v1/calls/kiosk/done";
    test.kitchen.act(done).await.unwrap().expect(204).unwrap();
    assert_eq!(kiosk.news().await["data"]["open"], false);
    assert_problem(&test.manager.act(done).await.unwrap(), 404, "not-found");
    assert_eq!(open_calls(&test).await, json!([]));
    let answered = test.told(kind::STAFF_ANSWERED).await;
    assert_eq!(answered.len(), 1);
    let answered: StaffCall = answered[0].body().unwrap();
    assert_eq!(
        (answered.device.as_str(), answered.by.actor.as_str()),
        ("kiosk", "kitchen")
    );

    call(&test, &new_key()).await;
    assert_eq!(test.told(kind::STAFF_CALLED).await.len(), 2);
}
