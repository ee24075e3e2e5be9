//! What a site is to run: the one place from which menus go down.

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use sqlx::PgPool;
use sqlx::types::Json;
use sunakku_common::ids::SiteId;
use sunakku_common::menu::{Menu, Overrides, canonical};

use super::schedule::{Effect, Timing, plan};

/// Postgres notifies this channel, with the menu's code, when a site may have another menu to run
/// than before.
pub const CHANNEL: &str = "sunakku_menu";

/// What a site is to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Now; `None` before the first version takes effect.
    pub now: Option<Snapshot>,
    /// What takes its place, and when.
    pub next: Option<(DateTime<Utc>, Snapshot)>,
}

/// One version of a menu as one site has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Counts up per menu (`menu.id`); a site that is given another menu begins with its version.
    pub version: u64,
    /// SHA-256 of `menu` ([`canonical::hash`]).
    pub hash: String,
    /// Everything that the site needs to sell.
    pub menu: Menu,
}

/// What the site is to run now and next; `None` when it is not known, has no menu, or nothing was
/// published of its menu.
///
/// # Errors
/// When the database fails.
pub async fn wanted(pool: &PgPool, site: &SiteId) -> Result<Option<Wanted>, sqlx::Error> {
    wanted_at(pool, site, Utc::now()).await
}

/// The same as of a moment.
///
/// # Errors
/// When the database fails.
pub async fn wanted_at(
    pool: &PgPool,
    site: &SiteId,
    now: DateTime<Utc>,
) -> Result<Option<Wanted>, sqlx::Error> {
    let known: Option<(String, Option<String>, String)> = sqlx::query_as(
        "select menu_id, region, time_zone from site where site_id = $1 and menu_id is not null
             and archived_at is null",
    )
    .bind(site.as_str())
    .fetch_optional(pool)
    .await?;
    let Some((menu, region, zone)) = known else {
        return Ok(None);
    };
    let zone = read_zone(&zone)?;
    let plan = plan(&timings(pool, &menu).await?, zone, now);
    if plan.now.is_none() && plan.next.is_none() {
        return Ok(None);
    }
    let snapshot = async |version| {
        let (document, overrides) = content(pool, &menu, version).await?;
        snapshot(&document, &overrides, version, region.as_deref(), site)
    };
    let current = match plan.now {
        Some(version) => Some(snapshot(version).await?),
        None => None,
    };
    let next = match plan.next {
        Some((version, at)) => Some((at, snapshot(version).await?)),
        None => None,
    };
    Ok(Some(Wanted { now: current, next }))
}

/// When each version of a menu takes effect, in their order.
pub(crate) async fn timings(
    pool: impl sqlx::PgExecutor<'_>,
    menu: &str,
) -> Result<Vec<Timing>, sqlx::Error> {
    let rows: Vec<(i64, Option<DateTime<Utc>>, Option<NaiveDateTime>)> = sqlx::query_as(
        "select version, at, at_local from menu_version where menu_id = $1 order by version",
    )
    .bind(menu)
    .fetch_all(pool)
    .await?;
    let timing = |(version, at, at_local)| {
        let effect = Effect::of(at, at_local)?;
        Some(Timing { version, effect })
    };
    Ok(rows.into_iter().filter_map(timing).collect())
}

/// What was published as a version.
pub(crate) async fn content(
    pool: impl sqlx::PgExecutor<'_>,
    menu: &str,
    version: i64,
) -> Result<(Menu, Overrides), sqlx::Error> {
    let (Json(document), Json(overrides)) = sqlx::query_as(
        "select document, overrides from menu_version where menu_id = $1 and version = $2",
    )
    .bind(menu)
    .bind(version)
    .fetch_one(pool)
    .await?;
    Ok((document, overrides))
}

/// A version as a site of this region has it.
pub(crate) fn snapshot(
    document: &Menu,
    overrides: &Overrides,
    version: i64,
    region: Option<&str>,
    site: &SiteId,
) -> Result<Snapshot, sqlx::Error> {
    let mut menu = overrides.effective(document, region, site);
    menu.version = u64::try_from(version).unwrap_or(0);
    let hash = canonical::hash(&menu).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Snapshot {
        version: menu.version,
        hash,
        menu,
    })
}

/// A site's time zone as it is stored.
pub(crate) fn read_zone(zone: &str) -> Result<Tz, sqlx::Error> {
    zone.parse::<Tz>()
        .map_err(|error| sqlx::Error::Decode(error.to_string().into()))
}
