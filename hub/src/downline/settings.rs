//! The settings of all sites as the database has them, each with its number.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, Result};
use serde::Deserialize as _;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use sunakku_common::keys::PublicKey;
use sunakku_common::menu::canonical;
use sunakku_common::site::{OpeningHours, Settings};
use sunakku_common::staff::{MAX_STAFF, PinVerifier, Revocation, StaffMember};

use crate::config;
use crate::identity::keys::published;
use crate::menus::wanted::read_zone;
use crate::sessions;

/// One site's row, and what was last numbered of it.
#[derive(sqlx::FromRow)]
struct Row {
    site_id: String,
    name: String,
    region: Option<String>,
    time_zone: String,
    currency: String,
    opening_hours: Option<Json<serde_json::Value>>,
    max_open_orders: Option<i64>,
    max_open_orders_per_device: Option<i64>,
    hash: String,
    revision: i64,
}

/// A person who has a PIN, in the order of names.
#[derive(sqlx::FromRow)]
struct Pin {
    name: String,
    display_name: String,
    role: String,
    pin_hash: String,
    site_id: Option<String>,
    region: Option<String>,
}

/// What all sites are told alike.
struct Common {
    keys: Vec<PublicKey>,
    revoked: Vec<Revocation>,
}

/// Settings that have no number yet.
pub(super) struct Unnumbered {
    settings: Settings,
    hash: String,
    /// The number that is theirs, if they are still those that were numbered last.
    revision: i64,
    is_new: bool,
}

/// Settings with their number.
pub(super) enum Settled {
    /// They are told by it.
    As(Box<Settings>),
    /// Another replica has numbered this site's meanwhile; what it read is to be told.
    Contested,
}

/// Settings of one site, or why they cannot be told.
pub(super) type OfSite<T> = (String, Result<T>);

/// Reads the settings of all sites that are not archived. All is to be read in one snapshot of the
/// database, with the numbers that they had last.
pub(super) async fn read(
    connection: &mut PgConnection,
    identity: &config::Identity,
) -> Result<Vec<OfSite<Unnumbered>>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select s.site_id, s.name, s.region, s.time_zone, s.currency, t.opening_hours,
                t.max_open_orders, t.max_open_orders_per_device,
                coalesce(r.hash, '') as hash, coalesce(r.revision, 0) as revision
         from site s left join site_settings t on t.site_id = s.site_id
              left join site_revision r on r.site_id = s.site_id
         where s.archived_at is null order by s.site_id",
    )
    .fetch_all(&mut *connection)
    .await?;
    let pins: Vec<Pin> = sqlx::query_as(
        "select name, display_name, role, pin_hash, site_id, region from person
         where pin_hash is not null and disabled_at is null and absent_since is null
         order by name",
    )
    .fetch_all(&mut *connection)
    .await?;
    let common = Common {
        keys: published(connection, identity.keys_kept()).await?,
        revoked: sessions::revocations(connection, identity.token_life()).await?,
    };
    let staff = Staff::of(&pins);
    let read = |row: Row| {
        let settings = row.settings(&staff, &common);
        (row.site_id, settings)
    };
    Ok(rows.into_iter().map(read).collect())
}

impl Row {
    fn settings(&self, staff: &Staff, common: &Common) -> Result<Unnumbered> {
        let limit = |limit: Option<i64>| limit.and_then(|limit| u64::try_from(limit).ok());
        let hours = self.opening_hours.as_ref();
        let hours = hours.map(|Json(hours)| OpeningHours::deserialize(hours));
        let settings = Settings {
            site: self.site_id.parse()?,
            revision: 0,
            name: self.name.clone(),
            time_zone: read_zone(&self.time_zone)?,
            currency: self
                .currency
                .clone()
                .try_into()
                .map_err(anyhow::Error::msg)?,
            opening_hours: hours.transpose()?.unwrap_or_default(),
            max_open_orders: limit(self.max_open_orders),
            max_open_orders_per_device: limit(self.max_open_orders_per_device),
            keys: common.keys.clone(),
            staff: staff.at(&self.site_id, self.region.as_deref())?,
            revoked: common.revoked.clone(),
        };
        let hash = canonical::hash(&settings)?;
        let is_new = hash != self.hash;
        Ok(Unnumbered {
            settings,
            hash,
            revision: self.revision + i64::from(is_new),
            is_new,
        })
    }
}

/// Who has a PIN, by where it is good.
struct Staff<'a> {
    pins: &'a [Pin],
    by_site: HashMap<&'a str, Vec<usize>>,
    by_region: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Staff<'a> {
    fn of(pins: &'a [Pin]) -> Self {
        let mut staff = Self {
            pins,
            by_site: HashMap::new(),
            by_region: HashMap::new(),
        };
        for (at, pin) in pins.iter().enumerate() {
            if let Some(site) = &pin.site_id {
                staff.by_site.entry(site).or_default().push(at);
            }
            if let Some(region) = &pin.region {
                staff.by_region.entry(region).or_default().push(at);
            }
        }
        staff
    }

    /// The people who may work at a site: its own, and the managers of its region.
    fn at(&self, site: &str, region: Option<&str>) -> Result<Vec<StaffMember>> {
        let own = self.by_site.get(site);
        let of_region = region.and_then(|region| self.by_region.get(region));
        let mut at: Vec<usize> = own
            .into_iter()
            .chain(of_region)
            .flatten()
            .copied()
            .collect();
        at.sort_unstable();
        at.dedup();
        at.truncate(MAX_STAFF);
        at.into_iter().map(|at| self.pins[at].member()).collect()
    }
}

impl Pin {
    fn member(&self) -> Result<StaffMember> {
        let role = self.role.parse().map_err(anyhow::Error::msg);
        Ok(StaffMember {
            name: self.name.clone(),
            display_name: self.display_name.clone(),
            role: role.with_context(|| format!("the role of {}", self.name))?,
            pin: PinVerifier::new(self.pin_hash.clone()),
        })
    }
}

/// Raises the numbers of those that are not what was numbered last, all at once. Whoever reads older
/// settings beside another replica finds another number than it has read, and does not raise it.
pub(super) async fn number(
    pool: &PgPool,
    all: Vec<OfSite<Unnumbered>>,
) -> Result<Vec<OfSite<Settled>>> {
    let (mut sites, mut hashes, mut revisions) = (Vec::new(), Vec::new(), Vec::new());
    for (site, settings) in &all {
        if let Ok(settings) = settings
            && settings.is_new
        {
            sites.push(site.as_str());
            hashes.push(settings.hash.as_str());
            revisions.push(settings.revision);
        }
    }
    let numbered: Vec<String> = if sites.is_empty() {
        Vec::new()
    } else {
        sqlx::query_scalar(
            "insert into site_revision as r (site_id, hash, revision)
             select * from unnest($1::text[], $2::text[], $3::bigint[])
             on conflict (site_id) do update
                 set hash = excluded.hash, revision = excluded.revision
                 where r.revision = excluded.revision - 1
             returning site_id",
        )
        .bind(sites)
        .bind(hashes)
        .bind(revisions)
        .fetch_all(pool)
        .await?
    };
    let numbered: HashSet<String> = numbered.into_iter().collect();
    let settle = |(site, settings): OfSite<Unnumbered>| {
        let settled = settings.and_then(|settings| settings.settle(&numbered, &site));
        (site, settled)
    };
    Ok(all.into_iter().map(settle).collect())
}

impl Unnumbered {
    fn settle(self, numbered: &HashSet<String>, site: &str) -> Result<Settled> {
        if self.is_new && !numbered.contains(site) {
            return Ok(Settled::Contested);
        }
        Ok(Settled::As(Box::new(Settings {
            revision: self.revision.try_into()?,
            ..self.settings
        })))
    }
}
