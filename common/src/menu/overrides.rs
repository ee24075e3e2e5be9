//! What a region or a site has otherwise than the organisation's menu, and the menu that a site
//! gets of it. A value set for the site goes before one set for its region, and that before the
//! menu's own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Item, Menu, Schedule};
use crate::ids::SiteId;
use crate::money::Minor;
use crate::state::text_enum;

text_enum!(
    /// Where a value of a site's menu comes from.
    Level {
        /// The menu itself.
        Organisation = "organisation",
        /// An override of the site's region.
        Region = "region",
        /// An override of the site.
        Site = "site",
    }
);

/// What is otherwise about one item; what is not given is inherited.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Price of one without options, minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Minor>,
    /// Whether it is offered at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<bool>,
    /// Code of the station that makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub station: Option<String>,
    /// When it is offered, in place of the item's own schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

/// All overrides of a menu: by region or site, then by item.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Overrides {
    /// By region.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub regions: BTreeMap<String, BTreeMap<String, Override>>,
    /// By site.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sites: BTreeMap<String, BTreeMap<String, Override>>,
}

/// Where the values of one item of a site's menu come from that can be overridden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ItemOrigin {
    /// Of its price.
    pub price: Level,
    /// Of whether it is offered at all.
    pub available: Level,
    /// Of its station.
    pub station: Level,
    /// Of its schedule.
    pub schedule: Level,
}

impl Override {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Overrides {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// Every override with its scope (`regions.<region>` or `sites.<site>`) and its item.
    pub fn all(&self) -> impl Iterator<Item = (String, &String, &Override)> {
        let of = |kind: &'static str, scopes| {
            let scopes: &BTreeMap<String, BTreeMap<String, Override>> = scopes;
            scopes.iter().flat_map(move |(scope, items)| {
                let scope = format!("{kind}.{scope}");
                items
                    .iter()
                    .map(move |(item, over)| (scope.clone(), item, over))
            })
        };
        of("regions", &self.regions).chain(of("sites", &self.sites))
    }

    /// Takes away what is set for an item that is no more.
    pub fn forget_item(&mut self, item: &str) {
        for scopes in [&mut self.regions, &mut self.sites] {
            for items in scopes.values_mut() {
                items.remove(item);
            }
            scopes.retain(|_, items| !items.is_empty());
        }
    }

    /// What is set for an item of a site, the nearest last.
    fn of<'a>(
        &'a self,
        item: &str,
        region: Option<&str>,
        site: &SiteId,
    ) -> impl Iterator<Item = (Level, &'a Override)> {
        let region = region.and_then(|region| self.regions.get(region)?.get(item));
        let site = self
            .sites
            .get(site.as_str())
            .and_then(|items| items.get(item));
        let region = region.map(|over| (Level::Region, over));
        region
            .into_iter()
            .chain(site.map(|over| (Level::Site, over)))
    }

    /// The menu that a site of this region sells by.
    pub fn effective(&self, menu: &Menu, region: Option<&str>, site: &SiteId) -> Menu {
        let mut menu = menu.clone();
        for item in &mut menu.items {
            self.apply(item, region, site);
        }
        menu
    }

    /// Where each value of a site's items comes from, in the order of the menu's items.
    pub fn origins(&self, menu: &Menu, region: Option<&str>, site: &SiteId) -> Vec<ItemOrigin> {
        let mut menu = menu.clone();
        let items = menu.items.iter_mut();
        items.map(|item| self.apply(item, region, site)).collect()
    }

    fn apply(&self, item: &mut Item, region: Option<&str>, site: &SiteId) -> ItemOrigin {
        let mut origin = ItemOrigin {
            price: Level::Organisation,
            available: Level::Organisation,
            station: Level::Organisation,
            schedule: Level::Organisation,
        };
        let id = item.id.clone();
        for (level, over) in self.of(&id, region, site) {
            set(&mut item.price, &over.price, &mut origin.price, level);
            set(
                &mut item.available,
                &over.available,
                &mut origin.available,
                level,
            );
            set(&mut item.station, &over.station, &mut origin.station, level);
            set(
                &mut item.schedule,
                &over.schedule,
                &mut origin.schedule,
                level,
            );
        }
        origin
    }
}

fn set<T: Clone>(value: &mut T, over: &Option<T>, origin: &mut Level, level: Level) {
    if let Some(over) = over {
        value.clone_from(over);
        *origin = level;
    }
}

#[cfg(test)]
#[path = "overrides_tests.rs"]
mod tests;
