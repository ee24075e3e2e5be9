//! Reads real transactions from a CSV file, whatever program wrote it.
//!
//! Nothing is asked that can be found out: encoding, delimiter, columns, the order of day and month,
//! the decimal sign. What cannot be found out is an error that says how to say it. A broken line is
//! reported with its number and reason, and the rest goes on.

mod columns;
mod dates;
mod numbers;
mod text;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context, Result};
use chrono::NaiveDateTime;

pub use self::columns::Named;
pub use self::dates::DayOrder;

use self::columns::Columns;
use self::dates::Stamp;
use self::numbers::{Decimal, Number};
use self::text::{Record, Records};

/// More of one thing in one line is a typing error rather than a sale.
const QUANTITY_MAX: i64 = 1_000_000;

/// What the file itself may not tell.
#[derive(Clone, Debug)]
pub struct Options {
    /// Columns that are named rather than found: `--columns order=…,time=…`.
    pub columns: Named,
    /// Decides between day/month and month/day if the file does not: `--dates dmy`.
    pub dates: Option<DayOrder>,
    /// Digits of the currency's minor unit: 2 for EUR, 0 for JPY, 3 for KWD.
    pub minor_digits: u32,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transactions {
    /// The orders in which something was sold, by time; those of one moment as in the file.
    pub orders: Vec<Transaction>,
    /// Lines that cannot be read as a sale, as they stand in the file.
    pub bad_lines: Vec<BadLine>,
    /// Lines whose item is `NONE`: nothing was sold, and nothing is wrong.
    pub nothing_sold: usize,
    /// Lines of the file below the header, blank ones left out.
    pub rows: usize,
    /// Different orders, also those in which nothing was sold or of which no line can be read.
    pub order_ids: usize,
}

/// One order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Its id in the file, unique within the site.
    pub order: String,
    /// Where it was, if the file says so.
    pub site: Option<String>,
    /// The time of its earliest line, by the clock on the wall; epoch seconds are read as UTC.
    pub at: NaiveDateTime,
    /// What was sold.
    pub lines: Vec<Line>,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The item's name, exactly as the file has it.
    pub item: String,
    /// How many; 1 if the file has no such column.
    pub quantity: u32,
    /// Price of one in minor units, if the file tells.
    pub unit_price: Option<i64>,
}

/// A line that cannot be read as a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// The line of the file on which the record starts; the header's is usually 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads a file.
pub fn read(path: &Path, options: &Options) -> Result<Transactions> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&bytes, options).with_context(|| format!("cannot replay {}", path.display()))
}

/// Reads a file's content.
pub fn parse(bytes: &[u8], options: &Options) -> Result<Transactions> {
    let text = text::decode(bytes);
    let mut records = Records::new(&text);
    let header = records.next().context("the file is empty")?;
    let columns = Columns::find(&header.fields, &options.columns)?;
    let mut result = Transactions::default();
    let mut sales = Vec::new();
    let mut orders = HashSet::new();
    for record in records {
        result.rows += 1;
        match Sale::read(record, &columns, &mut orders) {
            Ok(Some(sale)) => sales.push(sale),
            Ok(None) => result.nothing_sold += 1,
            Err(bad) => result.bad_lines.push(bad),
        }
    }
    result.order_ids = orders.len();
    group(sales, options, &mut result)?;
    Ok(result)
}

/// What identifies an order.
type Key = (Option<String>, String);

/// A line of the file of which only the notation of dates and prices is open: that shows in the
/// whole column.
struct Sale {
    line: u64,
    key: Key,
    item: String,
    quantity: u32,
    stamp: Stamp,
    price: Option<Number>,
}

impl Sale {
    /// `None` if nothing was sold.
    fn read(
        record: Record,
        columns: &Columns,
        orders: &mut HashSet<Key>,
    ) -> Result<Option<Self>, BadLine> {
        let line = record.line;
        Self::read_fields(record, columns, orders).map_err(|reason| BadLine { line, reason })
    }

    fn read_fields(
        record: Record,
        columns: &Columns,
        orders: &mut HashSet<Key>,
    ) -> Result<Option<Self>, String> {
        record.check(columns.count)?;
        let field = |column: usize| record.fields.get(column).map_or("", |text| text.trim());
        let filled = |column: usize, what: &str| match field(column) {
            "" => Err(format!("no {what}")),
            text => Ok(text.to_owned()),
        };
        let site = columns.site.map(field).filter(|site| !site.is_empty());
        let key = (site.map(str::to_owned), filled(columns.order, "order id")?);
        if !orders.contains(&key) {
            orders.insert(key.clone());
        }
        if filled(columns.item, "item")?.eq_ignore_ascii_case("none") {
            return Ok(None);
        }
        // The name as it stands in the file, spaces too: units are counted by it on both sides.
        let item = record
            .fields
            .get(columns.item)
            .unwrap_or_default()
            .to_owned();
        let quantity = columns
            .quantity
            .map_or(Ok(1), |column| quantity(field(column)))?;
        let time: Vec<_> = columns
            .time
            .iter()
            .map(|at| filled(*at, "time"))
            .collect::<Result<_, _>>()?;
        let stamp = Stamp::parse(&time.join(" "))?;
        let price = columns.price.map(field).filter(|price| !price.is_empty());
        let price = price.map(price_of).transpose()?;
        Ok(Some(Self {
            line: record.line,
            key,
            item,
            quantity,
            stamp,
            price,
        }))
    }
}

fn quantity(text: &str) -> Result<u32, String> {
    const THOUSANDTHS: u32 = 3;
    let number = Number::parse(text).ok_or_else(|| format!("quantity {text:?} is no number"))?;
    let decimal = number.decimal().unwrap_or_default();
    let value = number.minor(decimal, THOUSANDTHS);
    let value = value.ok_or_else(|| format!("quantity {text:?} is no number"))?;
    if value == 0 {
        return Err("quantity 0".to_owned());
    }
    if number.is_negative() {
        return Err(format!("quantity {text}: a return, not a sale"));
    }
    if value % 1000 != 0 {
        return Err(format!("quantity {text} is not whole"));
    }
    match u32::try_from(value / 1000) {
        Ok(whole) if i64::from(whole) <= QUANTITY_MAX => Ok(whole),
        _ => Err(format!("quantity {text} is above {QUANTITY_MAX}")),
    }
}

fn price_of(text: &str) -> Result<Number, String> {
    let number = Number::parse(text).ok_or_else(|| format!("price {text:?} is no number"))?;
    if number.is_negative() {
        return Err(format!("price {text} is negative"));
    }
    Ok(number)
}

/// Lines of one order may be scattered over the file.
fn group(sales: Vec<Sale>, options: &Options, result: &mut Transactions) -> Result<()> {
    let dates = dates::decide(
        sales.iter().map(|sale| (sale.line, &sale.stamp)),
        options.dates,
    )?;
    let decimal = numbers::decide(sales.iter().filter_map(|sale| sale.price.as_ref()));
    let mut places: HashMap<Key, usize> = HashMap::new();
    for sale in sales {
        let line = sale.line;
        match settle(&sale, dates, decimal, options.minor_digits) {
            Ok((at, unit_price)) => {
                let Sale {
                    key,
                    item,
                    quantity,
                    ..
                } = sale;
                let place = *places.entry(key).or_insert_with_key(|(site, order)| {
                    let (order, site) = (order.clone(), site.clone());
                    result.orders.push(Transaction {
                        order,
                        site,
                        at,
                        lines: Vec::new(),
                    });
                    result.orders.len() - 1
                });
                let order = &mut result.orders[place];
                order.at = order.at.min(at);
                order.lines.push(Line {
                    item,
                    quantity,
                    unit_price,
                });
            }
            Err(reason) => result.bad_lines.push(BadLine { line, reason }),
        }
    }
    result.orders.sort_by_key(|order| order.at);
    result.bad_lines.sort_by_key(|bad| bad.line);
    Ok(())
}

fn settle(
    sale: &Sale,
    dates: DayOrder,
    decimal: Decimal,
    minor_digits: u32,
) -> Result<(NaiveDateTime, Option<i64>), String> {
    let at = sale.stamp.resolve(dates)?;
    let price = sale.price.as_ref().map(|price| {
        let minor = price.minor(decimal, minor_digits);
        minor.ok_or_else(|| format!("price {price} is no number"))
    });
    Ok((at, price.transpose()?))
}

#[cfg(test)]
mod tests;
