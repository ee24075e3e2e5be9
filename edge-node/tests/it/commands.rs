//! Commands of the hub: applied once, reported at least once, refused for good.

use futures::StreamExt as _;
use serde_json::{Value, json};
use sunakku_common::command::Received;
use sunakku_common::event::{By, CommandSettled, DeviceMoved, cause, kind};
use sunakku_common::ids::CommandId;
use sunakku_common::subjects;
use sunakku_edge::store::{Operation, StockMove};
use xtask::harness::{LIMIT, wait_for};

use crate::books::open_store;
use crate::head_office::{HeadOffice, SELDOM, site_id};
use crate::site::{TestSite, order_of};

fn adjust(delta: i64) -> Value {
    json!({"sku": "cake", "delta": delta, "reason": "delivery"})
}

async fn outcome(test: &TestSite, kind: &str, n: usize) -> CommandSettled {
    test.told_until(kind, n).await[n - 1].body().unwrap()
}

#[tokio::test]
async fn a_command_takes_effect_once_however_often_it_comes() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    let subject = subjects::received(&site_id());
    let mut received = hub.client.subscribe(subject).await.unwrap();
    hub.client.flush().await.unwrap();
    let id = CommandId::new();
    for _ in 0..4 {
        hub.send(&[(id, "stock.adjust", adjust(5), 600)]).await;
    }
    let applied = outcome(&test, kind::COMMAND_APPLIED, 1).await;
    assert_eq!(
        (applied.command, applied.by.actor.as_str()),
        (id, "ann@hub")
    );
    let message = received.next().await.unwrap();
    let said: Received = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!(said.commands, [id]);
    // Through a restart as well, and whatever comes behind it.
    test.site.restart().await.unwrap();
    test.site.nats.wait_linked(1).await.unwrap();
    let suspend = CommandId::new();
    let settled = wait_for("the second command", LIMIT, async || {
        // A message that comes before the edge listens again is lost; the hub sends another.
        hub.send(&[
            (id, "stock.adjust", adjust(5), 600),
            (suspend, "stock.suspend", json!({"sku": "cola"}), 600),
        ])
        .await;
        let told = test.told(kind::COMMAND_APPLIED).await;
        let last: CommandSettled = told.last().unwrap().body().unwrap();
        (last.command == suspend)
            .then_some(last)
            .ok_or_else(|| format!("{} so far", told.len()))
    })
    .await
    .unwrap();
    assert_eq!(settled.kind, "stock.suspend");
    assert_eq!(test.stock("cake").await, Some(55));
    assert_eq!(
        test.told(kind::COMMAND_APPLIED).await.len(),
        2,
        "reported once each"
    );
}

#[tokio::test]
async fn a_crash_between_effect_and_report_costs_neither() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    let id = CommandId::new();
    // What an edge that died then has left: the effect under the command's id, and no report.
    let operation = Operation::command(id, By::system("ann@hub", cause::HUB));
    let store = open_store(&test).await;
    let step = StockMove::Adjust(5);
    store
        .move_stock(&operation, "cake", step, Some("delivery"))
        .await
        .unwrap();
    // It has even expired meanwhile: it was applied in time all the same.
    hub.send(&[(id, "stock.adjust", adjust(5), -60)]).await;
    assert_eq!(outcome(&test, kind::COMMAND_APPLIED, 1).await.command, id);
    assert_eq!(test.stock("cake").await, Some(55));
}

#[tokio::test]
async fn what_was_refused_once_stays_refused_and_holds_up_nothing() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    let order = test.placed(&order_of("cake", 1)).await;
    let cancel = json!({"order": order["id"], "reason": "allergy"});
    let ids: Vec<CommandId> = (0..7).map(|_| CommandId::new()).collect();
    let batch = [
        (ids[0], "stock.adjust", adjust(-1_000), 600),
        (ids[1], "stock.adjust", adjust(1), -5),
        (
            ids[2],
            "stock.set",
            json!({"sku": "caviar", "on_hand": 1}),
            600,
        ),
        (ids[3], "site.burn", json!({}), 600),
        (ids[4], "order.cancel", cancel.clone(), 600),
        (ids[5], "order.cancel", cancel, 600),
        (ids[6], "site.close", json!({"reason": "storm"}), 600),
    ];
    hub.send(&batch).await;
    let refused = test.told_until(kind::COMMAND_REFUSED, 5).await;
    let refused: Vec<CommandSettled> = refused.iter().map(|event| event.body().unwrap()).collect();
    let words: Vec<&str> = refused
        .iter()
        .filter_map(|one| one.reason.as_deref())
        .collect();
    let expected = [
        "negative-stock",
        "expired",
        "unknown-sku",
        "invalid-command",
        "illegal-transition",
    ];
    assert_eq!(words, expected);
    test.told_until(kind::COMMAND_APPLIED, 2).await;
    assert_eq!(test.shown().await["state"], "closed");
    assert_eq!(
        test.order(order["id"].as_str().unwrap()).await["state"],
        "cancelled"
    );
    // There is enough now; the first one was refused for good.
    test.set_stock("cake", 5_000).await;
    hub.send(&batch).await;
    let open = (CommandId::new(), "site.open", json!({}), 600);
    hub.send(&[open]).await;
    test.told_until(kind::COMMAND_APPLIED, 3).await;
    assert_eq!(test.stock("cake").await, Some(5_000));
    assert_eq!(test.told(kind::COMMAND_REFUSED).await.len(), 5);
    assert_eq!(test.shown().await["state"], "open");
}

#[tokio::test]
async fn a_screen_is_let_in_and_shut_out_by_command() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    let screen = json!({"screen": "kiosk"});
    let asked = test.manager.post("/v1/pairings", None, &screen);
    let asked = asked.await.unwrap().expect(201).unwrap().body;
    let pair = async |n, role: &str, code: &Value| {
        let args = json!({"code": code, "name": "kiosk-2", "role": role});
        hub.send(&[(CommandId::new(), "device.pair", args, 600)])
            .await;
        outcome(&test, kind::COMMAND_REFUSED, n).await.reason
    };
    assert_eq!(
        pair(1, "kitchen", &asked["code"]).await.unwrap(),
        "other-kind"
    );
    assert_eq!(
        pair(2, "kiosk", &json!("00000000")).await.unwrap(),
        "unknown-pairing"
    );
    assert_eq!(
        pair(3, "kiosk", &json!("0")).await.unwrap(),
        "invalid-command"
    );
    let args = json!({"code": asked["code"], "name": "kiosk-2", "role": "kiosk"});
    hub.send(&[(CommandId::new(), "device.pair", args, 600)])
        .await;
    outcome(&test, kind::COMMAND_APPLIED, 1).await;
    let claim = json!({"secret": asked["secret"]});
    let claimed = test
        .manager
        .post("/v1/pairings/claim", None, &claim)
        .await
        .unwrap();
    let cookie = claimed.expect(200).unwrap().headers["set-cookie"].clone();
    let token = cookie
        .to_str()
        .unwrap()
        .split(['=', ';'])
        .nth(1)
        .unwrap()
        .to_owned();
    let kiosk = test.manager.as_token(&token);
    kiosk.get("/v1/menu").await.unwrap().expect(200).unwrap();
    let paired: DeviceMoved = test.told(kind::DEVICE_PAIRED).await[0].body().unwrap();
    assert_eq!(
        (paired.name.as_str(), paired.by.actor.as_str()),
        ("kiosk-2", "ann@hub")
    );

    // Also when the store has forgotten it, as one does that begins anew: its token is as good as before.
    let client = redis::Client::open(test.site.redis.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let forgot: u32 = redis::cmd("HDEL")
        .arg("{s1}:devices")
        .arg(paired.device.to_string())
        .query_async(&mut redis)
        .await
        .unwrap();
    assert_eq!(forgot, 1);
    let args = json!({"device": paired.device, "reason": "stolen"});
    hub.send(&[(CommandId::new(), "device.revoke", args, 600)])
        .await;
    outcome(&test, kind::COMMAND_APPLIED, 2).await;
    kiosk.get("/v1/menu").await.unwrap().expect(401).unwrap();
    let revoked: DeviceMoved = test.told(kind::DEVICE_REVOKED).await[0].body().unwrap();
    assert_eq!(
        (revoked.device, revoked.reason.as_deref()),
        (paired.device, Some("stolen"))
    );
}

#[tokio::test]
async fn the_queue_is_paused_and_resumed_by_command() {
    let hub = HeadOffice::start(true).await;
    let test = hub.site(SELDOM).await;
    let is_paused = async || {
        let queue = test.manager.get("/v1/queue").await.unwrap();
        queue.expect(200).unwrap().body["paused"].clone()
    };
    hub.send(&[(
        CommandId::new(),
        "queue.pause",
        json!({"reason": "fire"}),
        600,
    )])
    .await;
    test.told_until(kind::COMMAND_APPLIED, 1).await;
    assert_eq!(is_paused().await, true);
    hub.send(&[(CommandId::new(), "queue.resume", json!({}), 600)])
        .await;
    test.told_until(kind::COMMAND_APPLIED, 2).await;
    assert_eq!(is_paused().await, false);
}
