//! Drafts in the store. One row is one draft, and its lock is what makes admins take turns.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use sunakku_common::menu::{Menu, Overrides};

use super::content::Content;

/// A menu as it would be published.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) menu: String,
    pub(crate) content: Content,
    /// Counts its changes.
    pub(crate) revision: i64,
    /// The highest version that was published of it; 0 for none.
    pub(crate) published: i64,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) updated_by: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    menu_id: String,
    draft: Json<Menu>,
    overrides: Json<Overrides>,
    revision: i64,
    published: i64,
    updated_at: DateTime<Utc>,
    updated_by: String,
}

impl From<Row> for Draft {
    fn from(row: Row) -> Self {
        let content = Content {
            document: row.draft.0,
            overrides: row.overrides.0,
        };
        Self {
            content: content.named(&row.menu_id),
            menu: row.menu_id,
            revision: row.revision,
            published: row.published,
            updated_at: row.updated_at,
            updated_by: row.updated_by,
        }
    }
}

/// The draft of a menu.
pub(crate) async fn load(
    executor: impl PgExecutor<'_>,
    menu: &str,
) -> Result<Option<Draft>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "select m.menu_id, m.draft, m.overrides, m.revision, m.updated_at, m.updated_by,
                coalesce((select max(v.version) from menu_version v
                          where v.menu_id = m.menu_id), 0) as published
         from menu m where m.menu_id = $1",
    )
    .bind(menu)
    .fetch_optional(executor)
    .await?;
    Ok(row.map(Draft::from))
}

/// The same, locked until the end of the transaction. Publishing takes this lock too, so that
/// versions of one menu are numbered one after the other.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    menu: &str,
) -> Result<Option<Draft>, sqlx::Error> {
    sqlx::query("select from menu where menu_id = $1 for update")
        .bind(menu)
        .execute(&mut *connection)
        .await?;
    // Read after the lock: what another transaction wrote meanwhile is seen.
    load(connection, menu).await
}

/// Makes a menu with this content; false when there is one of this code already.
pub(crate) async fn create(
    connection: &mut PgConnection,
    menu: &str,
    content: &Content,
    author: &str,
) -> Result<bool, sqlx::Error> {
    let made = sqlx::query(
        "insert into menu (menu_id, draft, overrides, updated_by) values ($1, $2, $3, $4)
         on conflict (menu_id) do nothing",
    )
    .bind(menu)
    .bind(Json(&content.document))
    .bind(Json(&content.overrides))
    .bind(author)
    .execute(connection)
    .await?;
    Ok(made.rows_affected() == 1)
}

/// Stores a draft that was locked, and gives its new revision.
pub(crate) async fn save(
    connection: &mut PgConnection,
    draft: &Draft,
    author: &str,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "update menu set draft = $2, overrides = $3, revision = revision + 1,
                updated_at = now(), updated_by = $4
         where menu_id = $1 returning revision",
    )
    .bind(&draft.menu)
    .bind(Json(&draft.content.document))
    .bind(Json(&draft.content.overrides))
    .bind(author)
    .fetch_one(connection)
    .await
}
