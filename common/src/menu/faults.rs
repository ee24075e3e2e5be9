//! What is wrong with a menu, as a whole and with the place of each mistake.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Category, Consumes, Item, MAX_MENU_BYTES, Menu, ModifierGroup, Overrides, Schedule, canonical,
};
use crate::ids::check_code;
use crate::money::Minor;
use crate::picture::MAX_PER_MENU;
use crate::text::{Text, is_printable};

/// The dearest thing on a menu, minor units: keeps every sum of an order far from overflow.
pub const MAX_PRICE: Minor = 1_000_000_000;
/// Of one item in a set.
const MAX_PART_QUANTITY: u32 = 99;
/// Items of one set.
const MAX_PARTS: usize = 20;
/// Characters of a name or description in one language.
const MAX_TEXT_CHARS: usize = 2_000;
/// Tax that a price includes, hundredths of a percent.
const MAX_TAX_RATE: u32 = 10_000;
/// The longest preparation, seconds: a day.
const MAX_PREPARATION_SECONDS: u32 = 86_400;

/// A mistake in a menu, with the place where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MenuFault {
    /// Such as `items[3].modifiers[0].options[1].price`.
    pub path: String,
    /// What is wrong.
    pub what: String,
}

impl Menu {
    /// Everything that is wrong with the menu as a whole; empty when it can be used.
    pub fn faults(&self) -> Vec<MenuFault> {
        let mut faults = Faults::default();
        self.find_dayparts_faults(&mut faults);
        let mut stations = BTreeSet::new();
        for (n, station) in self.stations.iter().enumerate() {
            faults.code(&format!("stations[{n}]"), "", station, &mut stations);
        }
        for (sku, known) in &self.skus {
            if check_code(sku).is_err() || known.low_mark.is_some_and(|mark| mark > 1_000_000) {
                let what = "must be a SKU with a low mark of at most 1000000";
                faults.add("skus", sku, what);
            }
        }
        let mut categories = BTreeSet::new();
        for (n, category) in self.categories.iter().enumerate() {
            let path = format!("categories[{n}]");
            faults.code(&path, "id", &category.id, &mut categories);
            faults.name(&path, &category.name);
            self.find_schedule_faults(&path, &category.schedule, None, &mut faults);
        }
        let mut items = BTreeSet::new();
        for (n, item) in self.items.iter().enumerate() {
            let path = format!("items[{n}]");
            faults.code(&path, "id", &item.id, &mut items);
            self.find_item_faults(&path, item, &mut faults);
        }
        if self.pictures().len() > MAX_PER_MENU {
            let what = format!("name more than {MAX_PER_MENU} uploaded pictures");
            faults.add("items", "", &what);
        }
        let bytes = canonical::text(self).map_or(usize::MAX, |text| text.len());
        if bytes > MAX_MENU_BYTES {
            let what = format!("take {bytes} bytes, at most {MAX_MENU_BYTES} travel to a site");
            faults.add("items", "", &what);
        }
        faults.0
    }

    /// Everything that is wrong with what regions and sites override of this menu; the paths
    /// begin with `overrides`.
    pub fn override_faults(&self, overrides: &Overrides) -> Vec<MenuFault> {
        let mut faults = Faults::default();
        for (scope, id, over) in overrides.all() {
            let path = format!("overrides.{scope}.{id}");
            let Some(item) = self.item(id) else {
                faults.add(&path, "", &format!("no item \"{id}\""));
                continue;
            };
            if over.is_empty() {
                faults.add(&path, "", "overrides nothing: take it away");
            }
            if let Some(price) = over.price {
                faults.price(&path, price);
            }
            if let Some(station) = &over.station {
                self.find_station_fault(&path, station, &mut faults);
            }
            if let Some(schedule) = &over.schedule {
                let category = self.category(&item.category);
                self.find_schedule_faults(&path, schedule, category, &mut faults);
            }
        }
        faults.0
    }

    fn category(&self, id: &str) -> Option<&Category> {
        self.categories.iter().find(|category| category.id == id)
    }

    fn find_dayparts_faults(&self, faults: &mut Faults) {
        let mut seen = BTreeSet::new();
        for (n, daypart) in self.dayparts.iter().enumerate() {
            let path = format!("dayparts[{n}]");
            faults.code(&path, "id", &daypart.id, &mut seen);
            faults.name(&path, &daypart.name);
            if daypart.from == daypart.to {
                faults.add(&path, "to", "must differ from its begin");
                continue;
            }
            let clashing = self.dayparts[..n]
                .iter()
                .find(|other| daypart.overlaps(other));
            if let Some(other) = clashing {
                faults.add(&path, "from", &format!("overlaps with \"{}\"", other.id));
            }
        }
    }

    fn find_item_faults(&self, path: &str, item: &Item, faults: &mut Faults) {
        let category = self.category(&item.category);
        if category.is_none() {
            let what = format!("no category \"{}\"", item.category);
            faults.add(path, "category", &what);
        }
        faults.name(path, &item.name);
        faults.text(path, "description", &item.description);
        faults.price(path, item.price);
        faults.bounded(path, "tax_rate", item.tax_rate, MAX_TAX_RATE);
        faults.bounded(
            path,
            "preparation_seconds",
            item.preparation_seconds,
            MAX_PREPARATION_SECONDS,
        );
        faults.bounded(path, "energy_kj", item.energy_kj.unwrap_or(0), 1_000_000);
        faults.codes(path, "allergens", &item.allergens);
        faults.codes(path, "diet", &item.diet);
        faults.consumes(path, &item.consumes);
        let image = item.image.as_deref().unwrap_or("-");
        if image.is_empty() || image.len() > 200 || image.chars().any(char::is_control) {
            faults.add(path, "image", "must be a name of 1 to 200 characters");
        }
        self.find_station_fault(path, &item.station, faults);
        self.find_schedule_faults(path, &item.schedule, category, faults);
        self.find_set_faults(path, item, faults);
        let (mut groups, mut options) = (BTreeSet::new(), BTreeSet::new());
        for (n, group) in item.modifiers.iter().enumerate() {
            let path = format!("{path}.modifiers[{n}]");
            faults.code(&path, "id", &group.id, &mut groups);
            group.find_faults(&path, &mut options, faults);
        }
    }

    fn find_station_fault(&self, path: &str, station: &str, faults: &mut Faults) {
        if check_code(station).is_err() {
            faults.add(path, "station", &format!("\"{station}\" is no code"));
        } else if !self.stations.is_empty() && !self.stations.iter().any(|known| known == station) {
            faults.add(path, "station", &format!("no station \"{station}\""));
        }
    }

    /// A set is made of items that need no choice, because nobody is asked about its parts.
    fn find_set_faults(&self, path: &str, item: &Item, faults: &mut Faults) {
        if item.set.len() > MAX_PARTS {
            faults.add(path, "set", &format!("has more than {MAX_PARTS} parts"));
        }
        let mut seen = BTreeSet::new();
        for (n, part) in item.set.iter().enumerate() {
            let path = format!("{path}.set[{n}]");
            if !(1..=MAX_PART_QUANTITY).contains(&part.quantity) {
                faults.add(
                    &path,
                    "quantity",
                    &format!("must be 1 to {MAX_PART_QUANTITY}"),
                );
            }
            let id = &part.item;
            let what = match self.item(id) {
                None => Some(format!("no item \"{id}\"")),
                Some(_) if *id == item.id => Some(format!("\"{id}\" cannot contain itself")),
                Some(part) if !part.set.is_empty() => {
                    Some(format!("\"{id}\" is a set itself: name its items instead"))
                }
                Some(part) if part.modifiers.iter().any(|group| group.min > 0) => Some(format!(
                    "\"{id}\" wants a choice, which a set does not ask for"
                )),
                Some(_) if !seen.insert(id) => {
                    Some(format!("\"{id}\" stands twice: raise its quantity"))
                }
                Some(_) => None,
            };
            if let Some(what) = what {
                faults.add(&path, "item", &what);
            }
        }
    }

    fn find_schedule_faults(
        &self,
        path: &str,
        schedule: &Schedule,
        category: Option<&Category>,
        faults: &mut Faults,
    ) {
        let path = format!("{path}.schedule");
        for (n, id) in schedule.dayparts.iter().enumerate() {
            let place = format!("dayparts[{n}]");
            if !self.dayparts.iter().any(|daypart| daypart.id == *id) {
                faults.add(&path, &place, &format!("no daypart \"{id}\""));
            } else if schedule.dayparts[..n].contains(id) {
                faults.add(&path, &place, &format!("\"{id}\" stands twice"));
            }
        }
        for (n, day) in schedule.weekdays.iter().enumerate() {
            if schedule.weekdays[..n].contains(day) {
                faults.add(
                    &path,
                    &format!("weekdays[{n}]"),
                    &format!("\"{day}\" stands twice"),
                );
            }
        }
        if let (Some(from), Some(until)) = (schedule.valid_from, schedule.valid_until)
            && until.end() <= from.begin()
        {
            faults.add(&path, "valid_until", "must lie after valid_from");
        }
        if let Some(category) = category
            && let Some(why) = schedule.clash(&category.schedule)
        {
            let what = format!("is never offered: category \"{}\" has {why}", category.id);
            faults.add(&path, "", &what);
        }
    }
}

impl ModifierGroup {
    fn find_faults(&self, path: &str, options: &mut BTreeSet<String>, faults: &mut Faults) {
        faults.name(path, &self.name);
        let offered = self.options.iter().filter(|option| option.available);
        if self.max < self.min || self.max == 0 {
            faults.add(path, "max", "must be at least 1 and not below min");
        }
        if (offered.count() as u64) < u64::from(self.min) {
            faults.add(path, "options", "fewer are available than must be chosen");
        }
        for (n, option) in self.options.iter().enumerate() {
            let path = format!("{path}.options[{n}]");
            faults.code(&path, "id", &option.id, options);
            faults.name(&path, &option.name);
            faults.price(&path, option.price);
            faults.codes(&path, "allergens", &option.allergens);
            faults.consumes(&path, &option.consumes);
        }
    }
}

#[derive(Default)]
struct Faults(Vec<MenuFault>);

impl Faults {
    fn add(&mut self, path: &str, field: &str, what: &str) {
        let path = match field {
            "" => path.to_owned(),
            field => format!("{path}.{field}"),
        };
        let what = what.to_owned();
        self.0.push(MenuFault { path, what });
    }

    fn code(&mut self, path: &str, field: &str, id: &str, seen: &mut BTreeSet<String>) {
        if let Err(error) = check_code(id) {
            self.add(path, field, &error.to_string());
        } else if !seen.insert(id.to_owned()) {
            self.add(path, field, &format!("\"{id}\" stands twice"));
        }
    }

    fn codes(&mut self, path: &str, field: &str, codes: &[String]) {
        let mut seen = BTreeSet::new();
        for (n, code) in codes.iter().enumerate() {
            self.code(path, &format!("{field}[{n}]"), code, &mut seen);
        }
    }

    fn name(&mut self, path: &str, name: &Text) {
        if name.0.values().all(|text| text.trim().is_empty()) {
            self.add(path, "name", "is missing");
        } else {
            self.text(path, "name", name);
        }
    }

    fn text(&mut self, path: &str, field: &str, text: &Text) {
        for (language, text) in &text.0 {
            let field = format!("{field}.{language}");
            let tag = |c: char| c.is_ascii_alphanumeric() || c == '-';
            if language.is_empty() || language.len() > 35 || !language.chars().all(tag) {
                self.add(path, &field, "is under no language tag such as en");
            }
            if text.trim().is_empty() {
                self.add(path, &field, "is empty: leave the language out");
            }
            if !is_printable(text) || text.chars().count() > MAX_TEXT_CHARS {
                let what = format!("at most {MAX_TEXT_CHARS} characters, no control characters");
                self.add(path, &field, &what);
            }
        }
    }

    fn price(&mut self, path: &str, price: Minor) {
        if !(0..=MAX_PRICE).contains(&price) {
            self.add(
                path,
                "price",
                &format!("must be 0 to {MAX_PRICE} minor units"),
            );
        }
    }

    fn bounded(&mut self, path: &str, field: &str, value: u32, max: u32) {
        if value > max {
            self.add(path, field, &format!("must be at most {max}"));
        }
    }

    fn consumes(&mut self, path: &str, consumes: &Consumes) {
        for (sku, units) in consumes {
            if check_code(sku).is_err() || !(1..=1_000).contains(units) {
                let what = format!("\"{sku}\": {units} is no SKU with 1 to 1000");
                self.add(path, "consumes", &what);
            }
        }
    }
}
