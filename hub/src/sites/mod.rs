//! The cafeterias: what is known of each, and which box may speak for it.

pub(crate) mod enrolment;
mod limiter;
pub(crate) mod renewal;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use sunakku_common::ids::SiteId;
use sunakku_common::money::Currency;
use sunakku_common::problem::Problem;
use sunakku_common::text::is_printable;

use crate::answer::{Answer, OrProblem as _};
use crate::audit::Entry;
use crate::author::Author;
use crate::change::{Begun, Change};
pub use limiter::Limiter;

/// A site that was not heard for as long counts as silent; it beats every few seconds.
pub(crate) const SILENT_AFTER_SECONDS: f64 = 30.0;
/// Characters of a name or region at most.
const MAX_NAME: usize = 100;

/// What is known of a site, beside its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// What people call it.
    pub(crate) name: String,
    /// What it is grouped by.
    #[serde(default)]
    pub(crate) region: Option<String>,
    /// IANA name, such as `Europe/Berlin`.
    #[schema(value_type = String, example = "Europe/Berlin")]
    pub(crate) time_zone: Tz,
    /// ISO 4217 code: all its amounts are in it.
    pub(crate) currency: Currency,
}

impl About {
    /// Refuses what nobody could read.
    pub(crate) fn check(&self) -> Answer<()> {
        for (what, text) in [("name", Some(&self.name)), ("region", self.region.as_ref())] {
            let Some(text) = text else { continue };
            let odd = text.trim().is_empty() || text.chars().count() > MAX_NAME;
            if odd || !is_printable(text) {
                let detail = format!("{what}: 1 to {MAX_NAME} printable characters");
                return Err(Problem::unprocessable("invalid-body", detail));
            }
        }
        Ok(())
    }
}

/// A site, as a change answers it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Known {
    /// Its id.
    #[schema(value_type = String)]
    pub(crate) id: SiteId,
    /// What is known of it.
    #[serde(flatten)]
    pub(crate) about: About,
    /// Since when it is archived.
    pub(crate) archived_at: Option<DateTime<Utc>>,
}

/// The site, locked until the change ends.
///
/// # Errors
/// 404 when there is none.
pub(crate) async fn lock(connection: &mut PgConnection, site: &SiteId) -> Answer<Known> {
    let known = find(connection, site).await?;
    known.ok_or_else(|| Problem::not_found(format!("There is no site {site}.")))
}

async fn find(connection: &mut PgConnection, site: &SiteId) -> Answer<Option<Known>> {
    type Row = (
        String,
        Option<String>,
        String,
        String,
        Option<DateTime<Utc>>,
    );
    let row: Option<Row> = sqlx::query_as(
        "select name, region, time_zone, currency, archived_at from site where site_id = $1
         for no key update",
    )
    .bind(site.as_str())
    .fetch_optional(connection)
    .await
    .or_problem()?;
    let Some((name, region, time_zone, currency, archived_at)) = row else {
        return Ok(None);
    };
    let about = About {
        name,
        region,
        time_zone: time_zone.parse().map_err(|_| Problem::internal())?,
        currency: currency.try_into().map_err(|_| Problem::internal())?,
    };
    Ok(Some(Known {
        id: site.clone(),
        about,
        archived_at,
    }))
}

/// Makes a site known.
///
/// # Errors
/// 409 `site-exists`.
pub(crate) async fn create(change: &mut Change, site: &SiteId, about: &About) -> Answer<Known> {
    about.check()?;
    let made = sqlx::query(
        "insert into site (site_id, name, region, time_zone, currency) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
    )
    .bind(site.as_str())
    .bind(&about.name)
    .bind(&about.region)
    .bind(about.time_zone.name())
    .bind(about.currency.code())
    .execute(change.connection())
    .await
    .or_problem()?;
    if made.rows_affected() == 0 {
        let detail = format!("There is a site {site} already: PATCH /v1/sites/{site} changes it.");
        return Err(Problem::conflict("site-exists", detail));
    }
    note(change, site, "site.create", None, Some(json!(about))).await?;
    Ok(Known {
        id: site.clone(),
        about: about.clone(),
        archived_at: None,
    })
}

/// Changes what is known of a site.
///
/// # Errors
/// 404 when there is none, 409 `currency-in-use`.
pub(crate) async fn change(
    change: &mut Change,
    site: &SiteId,
    to: impl FnOnce(About) -> About,
) -> Answer<Known> {
    let known = lock(change.connection(), site).await?;
    let about = to(known.about.clone());
    about.check()?;
    if about.currency != known.about.currency {
        refuse_if_in_use(change.connection(), site).await?;
    }
    if about == known.about {
        return Ok(known);
    }
    sqlx::query(
        "update site set name = $2, region = $3, time_zone = $4, currency = $5 where site_id = $1",
    )
    .bind(site.as_str())
    .bind(&about.name)
    .bind(&about.region)
    .bind(about.time_zone.name())
    .bind(about.currency.code())
    .execute(change.connection())
    .await
    .or_problem()?;
    let before = Some(json!(known.about));
    note(change, site, "site.change", before, Some(json!(about))).await?;
    Ok(Known { about, ..known })
}

/// A currency that amounts are in already stays.
async fn refuse_if_in_use(connection: &mut PgConnection, site: &SiteId) -> Answer<()> {
    let is_in_use: bool = sqlx::query_scalar(
        "select exists (select from site where site_id = $1 and menu_id is not null)
             or exists (select from site_order where site_id = $1)",
    )
    .bind(site.as_str())
    .fetch_one(connection)
    .await
    .or_problem()?;
    if is_in_use {
        let detail = format!(
            "Site {site} has a menu or orders in its currency. Create another site for another one."
        );
        return Err(Problem::conflict("currency-in-use", detail));
    }
    Ok(())
}

/// Creates the site, or changes what is known of it, at the command of who uses the program itself.
///
/// # Errors
/// As [`create`] and [`change`] do; for people.
pub(crate) async fn add_by_command(
    pool: &PgPool,
    site: &SiteId,
    about: &About,
) -> anyhow::Result<()> {
    let add = async || {
        let begun = Change::begin(pool, &Author::command(), &()).await?;
        let Begun::New(mut adding) = begun else {
            // There is no key to have been used before.
            return Err(Problem::internal());
        };
        match find(adding.connection(), site).await? {
            None => create(&mut adding, site, about).await?,
            Some(_) => change(&mut adding, site, |_| about.clone()).await?,
        };
        adding.commit_unkept().await
    };
    let added: Answer<()> = add().await;
    added.map_err(|problem| anyhow::anyhow!(problem.detail))
}

/// Archives a site, whose box is not let in any more, or takes it out of the archive.
///
/// # Errors
/// 404 when there is none.
pub(crate) async fn archive(change: &mut Change, site: &SiteId, archive: bool) -> Answer<Known> {
    let known = lock(change.connection(), site).await?;
    if known.archived_at.is_some() == archive {
        return Ok(known);
    }
    if archive {
        enrolment::end(change, site, "archived").await?;
    }
    let archived_at: Option<DateTime<Utc>> = sqlx::query_scalar(
        "update site set archived_at = case when $2 then now() end where site_id = $1
         returning archived_at",
    )
    .bind(site.as_str())
    .bind(archive)
    .fetch_one(change.connection())
    .await
    .or_problem()?;
    let action = if archive {
        "site.archive"
    } else {
        "site.unarchive"
    };
    note(change, site, action, None, None).await?;
    Ok(Known {
        archived_at,
        ..known
    })
}

/// 409 for what an archived site does not get.
pub(crate) fn refuse_archived(known: &Known) -> Answer<()> {
    match known.archived_at {
        None => Ok(()),
        Some(_) => Err(archived(&known.id)),
    }
}

/// The answer to what an archived site does not get.
pub(crate) fn archived(site: &SiteId) -> Problem {
    let detail = format!("Site {site} is archived: POST /v1/sites/{site}/unarchive first.");
    Problem::new(StatusCode::CONFLICT, "site-archived", detail)
}

async fn note(
    change: &mut Change,
    site: &SiteId,
    action: &str,
    before: Option<Value>,
    after: Option<Value>,
) -> Answer<()> {
    let object = format!("site/{site}");
    change
        .audit(Entry {
            action,
            object: &object,
            before,
            after,
        })
        .await
}

/// Forgets tokens and processes that nobody will come with any more.
///
/// # Errors
/// When the database fails.
pub(crate) async fn forget(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("delete from enrolment_token where expires_at < now() - interval '30 days'")
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "delete from site_instance
         where state <> 'current' and last_seen_at < now() - interval '30 days'",
    )
    .execute(connection)
    .await?;
    Ok(())
}
