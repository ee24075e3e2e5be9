//! The figures of the analytics: whatever happens, in whatever batches, told twice or not, by
//! whatever clock, they are what a plain recount of the raw events gives; and a rebuild gives them
//! again, every table row for row.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use sunakku_common::chain::Chain;
use sunakku_common::event::{Event, timestamp};
use sunakku_common::ids::{Epoch, OrderId, SiteId, TicketId};
use sunakku_common::sync::{Answer, Batch};
use sunakku_hub::intake::{Request, Way, commit, rebuild};
use uuid::Uuid;

use crate::support::{World, placed};

const ITEMS: [&str; 3] = ["cola", "burger", "fries"];
const STATIONS: [&str; 2] = ["bar", "grill"];
/// With a change of the clocks in the night of the events, with half an hour, and without either.
const ZONES: [&str; 3] = ["Europe/Berlin", "Asia/Kolkata", "UTC"];
const STEPS: [&str; 6] = [
    "retried",
    "preparing",
    "ready",
    "collected",
    "cancelled",
    "rejected",
];

/// One thing that happens.
#[derive(Debug, Clone)]
enum Move {
    Place {
        lines: Vec<(usize, u32, i64)>,
        promise: i64,
    },
    Step {
        order: usize,
        to: usize,
    },
    Ticket {
        order: usize,
        station: usize,
    },
    Made {
        ticket: usize,
    },
    Correct {
        item: usize,
        delta: i64,
    },
    Suspend {
        item: usize,
        off: bool,
    },
    /// The store is born again, and tells so many events once more.
    Reborn {
        again: usize,
    },
}

fn moves() -> impl Strategy<Value = Vec<(i64, Move)>> {
    let line = (0..ITEMS.len(), 1_u32..5, 0_i64..1_000);
    let place = (prop::collection::vec(line, 1..4), -300_i64..900)
        .prop_map(|(lines, promise)| Move::Place { lines, promise });
    let step = (0_usize..12, 0..STEPS.len()).prop_map(|(order, to)| Move::Step { order, to });
    let ticket = (0_usize..12, 0..STATIONS.len())
        .prop_map(|(order, station)| Move::Ticket { order, station });
    let made = (0_usize..12).prop_map(|ticket| Move::Made { ticket });
    let correct =
        (0..ITEMS.len(), -9_i64..9).prop_map(|(item, delta)| Move::Correct { item, delta });
    let suspend =
        (0..ITEMS.len(), any::<bool>()).prop_map(|(item, off)| Move::Suspend { item, off });
    let reborn = (0_usize..9).prop_map(|again| Move::Reborn { again });
    let any = prop_oneof![
        6 => place, 6 => step, 3 => ticket, 3 => made, 3 => correct, 1 => suspend, 1 => reborn
    ];
    // Seconds until the next; a clock may be set back.
    prop::collection::vec((-600_i64..3_000, any), 1..60)
}

/// An event without its sequence.
#[derive(Debug, Clone)]
struct Told {
    at: DateTime<Utc>,
    kind: String,
    body: Value,
}

/// A site to which the moves happen: its logs, one for each life of its store.
#[derive(Default)]
struct Story {
    logs: Vec<Vec<Told>>,
    orders: Vec<(Uuid, Vec<(usize, i64)>)>,
    tickets: Vec<Uuid>,
    stock: BTreeMap<usize, (i64, bool)>,
}

impl Story {
    fn of(moves: &[(i64, Move)]) -> Self {
        let mut story = Self {
            logs: vec![Vec::new()],
            ..Self::default()
        };
        let mut at = DateTime::from_timestamp(1_792_880_000, 0).expect("a time");
        for (seconds, step) in moves {
            at += TimeDelta::seconds(*seconds);
            story.tell(at, step);
        }
        story
    }

    fn push(&mut self, at: DateTime<Utc>, kind: &str, body: Value) {
        let log = self.logs.last_mut().expect("a log");
        log.push(Told {
            at,
            kind: kind.to_owned(),
            body,
        });
    }

    fn moved(&mut self, changes: &[(usize, i64)]) -> Value {
        let mut sums: BTreeMap<usize, i64> = BTreeMap::new();
        changes
            .iter()
            .for_each(|(item, delta)| *sums.entry(*item).or_default() += delta);
        let rows = sums.into_iter().map(|(item, delta)| {
            let (on_hand, suspended) = self.stock.entry(item).or_insert((20, false));
            *on_hand += delta;
            json!({"sku": ITEMS[item], "delta": delta, "on_hand": *on_hand, "suspended": *suspended})
        });
        rows.collect()
    }

    fn tell(&mut self, at: DateTime<Utc>, step: &Move) {
        let by = json!({"actor": "kim"});
        match step {
            Move::Place { lines, promise } => {
                let id = OrderId::new().0;
                let named: Vec<_> = lines.iter().map(|(i, q, p)| (ITEMS[*i], *q, *p)).collect();
                let mut body = placed(id, self.orders.len() as u32 + 1, &named);
                body["details"]["placed_at"] = timestamp(at).into();
                let ready_at = at + TimeDelta::seconds(*promise);
                body["details"]["ready_estimate_at"] = timestamp(ready_at).into();
                let taken: Vec<_> = lines.iter().map(|(i, q, _)| (*i, -i64::from(*q))).collect();
                body["stock"] = self.moved(&taken);
                self.orders.push((id, taken));
                self.push(at, "order.placed", body);
            }
            Move::Step { order, to } => {
                let Some((id, taken)) = self.orders.get(*order).cloned() else {
                    return;
                };
                let mut body = json!({"order": id, "number": order + 1, "by": by,
                                      "state": state_after(STEPS[*to])});
                let back: Vec<_> = taken.iter().map(|(item, delta)| (*item, -delta)).collect();
                match STEPS[*to] {
                    "cancelled" | "rejected" => body["stock"] = self.moved(&back),
                    "retried" => body["stock"] = self.moved(&taken),
                    _ => {}
                }
                self.push(at, &format!("order.{}", STEPS[*to]), body);
            }
            Move::Ticket { order, station } => {
                let Some((order, _)) = self.orders.get(*order) else {
                    return;
                };
                let (order, ticket) = (*order, TicketId::new().0);
                self.tickets.push(ticket);
                let details = json!({"station": STATIONS[*station]});
                let body = json!({"ticket": ticket, "order": order, "details": details});
                self.push(at, "ticket.created", body);
            }
            Move::Made { ticket } => {
                let Some(ticket) = self.tickets.get(*ticket).copied() else {
                    return;
                };
                let body = json!({"ticket": ticket, "state": "done"});
                self.push(at, "ticket.bumped", body);
            }
            Move::Correct { item, delta } => {
                let stock = self.moved(&[(*item, *delta)]);
                let reason = if *delta < 0 {
                    json!("waste")
                } else {
                    Value::Null
                };
                let body = json!({"stock": stock, "by": by, "reason": reason});
                self.push(at, "stock.adjusted", body);
            }
            Move::Suspend { item, off } => {
                self.stock.entry(*item).or_insert((20, false)).1 = *off;
                let body = json!({"stock": self.moved(&[(*item, 0)]), "by": by});
                let kind = if *off {
                    "stock.suspended"
                } else {
                    "stock.resumed"
                };
                self.push(at, kind, body);
            }
            Move::Reborn { again } => {
                let before = self.logs.last().expect("a log");
                let again = before[before.len().saturating_sub(*again)..].to_vec();
                let started = json!({"epoch": Uuid::now_v7(), "reason": "set back"});
                self.logs.push(Vec::new());
                self.push(at, "epoch.started", started);
                self.logs.last_mut().expect("a log").extend(again);
            }
        }
    }
}

fn state_after(step: &str) -> &str {
    if step == "retried" { "placed" } else { step }
}

/// All figures, as a plain recount gives them.
#[derive(Debug, Default, PartialEq)]
struct Figures {
    days: BTreeMap<(NaiveDate, String), (i64, i64, i64)>,
    hours: BTreeMap<(DateTime<Utc>, String), (i64, i64, i64)>,
    orders: BTreeMap<DateTime<Utc>, (i64, i64, i64)>,
    /// By begin, measure, station and bucket.
    durations: BTreeMap<(DateTime<Utc>, String, String, i32), i64>,
    sold_out: BTreeMap<(String, DateTime<Utc>), Option<DateTime<Utc>>>,
    stock: BTreeMap<(NaiveDate, String), (i64, Option<i64>)>,
    corrections: BTreeMap<(String, DateTime<Utc>, i64), String>,
    longer: Longer,
}

/// Units, orders and revenue of a day; orders and units of each of its hours.
type OfDay = ((i64, i64, i64), Vec<i64>, Vec<i64>);

/// The same by day and week. Weeks begin on Mondays.
#[derive(Debug, Default, PartialEq)]
struct Longer {
    days: BTreeMap<NaiveDate, OfDay>,
    weeks: BTreeMap<(NaiveDate, String), (i64, i64, i64)>,
    /// Units and revenue of an item by hour of the clock.
    item_hours: BTreeMap<(NaiveDate, String), (Vec<i64>, Vec<i64>)>,
    /// By begin, whether that is a day or a week, measure and station.
    durations: BTreeMap<(NaiveDate, &'static str, String, String), BTreeMap<i32, i64>>,
    /// Used, sum of the counts, days with one.
    stock: BTreeMap<(NaiveDate, String), (i64, i64, i64)>,
}

struct Order {
    body: Value,
    state: String,
    placed_at: DateTime<Utc>,
    was_ready: bool,
}

fn time(value: &Value) -> DateTime<Utc> {
    serde_json::from_value(value.clone()).expect("a time")
}

/// The begin of the hour by the clock on the wall, found by going back minute by minute.
fn hour(at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let mut begin = at
        .with_second(0)
        .and_then(|at| at.with_nanosecond(0))
        .expect("a time");
    while begin.with_timezone(&zone).minute() != 0 {
        begin -= TimeDelta::minutes(1);
    }
    begin
}

fn date(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// Its Monday, found by going back day by day.
fn monday(mut day: NaiveDate) -> NaiveDate {
    while day.weekday() != chrono::Weekday::Mon {
        day = day.pred_opt().expect("a date");
    }
    day
}

/// The first bucket that a time fits into.
fn bucket(seconds: f64) -> i32 {
    let (mut bucket, mut end) = (0, 1.0);
    while seconds > end * (1.0 + 1e-9) {
        bucket += 1;
        end *= 1.025 / 0.975;
    }
    bucket
}

fn add(sum: &mut (i64, i64, i64), more: (i64, i64, i64)) {
    *sum = (sum.0 + more.0, sum.1 + more.1, sum.2 + more.2);
}

fn recount(logs: &[Vec<Told>], zone: Tz) -> Figures {
    let mut figures = Figures::default();
    let mut orders: BTreeMap<String, Order> = BTreeMap::new();
    let mut tickets: BTreeMap<String, (DateTime<Utc>, String)> = BTreeMap::new();
    let mut made = BTreeSet::new();
    let mut open: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
    for Told { at, kind, body } in logs.iter().flatten() {
        let id = body["order"].as_str().unwrap_or("").to_owned();
        // The day on which an order that this event moves stock for was placed.
        let mut placed_on = None;
        match kind.split_once('.') {
            Some(("order", "placed")) if !orders.contains_key(&id) => {
                let placed_at = time(&body["details"]["placed_at"]);
                placed_on = Some(date(placed_at, zone));
                let order = Order {
                    body: body.clone(),
                    state: "placed".to_owned(),
                    placed_at,
                    was_ready: false,
                };
                orders.insert(id, order);
            }
            Some(("order", step)) if step != "placed" => {
                let Some(order) = orders.get_mut(&id) else {
                    continue;
                };
                let is_open = ["placed", "preparing", "ready"].contains(&&*order.state);
                if !is_open && (&*order.state, step) != ("rejected", "retried") {
                    // Told again, or too late.
                } else {
                    order.state = state_after(step).to_owned();
                    placed_on = Some(date(order.placed_at, zone));
                    if step == "ready" && !order.was_ready {
                        order.was_ready = true;
                        let promised = time(&order.body["details"]["ready_estimate_at"]);
                        let late = (*at - promised).num_milliseconds() as f64 / 20_000.0;
                        // Beyond two hours is as far as two hours.
                        let began = hour(order.placed_at, zone);
                        let key = (
                            began,
                            "promise".to_owned(),
                            String::new(),
                            (late.ceil() as i32).clamp(-360, 360),
                        );
                        *figures.durations.entry(key).or_default() += 1;
                    }
                }
            }
            Some(("ticket", "created")) => {
                let ticket = body["ticket"].as_str().unwrap_or("").to_owned();
                let station = body["details"]["station"].as_str().unwrap_or("").to_owned();
                tickets.entry(ticket).or_insert((*at, station));
            }
            Some(("ticket", "bumped")) => {
                let ticket = body["ticket"].as_str().unwrap_or("");
                let Some((since, station)) = tickets.get(ticket) else {
                    continue;
                };
                if made.insert(ticket.to_owned()) {
                    let took = (*at - *since).num_milliseconds() as f64 / 1_000.0;
                    let key = (
                        hour(*since, zone),
                        "preparation".to_owned(),
                        station.clone(),
                        bucket(took),
                    );
                    *figures.durations.entry(key).or_default() += 1;
                }
            }
            _ => {}
        }
        for change in body["stock"].as_array().into_iter().flatten() {
            let sku = change["sku"].as_str().unwrap_or("").to_owned();
            let (delta, on_hand) = (
                change["delta"].as_i64().unwrap_or(0),
                change["on_hand"].as_i64(),
            );
            if let Some(day) = placed_on {
                figures.stock.entry((day, sku.clone())).or_default().0 -= delta;
            }
            figures
                .stock
                .entry((date(*at, zone), sku.clone()))
                .or_default()
                .1 = on_hand;
            let is_out = change["suspended"] == true || on_hand.is_some_and(|units| units <= 0);
            match (is_out, open.get(&sku).copied()) {
                (true, None) => {
                    open.insert(sku.clone(), *at);
                    figures.sold_out.insert((sku.clone(), *at), None);
                }
                (false, Some(since)) => {
                    open.remove(&sku);
                    let key = (sku.clone(), since);
                    match *at > since {
                        true => figures.sold_out.insert(key, Some(*at)),
                        false => figures.sold_out.remove(&key),
                    };
                }
                _ => {}
            }
            if kind == "stock.adjusted" && delta != 0 {
                let reason = body["reason"].as_str().unwrap_or("").to_owned();
                figures
                    .corrections
                    .entry((sku, *at, delta))
                    .or_insert(reason);
            }
        }
    }
    sum_up(&mut figures, orders.values(), zone);
    sum_longer(&mut figures, zone);
    figures
}

/// Days and weeks of what was counted by hours and days.
fn sum_longer(figures: &mut Figures, zone: Tz) {
    let longer = &mut figures.longer;
    for ((day, item), sold) in &figures.days {
        let week = longer.weeks.entry((monday(*day), item.clone()));
        add(week.or_default(), *sold);
    }
    for ((hour, measure, station, bucket), count) in &figures.durations {
        let day = date(*hour, zone);
        for (begin, length) in [(day, "day"), (monday(day), "week")] {
            let key = (begin, length, measure.clone(), station.clone());
            let times = longer.durations.entry(key).or_default();
            *times.entry(*bucket).or_default() += count;
        }
    }
    for ((day, sku), (used, on_hand)) in &figures.stock {
        let week = longer.stock.entry((monday(*day), sku.clone())).or_default();
        let counted = i64::from(on_hand.is_some());
        add(week, (*used, on_hand.unwrap_or(0), counted));
    }
}

fn sum_up<'a>(figures: &mut Figures, orders: impl Iterator<Item = &'a Order>, zone: Tz) {
    for order in orders.filter(|order| order.state != "cancelled" && order.state != "rejected") {
        let (mut items, mut all) = (BTreeMap::new(), (0, 1, 0));
        for line in order.body["details"]["lines"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let (units, total) = (line["quantity"].as_i64(), line["total"].as_i64());
            let more = (units.unwrap_or(0), 0, total.unwrap_or(0));
            let item = line["item"].as_str().unwrap_or("").to_owned();
            add(items.entry(item).or_insert((0, 1, 0)), more);
            add(&mut all, more);
        }
        let (hour, day) = (hour(order.placed_at, zone), date(order.placed_at, zone));
        add(figures.orders.entry(hour).or_default(), all);
        let shown = order.placed_at.with_timezone(&zone).hour() as usize;
        let none = || ((0, 0, 0), vec![0; 24], vec![0; 24]);
        let of_day = figures.longer.days.entry(day).or_insert_with(none);
        add(&mut of_day.0, all);
        of_day.1[shown] += 1;
        of_day.2[shown] += all.0;
        for (item, sold) in items {
            let none = || (vec![0; 24], vec![0; 24]);
            let hours = figures.longer.item_hours.entry((day, item.clone()));
            let hours = hours.or_insert_with(none);
            hours.0[shown] += sold.0;
            hours.1[shown] += sold.2;
            add(figures.hours.entry((hour, item.clone())).or_default(), sold);
            add(figures.days.entry((day, item)).or_default(), sold);
        }
    }
}

/// The same, as the tables have them.
async fn stored(pool: &PgPool, site: &SiteId) -> Result<Figures> {
    macro_rules! rows {
        ($text:literal) => {
            sqlx::query_as($text)
                .bind(site.as_str())
                .fetch_all(pool)
                .await?
        };
    }
    let days: Vec<(NaiveDate, String, i64, i64, i64)> =
        rows!("select day, item, units, orders, revenue from daily_sales where site_id = $1");
    let hours: Vec<(DateTime<Utc>, String, i64, i64, i64)> =
        rows!("select hour, item, units, orders, revenue from hourly_sales where site_id = $1");
    let orders: Vec<(DateTime<Utc>, i64, i64, i64)> =
        rows!("select hour, units, orders, revenue from hourly_orders where site_id = $1");
    let durations: Vec<(DateTime<Utc>, String, String, i32, i64)> = rows!(
        "select hour, measure, station, bucket, count from hourly_duration where site_id = $1"
    );
    let sold_out: Vec<(String, DateTime<Utc>, Option<DateTime<Utc>>)> =
        rows!("select sku, since, until from sold_out where site_id = $1");
    let stock: Vec<(NaiveDate, String, i64, Option<i64>)> =
        rows!("select day, sku, used, on_hand from daily_stock where site_id = $1");
    let corrections: Vec<(String, DateTime<Utc>, i64, String)> =
        rows!("select sku, at, delta, reason from stock_correction where site_id = $1");
    Ok(Figures {
        longer: stored_longer(pool, site).await?,
        days: days
            .into_iter()
            .map(|(d, i, u, o, r)| ((d, i), (u, o, r)))
            .collect(),
        hours: hours
            .into_iter()
            .map(|(h, i, u, o, r)| ((h, i), (u, o, r)))
            .collect(),
        orders: orders
            .into_iter()
            .map(|(h, u, o, r)| (h, (u, o, r)))
            .collect(),
        durations: durations
            .into_iter()
            .map(|(h, m, s, b, n)| ((h, m, s, b), n))
            .collect(),
        sold_out: sold_out
            .into_iter()
            .map(|(s, from, to)| ((s, from), to))
            .collect(),
        stock: stock
            .into_iter()
            .map(|(d, s, used, left)| ((d, s), (used, left)))
            .collect(),
        corrections: corrections
            .into_iter()
            .map(|(s, at, n, why)| ((s, at, n), why))
            .collect(),
    })
}

async fn stored_longer(pool: &PgPool, site: &SiteId) -> Result<Longer> {
    macro_rules! rows {
        ($text:literal) => {
            sqlx::query_as($text)
                .bind(site.as_str())
                .fetch_all(pool)
                .await?
        };
    }
    type Day = (NaiveDate, i64, i64, i64, Vec<i64>, Vec<i64>);
    let days: Vec<Day> = rows!(
        "select day, units, orders, revenue, hour_orders, hour_units from daily_orders
         where site_id = $1"
    );
    let weeks: Vec<(NaiveDate, String, i64, i64, i64)> =
        rows!("select week, item, units, orders, revenue from weekly_sales where site_id = $1");
    let item_hours: Vec<(NaiveDate, String, Vec<i64>, Vec<i64>)> =
        rows!("select day, item, units, revenue from daily_item_hours where site_id = $1");
    type Times = (NaiveDate, bool, String, String, Vec<i32>, Vec<i64>);
    let durations: Vec<Times> = rows!(
        "select day, false, measure, station, buckets, counts from daily_duration where site_id = $1
         union all
         select week, true, measure, station, buckets, counts from weekly_duration
         where site_id = $1"
    );
    let stock: Vec<(NaiveDate, String, i64, i64, i64)> =
        rows!("select week, sku, used, on_hand, counted from weekly_stock where site_id = $1");
    let length = |is_week| if is_week { "week" } else { "day" };
    Ok(Longer {
        days: days
            .into_iter()
            .map(|(d, u, o, r, orders, units)| (d, ((u, o, r), orders, units)))
            .collect(),
        weeks: weeks
            .into_iter()
            .map(|(w, i, u, o, r)| ((w, i), (u, o, r)))
            .collect(),
        item_hours: item_hours
            .into_iter()
            .map(|(d, i, u, r)| ((d, i), (u, r)))
            .collect(),
        durations: durations
            .into_iter()
            .map(|(d, is_week, m, s, b, n)| {
                let times = b.into_iter().zip(n).collect();
                ((d, length(is_week), m, s), times)
            })
            .collect(),
        stock: stock
            .into_iter()
            .map(|(w, s, used, left, n)| ((w, s), (used, left, n)))
            .collect(),
    })
}

/// Every table that is made of events, as text.
async fn tables(pool: &PgPool, site: &SiteId) -> Result<Vec<(&'static str, Option<String>)>> {
    const TABLES: [&str; 21] = [
        "site_order",
        "order_line",
        "stock",
        "stock_movement",
        "hourly_sales",
        "daily_sales",
        "hourly_orders",
        "daily_orders",
        "weekly_sales",
        "daily_item_hours",
        "daily_duration",
        "weekly_duration",
        "weekly_stock",
        "site_item",
        "site_ticket",
        "hourly_duration",
        "sold_out",
        "daily_stock",
        "stock_correction",
        "site_menu",
        "parked_event",
    ];
    let mut all = Vec::new();
    for table in TABLES {
        let text = format!(
            "select string_agg(t::text, e'\\n' order by t::text) from {table} t where site_id = $1"
        );
        let query = sqlx::query_scalar(AssertSqlSafe(text)).bind(site.as_str());
        all.push((table, query.fetch_one(pool).await?));
    }
    Ok(all)
}

/// Commits a site's logs, cut into batches of these sizes, each sent twice.
async fn commit_all(
    pool: &PgPool,
    site: &SiteId,
    logs: &[Vec<Told>],
    sizes: &[usize],
    way: Way,
) -> Result<()> {
    let mut sizes = sizes.iter().cycle();
    for log in logs {
        let epoch = Epoch::new();
        let (mut chain, mut from) = (Chain::genesis(site, epoch), 1);
        let texts: Vec<String> = (1_u64..)
            .zip(log)
            .map(|(seq, told)| {
                Event::encode(seq, &timestamp(told.at), &told.kind, &told.body.to_string())
            })
            .collect();
        let mut rest = &texts[..];
        while !rest.is_empty() {
            let size = (*sizes.next().context("a size")?).min(rest.len());
            let (now, later) = rest.split_at(size);
            let prev_chain = chain;
            chain = now.iter().fold(chain, |chain, text| chain.next(text));
            let events = now.iter().map(|text| RawValue::from_string(text.clone()));
            let batch = Batch {
                epoch,
                from_seq: from,
                prev_chain,
                events: events.collect::<Result<_, _>>()?,
                chain,
                head: texts.len() as u64,
                sender: None,
            };
            let request = Request {
                site: site.clone(),
                batch,
            };
            let mut connection = pool.acquire().await?;
            let outcomes = commit(&mut connection, &[request.clone(), request], way).await?;
            from += size as u64;
            for outcome in &outcomes {
                let is_held = matches!(outcome.answer, Answer::Committed { cursor, .. } if cursor == from - 1);
                ensure!(is_held && outcome.parked == 0, "{outcome:?}");
            }
            rest = later;
        }
    }
    Ok(())
}

async fn check(
    pool: &PgPool,
    moves: &[(i64, Move)],
    zone: &str,
    sizes: &[usize],
    way: Way,
) -> Result<()> {
    let site: SiteId = format!("f-{}", Uuid::now_v7().simple()).parse()?;
    sqlx::query("insert into site (site_id, name, time_zone, currency) values ($1, $1, $2, 'EUR')")
        .bind(site.as_str())
        .bind(zone)
        .execute(pool)
        .await?;
    let logs = Story::of(moves).logs;
    commit_all(pool, &site, &logs, sizes, way).await?;
    let (found, expected) = (stored(pool, &site).await?, recount(&logs, zone.parse()?));
    ensure!(found == expected, "{found:#?}\ninstead of\n{expected:#?}");
    let before = tables(pool, &site).await?;
    rebuild(pool, Some(&site)).await?;
    let after = tables(pool, &site).await?;
    ensure!(before == after, "{before:#?}\nbecame\n{after:#?}");
    Ok(())
}

#[test]
fn figures_equal_a_recount_of_the_raw_events_and_a_rebuild() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let world = runtime.block_on(World::new(&["s1"]))?;
    let pool = runtime.block_on(world.pool())?;
    let way = prop_oneof![4 => Just(Way::Together), 1 => Just(Way::EventByEvent)];
    let sizes = prop::collection::vec(1_usize..20, 1..5);
    let config = Config {
        cases: 48,
        ..Config::with_source_file(file!())
    };
    TestRunner::new(config)
        .run(
            &(moves(), prop::sample::select(&ZONES[..]), sizes, way),
            |(moves, zone, sizes, way)| {
                runtime
                    .block_on(check(&pool, &moves, zone, &sizes, way))
                    .map_err(|error| TestCaseError::fail(format!("{error:#}")))
            },
        )
        .map_err(|failure| anyhow::anyhow!("{failure}"))
}
