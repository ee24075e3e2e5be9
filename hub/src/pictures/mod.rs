//! Pictures of menu items that people upload: made anew from what comes ([`make`]), kept in the
//! database, and given to the sites whose menus name them ([`send`]).

pub(crate) mod make;
pub(crate) mod send;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;
use sqlx::types::Json;
use sunakku_common::menu::MenuFault;
use sunakku_common::picture::PictureName;

use crate::menus::content::Content;
use make::Picture;

/// What is told of a picture when it comes.
#[derive(Debug, Serialize, Deserialize, sqlx::FromRow, utoipa::ToSchema)]
pub(crate) struct Uploaded {
    /// What menus call it.
    pub(crate) name: String,
    /// Pixels.
    pub(crate) width: i32,
    /// Pixels.
    pub(crate) height: i32,
    /// Its size as it is served.
    pub(crate) bytes: i32,
}

/// An item that names a picture.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Use {
    /// Code of the menu.
    menu: String,
    /// Code of the item on its draft.
    item: String,
}

/// A picture in the list of all.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub(crate) struct PictureRow {
    #[serde(flatten)]
    #[sqlx(flatten)]
    picture: Uploaded,
    /// When it was uploaded first.
    uploaded_at: DateTime<Utc>,
    /// By whom.
    uploaded_by: String,
    /// Items of drafts that name it.
    #[schema(value_type = Vec<Use>)]
    used_by: Json<Vec<Use>>,
}

impl PictureRow {
    pub(crate) fn name(&self) -> &str {
        &self.picture.name
    }
}

/// Keeps a picture. Whether it is a new one.
///
/// # Errors
/// When the database fails.
pub(crate) async fn keep(
    executor: impl PgExecutor<'_>,
    picture: &Picture,
    by: &str,
) -> Result<bool, sqlx::Error> {
    let kept = sqlx::query(
        "insert into picture (name, width, height, bytes, uploaded_by) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
    )
    .bind(picture.name.as_str())
    .bind(i32::try_from(picture.width).unwrap_or(i32::MAX))
    .bind(i32::try_from(picture.height).unwrap_or(i32::MAX))
    .bind(picture.bytes.as_ref())
    .bind(by)
    .execute(executor)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// A picture's bytes, if there is one of this name.
///
/// # Errors
/// When the database fails.
pub(crate) async fn find(
    executor: impl PgExecutor<'_>,
    name: &PictureName,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar("select bytes from picture where name = $1")
        .bind(name.as_str())
        .fetch_optional(executor)
        .await
}

/// Pictures after one of them, the newest first; one more than `limit`, to know whether there are
/// more.
///
/// # Errors
/// When the database fails.
pub(crate) async fn list(
    executor: impl PgExecutor<'_>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<PictureRow>, sqlx::Error> {
    sqlx::query_as(
        "with uses as (
             select i->>'image' as name,
                    jsonb_agg(jsonb_build_object('menu', menu_id, 'item', i->>'id')
                              order by menu_id, i->>'id') as used_by
             from menu, jsonb_array_elements(draft->'items') i where i->>'image' is not null
             group by 1)
         select p.name, p.width, p.height, octet_length(p.bytes) as bytes, p.uploaded_at, p.uploaded_by,
                coalesce(u.used_by, '[]') as used_by
         from picture p left join uses u using (name)
         where $1::text is null or (p.uploaded_at, p.name) <
               (select a.uploaded_at, a.name from picture a where a.name = $1)
         order by p.uploaded_at desc, p.name desc
         limit $2",
    )
    .bind(after)
    .bind(limit as i64 + 1)
    .fetch_all(executor)
    .await
}

/// Items that name an uploaded picture which is not there.
///
/// # Errors
/// When the database fails.
pub(crate) async fn faults(
    executor: impl PgExecutor<'_>,
    content: &Content,
) -> Result<Vec<MenuFault>, sqlx::Error> {
    let named = content.document.pictures();
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let named: Vec<String> = named.into_iter().map(String::from).collect();
    let missing: Vec<String> = sqlx::query_scalar(
        "select named from unnest($1::text[]) named
         where not exists (select 1 from picture p where p.name = named)",
    )
    .bind(named)
    .fetch_all(executor)
    .await?;
    let items = content.document.items.iter().enumerate();
    let fault = |(n, item): (usize, &sunakku_common::menu::Item)| {
        let name = item.image.as_ref().filter(|name| missing.contains(name))?;
        Some(MenuFault {
            path: format!("items[{n}].image"),
            what: format!("no picture \"{name}\": upload it, or choose another"),
        })
    };
    Ok(items.filter_map(fault).collect())
}
