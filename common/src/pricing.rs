//! What an order costs and what it takes from stock, by the menu.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::local_time::local;
use crate::menu::{Consumes, Item, Menu};
use crate::money::Minor;
use crate::order::{LineModifier, LinePart, LineRequest, OrderLimits, OrderLine, OrderRequest};
use crate::text::is_printable;

/// Characters of a note to the cook.
const MAX_NOTE_CHARS: usize = 200;
/// Options of one line.
const MAX_MODIFIERS: usize = 30;
/// Allergens to avoid.
const MAX_AVOID: usize = 30;
/// The dearest order: keeps sums exact in every store and in JSON readers that use doubles.
const MAX_TOTAL: Minor = 1_000_000_000_000;

/// An order that the menu allows, with its price and its claim on stock.
#[derive(Debug, Clone, PartialEq)]
pub struct Priced {
    /// The lines.
    pub lines: Vec<OrderLine>,
    /// What one of each line takes from stock, in the order of `lines`.
    pub line_consumes: Vec<Consumes>,
    /// Sum of the lines, minor units.
    pub total: Minor,
    /// Units of each SKU that the whole order takes.
    pub claims: BTreeMap<String, u64>,
    /// The longest preparation time among its items, seconds.
    pub preparation_seconds: u32,
}

/// Why an order is refused before stock is even asked.
#[derive(Debug, Clone, PartialEq)]
pub enum OrderFault {
    /// It makes no sense: where, and what is wrong there.
    Invalid {
        /// Such as `lines[2].quantity`.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// Items that the menu has but does not offer now.
    Unavailable(Vec<ShortItem>),
    /// The guest saw another total.
    PriceChanged {
        /// What the order costs now, minor units.
        total: Minor,
    },
}

/// An item of which too few are left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShortItem {
    /// Code of the item.
    pub item: String,
    /// How many the order wants in all.
    pub requested: u64,
    /// How many could be sold.
    pub available: u64,
}

/// What is at hand of one SKU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockLevel {
    /// Units; `None` when it is not counted.
    pub on_hand: Option<i64>,
    /// Taken off sale by staff ("86").
    pub suspended: bool,
}

impl StockLevel {
    /// Units that can be sold; `None` without limit.
    pub fn sellable(self) -> Option<u64> {
        if self.suspended {
            Some(0)
        } else {
            self.on_hand.map(|units| u64::try_from(units).unwrap_or(0))
        }
    }
}

/// How many of something can be sold that takes `consumes` each; `None` without limit.
pub fn sellable(consumes: &Consumes, level: impl Fn(&str) -> Option<StockLevel>) -> Option<u64> {
    let of = |(sku, units): (&String, &u32)| {
        level(sku)?
            .sellable()
            .map(|left| left / u64::from(*units).max(1))
    };
    consumes.iter().filter_map(of).min()
}

impl OrderRequest {
    /// Checks the order against the menu and prices it. `now` is the edge's clock, `zone` the
    /// site's: what is offered is asked for the time at which the guest wants it.
    pub fn price(
        &self,
        menu: &Menu,
        index: &HashMap<String, usize>,
        limits: &OrderLimits,
        now: DateTime<Utc>,
        zone: Tz,
    ) -> Result<Priced, OrderFault> {
        self.check_header(limits, now)?;
        let wanted_at = local(self.pickup_at.unwrap_or(now), zone);
        let mut priced = Priced {
            lines: Vec::with_capacity(self.lines.len()),
            line_consumes: Vec::with_capacity(self.lines.len()),
            total: 0,
            claims: BTreeMap::new(),
            preparation_seconds: 0,
        };
        let mut unavailable = Vec::new();
        for (n, line) in self.lines.iter().enumerate() {
            let at = |field: &str| format!("lines[{n}].{field}");
            let item = index
                .get(&line.item)
                .and_then(|position| menu.items.get(*position));
            let item = item.ok_or_else(|| {
                invalid(
                    at("item"),
                    format!("\"{}\" is not on the menu", short(&line.item)),
                )
            })?;
            let (order_line, consumes, offered) = line.price(n, menu, item, limits, wanted_at)?;
            if !offered {
                let requested = u64::from(order_line.quantity);
                unavailable.push(ShortItem {
                    item: item.id.clone(),
                    requested,
                    available: 0,
                });
            }
            for (sku, units) in &consumes {
                *priced.claims.entry(sku.clone()).or_default() +=
                    u64::from(*units) * u64::from(order_line.quantity);
            }
            priced.total += order_line.total;
            let seconds = menu.preparation_seconds(item);
            priced.preparation_seconds = priced.preparation_seconds.max(seconds);
            priced.lines.push(order_line);
            priced.line_consumes.push(consumes);
        }
        if !unavailable.is_empty() {
            return Err(OrderFault::Unavailable(unavailable));
        }
        if priced.total > MAX_TOTAL {
            return Err(invalid("lines".into(), "the order is too dear".into()));
        }
        match self.expected_total {
            Some(expected) if expected != priced.total => Err(OrderFault::PriceChanged {
                total: priced.total,
            }),
            _ => Ok(priced),
        }
    }

    fn check_header(&self, limits: &OrderLimits, now: DateTime<Utc>) -> Result<(), OrderFault> {
        if self.lines.is_empty() {
            return Err(invalid(
                "lines".into(),
                "an order needs at least one line".into(),
            ));
        }
        if self.lines.len() > limits.max_lines {
            let what = format!("at most {} lines are taken in one order", limits.max_lines);
            return Err(invalid("lines".into(), what));
        }
        let no_code = |code: &String| code.is_empty() || code.len() > 40 || !is_printable(code);
        if self.avoid.len() > MAX_AVOID || self.avoid.iter().any(no_code) {
            let what = format!("at most {MAX_AVOID} codes of allergens");
            return Err(invalid("avoid".into(), what));
        }
        if let Some(pickup_at) = self.pickup_at {
            let ahead = pickup_at - now;
            if ahead.num_seconds() < -60 || ahead.num_hours() >= limits.max_pickup_hours.into() {
                let what = format!("must lie within {} hours from now", limits.max_pickup_hours);
                return Err(invalid("pickup_at".into(), what));
            }
        }
        Ok(())
    }
}

impl LineRequest {
    /// The priced line, what one of it takes from stock, and whether all of it is offered.
    fn price(
        &self,
        n: usize,
        menu: &Menu,
        item: &Item,
        limits: &OrderLimits,
        wanted_at: NaiveDateTime,
    ) -> Result<(OrderLine, Consumes, bool), OrderFault> {
        let at = |field: &str| format!("lines[{n}].{field}");
        let quantity = u32::try_from(self.quantity).unwrap_or(0);
        if quantity == 0 || quantity > limits.max_quantity {
            let what = format!("must be 1 to {}", limits.max_quantity);
            return Err(invalid(at("quantity"), what));
        }
        let note = self.note.as_deref().unwrap_or_default();
        if note.chars().count() > MAX_NOTE_CHARS || !is_printable(note) {
            let what = format!("at most {MAX_NOTE_CHARS} characters, no control characters");
            return Err(invalid(at("note"), what));
        }
        if self.modifiers.len() > MAX_MODIFIERS {
            return Err(invalid(
                at("modifiers"),
                format!("at most {MAX_MODIFIERS} options"),
            ));
        }
        let mut chosen = vec![0_u32; item.modifiers.len()];
        let mut consumes = menu.consumption(item);
        let (mut unit_price, mut offered) = (item.price, menu.offers(item, wanted_at));
        let mut modifiers = Vec::with_capacity(self.modifiers.len());
        for (m, id) in self.modifiers.iter().enumerate() {
            let place = || at(&format!("modifiers[{m}]"));
            let (group, option) = item.option(id).ok_or_else(|| {
                invalid(
                    place(),
                    format!("\"{}\" has no option \"{}\"", item.id, short(id)),
                )
            })?;
            if self.modifiers[..m].contains(id) {
                return Err(invalid(
                    place(),
                    format!("\"{}\" is chosen twice", short(id)),
                ));
            }
            chosen[group] += 1;
            unit_price += option.price;
            offered &= option.available;
            for (sku, units) in option.consumption() {
                *consumes.entry(sku).or_default() += units;
            }
            let (name, price) = (option.name.clone(), option.price);
            modifiers.push(LineModifier {
                id: id.clone(),
                name,
                price,
            });
        }
        for (group, count) in item.modifiers.iter().zip(chosen) {
            if count < group.min || count > group.max {
                let (id, min, max) = (&group.id, group.min, group.max);
                let what = format!("choose {min} to {max} of \"{id}\", not {count}");
                return Err(invalid(at("modifiers"), what));
            }
        }
        let line = OrderLine {
            line: u32::try_from(n + 1).unwrap_or(u32::MAX),
            item: item.id.clone(),
            name: item.name.clone(),
            quantity,
            unit_price,
            total: unit_price * Minor::from(quantity),
            modifiers,
            note: self.note.clone().filter(|note| !note.trim().is_empty()),
            station: item.station.clone(),
            parts: menu.parts(item).map(LinePart::of).collect(),
        };
        Ok((line, consumes, offered))
    }
}

impl LinePart {
    fn of((item, quantity): (&Item, u32)) -> Self {
        Self {
            item: item.id.clone(),
            name: item.name.clone(),
            quantity,
            station: item.station.clone(),
        }
    }
}

/// The items of an order that `level` is too low for, each once, with what is left. `consumes` is what one of
/// each line takes, `claims` what all of them take: see [`Priced`].
pub fn short_items(
    lines: &[OrderLine],
    consumes: &[Consumes],
    claims: &BTreeMap<String, u64>,
    level: impl Fn(&str) -> Option<StockLevel>,
) -> Vec<ShortItem> {
    let is_short = |(sku, wanted): (&String, &u64)| {
        level(sku)
            .and_then(StockLevel::sellable)
            .is_some_and(|left| left < *wanted)
    };
    let short_skus: Vec<&String> = claims
        .iter()
        .filter(|claim| is_short(*claim))
        .map(|(sku, _)| sku)
        .collect();
    let mut items: Vec<ShortItem> = Vec::new();
    for (line, consumes) in lines.iter().zip(consumes) {
        if !short_skus.iter().any(|sku| consumes.contains_key(*sku)) {
            continue;
        }
        let available = sellable(consumes, &level).unwrap_or(0);
        let requested = u64::from(line.quantity);
        match items.iter_mut().find(|short| short.item == line.item) {
            Some(short) => {
                short.requested += requested;
                short.available = short.available.min(available);
            }
            None => {
                items.push(ShortItem {
                    item: line.item.clone(),
                    requested,
                    available,
                });
            }
        }
    }
    items
}

fn invalid(path: String, what: String) -> OrderFault {
    OrderFault::Invalid { path, what }
}

/// Keeps what a stranger sent from filling our answer.
fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
#[path = "pricing_tests.rs"]
mod tests;
