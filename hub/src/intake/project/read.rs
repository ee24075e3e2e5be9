//! Understands one event: what it says that is projected, checked.

use std::borrow::Cow;
use std::collections::BTreeSet;

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use serde::Deserialize;
use serde_json::Value;
use sunakku_common::event::{
    CommandSettled, DeviceMoved, Event, MenuActivated, MenuRefused, OrderMoved, OrderPlaced,
    StockChange, StockMoved, kind,
};
use sunakku_common::ids::{OrderId, TicketId, check_code};
use sunakku_common::money::Minor;
use sunakku_common::order::OrderLine;
use sunakku_common::state::{OrderState, TicketState};

/// The dearest order or line that is believed, minor units: keeps every sum far from overflow.
const MAX_AMOUNT: Minor = 1_000_000_000_000;
/// The most units of a SKU that are believed: keeps every sum far from overflow.
const MAX_UNITS: u64 = 1_000_000_000_000;
/// Characters of a menu's hash; SHA-256 in hexadecimal has 64.
const MAX_HASH: usize = 128;

/// What an event says that is projected.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) what: What,
    /// What it did to stock, whatever its kind.
    pub(super) stock: Vec<StockChange>,
    pub(super) order: Option<OrderId>,
}

/// What an event says by its kind.
#[derive(Debug)]
pub(super) enum What {
    Placed(Box<OrderPlaced>),
    Moved(OrderMoved),
    MenuActivated(MenuActivated),
    MenuRefused(MenuRefused),
    CommandSettled(CommandSettled),
    DevicePaired(DeviceMoved),
    DeviceRevoked(DeviceMoved),
    /// Stock was corrected, with the reason.
    Corrected(String),
    /// A station was given a ticket.
    TicketCreated(TicketId, String),
    /// A ticket was made.
    TicketDone(TicketId),
    /// Nothing that is projected; also every kind that is not known here.
    Other,
}

/// Understands an event, or tells why it cannot be projected.
pub(super) fn read(event: &Event) -> Result<Fact, String> {
    let body = without_nul(event.body.get())?;
    let order = order_in(&body);
    match event.kind.as_str() {
        kind::LOG_CORRUPT => Err("the edge found this entry of its log damaged".to_owned()),
        kind::ORDER_PLACED => {
            let mut placed: OrderPlaced = parse(&body)?;
            check_order(&placed)?;
            let stock = check_stock(std::mem::take(&mut placed.stock))?;
            Ok(Fact {
                what: What::Placed(Box::new(placed)),
                stock,
                order,
            })
        }
        moved if kind::ORDER_MOVES.contains(&moved) => {
            let mut body: OrderMoved = parse(&body)?;
            if state_after(moved) != Some(body.state.as_str()) {
                return Err(format!("its body says that the order is {}", body.state));
            }
            let stock = check_stock(std::mem::take(&mut body.stock))?;
            Ok(Fact {
                what: What::Moved(body),
                stock,
                order,
            })
        }
        kind::STOCK_ADJUSTED | kind::STOCK_SUSPENDED | kind::STOCK_RESUMED | kind::STOCK_MARKED => {
            let body: StockMoved = parse(&body)?;
            Ok(Fact {
                what: match event.kind.as_str() {
                    kind::STOCK_ADJUSTED => What::Corrected(body.reason.unwrap_or_default()),
                    _ => What::Other,
                },
                stock: check_stock(body.stock)?,
                order,
            })
        }
        kind::MENU_ACTIVATED => {
            let body: MenuActivated = parse(&body)?;
            check_menu(body.version, body.menu.as_deref())?;
            if body.hash.as_ref().is_some_and(|hash| hash.len() > MAX_HASH) {
                return Err("its hash is too long".to_owned());
            }
            Ok(Fact {
                what: What::MenuActivated(body),
                stock: Vec::new(),
                order,
            })
        }
        kind::MENU_REFUSED => {
            let body: MenuRefused = parse(&body)?;
            check_menu(body.version, body.menu.as_deref())?;
            Ok(Fact {
                what: What::MenuRefused(body),
                stock: Vec::new(),
                order,
            })
        }
        kind::COMMAND_APPLIED | kind::COMMAND_REFUSED => {
            let body: CommandSettled = parse(&body)?;
            if body.reason.is_some() != (event.kind == kind::COMMAND_REFUSED) {
                return Err("its body does not say what its kind says".to_owned());
            }
            Ok(Fact {
                what: What::CommandSettled(body),
                stock: Vec::new(),
                order,
            })
        }
        kind::DEVICE_PAIRED | kind::DEVICE_REVOKED => {
            let body: DeviceMoved = parse(&body)?;
            check_device(&body)?;
            Ok(Fact {
                what: match event.kind == kind::DEVICE_PAIRED {
                    true => What::DevicePaired(body),
                    false => What::DeviceRevoked(body),
                },
                stock: Vec::new(),
                order,
            })
        }
        kind::TICKET_CREATED | kind::TICKET_BUMPED | kind::TICKET_LINE_BUMPED => Ok(Fact {
            what: ticket(&event.kind, &body)?,
            stock: Vec::new(),
            order,
        }),
        _ => Ok(Fact {
            what: What::Other,
            stock: stock_in(&body),
            order,
        }),
    }
}

/// What is projected of a ticket: that it is there, and that it is made.
fn ticket(kind: &str, body: &str) -> Result<What, String> {
    #[derive(Deserialize)]
    struct Created {
        ticket: TicketId,
        details: Details,
    }
    #[derive(Deserialize)]
    struct Details {
        station: String,
    }
    #[derive(Deserialize)]
    struct Moved {
        ticket: TicketId,
        state: TicketState,
    }
    if kind == kind::TICKET_CREATED {
        let Created { ticket, details } = parse(body)?;
        check_code(&details.station).map_err(|error| format!("its station: {error}"))?;
        return Ok(What::TicketCreated(ticket, details.station));
    }
    let Moved { ticket, state } = parse(body)?;
    Ok(match state {
        TicketState::Done => What::TicketDone(ticket),
        _ => What::Other,
    })
}

/// The state that a kind of [`kind::ORDER_MOVES`] leads to.
fn state_after(kind: &str) -> Option<&str> {
    match kind {
        kind::ORDER_RETRIED => Some(OrderState::Placed.as_str()),
        named => named.strip_prefix("order."),
    }
}

fn parse<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, String> {
    serde_json::from_str(body).map_err(|error| format!("its body cannot be read: {error}"))
}

/// The order that an event is about, whatever its kind.
pub(in crate::intake) fn order_of(event: &Event) -> Option<OrderId> {
    order_in(event.body.get())
}

fn order_in(body: &str) -> Option<OrderId> {
    #[derive(Deserialize)]
    struct About {
        order: OrderId,
    }
    serde_json::from_str::<About>(body)
        .ok()
        .map(|about| about.order)
}

/// Stock changes in the body of a kind that is not known here, if it has any.
fn stock_in(body: &str) -> Vec<StockChange> {
    #[derive(Deserialize)]
    struct Moving {
        stock: Vec<StockChange>,
    }
    let moving = serde_json::from_str::<Moving>(body).ok();
    moving
        .and_then(|moving| check_stock(moving.stock).ok())
        .unwrap_or_default()
}

/// Postgres can hold U+0000 neither as text nor in jsonb; as U+FFFD it is still seen that there
/// was something. The stored text of the event stays as it is.
fn without_nul(body: &str) -> Result<Cow<'_, str>, String> {
    if !body.contains("\\u0000") {
        return Ok(Cow::Borrowed(body));
    }
    let mut value: Value = parse(body)?;
    replace_nul(&mut value);
    Ok(Cow::Owned(value.to_string()))
}

fn replace_nul(value: &mut Value) {
    match value {
        Value::String(text) => *text = clean(text),
        Value::Array(values) => values.iter_mut().for_each(replace_nul),
        Value::Object(members) => {
            let old = std::mem::take(members);
            members.extend(old.into_iter().map(|(name, mut value)| {
                replace_nul(&mut value);
                (clean(&name), value)
            }));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text as Postgres can hold it.
pub(in crate::intake) fn clean(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The time, if a calendar of four-digit years has it.
pub(in crate::intake) fn within_calendar(at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (1..=9_999).contains(&at.year()).then_some(at)
}

/// Whether this can be kept, or what is wrong.
fn check_device(moved: &DeviceMoved) -> Result<(), String> {
    // One that a site's store did not know any more when it was revoked has no name.
    match moved.name.is_empty() {
        true => Ok(()),
        false => check_code(&moved.name).map_err(|error| format!("its name: {error}")),
    }
}

fn check_menu(version: u64, menu: Option<&str>) -> Result<(), String> {
    i64::try_from(version).map_err(|_| format!("{version} is no version of a menu"))?;
    menu.map_or(Ok(()), check_code)
        .map_err(|error| format!("its menu: {error}"))
}

fn check_stock(stock: Vec<StockChange>) -> Result<Vec<StockChange>, String> {
    let mut seen = BTreeSet::new();
    for change in &stock {
        check_code(&change.sku).map_err(|error| format!("a SKU of its stock: {error}"))?;
        let units = [change.delta, change.on_hand.unwrap_or(0)];
        if units.iter().any(|units| units.unsigned_abs() > MAX_UNITS) {
            return Err(format!("its stock of {} is beyond counting", change.sku));
        }
        if !seen.insert(&change.sku) {
            return Err(format!("SKU {} stands twice in its stock", change.sku));
        }
    }
    Ok(stock)
}

fn check_order(placed: &OrderPlaced) -> Result<(), String> {
    let details = &placed.details;
    if details.id != placed.order {
        return Err(format!("its details are those of order {}", details.id));
    }
    if !(1..=i32::MAX as u32).contains(&placed.number) {
        return Err(format!("{} is no pickup number", placed.number));
    }
    let times = [
        Some(details.placed_at),
        details.pickup_at,
        Some(details.ready_estimate_at),
    ];
    let is_strange = |at: DateTime<Utc>| within_calendar(at).is_none();
    if times.into_iter().flatten().any(is_strange) || !is_usual(details.business_day) {
        return Err("one of its times is beyond any calendar".to_owned());
    }
    let mut seen = BTreeSet::new();
    let mut sum: Minor = 0;
    for line in &details.lines {
        check_line(line)?;
        if !seen.insert(line.line) {
            return Err(format!("line {} stands twice", line.line));
        }
        // Each is at most MAX_AMOUNT, and a batch holds far fewer than a million.
        sum = sum.saturating_add(line.total);
    }
    if sum != details.total || sum > MAX_AMOUNT {
        return Err(format!(
            "its lines come to {sum}, its total to {}",
            details.total
        ));
    }
    Ok(())
}

fn is_usual(day: NaiveDate) -> bool {
    (1..=9_999).contains(&day.year())
}

fn check_line(line: &OrderLine) -> Result<(), String> {
    let n = line.line;
    for code in [&line.item, &line.station] {
        check_code(code).map_err(|error| format!("line {n}: {error}"))?;
    }
    let small = 1..=i32::MAX as u32;
    if !small.contains(&line.quantity) || !small.contains(&n) {
        return Err(format!("line {n}: {} is no quantity", line.quantity));
    }
    let total = line.unit_price.checked_mul(Minor::from(line.quantity));
    if line.unit_price < 0 || total != Some(line.total) || line.total > MAX_AMOUNT {
        return Err(format!(
            "line {n}: {} times {} is not {}",
            line.quantity, line.unit_price, line.total
        ));
    }
    Ok(())
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
