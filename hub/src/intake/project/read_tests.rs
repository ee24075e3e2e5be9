use serde_json::{Value, json};

use super::*;

fn event(kind: &str, body: &str) -> Event {
    Event::decode(&Event::encode(1, "2026-11-23T10:00:00.000Z", kind, body)).expect("an event")
}

fn placed() -> Value {
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let at = "2026-11-23T10:00:00.000Z";
    json!({
        "order": id, "number": 7, "key": "k", "by": {"actor": "kiosk"},
        "stock": [{"sku": "cola", "delta": -2, "on_hand": 3, "suspended": false}],
        "details": {
            "id": id, "channel": "kiosk", "total": 500, "currency": "EUR", "placed_at": at,
            "ready_estimate_at": at, "preparation_seconds": 60, "business_day": "2026-11-23",
            "menu_version": 1,
            "lines": [{"line": 1, "item": "cola", "name": {"en": "Cola"}, "quantity": 2,
                       "unit_price": 250, "total": 500, "station": "bar"}],
        },
    })
}

fn read_placed(change: impl FnOnce(&mut Value)) -> Result<Fact, String> {
    let mut body = placed();
    change(&mut body);
    read(&event(kind::ORDER_PLACED, &body.to_string()))
}

#[test]
fn a_sound_order_is_read_with_its_stock() {
    let fact = read_placed(|_| {}).expect("sound");
    assert!(matches!(fact.what, What::Placed(_)));
    assert_eq!(fact.stock[0].delta, -2);
}

/// A word of the reason, and what is changed of a sound order.
type Change = (&'static str, fn(&mut Value));

#[test]
fn an_order_that_does_not_add_up_is_not_believed() {
    let changes: [Change; 9] = [
        ("total", |body| body["details"]["total"] = 501.into()),
        ("times", |body| {
            body["details"]["lines"][0]["total"] = 400.into()
        }),
        ("times", |body| {
            body["details"]["lines"][0]["unit_price"] = (-250).into()
        }),
        ("quantity", |body| {
            body["details"]["lines"][0]["quantity"] = 0.into()
        }),
        ("times", |body| {
            body["details"]["lines"][0]["unit_price"] = i64::MAX.into();
        }),
        ("number", |body| body["number"] = 0.into()),
        ("stands twice", |body| {
            let line = body["details"]["lines"][0].clone();
            body["details"]["lines"]
                .as_array_mut()
                .expect("lines")
                .push(line);
        }),
        ("calendar", |body| {
            body["details"]["placed_at"] = "+12345-01-01T00:00:00Z".into();
        }),
        ("details are those", |body| {
            body["order"] = "01890a5d-ac96-774b-bcce-b302099a8058".into();
        }),
    ];
    for (word, change) in changes {
        let reason = read_placed(change).expect_err(word);
        assert!(reason.contains(word), "{word}: {reason}");
    }
}

#[test]
fn a_body_that_is_no_body_of_its_kind_is_told() {
    let stock = r#"{"stock": [{"sku": "a b", "delta": 1, "on_hand": 1, "suspended": false}],
                    "by": {"actor": "x"}}"#;
    for (kind, body) in [
        (kind::ORDER_PLACED, "{}"),
        (kind::ORDER_READY, "[1]"),
        (kind::ORDER_READY, &placed().to_string()),
        (kind::STOCK_ADJUSTED, stock),
        (
            kind::LOG_CORRUPT,
            r#"{"kind": "order.placed", "found": "…"}"#,
        ),
    ] {
        assert!(read(&event(kind, body)).is_err(), "{kind} {body}");
    }
    let other = json!({"order": "01890a5d-ac96-774b-bcce-b302099a8057", "number": 1,
                       "state": "cancelled", "by": {"actor": "x"}});
    let reason = read(&event(kind::ORDER_READY, &other.to_string())).expect_err("two states");
    assert!(reason.contains("cancelled"), "{reason}");
}

#[test]
fn a_kind_that_is_not_known_is_passed_over_but_for_its_stock() {
    let ticket = r#"{"ticket": "01890a5d-ac96-774b-bcce-b302099a8058", "state": "waiting",
                     "order": "01890a5d-ac96-774b-bcce-b302099a8057", "number": 1,
                     "station": "grill", "done_lines": [], "acknowledged_at": null,
                     "by": {"actor": "timer"}}"#;
    for kind in [kind::TICKET_ACKNOWLEDGED, kind::TICKET_ESCALATED] {
        let fact = read(&event(kind, ticket)).expect("kept");
        assert!(matches!(fact.what, What::Other) && fact.order.is_some());
    }
    for body in ["null", "[]", "{}", r#"{"stock": 7}"#] {
        let fact = read(&event("new.kind", body)).expect("kept");
        assert!(
            matches!(fact.what, What::Other) && fact.stock.is_empty(),
            "{body}"
        );
    }
    let body = r#"{"stock": [{"sku": "a", "delta": 1, "on_hand": 1, "suspended": false}]}"#;
    assert_eq!(read(&event("new.kind", body)).expect("kept").stock.len(), 1);
}

#[test]
fn a_character_that_postgres_cannot_hold_becomes_one_that_it_can() {
    let fact = read_placed(|body| {
        body["details"]["lines"][0]["note"] = "a\0b".into();
        body["details"]["lines"][0]["name"] = json!({"en\0": "Cola\0"});
    })
    .expect("sound");
    let What::Placed(placed) = fact.what else {
        panic!("no order");
    };
    let line = &placed.details.lines[0];
    assert_eq!(line.note.as_deref(), Some("a\u{fffd}b"));
    assert_eq!(line.name.0["en\u{fffd}"], "Cola\u{fffd}");
    assert!(read_placed(|body| body["stock"][0]["sku"] = "a\0".into()).is_err());
}

#[test]
fn an_escaped_backslash_is_no_nul() {
    let fact = read_placed(|body| body["details"]["lines"][0]["note"] = "\\u0000".into());
    let What::Placed(placed) = fact.expect("sound").what else {
        panic!("no order");
    };
    assert_eq!(placed.details.lines[0].note.as_deref(), Some("\\u0000"));
}
