//! What an order costs in computing alone: read, priced, told, chained, read again at the hub.
//!
//! `cargo bench --workspace --bench hot_paths` times each step. Its instructions, which no other load changes, are what the counts of two
//! runs under `valgrind --tool=callgrind target/release/deps/hot_paths-… --bench --sample-count 1 --sample-size N an_order` differ by, over
//! what their N do.

use std::hint::black_box;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value;
use sunakku_common::chain::Chain;
use sunakku_common::claims::{Role, Signer, Subject, Verifier, site_audience};
use sunakku_common::event::{Event, kind, timestamp};
use sunakku_common::ids::{Epoch, SiteId};
use sunakku_common::menu::Menu;
use sunakku_common::order::{OrderLimits, OrderRequest};
use sunakku_common::pricing::Priced;

const MENU: &str = include_str!("../../xtask/src/demo/menu.json");
/// Two lines, one with a choice.
const ORDER: &str = r#"{"channel":"kiosk","service":"here","avoid":[],"lines":[
    {"item":"burger","quantity":2,"modifiers":["double","bacon"]},{"item":"soda","quantity":1}]}"#;
const LIMITS: OrderLimits = OrderLimits {
    max_lines: 40,
    max_quantity: 20,
    max_pickup_hours: 48,
};

fn main() {
    divan::main();
}

fn menu() -> Menu {
    let mut menu: Value = serde_json::from_str(MENU).expect("JSON");
    menu["version"] = 1.into();
    menu["currency"] = "EUR".into();
    menu.as_object_mut().expect("an object").remove("stock");
    serde_json::from_value(menu).expect("a menu")
}

fn site() -> SiteId {
    "s1".parse().expect("a site")
}

fn noon() -> DateTime<Utc> {
    "2026-11-27T12:00:00Z".parse().expect("a time")
}

fn price(menu: &Menu, text: &str) -> Priced {
    let request: OrderRequest = serde_json::from_str(text).expect("an order");
    let priced = request.price(menu, &menu.index(), &LIMITS, noon(), Tz::UTC);
    priced.unwrap_or_else(|fault| panic!("{fault:?}"))
}

/// The event of an order, as long as a real one.
fn event() -> String {
    let priced = price(&menu(), ORDER);
    let body = serde_json::json!({
        "order": "0192e4a0-0000-7000-8000-000000000001", "number": 17, "lines": priced.lines, "total": priced.total,
    });
    let at = timestamp(noon());
    Event::encode(17, &at, kind::ORDER_PLACED, &body.to_string())
}

#[divan::bench]
fn an_order_is_read_and_priced(bencher: divan::Bencher<'_, '_>) {
    let menu = menu();
    bencher.bench(|| price(black_box(&menu), black_box(ORDER)));
}

#[divan::bench]
fn an_event_is_read(bencher: divan::Bencher<'_, '_>) {
    let text = event();
    bencher.bench(|| Event::decode(black_box(&text)));
}

#[divan::bench]
fn an_event_is_chained(bencher: divan::Bencher<'_, '_>) {
    let text = event();
    let chain = Chain::genesis(&site(), Epoch::new());
    bencher.bench(|| chain.next(black_box(&text)));
}

/// One token by a verifier that has seen it, and by one that has not.
#[divan::bench(args = [true, false])]
fn a_token_is_verified(bencher: divan::Bencher<'_, '_>, seen: bool) {
    let pkcs8 = Signer::generate_pkcs8().expect("a key");
    let audience = site_audience(&site());
    let signer = Signer::new(audience.clone(), &pkcs8).expect("a signer");
    let subject = Subject::new("kiosk-1", Role::Kiosk);
    let life = chrono::TimeDelta::hours(1);
    let token = signer.mint(subject, &audience, life, Utc::now());
    let token = token.expect("a token");
    let fresh = || {
        let key = (signer.public(), audience.clone());
        Verifier::new(audience.clone(), [key]).expect("a verifier")
    };
    match seen {
        true => {
            let verifier = fresh();
            bencher.bench(|| verifier.verify(black_box(&token)));
        }
        false => bencher
            .with_inputs(fresh)
            .bench_refs(|verifier| verifier.verify(black_box(&token))),
    }
}
