//! What each site is to run: the one place from which menus go down.
//!
//! Sites of one region without overrides of their own sell by the same menu, so each version is
//! read once, and each distinct menu is made once, however many sites there are.

use std::collections::{HashMap, HashSet};

use anyhow::{Result, anyhow};
use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use sqlx::PgConnection;
use sqlx::types::Json;
use sunakku_common::down::MenuVersion;
use sunakku_common::ids::SiteId;
use sunakku_common::menu::{Menu, Overrides};

use super::schedule::{Effect, Plan, Timing, plan};

/// What a site is to run.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Code of the menu.
    pub code: String,
    /// Now; `None` before the first version takes effect.
    pub now: Option<MenuVersion>,
    /// What takes its place, and when.
    pub next: Option<(DateTime<Utc>, MenuVersion)>,
}

/// A site that has a menu.
#[derive(sqlx::FromRow)]
struct Seller {
    site_id: String,
    menu_id: String,
    region: Option<String>,
    time_zone: String,
}

/// What was published as a version, or why it cannot be used.
type Published = Result<(Menu, Overrides), String>;

/// What all sites are to run.
pub struct All {
    sellers: HashMap<String, (Seller, Result<Plan, String>)>,
    published: HashMap<(String, i64), Published>,
    /// By version, region and site, as far as they make a difference.
    made: HashMap<Distinct, Result<MenuVersion, String>>,
}

type Distinct = (String, i64, Option<String>, Option<String>);

impl All {
    /// Reads what is to run where as of a moment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(
        connection: &mut PgConnection,
        now: DateTime<Utc>,
    ) -> Result<Self, sqlx::Error> {
        let sellers: Vec<Seller> = sqlx::query_as(
            "select site_id, menu_id, region, time_zone from site
             where menu_id is not null and archived_at is null",
        )
        .fetch_all(&mut *connection)
        .await?;
        let menus: HashSet<&str> = sellers.iter().map(|seller| &*seller.menu_id).collect();
        let menus: Vec<&str> = menus.into_iter().collect();
        let timings = timings_of(&mut *connection, &menus).await?;
        let planned = |seller: Seller| {
            let timings = timings.get(&seller.menu_id).map_or(&[][..], Vec::as_slice);
            let zone = read_zone(&seller.time_zone).map_err(|error| error.to_string());
            let plan = zone.map(|zone| plan(timings, zone, now));
            (seller.site_id.clone(), (seller, plan))
        };
        let sellers: HashMap<_, _> = sellers.into_iter().map(planned).collect();
        let versions = sellers.values().flat_map(|(seller, plan)| {
            let plan = plan.as_ref().ok().copied().unwrap_or_default();
            let next = plan.next.map(|(version, _)| version);
            let versions = plan.now.into_iter().chain(next);
            versions.map(|version| (seller.menu_id.clone(), version))
        });
        let versions: HashSet<(String, i64)> = versions.collect();
        Ok(Self {
            published: published(connection, &versions).await?,
            sellers,
            made: HashMap::new(),
        })
    }

    /// The next moment at which a version takes effect anywhere.
    pub(crate) fn next(&self) -> Option<DateTime<Utc>> {
        let plans = self
            .sellers
            .values()
            .filter_map(|(_, plan)| plan.as_ref().ok());
        plans.filter_map(|plan| Some(plan.next?.1)).min()
    }

    /// What a site is to run; `None` when it has no menu, or nothing was published of it.
    ///
    /// # Errors
    /// When its menu cannot be used; what others are to run is not touched by it.
    pub fn of(&mut self, site: &SiteId) -> Result<Option<Wanted>> {
        let Some((seller, plan)) = self.sellers.get(site.as_str()) else {
            return Ok(None);
        };
        let plan = plan.clone().map_err(|error| anyhow!(error))?;
        if plan.now.is_none() && plan.next.is_none() {
            return Ok(None);
        }
        let (published, made) = (&self.published, &mut self.made);
        let mut version = |version| version_of(published, made, seller, site, version);
        Ok(Some(Wanted {
            code: seller.menu_id.clone(),
            now: plan.now.map(&mut version).transpose()?,
            next: match plan.next {
                Some((next, at)) => Some((at, version(next)?)),
                None => None,
            },
        }))
    }
}

/// A version as a site has it, made at the first site that has it like that.
fn version_of(
    published: &HashMap<(String, i64), Published>,
    made: &mut HashMap<Distinct, Result<MenuVersion, String>>,
    seller: &Seller,
    site: &SiteId,
    version: i64,
) -> Result<MenuVersion> {
    let unusable = |error: &String| anyhow!("version {version} of {}: {error}", seller.menu_id);
    let (document, overrides) = published
        .get(&(seller.menu_id.clone(), version))
        .ok_or_else(|| unusable(&"it is gone".to_owned()))?
        .as_ref()
        .map_err(unusable)?;
    let region = seller.region.as_deref();
    let own = overrides.sites.contains_key(site.as_str());
    let key = (
        seller.menu_id.clone(),
        version,
        region
            .filter(|region| overrides.regions.contains_key(*region))
            .map(str::to_owned),
        own.then(|| seller.site_id.clone()),
    );
    let make = || {
        let menu = effective(document, overrides, version, region, site);
        MenuVersion::of(&menu).map_err(|error| error.to_string())
    };
    let made = made.entry(key).or_insert_with(make);
    made.clone().map_err(|error| unusable(&error))
}

/// When each version of a menu takes effect, in their order.
pub(crate) async fn timings(
    connection: impl sqlx::PgExecutor<'_>,
    menu: &str,
) -> Result<Vec<Timing>, sqlx::Error> {
    let mut all = timings_of(connection, &[menu]).await?;
    Ok(all.remove(menu).unwrap_or_default())
}

/// The same of several menus.
pub(crate) async fn timings_of(
    executor: impl sqlx::PgExecutor<'_>,
    menus: &[&str],
) -> Result<HashMap<String, Vec<Timing>>, sqlx::Error> {
    type Row = (String, i64, Option<DateTime<Utc>>, Option<NaiveDateTime>);
    let rows: Vec<Row> = sqlx::query_as(
        "select menu_id, version, at, at_local from menu_version where menu_id = any($1)
         order by menu_id, version",
    )
    .bind(menus)
    .fetch_all(executor)
    .await?;
    let mut all: HashMap<String, Vec<Timing>> = HashMap::new();
    for (menu, version, at, at_local) in rows {
        if let Some(effect) = Effect::of(at, at_local) {
            let timings = all.entry(menu).or_default();
            timings.push(Timing { version, effect });
        }
    }
    Ok(all)
}

/// What was published as these versions. Each is read by itself: one that this program cannot read
/// holds up no other.
async fn published(
    executor: impl sqlx::PgExecutor<'_>,
    versions: &HashSet<(String, i64)>,
) -> Result<HashMap<(String, i64), Published>, sqlx::Error> {
    let (menus, numbers): (Vec<&str>, Vec<i64>) = versions
        .iter()
        .map(|(menu, version)| (menu.as_str(), *version))
        .unzip();
    let rows: Vec<(String, i64, String, String)> = sqlx::query_as(
        "select menu_id, version, document::text, overrides::text
         from menu_version join unnest($1::text[], $2::bigint[]) as w (menu_id, version)
              using (menu_id, version)",
    )
    .bind(menus)
    .bind(numbers)
    .fetch_all(executor)
    .await?;
    let read = |document: &str, overrides: &str| {
        anyhow::Ok((
            serde_json::from_str(document)?,
            serde_json::from_str(overrides)?,
        ))
    };
    let rows = rows.into_iter();
    let entry = |(menu, version, document, overrides): (_, _, String, String)| {
        let read = read(&document, &overrides).map_err(|error| error.to_string());
        ((menu, version), read)
    };
    Ok(rows.map(entry).collect())
}

/// What was published as a version.
pub(crate) async fn content(
    executor: impl sqlx::PgExecutor<'_>,
    menu: &str,
    version: i64,
) -> Result<(Menu, Overrides), sqlx::Error> {
    let (Json(document), Json(overrides)) = sqlx::query_as(
        "select document, overrides from menu_version where menu_id = $1 and version = $2",
    )
    .bind(menu)
    .bind(version)
    .fetch_one(executor)
    .await?;
    Ok((document, overrides))
}

/// A version as a site of this region has it.
pub(crate) fn effective(
    document: &Menu,
    overrides: &Overrides,
    version: i64,
    region: Option<&str>,
    site: &SiteId,
) -> Menu {
    let mut menu = overrides.effective(document, region, site);
    menu.version = u64::try_from(version).unwrap_or(0);
    menu
}

/// A site's time zone as it is stored.
pub(crate) fn read_zone(zone: &str) -> Result<Tz, sqlx::Error> {
    zone.parse::<Tz>()
        .map_err(|error| sqlx::Error::Decode(error.to_string().into()))
}
