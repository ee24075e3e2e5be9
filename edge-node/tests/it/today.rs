//! Figures of the present business day.

use serde_json::{Value, json};

use crate::site::{TestSite, order, order_of};

async fn today(test: &TestSite) -> Value {
    let today = test.manager.get("/v1/today").await.unwrap();
    today.expect(200).unwrap().body
}

#[tokio::test]
async fn what_was_sold_is_counted_without_what_was_called_off() {
    let test = TestSite::start().await;
    let none = today(&test).await;
    assert_eq!(
        (&none["orders"], &none["sales"], &none["currency"]),
        (&json!(0), &json!(0), &Value::Null)
    );
    let lines = [
        json!({"item": "burger", "quantity": 2}),
        json!({"item": "cake", "quantity": 3}),
    ];
    test.placed(&order(&lines)).await;
    let cancelled = test.placed(&order_of("cola", 9)).await;
    test.placed(&order_of("cake", 1)).await;
    let cancel = format!("/v1/orders/{}/cancel", cancelled["id"].as_str().unwrap());
    let why = json!({"reason": "left"});
    let done = test.manager.post(&cancel, None, &why).await.unwrap();
    done.expect(200).unwrap();
    let figures = today(&test).await;
    assert_eq!(figures["business_day"], none["business_day"]);
    let counts = [
        &figures["orders"],
        &figures["called_off"],
        &figures["sales"],
    ];
    assert_eq!(counts, [&json!(3), &json!(1), &json!(2 * 900 + 4 * 350)]);
    assert_eq!(figures["currency"], "EUR");
    let items = json!([
        {"item": "cake", "name": "cake", "quantity": 4},
        {"item": "burger", "name": "burger", "quantity": 2},
    ]);
    assert_eq!(figures["items"], items);
}
