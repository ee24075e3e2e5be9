//! Keeps what every site is to read as the database wants it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::Client;
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};
use sunakku_common::down::{MenuDown, MenuVersion, NextMenu};
use sunakku_common::ids::SiteId;
use sunakku_common::menu::canonical;
use sunakku_common::site::{OpeningHours, Settings};
use sunakku_common::staff::{MAX_STAFF, PinVerifier, StaffMember};
use sunakku_common::subjects::Bucket;
use tokio::time::timeout;

use super::bucket::{self, Open};
use crate::config;
use crate::identity::keys::published;
use crate::menus::wanted::{self, Snapshot, wanted};
use crate::sessions;

/// Sites that are worked on at a time.
const AT_ONCE: usize = 4;
/// How long one round may take.
const ROUND_LIMIT: Duration = Duration::from_secs(120);
/// After the moment at which a version takes effect, so that it has.
const MARGIN: Duration = Duration::from_millis(50);

/// The task.
pub(super) struct Rollout {
    client: Client,
    pool: PgPool,
    identity: config::Identity,
}

impl Rollout {
    pub(super) fn new(client: Client, pool: PgPool, identity: config::Identity) -> Self {
        Self {
            client,
            pool,
            identity,
        }
    }

    /// Compares and mends. Answers how long it is until the next version takes effect anywhere.
    pub(super) async fn round(&mut self) -> Result<Option<Duration>> {
        timeout(ROUND_LIMIT, self.all_sites())
            .await
            .context("a round took too long")?
    }

    async fn all_sites(&self) -> Result<Option<Duration>> {
        let sites: Vec<(String, bool)> =
            sqlx::query_as("select site_id, archived_at is not null from site order by site_id")
                .fetch_all(&self.pool)
                .await?;
        if sites.is_empty() {
            return Ok(None);
        }
        let menus = bucket::open(&self.client, Bucket::Menu).await?;
        let settings = bucket::open(&self.client, Bucket::Site).await?;
        let one = async |(site, is_archived): (String, bool)| {
            let done = match is_archived {
                true => clear(&site, [&menus, &settings]).await.map(|()| None),
                false => self.site(&site, &menus, &settings).await,
            };
            done.with_context(|| format!("site {site}"))
        };
        let mut done = futures::stream::iter(sites)
            .map(one)
            .buffer_unordered(AT_ONCE);
        let (mut next, mut failed) = (None::<DateTime<Utc>>, None);
        while let Some(site) = done.next().await {
            match site {
                Ok(at) => next = next.into_iter().chain(at).min(),
                // The others go on: one bad menu holds up nobody else.
                Err(error) => {
                    tracing::warn!("what a site is to read was not kept up: {error:#}");
                    failed = Some(error);
                }
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(next.map(|at| (at - Utc::now()).to_std().unwrap_or_default() + MARGIN)),
        }
    }

    async fn site(
        &self,
        site: &str,
        menus: &Open,
        buckets: &Open,
    ) -> Result<Option<DateTime<Utc>>> {
        let site: SiteId = site.parse()?;
        let held = buckets.held(&site).await?;
        let settings = self.settings(&site).await?;
        buckets
            .write(&site, &held, serde_json::to_vec(&settings)?)
            .await?;
        let held = menus.held(&site).await?;
        let Some(down) = self.menu(&site).await? else {
            menus.clear(&site, &held).await?;
            return Ok(None);
        };
        let next = down.next.as_ref().map(|next| next.at);
        if menus
            .write(&site, &held, serde_json::to_vec(&down)?)
            .await?
        {
            let version = down.current.map(|menu| menu.version);
            tracing::info!(site.id = %site, ?version, "a menu goes down");
        }
        Ok(next)
    }

    async fn menu(&self, site: &SiteId) -> Result<Option<MenuDown>> {
        let Some(wanted) = wanted(&self.pool, site).await? else {
            return Ok(None);
        };
        let wanted::Wanted { now, next } = wanted;
        let code = now.as_ref().or(next.as_ref().map(|(_, next)| next));
        let code = code.map(|snapshot| snapshot.menu.id.clone());
        let version = |snapshot: Snapshot| MenuVersion::of(&snapshot.menu);
        Ok(Some(MenuDown {
            site: site.clone(),
            code: code.unwrap_or_default(),
            current: now.map(version).transpose()?,
            next: match next {
                Some((at, snapshot)) => Some(NextMenu {
                    at,
                    menu: version(snapshot)?,
                }),
                None => None,
            },
        }))
    }

    /// The site's settings with their revision, which is raised when they are not those of before.
    async fn settings(&self, site: &SiteId) -> Result<Settings> {
        let mut tx = self.pool.begin().await?;
        sqlx::query(
            "insert into site_revision (site_id, hash, revision) values ($1, '', 0)
             on conflict do nothing",
        )
        .bind(site.as_str())
        .execute(&mut *tx)
        .await?;
        // Locked before the settings are read: two replicas number them one after the other.
        let (hash, revision): (String, i64) = sqlx::query_as(
            "select hash, revision from site_revision where site_id = $1 for update",
        )
        .bind(site.as_str())
        .fetch_one(&mut *tx)
        .await?;
        let mut settings = read_settings(&mut tx, site, &self.identity).await?;
        let now = canonical::hash(&settings)?;
        let revision = if now == hash {
            revision
        } else {
            sqlx::query("update site_revision set hash = $2, revision = $3 where site_id = $1")
                .bind(site.as_str())
                .bind(&now)
                .bind(revision + 1)
                .execute(&mut *tx)
                .await?;
            revision + 1
        };
        tx.commit().await?;
        settings.revision = revision.try_into()?;
        Ok(settings)
    }
}

/// Leaves an archived site nothing to read.
async fn clear(site: &str, buckets: [&Open; 2]) -> Result<()> {
    let site: SiteId = site.parse()?;
    for bucket in buckets {
        let held = bucket.held(&site).await?;
        bucket.clear(&site, &held).await?;
    }
    Ok(())
}

/// The settings as they stand, with no revision yet.
async fn read_settings(
    connection: &mut PgConnection,
    site: &SiteId,
    identity: &config::Identity,
) -> Result<Settings> {
    type Row = (
        String,
        String,
        String,
        Option<Json<OpeningHours>>,
        Option<i64>,
        Option<i64>,
    );
    let row: Row = sqlx::query_as(
        "select s.name, s.time_zone, s.currency, t.opening_hours, t.max_open_orders,
                t.max_open_orders_per_device
         from site s left join site_settings t on t.site_id = s.site_id
         where s.site_id = $1",
    )
    .bind(site.as_str())
    .fetch_one(&mut *connection)
    .await?;
    let (name, zone, currency, hours, orders, per_device) = row;
    let limit = |limit: Option<i64>| limit.and_then(|limit| u64::try_from(limit).ok());
    Ok(Settings {
        site: site.clone(),
        revision: 0,
        name,
        time_zone: wanted::read_zone(&zone)?,
        currency: currency.try_into().map_err(anyhow::Error::msg)?,
        opening_hours: hours.map(|Json(hours)| hours).unwrap_or_default(),
        max_open_orders: limit(orders),
        max_open_orders_per_device: limit(per_device),
        keys: published(connection, identity.keys_kept()).await?,
        staff: staff(connection, site).await?,
        revoked: sessions::revocations(connection, identity.token_life()).await?,
    })
}

/// The people who may work at a site and have a PIN: its own, and the managers of its region.
async fn staff(connection: &mut PgConnection, site: &SiteId) -> Result<Vec<StaffMember>> {
    let rows: Vec<(String, String, String, String)> = sqlx::query_as(
        "select p.name, p.display_name, p.role, p.pin_hash
         from person p join site s on s.site_id = $1
         where p.pin_hash is not null and p.disabled_at is null
           and p.absent_since is null
           and (p.site_id = s.site_id or p.region = s.region)
         order by p.name limit $2",
    )
    .bind(site.as_str())
    .bind(i64::try_from(MAX_STAFF)?)
    .fetch_all(connection)
    .await?;
    let member = |(name, display_name, role, pin): (String, String, String, String)| {
        Ok(StaffMember {
            name,
            display_name,
            role: role.parse().map_err(anyhow::Error::msg)?,
            pin: PinVerifier::new(pin),
        })
    };
    rows.into_iter().map(member).collect()
}
