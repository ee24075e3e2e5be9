//! The menu that the site sells by, and its answers ready to send, with live stock.

use std::collections::HashMap;
use std::sync::Mutex;

use axum::http::HeaderValue;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sunakku_common::menu::{Consumes, Item, Menu, ModifierGroup};
use sunakku_common::money::{Currency, Minor};
use sunakku_common::pricing::{StockLevel, sellable};
use sunakku_common::problem::Problem;
use sunakku_common::text::Languages;

use crate::downline::Standing;
use crate::log::Live;
use crate::metrics as names;

/// The menu that the site sells by, and its answers ready to send.
pub(crate) struct MenuSnapshot {
    pub(crate) menu: Menu,
    /// Position of every item by its code.
    pub(crate) index: HashMap<String, usize>,
    /// By language: the stock version and the site's standing that the answer shows, and the answer.
    rendered: Mutex<HashMap<Languages, (u64, Standing, Rendered)>>,
}

/// An answer, ready to send.
#[derive(Clone)]
pub(crate) struct Rendered {
    pub(crate) body: Bytes,
    pub(crate) etag: HeaderValue,
}

/// Lists of languages for which answers are kept; more begin anew.
const RENDERED_MAX: usize = 32;

/// The menu.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct MenuAnswer {
    /// Counts up with every published change.
    version: u64,
    /// Of all prices.
    currency: Currency,
    /// The part of the day that decides what is offered; null when all is offered all day.
    daypart: Option<String>,
    /// Whether the site takes orders now, and when it does again.
    site: Standing,
    /// In the order in which guests see them.
    categories: Vec<CategoryAnswer>,
    /// In the order in which guests see them.
    items: Vec<ItemAnswer>,
}

/// A group of items.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct CategoryAnswer {
    id: String,
    name: String,
}

/// Something that can be ordered.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct ItemAnswer {
    id: String,
    name: String,
    category: String,
    /// Of one without options, minor units.
    price: Minor,
    /// Included in the price, hundredths of a percent (700 = 7 %).
    tax_rate: u32,
    allergens: Vec<String>,
    station: String,
    image: Option<String>,
    /// Units of each SKU that one takes.
    consumes: Consumes,
    modifiers: Vec<ModifierAnswer>,
    /// How many can be sold; null without limit.
    stock: Option<u64>,
    /// Whether it can be ordered now.
    available: bool,
}

/// A choice within an item.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct ModifierAnswer {
    id: String,
    name: String,
    /// Options to choose at least.
    min: u32,
    /// Options to choose at most.
    max: u32,
    options: Vec<OptionAnswer>,
}

/// An option of a choice.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct OptionAnswer {
    id: String,
    name: String,
    /// Added to the item's price, minor units.
    price: Minor,
    allergens: Vec<String>,
    /// Units of each SKU that one takes.
    consumes: Consumes,
    /// Whether it can be chosen now.
    available: bool,
}

impl MenuSnapshot {
    /// The menu's answer in the first of these languages that it has, as of now.
    pub(crate) fn render(
        &self,
        live: &Live,
        standing: Standing,
        languages: Languages,
    ) -> Result<Rendered, Problem> {
        // A panic while holding the lock leaves at worst an answer out of the cache.
        let lock = || {
            self.rendered
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        let version = live.with_stock(|stock| stock.version);
        if let Some((shown, at, rendered)) = lock().get(&languages)
            && (*shown, at) == (version, &standing)
        {
            metrics::counter!(names::MENU_CACHE, "result" => "hit").increment(1);
            return Ok(rendered.clone());
        }
        metrics::counter!(names::MENU_CACHE, "result" => "miss").increment(1);
        let (version, answer) = live.with_stock(|stock| {
            let level = |sku: &str| stock.levels.get(sku).copied();
            (stock.version, self.answer(&languages, &standing, level))
        });
        let body = serde_json::to_vec(&answer).map_err(|_| Problem::internal())?;
        let digest = Sha256::digest(&body);
        let tag: String = digest[..12]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let etag = HeaderValue::try_from(format!("\"{tag}\"")).map_err(|_| Problem::internal())?;
        let rendered = Rendered {
            body: Bytes::from(body),
            etag,
        };
        let mut cache = lock();
        if cache.len() >= RENDERED_MAX {
            cache.clear();
        }
        cache.insert(languages, (version, standing, rendered.clone()));
        Ok(rendered)
    }
}

impl MenuSnapshot {
    pub(crate) fn new(menu: Menu) -> Self {
        Self {
            index: menu.index(),
            menu,
            rendered: Mutex::default(),
        }
    }

    /// What an edge has until it is given its first menu.
    pub(crate) fn none() -> Self {
        let none = r#"{"version": 0, "currency": "XXX", "categories": [], "items": []}"#;
        Self::new(serde_json::from_str(none).expect("a menu of nothing is a menu"))
    }

    /// Whether there is no menu yet.
    pub(crate) fn is_none(&self) -> bool {
        self.menu.version == 0
    }

    fn answer(
        &self,
        languages: &Languages,
        standing: &Standing,
        level: impl Fn(&str) -> Option<StockLevel>,
    ) -> MenuAnswer {
        let menu = &self.menu;
        let categories = menu.categories.iter().map(|category| CategoryAnswer {
            id: category.id.clone(),
            name: category.name.pick(languages).to_owned(),
        });
        MenuAnswer {
            version: menu.version,
            currency: menu.currency.clone(),
            daypart: None,
            site: standing.clone(),
            categories: categories.collect(),
            items: menu
                .items
                .iter()
                .map(|item| item_answer(item, languages, &level))
                .collect(),
        }
    }
}

fn item_answer(
    item: &Item,
    languages: &Languages,
    level: impl Fn(&str) -> Option<StockLevel>,
) -> ItemAnswer {
    let modifiers: Vec<ModifierAnswer> = item
        .modifiers
        .iter()
        .map(|group| modifier_answer(group, languages, &level))
        .collect();
    let stock = sellable(&item.consumption(), &level);
    let choosable = modifiers.iter().all(|group| {
        group
            .options
            .iter()
            .filter(|option| option.available)
            .count()
            >= group.min as usize
    });
    ItemAnswer {
        id: item.id.clone(),
        name: item.name.pick(languages).to_owned(),
        category: item.category.clone(),
        price: item.price,
        tax_rate: item.tax_rate,
        allergens: item.allergens.clone(),
        station: item.station.clone(),
        image: item.image.clone(),
        consumes: item.consumption(),
        modifiers,
        stock,
        available: item.available && choosable && stock != Some(0),
    }
}

fn modifier_answer(
    group: &ModifierGroup,
    languages: &Languages,
    level: impl Fn(&str) -> Option<StockLevel>,
) -> ModifierAnswer {
    let options = group.options.iter().map(|option| OptionAnswer {
        id: option.id.clone(),
        name: option.name.pick(languages).to_owned(),
        price: option.price,
        allergens: option.allergens.clone(),
        consumes: option.consumption(),
        available: option.available && sellable(&option.consumption(), &level) != Some(0),
    });
    ModifierAnswer {
        id: group.id.clone(),
        name: group.name.pick(languages).to_owned(),
        min: group.min,
        max: group.max,
        options: options.collect(),
    }
}
