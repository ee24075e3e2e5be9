//! A whole content in the place of a draft, or as a new menu.

use axum::response::Response;
use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;
use sunakku_common::menu::MenuFault;
use sunakku_common::problem::Problem;

use super::content::Content;
use super::diff::Difference;
use super::draft;
use super::edit::{Edit, Expected, etag, make};
use crate::answer::{Answer, OrProblem as _};
use crate::audit::Entry;
use crate::author::Author;
use crate::change::{Begun, Change, Done};

/// What an import changes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Imported {
    /// Code of the menu.
    menu: String,
    /// The draft's revision after it; null when nothing was changed.
    revision: Option<i64>,
    /// Whether it was only tried.
    dry_run: bool,
    /// What differs from the draft before, by path.
    changes: Vec<Difference>,
    /// What is wrong with it; it can be published when there is nothing.
    faults: Vec<MenuFault>,
}

impl Imported {
    pub(crate) fn of(
        menu: &str,
        revision: Option<i64>,
        before: &Content,
        after: &Content,
    ) -> Answer<Self> {
        Ok(Self {
            menu: menu.to_owned(),
            revision,
            dry_run: revision.is_none(),
            changes: before.diff(after).map_err(|_| Problem::internal())?,
            faults: after.faults(),
        })
    }
}

/// Makes a menu of the content, or puts it in the place of the draft that was expected.
pub(crate) async fn store(
    pool: &PgPool,
    author: &Author,
    expected: &Expected,
    menu: &str,
    content: Content,
) -> Answer<Response> {
    if draft::load(pool, menu).await.or_problem()?.is_none() {
        let mut change = match Change::begin(pool, author, &content).await? {
            Begun::New(change) => change,
            Begun::Done(answer) => return Ok(answer),
        };
        if make(&mut change, menu, &content).await? {
            let answer = Imported::of(menu, Some(1), &content.emptied(), &content)?;
            let done = Done::created(&answer, format!("/v1/menus/{menu}"))?;
            return change.commit(done.etag(etag(1))).await;
        }
        // Somebody else has just made it: this is a replacement.
    }
    let mut edit = match Edit::begin(pool, author, expected, menu, &content).await? {
        Begun::New(edit) => edit,
        Begun::Done(answer) => return Ok(answer),
    };
    // Asked for here, because an import that made the menu can be repeated without it.
    expected.demand()?;
    let before = edit.draft.content.clone();
    let differences = edit.replace(content)?;
    let entry = Entry {
        action: "menu.import",
        object: &format!("menu/{menu}"),
        before: None,
        after: Some(json!(differences)),
    };
    let edit = edit.save(entry).await?;
    let revision = Some(edit.draft.revision);
    let answer = Imported::of(menu, revision, &before, &edit.draft.content)?;
    edit.finish(Done::ok(&answer)?).await
}
