//! The menu that the site sells by, and its answers ready to send, with live stock.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex, OnceLock};

use axum::http::HeaderValue;
use bytes::Bytes;
use chrono::{NaiveDateTime, Timelike as _};
use data_encoding::HEXLOWER;
use flate2::{Compression, write::GzEncoder};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sunakku_common::menu::schedule::ClockTime;
use sunakku_common::menu::{Consumes, Item, Menu, ModifierGroup, SetPart};
use sunakku_common::money::{Currency, Minor};
use sunakku_common::pricing::{StockLevel, sellable};
use sunakku_common::problem::Problem;
use sunakku_common::text::Languages;

use crate::log::Live;
use crate::metrics as names;
use crate::site::Standing;

/// The menu that the site sells by, and its answers ready to send.
pub(crate) struct MenuSnapshot {
    pub(crate) menu: Menu,
    /// Position of every item by its code.
    pub(crate) index: HashMap<String, usize>,
    depends_on_time: bool,
    /// By language: what the answer shows, and the answer.
    rendered: Mutex<HashMap<Languages, (Shown, Arc<Rendered>)>>,
}

/// What an answer depends on beside menu and language.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    /// Version of the stock.
    stock: u64,
    /// The minute of the site's clocks; `None` when nothing on the menu depends on the time.
    minute: Option<NaiveDateTime>,
    /// Whether the site takes orders.
    site: Standing,
}

/// An answer, ready to send.
pub(crate) struct Rendered {
    pub(crate) body: Bytes,
    pub(crate) etag: HeaderValue,
    /// The body by gzip, once somebody wants it so.
    packed: OnceLock<Bytes>,
}

impl Rendered {
    /// The body by gzip.
    pub(crate) fn packed(&self) -> Bytes {
        let pack = || {
            // In the middle of a busy hour it is good for one or two answers, so quickly before small.
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            let written = packer.write_all(&self.body);
            written.and_then(|()| packer.finish()).unwrap_or_default()
        };
        // Nothing fails while it writes to memory.
        self.packed.get_or_init(|| Bytes::from(pack())).clone()
    }
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
    /// Code of the part of the day at the site; null outside of all that the menu has.
    daypart: Option<String>,
    /// The menu's parts of the day.
    dayparts: Vec<DaypartAnswer>,
    /// Whether the site takes orders now, and when it does again.
    site: Standing,
    /// In the order in which guests see them.
    categories: Vec<CategoryAnswer>,
    /// In the order in which guests see them.
    items: Vec<ItemAnswer>,
}

/// A part of the day.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct DaypartAnswer {
    id: String,
    name: String,
    /// When it begins, local time.
    from: ClockTime,
    /// When it is over, local time; before its begin when it crosses midnight.
    to: ClockTime,
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
    description: String,
    category: String,
    /// Of one without options, minor units.
    price: Minor,
    /// Included in the price, hundredths of a percent (700 = 7 %).
    tax_rate: u32,
    /// Those of a set's parts included.
    allergens: Vec<String>,
    /// Diets that it suits.
    diet: Vec<String>,
    /// Of one, kilojoules.
    energy_kj: Option<u32>,
    station: String,
    image: Option<String>,
    /// Units of each SKU that one takes.
    consumes: Consumes,
    modifiers: Vec<ModifierAnswer>,
    /// What one is made of, for a set.
    set: Vec<SetPart>,
    /// How many can be sold; null without limit.
    stock: Option<u64>,
    /// Whether it can be ordered now, by stock and by the site's local time.
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
    /// The menu's answer in the first of these languages that it has, as of the site's local time.
    pub(crate) fn render(
        &self,
        live: &Live,
        standing: Standing,
        languages: Languages,
        local: NaiveDateTime,
    ) -> Result<Arc<Rendered>, Problem> {
        // A panic while holding the lock leaves at worst an answer out of the cache.
        let lock = || {
            self.rendered
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        let shown = |stock| Shown {
            stock,
            minute: self.depends_on_time.then(|| minute_of(local)),
            site: standing.clone(),
        };
        let wanted = shown(live.with_stock(|stock| stock.version));
        if let Some((shown, rendered)) = lock().get(&languages)
            && *shown == wanted
        {
            metrics::counter!(names::MENU_CACHE, "result" => "hit").increment(1);
            return Ok(Arc::clone(rendered));
        }
        metrics::counter!(names::MENU_CACHE, "result" => "miss").increment(1);
        let (version, answer) = live.with_stock(|stock| {
            let level = |sku: &str| stock.levels.get(sku).copied();
            (
                stock.version,
                self.answer(&languages, &standing, local, level),
            )
        });
        let body = serde_json::to_vec(&answer).map_err(|_| Problem::internal())?;
        let digest = Sha256::digest(&body);
        let tag = HEXLOWER.encode(&digest[..12]);
        let etag = HeaderValue::try_from(format!("\"{tag}\"")).map_err(|_| Problem::internal())?;
        let rendered = Arc::new(Rendered {
            body: Bytes::from(body),
            etag,
            packed: OnceLock::new(),
        });
        let mut cache = lock();
        if cache.len() >= RENDERED_MAX {
            cache.clear();
        }
        cache.insert(languages, (shown(version), Arc::clone(&rendered)));
        Ok(rendered)
    }
}

impl MenuSnapshot {
    pub(crate) fn new(menu: Menu) -> Self {
        Self {
            index: menu.index(),
            depends_on_time: menu.has_schedules(),
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
        local: NaiveDateTime,
        level: impl Fn(&str) -> Option<StockLevel>,
    ) -> MenuAnswer {
        let menu = &self.menu;
        let categories = menu.categories.iter().map(|category| CategoryAnswer {
            id: category.id.clone(),
            name: category.name.pick(languages).to_owned(),
        });
        let dayparts = menu.dayparts.iter().map(|daypart| DaypartAnswer {
            id: daypart.id.clone(),
            name: daypart.name.pick(languages).to_owned(),
            from: daypart.from,
            to: daypart.to,
        });
        let item = |item| {
            let mut answer = item_answer(menu, item, languages, &level);
            answer.available &= menu.offers(item, local);
            answer
        };
        MenuAnswer {
            version: menu.version,
            currency: menu.currency.clone(),
            daypart: menu.daypart_at(local).map(|daypart| daypart.id.clone()),
            dayparts: dayparts.collect(),
            site: standing.clone(),
            categories: categories.collect(),
            items: menu.items.iter().map(item).collect(),
        }
    }
}

/// Schedules are to the minute, so within one an answer stays the same.
fn minute_of(local: NaiveDateTime) -> NaiveDateTime {
    let minute = local
        .with_second(0)
        .and_then(|time| time.with_nanosecond(0));
    minute.unwrap_or(local)
}

/// An item as far as stock tells.
fn item_answer(
    menu: &Menu,
    item: &Item,
    languages: &Languages,
    level: impl Fn(&str) -> Option<StockLevel>,
) -> ItemAnswer {
    let modifiers: Vec<ModifierAnswer> = item
        .modifiers
        .iter()
        .map(|group| modifier_answer(group, languages, &level))
        .collect();
    let consumes = menu.consumption(item);
    let stock = sellable(&consumes, &level);
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
        description: item.description.pick(languages).to_owned(),
        category: item.category.clone(),
        price: item.price,
        tax_rate: item.tax_rate,
        allergens: menu.allergens(item),
        diet: item.diet.clone(),
        energy_kj: item.energy_kj,
        station: item.station.clone(),
        image: item.image.clone(),
        consumes,
        modifiers,
        set: item.set.clone(),
        stock,
        available: choosable && stock != Some(0),
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
