//! Reads a menu from a table.

use std::collections::BTreeMap;

use sunakku_common::menu::{
    Category, Daypart, Item, Menu, ModifierGroup, ModifierOption, Override, Overrides, SetPart, Sku,
};
use sunakku_common::money::Currency;

use super::super::content::Content;
use super::cells::Cells;
use super::{COLUMNS, TEXTS, TableFault, unescape};

/// Rows of one file.
const MAX_ROWS: usize = 50_000;
/// Mistakes that are told; more help nobody.
const MAX_FAULTS: usize = 100;

/// What was read, while rows that belong together may still stand apart.
#[derive(Default)]
struct Found {
    menu: Option<(String, Option<Currency>)>,
    stations: Vec<String>,
    skus: BTreeMap<String, Sku>,
    dayparts: Vec<Daypart>,
    categories: Vec<Category>,
    items: Vec<Item>,
    groups: Vec<(u64, String, ModifierGroup)>,
    options: Vec<(u64, String, String, ModifierOption)>,
    parts: Vec<(u64, String, SetPart)>,
    overrides: Overrides,
}

/// The content of a table.
///
/// # Errors
/// Every mistake by line and column; whether the menu makes sense is another question
/// ([`Content::faults`]).
pub fn read(text: &str) -> Result<Content, Vec<TableFault>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut faults = Vec::new();
    let columns = columns(&mut reader, &mut faults);
    let mut found = Found::default();
    let mut record = csv::StringRecord::new();
    for count in 0.. {
        match reader.read_record(&mut record) {
            Ok(true) if count < MAX_ROWS && faults.len() < MAX_FAULTS => {}
            Ok(true) => {
                let what = "is not read: too many rows or mistakes before it";
                faults.push(fault(line_of(&record), "", what));
                break;
            }
            Ok(false) => break,
            Err(error) => {
                let line = error.position().map_or(1, csv::Position::line);
                faults.push(fault(line, "", error.to_string()));
                break;
            }
        }
        let line = line_of(&record);
        if record.len() > columns.len() {
            faults.push(fault(
                line,
                "",
                "has more cells than the header has columns",
            ));
            continue;
        }
        let cells = columns.iter().zip(&record);
        let cells = cells.map(|(column, cell)| (column.clone(), unescape(cell).to_owned()));
        let cells: BTreeMap<String, String> = cells.filter(|(_, cell)| !cell.is_empty()).collect();
        if !cells.is_empty() {
            found.row(Cells::new(line, cells, &mut faults));
        }
    }
    let content = found.put_together(&mut faults);
    match content {
        Some(content) if faults.is_empty() => Ok(content),
        _ => {
            faults.sort_by_key(|fault| fault.line);
            Err(faults)
        }
    }
}

fn fault(line: u64, column: &str, what: impl Into<String>) -> TableFault {
    TableFault {
        line,
        column: column.to_owned(),
        what: what.into(),
    }
}

fn line_of(record: &csv::StringRecord) -> u64 {
    record.position().map_or(1, csv::Position::line)
}

fn columns(reader: &mut csv::Reader<&[u8]>, faults: &mut Vec<TableFault>) -> Vec<String> {
    let header = match reader.headers() {
        Ok(header) => header,
        Err(error) => {
            faults.push(fault(1, "", error.to_string()));
            return Vec::new();
        }
    };
    let columns: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    for (n, column) in columns.iter().enumerate() {
        let is_text = TEXTS
            .iter()
            .any(|text| column.strip_prefix(text).is_some_and(|tag| !tag.is_empty()));
        if !is_text && !COLUMNS.contains(&column.as_str()) {
            faults.push(fault(1, column, "is no column of a menu"));
        } else if columns[..n].contains(column) {
            faults.push(fault(1, column, "stands twice"));
        }
    }
    if !columns.iter().any(|column| column == "kind") {
        faults.push(fault(1, "kind", "is missing"));
    }
    columns
}

impl Found {
    fn row(&mut self, mut cells: Cells<'_>) {
        let (kind, id) = (cells.required("kind"), cells.required("id"));
        match kind.as_str() {
            "menu" => {
                let currency = cells.parsed("currency");
                if self.menu.replace((id, currency)).is_some() {
                    cells.fault("kind", "there is a row of kind menu before");
                }
            }
            "station" => self.stations.push(id),
            "sku" => {
                let low_mark = cells.number("low_mark");
                if self.skus.insert(id, Sku { low_mark }).is_some() {
                    cells.fault("id", "stands twice");
                }
            }
            "daypart" => {
                let name = cells.texts("name:");
                let times = (cells.parsed("from"), cells.parsed("to"));
                match times {
                    (Some(from), Some(to)) => self.dayparts.push(Daypart { id, name, from, to }),
                    _ => cells.fault("from", "from and to are needed, such as 06:30"),
                }
            }
            "category" => self.categories.push(Category {
                id,
                name: cells.texts("name:"),
                schedule: cells.schedule(),
            }),
            "item" => {
                if self.items.iter().any(|item| item.id == id) {
                    cells.fault("id", "stands twice");
                }
                self.items.push(item(id, &mut cells));
            }
            "group" => {
                let group = ModifierGroup {
                    id,
                    name: cells.texts("name:"),
                    min: cells.number("min").unwrap_or(0),
                    max: cells.required_number("max"),
                    options: Vec::new(),
                };
                self.groups.push((cells.line, cells.required("of"), group));
            }
            "option" => {
                let option = ModifierOption {
                    id,
                    name: cells.texts("name:"),
                    price: cells.number("price").unwrap_or(0),
                    allergens: cells.codes("allergens"),
                    consumes: cells.units("consumes"),
                    available: cells.flag("available").unwrap_or(true),
                };
                let (item, group) = (cells.required("of"), cells.required("group"));
                self.options.push((cells.line, item, group, option));
            }
            "part" => {
                let quantity = cells.number("quantity").unwrap_or(1);
                let part = SetPart { item: id, quantity };
                self.parts.push((cells.line, cells.required("of"), part));
            }
            "region" | "site" => {
                let scope = cells.required("of");
                let over = override_of(&mut cells);
                let scopes = match kind.as_str() {
                    "region" => &mut self.overrides.regions,
                    _ => &mut self.overrides.sites,
                };
                if scopes.entry(scope).or_default().insert(id, over).is_some() {
                    cells.fault("id", "stands twice for the same place");
                }
            }
            "" => {}
            other => cells.fault("kind", format!("\"{other}\" is nothing that a menu has")),
        }
        cells.finish(&kind);
    }

    fn put_together(self, faults: &mut Vec<TableFault>) -> Option<Content> {
        let mut items = self.items;
        let item = |line, id: &str, faults: &mut Vec<TableFault>| -> Option<usize> {
            let place = items.iter().position(|item| item.id == id);
            if place.is_none() {
                faults.push(fault(line, "of", format!("there is no item \"{id}\"")));
            }
            place
        };
        let mut grouped: Vec<(usize, ModifierGroup)> = Vec::new();
        for (line, of, group) in self.groups {
            let Some(place) = item(line, &of, faults) else {
                continue;
            };
            if grouped
                .iter()
                .any(|(n, known)| *n == place && known.id == group.id)
            {
                faults.push(fault(line, "id", "stands twice in this item"));
            }
            grouped.push((place, group));
        }
        for (line, of, group, option) in self.options {
            let Some(place) = item(line, &of, faults) else {
                continue;
            };
            let group_of = grouped
                .iter_mut()
                .find(|(n, known)| *n == place && known.id == group);
            match group_of {
                Some((_, group)) => group.options.push(option),
                None => {
                    let what = format!("item \"{of}\" has no group \"{group}\"");
                    faults.push(fault(line, "group", what));
                }
            }
        }
        let mut parts: Vec<(usize, SetPart)> = Vec::new();
        for (line, of, part) in self.parts {
            if let Some(place) = item(line, &of, faults) {
                parts.push((place, part));
            }
        }
        for (place, group) in grouped {
            items[place].modifiers.push(group);
        }
        for (place, part) in parts {
            items[place].set.push(part);
        }
        let Some((id, Some(currency))) = self.menu else {
            faults.push(fault(
                1,
                "currency",
                "a row of kind menu with its currency is needed",
            ));
            return None;
        };
        let mut menu = Menu::new(&id, currency);
        menu.stations = self.stations;
        menu.skus = self.skus;
        menu.dayparts = self.dayparts;
        menu.categories = self.categories;
        menu.items = items;
        Some(Content {
            document: menu,
            overrides: self.overrides,
        })
    }
}

fn item(id: String, cells: &mut Cells<'_>) -> Item {
    let (name, category) = (cells.texts("name:"), cells.required("category"));
    let (price, station) = (cells.required_number("price"), cells.required("station"));
    let mut item = Item::new(&id, name, &category, price, &station);
    item.description = cells.texts("description:");
    item.tax_rate = cells.number("tax_rate").unwrap_or(0);
    item.allergens = cells.codes("allergens");
    item.diet = cells.codes("diet");
    item.energy_kj = cells.number("energy_kj");
    item.image = cells.text("image");
    item.consumes = cells.units("consumes");
    item.available = cells.flag("available").unwrap_or(true);
    item.schedule = cells.schedule();
    if let Some(seconds) = cells.number("preparation_seconds") {
        item.preparation_seconds = seconds;
    }
    item
}

fn override_of(cells: &mut Cells<'_>) -> Override {
    let (schedule, is_given) = (cells.schedule(), cells.flag("schedule"));
    let is_given = is_given.unwrap_or(!schedule.is_always());
    if !is_given && !schedule.is_always() {
        cells.fault("schedule", "says no, but the row has one");
    }
    Override {
        price: cells.number("price"),
        available: cells.flag("available"),
        station: cells.text("station"),
        schedule: is_given.then_some(schedule),
    }
}
