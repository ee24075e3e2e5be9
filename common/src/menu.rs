//! The menu: what can be ordered, at which price, from which stock units (SKUs).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::ids::check_code;
use crate::money::{Currency, Minor};
use crate::text::Text;

/// Units of each SKU that one of a thing takes from stock.
pub type Consumes = BTreeMap<String, u32>;

/// One site's whole menu, a snapshot with a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// Counts up with every published change.
    pub version: u64,
    /// All prices are in this currency.
    pub currency: Currency,
    /// In the order in which guests see them.
    pub categories: Vec<Category>,
    /// In the order in which guests see them.
    pub items: Vec<Item>,
}

/// A group of items on the kiosk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Code.
    pub id: String,
    /// Name for guests.
    pub name: Text,
}

/// Something a guest can order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Code, unique in the menu.
    pub id: String,
    /// Name for guests.
    pub name: Text,
    /// Code of its category.
    pub category: String,
    /// Price of one without options, minor units.
    pub price: Minor,
    /// Tax that the price includes, in hundredths of a percent (700 = 7 %).
    #[serde(default)]
    pub tax_rate: u32,
    /// Codes of the allergens in it.
    #[serde(default)]
    pub allergens: Vec<String>,
    /// Code of the station that makes it.
    pub station: String,
    /// Name of its picture.
    #[serde(default)]
    pub image: Option<String>,
    /// What one takes from stock; empty means one of the SKU that has the item's own code.
    #[serde(default)]
    pub consumes: Consumes,
    /// What a guest can or must choose.
    #[serde(default)]
    pub modifiers: Vec<ModifierGroup>,
    /// Whether it is offered at all, whatever the stock.
    #[serde(default = "yes")]
    pub available: bool,
    /// How long one takes to make, seconds.
    #[serde(default = "two_minutes")]
    pub preparation_seconds: u32,
}

/// A choice within an item, such as the size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModifierGroup {
    /// Code, unique in the item.
    pub id: String,
    /// Name for guests.
    pub name: Text,
    /// How many options must be chosen at least.
    #[serde(default)]
    pub min: u32,
    /// How many options may be chosen at most.
    pub max: u32,
    /// The options.
    pub options: Vec<ModifierOption>,
}

/// One option of a choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModifierOption {
    /// Code, unique in the item.
    pub id: String,
    /// Name for guests.
    pub name: Text,
    /// Added to the item's price, minor units.
    #[serde(default)]
    pub price: Minor,
    /// Codes of the allergens that it adds.
    #[serde(default)]
    pub allergens: Vec<String>,
    /// What one takes from stock; empty means one of the SKU that has the option's own code.
    #[serde(default)]
    pub consumes: Consumes,
    /// Whether it is offered at all, whatever the stock.
    #[serde(default = "yes")]
    pub available: bool,
}

fn yes() -> bool {
    true
}

fn two_minutes() -> u32 {
    120
}

/// A menu with the stock that a new store begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// The menu.
    pub menu: Menu,
    /// Units at hand by SKU; a SKU that is not named is not counted and never sells out.
    #[serde(default)]
    pub stock: BTreeMap<String, u32>,
}

/// A mistake in a menu, with the place where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuFault {
    /// Such as `items[3].modifiers[0].options[1].price`.
    pub path: String,
    /// What is wrong.
    pub what: String,
}

impl Item {
    /// What one of this item takes from stock; a SKU that is not counted is never short.
    pub fn consumption(&self) -> Consumes {
        own_sku_if_empty(&self.consumes, &self.id)
    }

    /// The option of this code, whichever choice it belongs to.
    pub fn option(&self, id: &str) -> Option<(usize, &ModifierOption)> {
        self.modifiers
            .iter()
            .enumerate()
            .find_map(|(group, modifier)| {
                modifier
                    .options
                    .iter()
                    .find(|option| option.id == id)
                    .map(|option| (group, option))
            })
    }
}

impl ModifierOption {
    /// What one of this option takes from stock.
    pub fn consumption(&self) -> Consumes {
        own_sku_if_empty(&self.consumes, &self.id)
    }
}

fn own_sku_if_empty(consumes: &Consumes, id: &str) -> Consumes {
    if consumes.is_empty() {
        BTreeMap::from([(id.to_owned(), 1)])
    } else {
        consumes.clone()
    }
}

impl Menu {
    /// Position of every item by its code.
    pub fn index(&self) -> HashMap<String, usize> {
        self.items
            .iter()
            .enumerate()
            .map(|(n, item)| (item.id.clone(), n))
            .collect()
    }

    /// Every SKU that an item or option takes from.
    pub fn skus(&self) -> BTreeSet<String> {
        let items = self.items.iter().map(Item::consumption);
        let options = self.items.iter().flat_map(|item| &item.modifiers);
        let options = options
            .flat_map(|group| &group.options)
            .map(ModifierOption::consumption);
        items.chain(options).flat_map(BTreeMap::into_keys).collect()
    }

    /// Everything that is wrong with the menu as a whole; empty when it can be used.
    pub fn faults(&self) -> Vec<MenuFault> {
        let mut faults = Faults::default();
        let mut categories = BTreeSet::new();
        for (n, category) in self.categories.iter().enumerate() {
            let path = format!("categories[{n}]");
            faults.code(&path, &category.id, &mut categories);
            faults.name(&path, &category.name);
        }
        let mut items = BTreeSet::new();
        for (n, item) in self.items.iter().enumerate() {
            let path = format!("items[{n}]");
            faults.code(&path, &item.id, &mut items);
            if !categories.contains(&item.category) {
                faults.add(
                    &path,
                    "category",
                    format!("no category \"{}\"", item.category),
                );
            }
            item.find_faults(&path, &mut faults);
        }
        faults.0
    }
}

impl Item {
    fn find_faults(&self, path: &str, faults: &mut Faults) {
        faults.name(path, &self.name);
        faults.price(path, self.price);
        faults.consumes(path, &self.consumes);
        if check_code(&self.station).is_err() {
            faults.add(path, "station", format!("\"{}\" is no code", self.station));
        }
        let (mut groups, mut options) = (BTreeSet::new(), BTreeSet::new());
        for (n, group) in self.modifiers.iter().enumerate() {
            let path = format!("{path}.modifiers[{n}]");
            faults.code(&path, &group.id, &mut groups);
            faults.name(&path, &group.name);
            let offered = group
                .options
                .iter()
                .filter(|option| option.available)
                .count();
            if group.max < group.min || group.max == 0 {
                faults.add(&path, "max", "must be at least 1 and not below min".into());
            }
            if (offered as u64) < u64::from(group.min) {
                faults.add(
                    &path,
                    "options",
                    "fewer are available than must be chosen".into(),
                );
            }
            for (n, option) in group.options.iter().enumerate() {
                let path = format!("{path}.options[{n}]");
                faults.code(&path, &option.id, &mut options);
                faults.name(&path, &option.name);
                faults.price(&path, option.price);
                faults.consumes(&path, &option.consumes);
            }
        }
    }
}

#[derive(Default)]
struct Faults(Vec<MenuFault>);

/// The dearest thing on a menu, minor units: keeps every sum of an order far from overflow.
const MAX_PRICE: Minor = 1_000_000_000;

impl Faults {
    fn add(&mut self, path: &str, field: &str, what: String) {
        self.0.push(MenuFault {
            path: format!("{path}.{field}"),
            what,
        });
    }

    fn code(&mut self, path: &str, id: &str, seen: &mut BTreeSet<String>) {
        if let Err(error) = check_code(id) {
            self.add(path, "id", error.to_string());
        } else if !seen.insert(id.to_owned()) {
            self.add(path, "id", format!("\"{id}\" stands twice"));
        }
    }

    fn name(&mut self, path: &str, name: &Text) {
        if name.0.values().all(|text| text.trim().is_empty()) {
            self.add(path, "name", "is missing".into());
        }
    }

    fn price(&mut self, path: &str, price: Minor) {
        if !(0..=MAX_PRICE).contains(&price) {
            self.add(
                path,
                "price",
                format!("must be 0 to {MAX_PRICE} minor units"),
            );
        }
    }

    fn consumes(&mut self, path: &str, consumes: &Consumes) {
        for (sku, units) in consumes {
            if check_code(sku).is_err() || !(1..=1_000).contains(units) {
                self.add(
                    path,
                    "consumes",
                    format!("\"{sku}\": {units} is no SKU with 1 to 1000"),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn menu() -> Menu {
        serde_json::from_str(
            r#"{"version": 1, "currency": "EUR",
                "categories": [{"id": "c", "name": {"en": "C"}}],
                "items": [{"id": "burger", "name": {"en": "Burger"}, "category": "c",
                           "price": 900, "station": "grill", "consumes": {"patty": 1},
                           "modifiers": [{"id": "extra", "name": {"en": "Extra"}, "max": 1,
                             "options": [{"id": "double", "name": {"en": "Double"},
                                          "price": 200, "consumes": {"patty": 1}}]}]},
                          {"id": "cola", "name": {"en": "Cola"}, "category": "c",
                           "price": 250, "station": "bar"}]}"#,
        )
        .expect("a literal")
    }

    #[test]
    fn a_sound_menu_has_no_faults_and_knows_its_skus() {
        assert_eq!(menu().faults(), []);
        assert_eq!(
            menu().skus(),
            BTreeSet::from(["cola".into(), "patty".into()])
        );
    }

    #[test]
    fn every_mistake_is_reported_with_its_place() {
        let mut menu = menu();
        menu.items[0].modifiers[0].options[0].price = -1;
        menu.items[0].modifiers[0].min = 2;
        menu.items[1].category = "nowhere".into();
        menu.items[1].id = "burger".into();
        menu.items[1].name = Text::default();
        let paths: Vec<String> = menu.faults().into_iter().map(|fault| fault.path).collect();
        assert_eq!(
            paths,
            [
                "items[0].modifiers[0].max",
                "items[0].modifiers[0].options",
                "items[0].modifiers[0].options[0].price",
                "items[1].id",
                "items[1].category",
                "items[1].name",
            ]
        );
    }
}
