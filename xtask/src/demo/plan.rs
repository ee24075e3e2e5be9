//! What a demo plays: its sites with their menus, and the orders that guests will place.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sunakku_common::menu::{Category, Item, Menu, Schedule, Seed};
use sunakku_common::money::{Currency, Minor};
use sunakku_common::text::Text;

use super::options::Options;
use crate::replay::csv::{self, BadLine, Transaction};

/// A replay, ready to play.
pub struct Plan {
    /// Ids of the sites.
    pub sites: Vec<String>,
    /// The menu of all sites.
    pub seed: Seed,
    /// Every order in the order of its time.
    pub orders: Vec<Planned>,
    /// Lines of the file that could not be read.
    pub bad_lines: Vec<BadLine>,
    /// Lines of the largest order.
    pub max_lines: usize,
    /// Quantity of the largest line.
    pub max_quantity: u32,
    /// What to tell before it starts.
    pub remarks: Vec<String>,
}

/// One order that a guest will place.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Position of its site.
    pub site: usize,
    /// Time since the first order of the file.
    pub after: Duration,
    /// The body of `POST /v1/orders`.
    pub body: Value,
    /// What it costs, minor units.
    pub total: Minor,
}

/// Price of an item in a file without prices: one unit of the currency.
fn unit_price(currency: &Currency) -> Minor {
    10_i64.pow(currency.digits())
}

/// Sites that one machine is asked to run at most.
const MAX_SITES: usize = 64;
/// Lines of one order; a larger one is placed as several.
const MAX_LINES: usize = 1_000;

/// Reads a file of transactions and plans its replay.
pub fn replay(options: &Options, file: &std::path::Path) -> Result<Plan> {
    let currency = Currency::try_from(options.currency.clone()).map_err(anyhow::Error::msg)?;
    let csv_options = csv::Options {
        columns: options.columns.clone().unwrap_or_default(),
        dates: options.dates,
        minor_digits: currency.digits(),
    };
    let transactions = csv::read(file, &csv_options)?;
    let mut remarks = vec![format!(
        "{}: {} lines, {} orders, {} lines that cannot be read, {} with nothing sold",
        file.display(),
        transactions.rows,
        transactions.order_ids,
        transactions.bad_lines.len(),
        transactions.nothing_sold,
    )];
    for bad in &transactions.bad_lines {
        remarks.push(format!("line {}: {}", bad.line, bad.reason));
    }
    ensure!(
        !transactions.orders.is_empty(),
        "the file holds no order that can be placed"
    );
    let (sites, site_of) = deal(options, &transactions.orders)?;
    let unpriced = transactions.orders.iter().flat_map(|order| &order.lines);
    if unpriced.clone().any(|line| line.unit_price.is_none()) {
        let price = currency.format(unit_price(&currency));
        remarks.push(format!("what has no price in the file costs {price}"));
    }
    let mut menu = ReplayMenu {
        currency,
        items: Vec::new(),
        ids: HashMap::new(),
    };
    let first = transactions
        .orders
        .iter()
        .map(|order| order.at)
        .min()
        .context("no order")?;
    let mut orders = Vec::with_capacity(transactions.orders.len());
    for (n, order) in transactions.orders.iter().enumerate() {
        let after = (order.at - first).to_std().unwrap_or_default();
        for (lines, total) in menu.lines(order) {
            let body = json!({ "channel": "kiosk", "lines": lines });
            orders.push(Planned {
                site: site_of[n],
                after,
                body,
                total,
            });
        }
    }
    let lines = |planned: &Planned| planned.body["lines"].as_array().map_or(0, Vec::len);
    Ok(Plan {
        sites,
        max_lines: orders.iter().map(lines).max().unwrap_or(0),
        max_quantity: menu.max_quantity(&orders),
        seed: menu.seed(options.stock),
        orders,
        bad_lines: transactions.bad_lines,
        remarks,
    })
}

/// The sites, and the position of each order's site. With a site column one for each of its
/// values, as far as `--sites` allows; else whole orders are dealt round.
fn deal(options: &Options, orders: &[Transaction]) -> Result<(Vec<String>, Vec<usize>)> {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for order in orders {
        let next = names.len();
        if let Some(site) = &order.site {
            names.entry(site).or_insert(next);
        }
    }
    let asked = options.sites.map(usize::from);
    let count = if names.is_empty() {
        asked.unwrap_or(2)
    } else {
        asked.map_or(names.len(), |asked| asked.min(names.len()))
    };
    ensure!(
        count <= MAX_SITES,
        "the file names {count} sites; say --sites {MAX_SITES} or fewer, and they are put together"
    );
    let mut sites: Vec<String> = (1..=count).map(|n| format!("s{n}")).collect();
    if count == names.len() {
        for (name, n) in &names {
            let slug = slug(name);
            if !slug.is_empty() && !sites.contains(&slug) {
                sites[*n] = slug;
            }
        }
    }
    let site_of = orders
        .iter()
        .enumerate()
        .map(|(n, order)| match &order.site {
            Some(site) => names.get(site.as_str()).copied().unwrap_or(0) % count,
            None => n % count,
        });
    let site_of = site_of.collect();
    Ok((sites, site_of))
}

/// Letters and digits of a name, as a site id or code may have them.
fn slug(name: &str) -> String {
    let parts = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty());
    let slug = parts.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    slug.chars()
        .take(40)
        .collect::<String>()
        .trim_matches('-')
        .to_owned()
}

/// The menu that a file's items become: one item for each name and price.
struct ReplayMenu {
    currency: Currency,
    items: Vec<Item>,
    ids: HashMap<(String, Minor), usize>,
}

impl ReplayMenu {
    /// The lines of an order as requests, like ones together, in parts of at most [`MAX_LINES`];
    /// with each part's total.
    fn lines(&mut self, order: &Transaction) -> Vec<(Vec<Value>, Minor)> {
        let mut quantities: Vec<(usize, u64)> = Vec::new();
        for line in &order.lines {
            let price = line
                .unit_price
                .unwrap_or_else(|| unit_price(&self.currency));
            let item = self.item(&line.item, price);
            match quantities.iter_mut().find(|(known, _)| *known == item) {
                Some((_, quantity)) => *quantity += u64::from(line.quantity),
                None => quantities.push((item, u64::from(line.quantity))),
            }
        }
        let part = |part: &[(usize, u64)]| {
            let line = |(item, quantity): &(usize, u64)| json!({ "item": self.items[*item].id, "quantity": quantity });
            let cost = |(item, quantity): &(usize, u64)| {
                self.items[*item]
                    .price
                    .saturating_mul(i64::try_from(*quantity).unwrap_or(i64::MAX))
            };
            (part.iter().map(line).collect(), part.iter().map(cost).sum())
        };
        quantities.chunks(MAX_LINES).map(part).collect()
    }

    fn item(&mut self, name: &str, price: Minor) -> usize {
        let next = self.items.len();
        let key = (name.to_owned(), price);
        let position = *self.ids.entry(key).or_insert(next);
        if position == next {
            let id = format!("{next}-{}", slug(name));
            let id = id.trim_end_matches('-');
            self.items.push(Item {
                preparation_seconds: 60,
                ..Item::new(id, Text::english(name), "replay", price, "kitchen")
            });
        }
        position
    }

    fn max_quantity(&self, orders: &[Planned]) -> u32 {
        let lines = orders
            .iter()
            .filter_map(|order| order.body["lines"].as_array())
            .flatten();
        let quantity = lines.filter_map(|line| line["quantity"].as_u64()).max();
        u32::try_from(quantity.unwrap_or(0)).unwrap_or(u32::MAX)
    }

    fn seed(&self, stock: Option<u32>) -> Seed {
        let counts = self
            .items
            .iter()
            .filter_map(|item| Some((item.id.clone(), stock?)));
        let category = Category {
            id: "replay".to_owned(),
            name: Text::english("Replay"),
            schedule: Schedule::default(),
        };
        Seed {
            stock: counts.collect(),
            menu: Menu {
                version: 1,
                categories: vec![category],
                items: self.items.clone(),
                ..Menu::new("", self.currency.clone())
            },
        }
    }
}

/// The menu of the demo without a replay: 26 items with modifiers, allergens, diets, a set and
/// counted stock.
pub fn lunch_menu() -> Result<Seed> {
    let mut menu: Value = serde_json::from_str(include_str!("menu.json"))?;
    let stock = menu["stock"].take();
    let (categories, items) = (menu["categories"].take(), menu["items"].take());
    let (dayparts, skus) = (menu["dayparts"].take(), menu["skus"].take());
    let seed = json!({
        "menu": {
            "version": 1, "currency": "EUR", "dayparts": dayparts, "categories": categories,
            "items": items, "skus": skus,
        },
        "stock": stock,
    });
    let seed: Seed = serde_json::from_value(seed).context("the demo's menu")?;
    let faults = seed.menu.faults();
    ensure!(faults.is_empty(), "the demo's menu: {faults:?}");
    Ok(seed)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
