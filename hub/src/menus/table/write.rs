//! Writes a menu as a table.

use std::collections::{BTreeMap, BTreeSet};

use sunakku_common::menu::{Consumes, Item, ModifierGroup, ModifierOption, Schedule};
use sunakku_common::text::Text;

use super::super::content::Content;
use super::{COLUMNS, TEXTS, escape};

/// One row: its cells by column.
type Row = BTreeMap<String, String>;

/// The content as CSV. A content that has faults may hold what a table cannot say; compare what
/// [`super::read()`] makes of it.
///
/// # Errors
/// Never, as it writes into memory.
pub fn write(content: &Content) -> Result<String, csv::Error> {
    let rows = rows(content);
    let used: BTreeSet<&String> = rows.iter().flat_map(Row::keys).collect();
    let texts = TEXTS.iter().flat_map(|text| {
        let is_of = move |column: &&&String| column.starts_with(text);
        used.iter().filter(is_of).map(|column| column.as_str())
    });
    let mut columns = COLUMNS.to_vec();
    // Names stand where people look for them: behind the code.
    let place = columns.iter().position(|column| *column == "currency");
    let place = place.unwrap_or(columns.len());
    columns.splice(place..place, texts);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&columns)?;
    for row in &rows {
        let cell = |column: &&str| {
            row.get(*column)
                .map_or_else(String::new, |text| escape(text))
        };
        writer.write_record(columns.iter().map(cell))?;
    }
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn rows(content: &Content) -> Vec<Row> {
    let menu = &content.document;
    let mut rows = vec![row("menu", "", &menu.id)];
    put(&mut rows[0], "currency", menu.currency.code());
    rows.extend(
        menu.stations
            .iter()
            .map(|station| row("station", "", station)),
    );
    for (sku, known) in &menu.skus {
        let mut row = row("sku", "", sku);
        put_some(&mut row, "low_mark", known.low_mark);
        rows.push(row);
    }
    for daypart in &menu.dayparts {
        let mut row = row("daypart", "", &daypart.id);
        put_text(&mut row, "name:", &daypart.name);
        put(&mut row, "from", &String::from(daypart.from));
        put(&mut row, "to", &String::from(daypart.to));
        rows.push(row);
    }
    for category in &menu.categories {
        let mut row = row("category", "", &category.id);
        put_text(&mut row, "name:", &category.name);
        put_schedule(&mut row, &category.schedule);
        rows.push(row);
    }
    for item in &menu.items {
        rows.push(item_row(item));
        for part in &item.set {
            let mut row = row("part", &item.id, &part.item);
            put(&mut row, "quantity", &part.quantity.to_string());
            rows.push(row);
        }
        for group in &item.modifiers {
            rows.push(group_row(&item.id, group));
            let options = group.options.iter();
            rows.extend(options.map(|option| option_row(&item.id, &group.id, option)));
        }
    }
    let levels = [
        ("region", &content.overrides.regions),
        ("site", &content.overrides.sites),
    ];
    for (level, scopes) in levels {
        for (scope, items) in scopes {
            for (item, over) in items {
                let mut row = row(level, scope, item);
                put_some(&mut row, "price", over.price);
                put_some(&mut row, "available", over.available.map(yes_or_no));
                put_some(&mut row, "station", over.station.as_ref());
                if let Some(schedule) = &over.schedule {
                    // Said in a cell of its own: a schedule may also be "always".
                    put(&mut row, "schedule", "yes");
                    put_schedule(&mut row, schedule);
                }
                rows.push(row);
            }
        }
    }
    rows
}

fn item_row(item: &Item) -> Row {
    let mut row = row("item", "", &item.id);
    put_text(&mut row, "name:", &item.name);
    put_text(&mut row, "description:", &item.description);
    put(&mut row, "category", &item.category);
    put(&mut row, "price", &item.price.to_string());
    put(&mut row, "tax_rate", &item.tax_rate.to_string());
    put(&mut row, "available", yes_or_no(item.available));
    put(&mut row, "station", &item.station);
    put(&mut row, "consumes", &units(&item.consumes));
    put(&mut row, "allergens", &item.allergens.join(" "));
    put(&mut row, "diet", &item.diet.join(" "));
    put_some(&mut row, "energy_kj", item.energy_kj);
    put_some(&mut row, "image", item.image.as_ref());
    put(
        &mut row,
        "preparation_seconds",
        &item.preparation_seconds.to_string(),
    );
    put_schedule(&mut row, &item.schedule);
    row
}

fn group_row(item: &str, group: &ModifierGroup) -> Row {
    let mut row = row("group", item, &group.id);
    put_text(&mut row, "name:", &group.name);
    put(&mut row, "min", &group.min.to_string());
    put(&mut row, "max", &group.max.to_string());
    row
}

fn option_row(item: &str, group: &str, option: &ModifierOption) -> Row {
    let mut row = row("option", item, &option.id);
    put(&mut row, "group", group);
    put_text(&mut row, "name:", &option.name);
    put(&mut row, "price", &option.price.to_string());
    put(&mut row, "available", yes_or_no(option.available));
    put(&mut row, "consumes", &units(&option.consumes));
    put(&mut row, "allergens", &option.allergens.join(" "));
    row
}

fn row(kind: &str, of: &str, id: &str) -> Row {
    let mut row = Row::new();
    put(&mut row, "kind", kind);
    put(&mut row, "of", of);
    put(&mut row, "id", id);
    row
}

fn put(row: &mut Row, column: &str, value: &str) {
    if !value.is_empty() {
        row.insert(column.to_owned(), value.to_owned());
    }
}

fn put_some(row: &mut Row, column: &str, value: Option<impl ToString>) {
    if let Some(value) = value {
        put(row, column, &value.to_string());
    }
}

fn put_text(row: &mut Row, column: &str, text: &Text) {
    for (language, text) in &text.0 {
        put(row, &format!("{column}{language}"), text);
    }
}

fn put_schedule(row: &mut Row, schedule: &Schedule) {
    put(row, "dayparts", &schedule.dayparts.join(" "));
    let weekdays: Vec<&str> = schedule.weekdays.iter().map(|day| day.as_str()).collect();
    put(row, "weekdays", &weekdays.join(" "));
    put_some(row, "valid_from", schedule.valid_from.map(String::from));
    put_some(row, "valid_until", schedule.valid_until.map(String::from));
}

fn units(consumes: &Consumes) -> String {
    let each: Vec<String> = consumes
        .iter()
        .map(|(sku, units)| format!("{sku}={units}"))
        .collect();
    each.join(" ")
}

fn yes_or_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
