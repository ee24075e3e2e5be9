//! Published versions in the store. A row never changes: the database refuses it.

use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Tz;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use sunakku_common::menu::MenuFault;

use super::content::Content;
use super::schedule::Effect;
use super::wanted::{content, read_zone};

/// A version that is to be published.
pub(crate) struct NewVersion<'a> {
    pub(crate) menu: &'a str,
    pub(crate) version: i64,
    pub(crate) content: &'a Content,
    pub(crate) hash: &'a str,
    pub(crate) note: &'a str,
    pub(crate) author: &'a str,
    pub(crate) effect: Effect,
    pub(crate) restores: Option<i64>,
}

/// What is known of a version beside its content.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct VersionRow {
    pub(crate) version: i64,
    pub(crate) content_hash: String,
    pub(crate) note: String,
    pub(crate) author: String,
    pub(crate) published_at: DateTime<Utc>,
    pub(crate) at: Option<DateTime<Utc>>,
    pub(crate) at_local: Option<NaiveDateTime>,
    pub(crate) restores: Option<i64>,
}

/// Stores a version while the draft is locked, and gives when it was published.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &NewVersion<'_>,
) -> Result<DateTime<Utc>, sqlx::Error> {
    sqlx::query_scalar(
        "insert into menu_version (menu_id, version, document, overrides, content_hash, note,
                                   author, at, at_local, restores)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning published_at",
    )
    .bind(new.menu)
    .bind(new.version)
    .bind(Json(&new.content.document))
    .bind(Json(&new.content.overrides))
    .bind(new.hash)
    .bind(new.note)
    .bind(new.author)
    .bind(new.effect.at())
    .bind(new.effect.at_local())
    .bind(new.restores)
    .fetch_one(connection)
    .await
}

/// Versions of a menu, newest first, before `before`; one more than `limit`.
pub(crate) async fn list(
    executor: impl PgExecutor<'_>,
    menu: &str,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<VersionRow>, sqlx::Error> {
    sqlx::query_as(
        "select version, content_hash, note, author, published_at, at, at_local, restores
         from menu_version
         where menu_id = $1 and ($2::bigint is null or version < $2)
         order by version desc limit $3",
    )
    .bind(menu)
    .bind(before)
    .bind(limit as i64 + 1)
    .fetch_all(executor)
    .await
}

/// The content of a version; `None` when there is no such version.
pub(crate) async fn find(
    executor: impl PgExecutor<'_>,
    menu: &str,
    version: i64,
) -> Result<Option<Content>, sqlx::Error> {
    match content(executor, menu, version).await {
        Ok((document, overrides)) => {
            let content = Content {
                document,
                overrides,
            };
            Ok(Some(content.named(menu)))
        }
        Err(sqlx::Error::RowNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The zones in which a menu's sites lie; UTC while it has none.
pub(crate) async fn zones(
    executor: impl PgExecutor<'_>,
    menu: &str,
) -> Result<Vec<Tz>, sqlx::Error> {
    let zones: Vec<String> = sqlx::query_scalar(
        "select distinct time_zone from site where menu_id = $1 and archived_at is null order by 1",
    )
    .bind(menu)
    .fetch_all(executor)
    .await?;
    if zones.is_empty() {
        return Ok(vec![Tz::UTC]);
    }
    zones.iter().map(|zone| read_zone(zone)).collect()
}

/// Sites of the menu that have another currency than it.
pub(crate) async fn currency_faults(
    executor: impl PgExecutor<'_>,
    content: &Content,
) -> Result<Vec<MenuFault>, sqlx::Error> {
    let menu = &content.document;
    let sites: Vec<(String, String)> = sqlx::query_as(
        "select site_id, currency from site where menu_id = $1 and currency <> $2 and archived_at is null
         order by site_id",
    )
    .bind(&menu.id)
    .bind(menu.currency.code())
    .fetch_all(executor)
    .await?;
    let fault = |(site, currency)| MenuFault {
        path: "currency".to_owned(),
        what: format!("site {site} sells in {currency}"),
    };
    Ok(sites.into_iter().map(fault).collect())
}
