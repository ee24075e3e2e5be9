//! Who changed what: rows that are written with the change and never again.

use serde_json::Value;
use sqlx::PgConnection;

use crate::author::Author;

/// What was done to what.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// Such as `menu.publish`: the noun, then what was done to it.
    pub(crate) action: &'a str,
    /// Such as `menu/lunch/items/burger`: what lies within something begins with its name.
    pub(crate) object: &'a str,
    /// What was there before; `None` for nothing.
    pub(crate) before: Option<Value>,
    /// What is there now; `None` for nothing.
    pub(crate) after: Option<Value>,
}

/// Writes the entry in the transaction of the change that it tells of.
///
/// # Errors
/// When the database fails; the change must not be committed then.
pub(crate) async fn record(
    transaction: &mut PgConnection,
    author: &Author,
    entry: Entry<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into audit (actor, address, action, object, before, after)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&author.actor)
    .bind(author.address.map(|address| address.to_string()))
    .bind(entry.action)
    .bind(entry.object)
    .bind(entry.before)
    .bind(entry.after)
    .execute(transaction)
    .await?;
    Ok(())
}
