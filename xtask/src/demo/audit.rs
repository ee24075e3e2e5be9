//! The reconciliation: what guests were told, what the edges hold and what stands in the hub's
//! Postgres, held against one another. It reads Postgres itself, not the hub's word for it.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::{Context as _, Result};
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgPool, Row as _};
use sunakku_common::menu::Menu;
use sunakku_common::money::Minor;
use uuid::Uuid;

use super::guests::Outcome;
use super::tokens::Tokens;
use crate::world::World;

/// The reconciliation, as `--summary` writes it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Summary {
    /// By site.
    pub sites: Vec<SiteSummary>,
    /// Units committed by name of item.
    pub items: BTreeMap<String, i64>,
    /// In all.
    pub orders: Orders,
    /// In all.
    pub total: Total,
    /// Orders that a guest saw accepted or an edge holds, and that the hub does not.
    pub lost: usize,
    /// Orders made twice, or that nobody placed.
    pub doubled: usize,
    /// Units sold that were not there.
    pub oversold: i64,
    /// Orders whose lines or money differ between guest, edge and hub.
    pub mismatched: usize,
    /// Figures of items that the dashboard shows otherwise than the raw events have them.
    pub differing_figures: usize,
    /// Orders of which the guest never had a definite answer.
    pub unanswered: usize,
    /// Lines of the replayed file that cannot be read.
    pub bad_lines: usize,
    /// From the first order to the last answer.
    pub seconds: f64,
    /// How long a change of the menu took from the hub to the last kiosk, milliseconds.
    pub menu_change_ms: f64,
    /// What was measured on the way.
    pub figures: Figures,
}

/// The reconciliation of one site.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SiteSummary {
    /// The site.
    pub id: String,
    /// How many.
    pub orders: Orders,
    /// Minor units.
    pub total: Total,
    /// The last sequence of the edge's log.
    pub head: u64,
    /// The last sequence that the hub has committed.
    pub cursor: u64,
    /// Whether edge and hub hold the same hash chain there.
    pub chain_equal: bool,
}

/// Numbers of orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Orders {
    /// By guests, each once.
    pub sent: usize,
    /// By the edge.
    pub accepted: usize,
    /// With a reason.
    pub refused: usize,
    /// In Postgres.
    pub committed: usize,
}

/// Sums of money, minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    /// What guests wanted to pay for everything they sent.
    pub sent: Minor,
    /// By the edge.
    pub accepted: Minor,
    /// In Postgres.
    pub committed: Minor,
}

/// What was measured.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Orders accepted a second.
    pub orders_per_second: f64,
    /// `POST /v1/orders`, first try to 201, milliseconds.
    pub order_ms_p50: f64,
    /// The same.
    pub order_ms_p99: f64,
    /// From the edge's `placed_at` to the hub's commit, milliseconds.
    pub commit_ms_p50: f64,
    /// The same.
    pub commit_ms_p99: f64,
    /// Memory of all edges, MiB each.
    pub edge_rss_mib: Vec<f64>,
    /// Memory of the hub, MiB.
    pub hub_rss_mib: f64,
}

impl Summary {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        let faults =
            self.lost + self.doubled + self.mismatched + self.differing_figures + self.unanswered;
        let even = |site: &SiteSummary| {
            site.chain_equal
                && site.head == site.cursor
                && site.orders.accepted == site.orders.committed
                && site.total.accepted == site.total.committed
        };
        faults == 0 && self.oversold == 0 && self.sites.iter().all(even)
    }
}

/// What Postgres holds of one site.
type Committed = HashMap<Uuid, CommittedOrder>;

struct CommittedOrder {
    key: String,
    day: NaiveDate,
    number: i64,
    total: Minor,
    lines: Vec<(String, i64)>,
}

/// Holds everything against everything. All logs must have been committed before.
pub async fn audit(
    world: &World,
    tokens: &Tokens,
    menu: &Menu,
    told: &[Outcome],
    postgres: &PgPool,
) -> Result<Summary> {
    let mut summary = Summary::default();
    for (n, site) in world.sites.iter().enumerate() {
        let told: Vec<&Outcome> = told.iter().filter(|outcome| outcome.site == n).collect();
        let manager = &tokens.sites[n].manager;
        let at_edge: Vec<Value> = manager.all("/v1/orders?state=all").await?;
        let at_hub = committed(postgres, &site.id).await?;
        let sync = manager.get("/v1/sync").await?.expect(200)?.body;
        let row = reconcile(&mut summary, &told, &at_edge, &at_hub)?;
        let ledger = ledger(postgres, &site.id).await?;
        let chain_equal = sync["chain"].as_str() == Some(&ledger.chain)
            && ledger.chain == ledger.chain_edge
            && sync["cursor"].as_u64() == Some(ledger.cursor);
        let head = sync["head"].as_u64().unwrap_or(0);
        let row = SiteSummary {
            id: site.id.clone(),
            head,
            cursor: ledger.cursor,
            chain_equal,
            ..row
        };
        summary.oversold += oversold(postgres, &site.id, menu).await?;
        for order in at_hub.values() {
            for (name, units) in &order.lines {
                *summary.items.entry(name.clone()).or_default() += units;
            }
        }
        let (all, here) = (&mut summary.orders, &row.orders);
        all.sent += here.sent;
        all.accepted += here.accepted;
        all.refused += here.refused;
        all.committed += here.committed;
        let (all, here) = (&mut summary.total, &row.total);
        all.sent += here.sent;
        all.accepted += here.accepted;
        all.committed += here.committed;
        summary.sites.push(row);
    }
    Ok(summary)
}

/// Orders of one site: counts and sums of the three sides, and what differs between them.
fn reconcile(
    summary: &mut Summary,
    told: &[&Outcome],
    at_edge: &[Value],
    at_hub: &Committed,
) -> Result<SiteSummary> {
    let mut row = SiteSummary::default();
    let (mut edge_ids, mut mismatched) = (HashSet::new(), HashSet::new());
    for order in at_edge {
        let id: Uuid = order["id"]
            .as_str()
            .context("an order without id")?
            .parse()?;
        let total = order["total"].as_i64().unwrap_or(0);
        row.orders.accepted += 1;
        row.total.accepted += total;
        if !edge_ids.insert(id) {
            summary.doubled += 1;
        }
        match at_hub.get(&id) {
            None => summary.lost += 1,
            Some(held) => {
                let number = order["number"].as_i64().unwrap_or(0);
                if (held.total, held.number) != (total, number) || !same_lines(order, held) {
                    mismatched.insert(id);
                }
            }
        }
    }
    let mut orders_told = HashSet::new();
    for outcome in told {
        row.orders.sent += 1;
        row.total.sent += outcome.total;
        match &outcome.answer {
            Ok(accepted) => {
                let held = at_hub.get(&accepted.order);
                if !edge_ids.contains(&accepted.order) && held.is_none() {
                    summary.lost += 1;
                }
                let same = held.is_none_or(|held| {
                    held.key == outcome.key
                        && held.total == accepted.total
                        && held.number == i64::try_from(accepted.number).unwrap_or(-1)
                });
                let alone = orders_told.insert(accepted.order);
                if !same || !alone || accepted.total != outcome.total {
                    mismatched.insert(accepted.order);
                }
            }
            Err(reason) if reason == "no-answer" => summary.unanswered += 1,
            Err(_) => row.orders.refused += 1,
        }
    }
    row.orders.committed = at_hub.len();
    row.total.committed = at_hub.values().map(|order| order.total).sum();
    summary.mismatched += mismatched.len();
    summary.doubled += doubled(at_hub, &edge_ids);
    Ok(row)
}

/// Orders that the edge does not know, and those whose key or number another order has too.
fn doubled(at_hub: &Committed, edge_ids: &HashSet<Uuid>) -> usize {
    let (known, strangers): (Vec<_>, Vec<_>) =
        at_hub.iter().partition(|(id, _)| edge_ids.contains(*id));
    let (mut keys, mut numbers) = (HashSet::new(), HashSet::new());
    let twice = known.into_iter().filter(|(_, order)| {
        let new_key = keys.insert(&order.key);
        !(numbers.insert((order.day, order.number)) && new_key)
    });
    twice.count() + strangers.len()
}

fn same_lines(at_edge: &Value, at_hub: &CommittedOrder) -> bool {
    let lines = at_edge["lines"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let edge = lines
        .iter()
        .map(|line| (line["name"].as_str(), line["quantity"].as_i64()));
    edge.eq(at_hub
        .lines
        .iter()
        .map(|(name, units)| (Some(name.as_str()), Some(*units))))
}

async fn committed(postgres: &PgPool, site: &str) -> Result<Committed> {
    let mut orders = HashMap::new();
    let rows = sqlx::query(
        "select order_id, idempotency_key, business_day, number, total from site_order \
         where site_id = $1",
    );
    for row in rows.bind(site).fetch_all(postgres).await? {
        let number = i64::from(row.try_get::<i32, _>("number")?);
        let (key, total) = (row.try_get("idempotency_key")?, row.try_get("total")?);
        let order = CommittedOrder {
            key,
            day: row.try_get("business_day")?,
            number,
            total,
            lines: Vec::new(),
        };
        orders.insert(row.try_get("order_id")?, order);
    }
    let lines = sqlx::query(
        "select order_id, coalesce(name->>'en', item) as name, quantity::bigint as quantity \
         from order_line where site_id = $1 order by order_id, line",
    );
    for row in lines.bind(site).fetch_all(postgres).await? {
        if let Some(order) = orders.get_mut(&row.try_get::<Uuid, _>("order_id")?) {
            order
                .lines
                .push((row.try_get("name")?, row.try_get("quantity")?));
        }
    }
    Ok(orders)
}

struct Ledger {
    cursor: u64,
    chain: String,
    chain_edge: String,
}

async fn ledger(postgres: &PgPool, site: &str) -> Result<Ledger> {
    let row = sqlx::query(
        "select cursor, encode(chain, 'hex') as chain, encode(chain_edge, 'hex') as chain_edge \
         from site_cursor where site_id = $1 and is_current",
    );
    let row = row.bind(site).fetch_optional(postgres).await?;
    let Some(row) = row else {
        return Ok(Ledger {
            cursor: 0,
            chain: String::new(),
            chain_edge: "none".to_owned(),
        });
    };
    Ok(Ledger {
        cursor: u64::try_from(row.try_get::<i64, _>("cursor")?).unwrap_or(0),
        chain: row.try_get("chain")?,
        chain_edge: row
            .try_get::<Option<String>, _>("chain_edge")?
            .unwrap_or_default(),
    })
}

/// Units sold beyond what was there: counted from lines and menu, not from the edge's arithmetic;
/// and units missing below zero at any time.
async fn oversold(postgres: &PgPool, site: &str, menu: &Menu) -> Result<i64> {
    let mut supply: BTreeMap<String, i64> = BTreeMap::new();
    let mut below_zero = 0;
    let rows = sqlx::query(
        "select sku, coalesce(sum(delta) filter (where kind like 'stock.%'), 0)::bigint as supply, \
         coalesce(min(on_hand), 0) as least from stock_movement where site_id = $1 group by sku",
    );
    for row in rows.bind(site).fetch_all(postgres).await? {
        supply.insert(row.try_get("sku")?, row.try_get("supply")?);
        below_zero += -row.try_get::<i64, _>("least")?.min(0);
    }
    let sold = sqlx::query(
        "select item, modifiers, sum(quantity)::bigint as units from order_line l \
         where site_id = $1 and not exists (select from stock_movement m where m.site_id = l.site_id \
         and m.order_id = l.order_id and m.kind in ('order.cancelled', 'order.rejected')) \
         group by item, modifiers",
    );
    let mut taken: BTreeMap<String, i64> = BTreeMap::new();
    for row in sold.bind(site).fetch_all(postgres).await? {
        let (id, units): (String, i64) = (row.try_get("item")?, row.try_get("units")?);
        let Some(item) = menu.items.iter().find(|item| item.id == id) else {
            continue;
        };
        let chosen: Value = row.try_get("modifiers")?;
        let chosen = chosen.as_array().map(Vec::as_slice).unwrap_or_default();
        let options = chosen
            .iter()
            .filter_map(|option| item.option(option["id"].as_str()?));
        let consumed = options
            .map(|(_, option)| option.consumption())
            .chain([menu.consumption(item)]);
        for (sku, each) in consumed.flatten() {
            *taken.entry(sku).or_default() += i64::from(each) * units;
        }
    }
    // Only what is counted can be oversold.
    let excess = |(sku, supply): (&String, &i64)| (taken.get(sku).unwrap_or(&0) - supply).max(0);
    Ok(below_zero + supply.iter().map(excess).sum::<i64>())
}

/// Milliseconds from the edge's `placed_at` to the commit that holds the order: p50 and p99.
pub async fn commit_ms(postgres: &PgPool) -> Result<(f64, f64)> {
    let row = sqlx::query(
        "select percentile_cont(array[0.5, 0.99]) within group \
         (order by extract(epoch from committed_at - placed_at) * 1000) as ms from site_order",
    );
    let row = row.fetch_one(postgres).await?;
    let ms: Option<Vec<f64>> = row.try_get("ms")?;
    let ms = ms.unwrap_or_default();
    Ok((
        ms.first().copied().unwrap_or(0.0),
        ms.get(1).copied().unwrap_or(0.0),
    ))
}
