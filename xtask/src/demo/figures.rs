//! The dashboard's figures of items, held against a plain count of the raw events.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context as _, Result};
use chrono::{TimeDelta, Utc};
use serde_json::Value;
use sqlx::{PgPool, Row as _};
use sunakku_common::event::{Event, OrderPlaced, kind};
use sunakku_common::money::Minor;
use sunakku_common::order::{OrderDetails, OrderLine};
use uuid::Uuid;

use crate::world::Client;

/// What was sold of one item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sold {
    orders: i64,
    units: i64,
    /// Minor units.
    revenue: i64,
}

/// By code of the item; all of them together under the empty one.
type Items = BTreeMap<String, Sold>;

/// How many figures of one site's items differ between the dashboard and the raw events.
pub async fn different(hub: &Client, postgres: &PgPool, site: &str) -> Result<usize> {
    let (counted, shown) = (counted(postgres, site).await?, shown(hub, site).await?);
    let items: BTreeSet<&String> = counted.keys().chain(shown.keys()).collect();
    let of = |items: &Items, item: &String| items.get(item).copied().unwrap_or_default();
    Ok(items
        .into_iter()
        .filter(|item| of(&counted, item) != of(&shown, item))
        .count())
}

/// As the dashboard has them.
async fn shown(hub: &Client, site: &str) -> Result<Items> {
    // Some days more than the demo can last, by any site's calendar.
    let day = |days| (Utc::now() + TimeDelta::days(days)).date_naive();
    let path = format!(
        "/v1/analytics/items?site={site}&from={}&to={}",
        day(-7),
        day(3)
    );
    let report = hub.get(&path).await?.expect(200)?.body;
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    let sold = |row: &Value| Sold {
        orders: number(&row["orders"]),
        units: number(&row["units"]),
        revenue: number(&row["revenue"]),
    };
    let rows = report["rows"].as_array().context("a report without rows")?;
    let mut items: Items = rows
        .iter()
        .map(|row| (row["item"].as_str().unwrap_or("?").to_owned(), sold(row)))
        .collect();
    items.insert(String::new(), sold(&report["totals"]));
    Ok(items)
}

/// As the raw events have them: every order that was placed and not called off.
async fn counted(postgres: &PgPool, site: &str) -> Result<Items> {
    let rows = sqlx::query(
        "select order_id, event from site_event where site_id = $1 and kind = any($2) \
         order by received_at, seq",
    );
    let kinds = [
        kind::ORDER_PLACED,
        kind::ORDER_CANCELLED,
        kind::ORDER_REJECTED,
        kind::ORDER_RETRIED,
    ];
    let mut orders: HashMap<Uuid, (OrderDetails, bool)> = HashMap::new();
    for row in rows.bind(site).bind(kinds).fetch_all(postgres).await? {
        let order: Uuid = row.try_get("order_id")?;
        let event = Event::decode(row.try_get("event")?)?;
        if event.kind == kind::ORDER_PLACED {
            let placed: OrderPlaced = serde_json::from_str(event.body.get())?;
            // A store that was born again may tell an order anew.
            orders.entry(order).or_insert((placed.details, true));
        } else if let Some((_, sold)) = orders.get_mut(&order) {
            *sold = event.kind == kind::ORDER_RETRIED;
        }
    }
    let mut items = Items::new();
    for (details, _) in orders.values().filter(|(_, sold)| *sold) {
        add(&mut items, details.total, &details.lines);
    }
    Ok(items)
}

fn add(items: &mut Items, total: Minor, lines: &[OrderLine]) {
    let mut add = |item: &str, orders: bool, units: u32, revenue: Minor| {
        let sold = items.entry(item.to_owned()).or_default();
        sold.orders += i64::from(orders);
        sold.units += i64::from(units);
        sold.revenue += revenue;
    };
    add(
        "",
        true,
        lines.iter().map(|line| line.quantity).sum(),
        total,
    );
    let mut seen = BTreeSet::new();
    for line in lines {
        let first = seen.insert(&line.item);
        add(&line.item, first, line.quantity, line.total);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_on_two_lines_is_one_order_of_it() {
        let line = |(n, (item, quantity, price)): (usize, &(&str, i64, i64))| {
            json!({"line": n + 1, "item": item, "name": {"en": item}, "quantity": quantity,
                   "unit_price": price, "total": quantity * price, "station": "bar"})
        };
        let lines = [("cola", 2, 200), ("cola", 1, 250), ("ramen", 1, 900)];
        let lines: Value = lines.iter().enumerate().map(line).collect();
        let mut items = Items::new();
        add(
            &mut items,
            1_550,
            &serde_json::from_value::<Vec<_>>(lines).expect("lines"),
        );
        let sold = |orders, units, revenue| Sold {
            orders,
            units,
            revenue,
        };
        assert_eq!(items["cola"], sold(1, 3, 650));
        assert_eq!(items["ramen"], sold(1, 1, 900));
        assert_eq!(items[""], sold(1, 4, 1_550));
    }
}
