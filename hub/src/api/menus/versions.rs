//! What was published of a menu, and what the draft would change.

use axum::extract::State;
use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::http::{Json, List, Page, Path, Query};
use sunakku_common::menu::schedule::LocalMoment;
use sunakku_common::problem::Problem;

use crate::answer::{Answer, OrProblem as _};
use crate::menus::content::Content;
use crate::menus::diff::Difference;
use crate::menus::edit::no_menu;
use crate::menus::schedule::{Standing, standing};
use crate::menus::versions::VersionRow;
use crate::menus::wanted::timings;
use crate::menus::{draft, versions};
use crate::state::Hub;

/// A published version.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Version {
    /// Counts up from 1 per menu.
    pub(super) version: i64,
    /// SHA-256 of what it holds: equal contents have equal hashes.
    pub(super) content_hash: String,
    /// Why it was published.
    pub(super) note: String,
    /// By whom.
    pub(super) author: String,
    /// When.
    pub(super) published_at: DateTime<Utc>,
    /// When it takes effect everywhere; null when each site goes by its own clocks.
    pub(super) at: Option<DateTime<Utc>>,
    /// The local time at which it takes effect at each site; null when `at` is set.
    #[schema(value_type = Option<String>, example = "2026-11-27T06:00")]
    pub(super) at_local: Option<LocalMoment>,
    /// The version whose content it has again.
    pub(super) restores: Option<i64>,
    /// Where it stands among the others.
    pub(super) state: Standing,
}

impl Version {
    pub(super) fn of(row: VersionRow, state: Standing) -> Self {
        Self {
            version: row.version,
            content_hash: row.content_hash,
            note: row.note,
            author: row.author,
            published_at: row.published_at,
            at: row.at,
            at_local: row
                .at_local
                .map(|local: NaiveDateTime| LocalMoment::Time(local)),
            restores: row.restores,
            state,
        }
    }
}

/// The versions of a menu, newest first.
#[utoipa::path(get, path = "/v1/menus/{menu}/versions", tag = "menus", security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"), Page), responses(
    (status = 200, description = "The versions", body = List<Version>),
    (status = 400, description = "The page cannot be read", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such menu", body = Problem)))]
pub(in crate::api) async fn list(
    State(hub): State<Hub>,
    Path(menu): Path<String>,
    Query(page): Query<Page>,
) -> Answer<Json<List<Version>>> {
    let (limit, before) = (page.limit(), page.after_number()?);
    let draft = draft::load(&hub.pool, &menu).await.or_problem()?;
    draft.ok_or_else(|| no_menu(&menu))?;
    let mut rows = versions::list(&hub.pool, &menu, before, limit)
        .await
        .or_problem()?;
    let next = (rows.len() > limit).then(|| {
        rows.truncate(limit);
        rows.last().map(|row| row.version.to_string())
    });
    let timings = timings(&hub.pool, &menu).await.or_problem()?;
    let zones = versions::zones(&hub.pool, &menu).await.or_problem()?;
    let now = Utc::now();
    let version = |row: VersionRow| {
        let state = standing(&timings, row.version, &zones, now);
        Version::of(row, state)
    };
    Ok(Json(List {
        items: rows.into_iter().map(version).collect(),
        next: next.flatten(),
    }))
}

/// What a version holds.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct VersionContent {
    /// The version.
    version: i64,
    #[serde(flatten)]
    content: Content,
}

/// What was published as a version: it never changes.
#[utoipa::path(get, path = "/v1/menus/{menu}/versions/{version}", tag = "menus",
    security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"),
           ("version" = i64, Path, description = "The version")), responses(
    (status = 200, description = "The content", body = VersionContent),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such version", body = Problem)))]
pub(in crate::api) async fn get(
    State(hub): State<Hub>,
    Path((menu, version)): Path<(String, i64)>,
) -> Answer<Json<VersionContent>> {
    let content = find(&hub, &menu, version).await?;
    Ok(Json(VersionContent { version, content }))
}

/// The content of a version.
pub(super) async fn find(hub: &Hub, menu: &str, version: i64) -> Answer<Content> {
    let found = versions::find(&hub.pool, menu, version)
        .await
        .or_problem()?;
    found.ok_or_else(|| no_version(menu, version))
}

pub(super) fn no_version(menu: &str, version: i64) -> Problem {
    Problem::not_found(format!("There is no version {version} of menu {menu}."))
}

/// Which two contents are compared.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Compared {
    /// A version; the highest one when not given.
    from: Option<i64>,
    /// A version; the draft when not given.
    to: Option<i64>,
}

/// What one content has otherwise than another.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Diff {
    /// The version before; null when nothing was published yet.
    from: Option<i64>,
    /// The version after; null for the draft.
    to: Option<i64>,
    /// The draft's revision.
    revision: i64,
    /// What differs, by path.
    changes: Vec<Difference>,
}

/// What the draft would change, or what one version changed against another.
#[utoipa::path(get, path = "/v1/menus/{menu}/diff", tag = "menus", security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"), Compared), responses(
    (status = 200, description = "The differences", body = Diff),
    (status = 400, description = "The query cannot be read", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such menu or version", body = Problem)))]
pub(in crate::api) async fn diff(
    State(hub): State<Hub>,
    Path(menu): Path<String>,
    Query(compared): Query<Compared>,
) -> Answer<Json<Diff>> {
    let draft = draft::load(&hub.pool, &menu).await.or_problem()?;
    let draft = draft.ok_or_else(|| no_menu(&menu))?;
    let from = compared
        .from
        .or((draft.published > 0).then_some(draft.published));
    let before = match from {
        Some(version) => find(&hub, &menu, version).await?,
        // Against nothing, everything is added.
        None => draft.content.emptied(),
    };
    let after = match compared.to {
        Some(version) => find(&hub, &menu, version).await?,
        None => draft.content,
    };
    let changes = before.diff(&after).map_err(|_| Problem::internal())?;
    Ok(Json(Diff {
        from,
        to: compared.to,
        revision: draft.revision,
        changes,
    }))
}
