//! The menu: what can be ordered, when, at which price, from which stock units (SKUs).
//!
//! [`Menu`] is both what the hub publishes and what one site sells by: [`Overrides::effective`]
//! makes the second of the first. [`schedule`] tells when something is offered, [`Menu::faults`]
//! what is wrong with a menu, [`canonical`] names its content by a hash.

pub mod canonical;
mod faults;
mod overrides;
pub mod schedule;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

pub use self::faults::{MAX_PRICE, MenuFault};
pub use self::overrides::{ItemOrigin, Level, Override, Overrides};
pub use self::schedule::{Daypart, Schedule};
use crate::money::{Currency, Minor};
use crate::text::Text;

/// Bytes of a menu's canonical text: two of them (of now and of next) fit into one message.
pub const MAX_MENU_BYTES: usize = 400 * 1024;

/// Units of each SKU that one of a thing takes from stock.
pub type Consumes = BTreeMap<String, u32>;

/// One site's whole menu, a snapshot with a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Menu {
    /// Code of the menu at the hub; empty when it came from a seed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Counts up with every published change; 0 for a draft.
    #[serde(default)]
    pub version: u64,
    /// All prices are in this currency.
    pub currency: Currency,
    /// Codes of the stations that make things; when empty, any code will do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stations: Vec<String>,
    /// The parts of the day that schedules name, none overlapping another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dayparts: Vec<Daypart>,
    /// In the order in which guests see them.
    #[serde(default)]
    pub categories: Vec<Category>,
    /// In the order in which guests see them.
    #[serde(default)]
    pub items: Vec<Item>,
    /// What is known of SKUs beyond their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub skus: BTreeMap<String, Sku>,
}

/// What is known of a SKU.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sku {
    /// With so few units left or fewer, staff are warned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low_mark: Option<u32>,
}

/// A group of items on the kiosk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// Code.
    pub id: String,
    /// Name for guests.
    pub name: Text,
    /// When its items are offered; each item's own schedule narrows it.
    #[serde(default, skip_serializing_if = "Schedule::is_always")]
    pub schedule: Schedule,
}

/// Something a guest can order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Code, unique in the menu.
    pub id: String,
    /// Name for guests.
    pub name: Text,
    /// What guests read beside the name.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub description: Text,
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
    /// Codes of the diets that it suits, such as `vegan` or `halal`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diet: Vec<String>,
    /// Energy of one, kilojoules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_kj: Option<u32>,
    /// Code of the station that makes it.
    pub station: String,
    /// Name of its picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What one takes from stock; empty means one of the SKU that has the item's own code. A set
    /// takes what its parts take, and this beside it.
    #[serde(default)]
    pub consumes: Consumes,
    /// What a guest can or must choose.
    #[serde(default)]
    pub modifiers: Vec<ModifierGroup>,
    /// The items that one of it is made of, for a set; each is made at its own station.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<SetPart>,
    /// Whether it is offered at all, whatever the stock and the time.
    #[serde(default = "yes")]
    pub available: bool,
    /// When it is offered.
    #[serde(default, skip_serializing_if = "Schedule::is_always")]
    pub schedule: Schedule,
    /// How long one takes to make, seconds; a set takes as long as its slowest part.
    #[serde(default = "two_minutes")]
    pub preparation_seconds: u32,
}

/// An item within a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPart {
    /// Code of the item, which is no set itself.
    pub item: String,
    /// How many of it stand in one set.
    #[serde(default = "one")]
    pub quantity: u32,
}

/// A choice within an item, such as the size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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

fn one() -> u32 {
    1
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

impl Item {
    /// An item that has nothing special.
    pub fn new(id: &str, name: Text, category: &str, price: Minor, station: &str) -> Self {
        Self {
            id: id.to_owned(),
            name,
            description: Text::default(),
            category: category.to_owned(),
            price,
            tax_rate: 0,
            allergens: Vec::new(),
            diet: Vec::new(),
            energy_kj: None,
            station: station.to_owned(),
            image: None,
            consumes: Consumes::new(),
            modifiers: Vec::new(),
            set: Vec::new(),
            available: true,
            schedule: Schedule::default(),
            preparation_seconds: two_minutes(),
        }
    }

    /// What one of this item itself takes from stock, without the parts of a set; a SKU that is
    /// not counted is never short.
    pub fn consumption(&self) -> Consumes {
        if self.set.is_empty() {
            own_sku_if_empty(&self.consumes, &self.id)
        } else {
            self.consumes.clone()
        }
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
    /// A menu without anything on it.
    pub fn new(id: &str, currency: Currency) -> Self {
        Self {
            id: id.to_owned(),
            version: 0,
            currency,
            stations: Vec::new(),
            dayparts: Vec::new(),
            categories: Vec::new(),
            items: Vec::new(),
            skus: BTreeMap::new(),
        }
    }

    /// Position of every item by its code.
    pub fn index(&self) -> HashMap<String, usize> {
        self.items
            .iter()
            .enumerate()
            .map(|(n, item)| (item.id.clone(), n))
            .collect()
    }

    /// The item of this code.
    pub fn item(&self, id: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// The items that one of `item` is made of, with how many of each; none when it is no set.
    pub fn parts<'a>(&'a self, item: &'a Item) -> impl Iterator<Item = (&'a Item, u32)> {
        item.set
            .iter()
            .filter_map(|part| Some((self.item(&part.item)?, part.quantity)))
    }

    /// What one of `item` takes from stock, the parts of a set included.
    pub fn consumption(&self, item: &Item) -> Consumes {
        let mut consumes = item.consumption();
        for (part, quantity) in self.parts(item) {
            for (sku, units) in part.consumption() {
                *consumes.entry(sku).or_default() += units * quantity;
            }
        }
        consumes
    }

    /// Codes of the allergens in `item`, the parts of a set included, each once.
    pub fn allergens(&self, item: &Item) -> Vec<String> {
        let mut allergens = item.allergens.clone();
        for (part, _) in self.parts(item) {
            for allergen in &part.allergens {
                if !allergens.contains(allergen) {
                    allergens.push(allergen.clone());
                }
            }
        }
        allergens
    }

    /// How long one of `item` takes to make, seconds: a set as long as its slowest part, because
    /// stations work side by side.
    pub fn preparation_seconds(&self, item: &Item) -> u32 {
        let parts = self.parts(item).map(|(part, _)| part.preparation_seconds);
        parts.max().unwrap_or(item.preparation_seconds)
    }

    /// Whether `item` is offered at this local time of the site, whatever the stock. The parts
    /// of a set must be available, but their own schedules are about selling them alone.
    pub fn offers(&self, item: &Item, local: NaiveDateTime) -> bool {
        let category = self.categories.iter().find(|c| c.id == item.category);
        let parts = self.parts(item).all(|(part, _)| part.available);
        let in_season = |schedule: &Schedule| schedule.covers(&self.dayparts, local);
        item.available
            && parts
            && in_season(&item.schedule)
            && category.is_none_or(|category| in_season(&category.schedule))
    }

    /// The part of the day that this local time lies in.
    pub fn daypart_at(&self, local: NaiveDateTime) -> Option<&Daypart> {
        self.dayparts
            .iter()
            .find(|daypart| daypart.day_at(local).is_some())
    }

    /// Whether anything on it depends on the time.
    pub fn has_schedules(&self) -> bool {
        !self.dayparts.is_empty()
            || self.items.iter().any(|item| !item.schedule.is_always())
            || self.categories.iter().any(|c| !c.schedule.is_always())
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
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
