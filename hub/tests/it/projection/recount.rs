//! Whatever orders come and go, in whatever batches: the figures are those that a plain recount
//! of the raw events gives.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sqlx::PgPool;
use sunakku_common::chain::Chain;
use sunakku_common::event::{Event, timestamp};
use sunakku_common::ids::{Epoch, OrderId, SiteId};
use sunakku_common::sync::{Answer, Batch};
use sunakku_hub::intake::{Request, Way, commit};
use uuid::Uuid;

use crate::support::{World, placed};

const ITEMS: [&str; 3] = ["cola", "burger", "fries"];

/// One thing that happens: an order is placed, or one that is open is moved on.
#[derive(Debug, Clone)]
enum Move {
    Place {
        hour: i64,
        lines: Vec<(usize, u32, i64)>,
    },
    Step {
        order: usize,
        to: usize,
    },
}

const STEPS: [&str; 7] = [
    "retried",
    "preparing",
    "ready",
    "collected",
    "cancelled",
    "rejected",
    "expired",
];

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let line = (0..ITEMS.len(), 1_u32..5, 0_i64..1_000);
    let place = (0_i64..3, prop::collection::vec(line, 1..4))
        .prop_map(|(hour, lines)| Move::Place { hour, lines });
    let step = (0_usize..12, 0..STEPS.len()).prop_map(|(order, to)| Move::Step { order, to });
    prop::collection::vec(prop_oneof![place, step], 1..60)
}

/// Units, orders and revenue by hour and item; and the state by order.
type Sales = BTreeMap<(DateTime<Utc>, String), (i64, i64, i64)>;

fn body_of(step: &Move, orders: &mut Vec<Uuid>) -> Option<(String, Value)> {
    match step {
        Move::Place { hour, lines } => {
            let id = OrderId::new().0;
            orders.push(id);
            let lines: Vec<_> = lines.iter().map(|(i, q, p)| (ITEMS[*i], *q, *p)).collect();
            let mut body = placed(id, orders.len() as u32, &lines);
            let at = DateTime::from_timestamp(1_795_000_000 + hour * 3_600, 0)?;
            body["details"]["placed_at"] = timestamp(at).into();
            Some(("order.placed".to_owned(), body))
        }
        Move::Step { order, to } => {
            let (id, step) = (orders.get(*order)?, STEPS[*to]);
            let body = json!({"order": id, "number": order + 1, "state": state_after(step),
                              "by": {"actor": "kim"}});
            Some((format!("order.{step}"), body))
        }
    }
}

fn state_after(step: &str) -> &str {
    if step == "retried" { "placed" } else { step }
}

/// The rules in their plainest form, over the raw events alone: an order counts in the hour in
/// which it was placed, unless it was called off while it was open and not tried again.
fn recount(events: &[Value]) -> (Sales, BTreeMap<String, String>) {
    let mut orders: BTreeMap<String, (&Value, String)> = BTreeMap::new();
    for event in events {
        let (kind, body) = (event["kind"].as_str().unwrap_or(""), &event["body"]);
        let id = body["order"].as_str().unwrap_or("").to_owned();
        let step = kind.trim_start_matches("order.");
        let state = state_after(step).to_owned();
        match orders.get_mut(&id) {
            None => drop(orders.insert(id, (body, state))),
            Some((_, now)) if ["placed", "preparing", "ready"].contains(&now.as_str()) => {
                *now = state;
            }
            Some((_, now)) if now == "rejected" && step == "retried" => *now = state,
            Some(_) => {}
        }
    }
    let mut sales = Sales::new();
    for (body, _) in orders
        .values()
        .filter(|(_, s)| s != "cancelled" && s != "rejected")
    {
        let placed_at: DateTime<Utc> =
            serde_json::from_value(body["details"]["placed_at"].clone()).expect("a time");
        let hour = placed_at.timestamp() / 3_600 * 3_600;
        let hour = DateTime::from_timestamp(hour, 0).expect("an hour");
        let mut items: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for line in body["details"]["lines"].as_array().expect("lines") {
            let sold = items
                .entry(line["item"].as_str().unwrap_or("").to_owned())
                .or_default();
            sold.0 += line["quantity"].as_i64().unwrap_or(0);
            sold.1 += line["total"].as_i64().unwrap_or(0);
        }
        for (item, (units, revenue)) in items {
            let total = sales.entry((hour, item)).or_default();
            *total = (total.0 + units, total.1 + 1, total.2 + revenue);
        }
    }
    (
        sales,
        orders
            .into_iter()
            .map(|(id, (_, state))| (id, state))
            .collect(),
    )
}

/// Commits the moves as a new site's log, cut into batches of these sizes, each sent twice.
async fn check(pool: &PgPool, moves: &[Move], sizes: &[usize], way: Way) -> Result<()> {
    let site: SiteId = format!("p-{}", Uuid::now_v7().simple()).parse()?;
    sqlx::query("insert into site values ($1, $1, null, 'UTC', 'EUR')")
        .bind(site.as_str())
        .execute(pool)
        .await?;
    let (epoch, mut orders, mut texts) = (Epoch::new(), Vec::new(), Vec::new());
    for (kind, body) in moves.iter().filter_map(|step| body_of(step, &mut orders)) {
        let seq = texts.len() as u64 + 1;
        texts.push(Event::encode(
            seq,
            &timestamp(Utc::now()),
            &kind,
            &body.to_string(),
        ));
    }
    let (mut chain, mut from, mut rest) = (Chain::genesis(&site, epoch), 1, &texts[..]);
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = (*sizes.next().unwrap_or(&1)).min(rest.len());
        let (now, later) = rest.split_at(size);
        let prev_chain = chain;
        chain = now.iter().fold(chain, |chain, text| chain.next(text));
        let events = now.iter().map(|text| RawValue::from_string(text.clone()));
        let events = events.collect::<Result<_, _>>()?;
        let head = texts.len() as u64;
        let batch = Batch {
            epoch,
            from_seq: from,
            prev_chain,
            events,
            chain,
            head,
            sender: None,
        };
        let request = Request {
            site: site.clone(),
            batch,
        };
        let mut connection = pool.acquire().await?;
        let outcomes = commit(&mut connection, &[request.clone(), request], way).await?;
        from += size as u64;
        let expected = Answer::Committed {
            cursor: from - 1,
            chain,
        };
        for outcome in &outcomes {
            ensure!(outcome.answer == expected, "{:?}", outcome.answer);
        }
        let parked: usize = outcomes.iter().map(|outcome| outcome.parked).sum();
        ensure!(parked == 0, "{parked} events are parked");
        rest = later;
    }
    compare(pool, &site, &texts).await
}

async fn compare(pool: &PgPool, site: &SiteId, texts: &[String]) -> Result<()> {
    let events: Vec<Value> = texts
        .iter()
        .map(|text| serde_json::from_str(text))
        .collect::<Result<_, _>>()?;
    let (sales, states) = recount(&events);
    let rows: Vec<(DateTime<Utc>, String, i64, i64, i64)> = sqlx::query_as(
        "select hour, item, units, orders, revenue from hourly_sales
         where site_id = $1 and (units, orders, revenue) <> (0, 0, 0)",
    )
    .bind(site.as_str())
    .fetch_all(pool)
    .await?;
    let stored: Sales = rows
        .into_iter()
        .map(|(h, i, u, o, r)| ((h, i), (u, o, r)))
        .collect();
    ensure!(stored == sales, "{stored:#?}\ninstead of\n{sales:#?}");
    let rows: Vec<(Uuid, String, i64, i64)> = sqlx::query_as(
        "select o.order_id, o.state, o.total, sum(l.total)::bigint from site_order o
         join order_line l using (site_id, order_id)
         where o.site_id = $1 group by o.site_id, o.order_id",
    )
    .bind(site.as_str())
    .fetch_all(pool)
    .await?;
    for (id, _, total, lines) in &rows {
        ensure!(
            total == lines,
            "order {id} costs {total}, its lines {lines}"
        );
    }
    let stored: BTreeMap<String, String> = rows
        .into_iter()
        .map(|(id, state, ..)| (id.to_string(), state))
        .collect();
    ensure!(stored == states, "{stored:#?}\ninstead of\n{states:#?}");
    Ok(())
}

#[test]
fn figures_equal_a_recount_of_the_raw_events() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let world = runtime.block_on(World::new(&["s1"]))?;
    let pool = runtime.block_on(world.pool())?;
    let way = prop_oneof![4 => Just(Way::Together), 1 => Just(Way::EventByEvent)];
    let sizes = prop::collection::vec(1_usize..20, 1..5);
    // The regressions stand beside this file.
    let config = Config {
        cases: 64,
        ..Config::with_source_file(file!())
    };
    TestRunner::new(config)
        .run(&(moves(), sizes, way), |(moves, sizes, way)| {
            runtime
                .block_on(check(&pool, &moves, &sizes, way))
                .map_err(|error| TestCaseError::fail(format!("{error:#}")))
        })
        .map_err(|failure| anyhow::anyhow!("{failure}"))
}
