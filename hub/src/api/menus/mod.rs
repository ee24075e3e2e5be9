//! Menus: their drafts as a whole, and below one file for each way of working with them.

pub(super) mod exchange;
pub(super) mod items;
pub(super) mod overrides;
pub(super) mod publish;
pub(super) mod rollout;
pub(super) mod sites;
pub(super) mod versions;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgPool;
use sunakku_common::http::{Json, List, Page, Path, Query};
use sunakku_common::menu::{Menu, MenuFault, Overrides};
use sunakku_common::money::Currency;
use sunakku_common::problem::Problem;

use crate::answer::{Answer, OrProblem as _};
use crate::audit::Entry;
use crate::author::Author;
use crate::change::{Begun, Change, Done};
use crate::menus::content::Content;
use crate::menus::draft::{self, Draft};
use crate::menus::edit::{self, Edit, Expected, etag, no_menu};
use crate::state::Hub;

/// A draft: the menu as it would be published.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct DraftAnswer {
    /// The menu; its `version` is the highest that was published of it, 0 for none.
    #[serde(flatten)]
    menu: Menu,
    /// What regions and sites have otherwise.
    overrides: Overrides,
    /// Counts the draft's changes; the same as in the ETag.
    revision: i64,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
    /// By whom.
    updated_by: String,
    /// What is wrong with it; it can be published when there is nothing.
    faults: Vec<MenuFault>,
}

impl DraftAnswer {
    fn of(draft: Draft) -> Self {
        let faults = draft.content.faults();
        let Content {
            mut document,
            overrides,
        } = draft.content;
        document.version = u64::try_from(draft.published).unwrap_or(0);
        Self {
            menu: document,
            overrides,
            revision: draft.revision,
            updated_at: draft.updated_at,
            updated_by: draft.updated_by,
            faults,
        }
    }
}

/// A menu in the list of all.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub(super) struct MenuRow {
    /// Its code.
    id: String,
    /// The highest version that was published; 0 for none.
    version: i64,
    /// Counts the draft's changes.
    revision: i64,
    /// Whether the draft differs from the highest version.
    changed: bool,
    /// How many items the draft has.
    items: i32,
    /// How many sites have it.
    sites: i64,
    /// When the draft was last changed.
    updated_at: DateTime<Utc>,
    /// By whom.
    updated_by: String,
}

/// All menus, by their codes.
#[utoipa::path(get, path = "/v1/menus", tag = "menus", params(Page), security(("token" = [])),
    responses(
    (status = 200, description = "The menus", body = List<MenuRow>),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem)))]
pub(super) async fn list(
    State(hub): State<Hub>,
    Query(page): Query<Page>,
) -> Answer<Json<List<MenuRow>>> {
    let limit = page.limit();
    let mut items = rows(&hub.pool, page.after.as_deref(), limit)
        .await
        .or_problem()?;
    let next = (items.len() > limit).then(|| {
        items.truncate(limit);
        items.last().map(|menu| menu.id.clone())
    });
    Ok(Json(List {
        items,
        next: next.flatten(),
    }))
}

/// One more than `limit`, to know whether there are more.
async fn rows(
    pool: &PgPool,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<MenuRow>, sqlx::Error> {
    sqlx::query_as(
        "select m.menu_id as id, coalesce(v.version, 0) as version, m.revision,
                v.version is null or v.document <> m.draft or v.overrides <> m.overrides as changed,
                coalesce(jsonb_array_length(m.draft->'items'), 0) as items,
                (select count(*) from site s where s.menu_id = m.menu_id) as sites,
                m.updated_at, m.updated_by
         from menu m left join lateral (
             select * from menu_version v where v.menu_id = m.menu_id
             order by v.version desc limit 1) v on true
         where $1::text is null or m.menu_id > $1
         order by m.menu_id
         limit $2",
    )
    .bind(after)
    .bind(limit as i64 + 1)
    .fetch_all(pool)
    .await
}

/// A menu that is to be made.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMenu {
    /// Its code: 1 to 64 of A-Z, a-z, 0-9, '.', '_', ':' and '-'.
    id: String,
    /// Of all its prices.
    currency: Currency,
}

/// Make a menu with nothing on it.
#[utoipa::path(post, path = "/v1/menus", tag = "menus", request_body = NewMenu,
    security(("token" = [])), responses(
    (status = 201, description = "The draft", body = DraftAnswer),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 409, description = "`menu-exists`", body = Problem),
    (status = 422, description = "The code or currency is none", body = Problem)))]
pub(super) async fn create(
    State(hub): State<Hub>,
    author: Author,
    Json(new): Json<NewMenu>,
) -> Answer<Response> {
    let mut change = match Change::begin(&hub.pool, &author, &new).await? {
        Begun::New(change) => change,
        Begun::Done(answer) => return Ok(answer),
    };
    let content = Content::of(Menu::new(&new.id, new.currency));
    if !edit::make(&mut change, &new.id, &content).await? {
        let detail = format!(
            "There is a menu {} already. Change it, or take another code.",
            new.id
        );
        return Err(Problem::conflict("menu-exists", detail));
    }
    let draft = draft::load(change.connection(), &new.id)
        .await
        .or_problem()?;
    let answer = DraftAnswer::of(draft.ok_or_else(Problem::internal)?);
    let (location, tag) = (format!("/v1/menus/{}", new.id), etag(answer.revision));
    change
        .commit(Done::created(&answer, location)?.etag(tag))
        .await
}

/// The draft of a menu. Send its ETag as `If-Match` with a change, and the change is refused if
/// somebody else was faster.
#[utoipa::path(get, path = "/v1/menus/{menu}", tag = "menus", security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu")), responses(
    (status = 200, description = "The draft", body = DraftAnswer),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such menu", body = Problem)))]
pub(super) async fn get(
    State(hub): State<Hub>,
    Path(menu): Path<String>,
) -> Answer<([(HeaderName, String); 1], Json<DraftAnswer>)> {
    let draft = draft::load(&hub.pool, &menu).await.or_problem()?;
    let draft = draft.ok_or_else(|| no_menu(&menu))?;
    let tag = [(header::ETAG, etag(draft.revision))];
    Ok((tag, Json(DraftAnswer::of(draft))))
}

/// Replace the draft as a whole. This wants `If-Match`, because what somebody else changed
/// meanwhile would be lost; `*` says that it may be.
#[utoipa::path(put, path = "/v1/menus/{menu}", tag = "menus", request_body = Content,
    security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"),
           ("If-Match" = String, Header, description = "ETag of the draft that is replaced, or *")),
    responses(
    (status = 200, description = "The draft", body = DraftAnswer),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such menu", body = Problem),
    (status = 412, description = "The draft was changed meanwhile", body = Problem),
    (status = 422, description = "It is no menu", body = Problem),
    (status = 428, description = "If-Match is missing", body = Problem)))]
pub(super) async fn replace(
    State(hub): State<Hub>,
    author: Author,
    headers: HeaderMap,
    Path(menu): Path<String>,
    Json(content): Json<Content>,
) -> Answer<Response> {
    let expected = Expected::of(&headers)?;
    expected.demand()?;
    let content = content.named(&menu);
    let begun = Edit::begin(&hub.pool, &author, &expected, &menu, &content).await?;
    let mut edit = match begun {
        Begun::New(edit) => edit,
        Begun::Done(answer) => return Ok(answer),
    };
    let differences = edit.replace(content)?;
    let entry = Entry {
        action: "menu.replace",
        object: &format!("menu/{menu}"),
        before: None,
        after: Some(json!(differences)),
    };
    let edit = edit.save(entry).await?;
    let answer = DraftAnswer::of(edit.draft.clone());
    edit.finish(Done::ok(&answer)?).await
}
