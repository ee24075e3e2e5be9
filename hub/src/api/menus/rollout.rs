//! How far a menu has come at each of its sites.

use std::collections::HashMap;

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use sunakku_common::http::{Json, List, Page, Path, Query};
use sunakku_common::ids::SiteId;
use sunakku_common::menu::canonical;
use sunakku_common::problem::Problem;

use crate::answer::{Answer, OrProblem as _};
use crate::api::access::Scope;
use crate::menus::content::Content;
use crate::menus::edit::no_menu;
use crate::menus::rollout::{Report, State as SiteState, Target, state};
use crate::menus::schedule::plan;
use crate::menus::wanted::{effective, read_zone, timings};
use crate::menus::{draft, versions};
use crate::state::Hub;

/// How far one site is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct RolloutRow {
    /// The site.
    site: String,
    /// The version that it is to run; null before the first takes effect.
    wanted: Option<i64>,
    /// SHA-256 of that version as the site is to have it.
    wanted_hash: Option<String>,
    /// The version that it says it runs; null when it never told of one.
    reported: Option<i64>,
    /// SHA-256 of what it says it runs; null for a seed.
    reported_hash: Option<String>,
    /// Since when it runs that, by its own clock.
    since: Option<DateTime<Utc>>,
    /// How far it is.
    state: SiteState,
    /// Why it refused the version, when it did.
    reason: Option<String>,
    /// The version that comes next.
    next: Option<i64>,
    /// When that takes effect at the site.
    next_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    site_id: String,
    region: Option<String>,
    time_zone: String,
    reported_menu: Option<String>,
    version: Option<i64>,
    hash: Option<String>,
    since: Option<DateTime<Utc>>,
    refused_menu_id: Option<String>,
    refused_version: Option<i64>,
    refused_reason: Option<String>,
}

/// What each site of the menu is to run, what it says it runs, and how far it is thus.
#[utoipa::path(get, path = "/v1/menus/{menu}/rollout", tag = "menus", security(("token" = [])),
    params(("menu" = String, Path, description = "Code of the menu"), Page), responses(
    (status = 200, description = "The sites, by their ids", body = List<RolloutRow>),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such menu", body = Problem)))]
pub(in crate::api) async fn list(
    State(hub): State<Hub>,
    scope: Scope,
    Path(menu): Path<String>,
    Query(page): Query<Page>,
) -> Answer<Json<List<RolloutRow>>> {
    let draft = draft::load(&hub.pool, &menu).await.or_problem()?;
    draft.ok_or_else(|| no_menu(&menu))?;
    let limit = page.limit();
    let mut rows = rows(&hub.pool, &menu, &scope, page.after.as_deref(), limit)
        .await
        .or_problem()?;
    let next = (rows.len() > limit).then(|| {
        rows.truncate(limit);
        rows.last().map(|row| row.site_id.clone())
    });
    let timings = timings(&hub.pool, &menu).await.or_problem()?;
    let mut hashes = Hashes {
        hub: &hub,
        menu: &menu,
        contents: HashMap::new(),
        known: HashMap::new(),
    };
    let now = Utc::now();
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
        let plan = plan(&timings, read_zone(&row.time_zone).or_problem()?, now);
        let hash = match plan.now {
            Some(version) => Some(hashes.of(version, &row).await?),
            None => None,
        };
        items.push(row.answer(&menu, plan.now, hash, plan.next));
    }
    Ok(Json(List {
        items,
        next: next.flatten(),
    }))
}

/// One more than `limit`, to know whether there are more.
async fn rows(
    pool: &PgPool,
    menu: &str,
    scope: &Scope,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as(
        "select s.site_id, s.region, s.time_zone, r.menu_id as reported_menu, r.version, r.hash,
                r.since, r.refused_menu_id, r.refused_version, r.refused_reason
         from site s left join site_menu r on r.site_id = s.site_id
         where s.menu_id = $1 and s.archived_at is null and ($2::text is null or s.site_id > $2)
           and ($4::text[] is null or s.site_id = any($4))
         order by s.site_id
         limit $3",
    )
    .bind(menu)
    .bind(after)
    .bind(limit as i64 + 1)
    .bind(scope.sites())
    .fetch_all(pool)
    .await
}

impl Row {
    fn answer(
        self,
        menu: &str,
        wanted: Option<i64>,
        hash: Option<String>,
        next: Option<(i64, DateTime<Utc>)>,
    ) -> RolloutRow {
        let report = Report {
            menu: self.reported_menu,
            version: self.version,
            hash: self.hash,
            refused_menu: self.refused_menu_id,
            refused_version: self.refused_version,
        };
        let target = wanted.zip(hash.as_deref());
        let target = target.map(|(version, hash)| Target {
            menu,
            version,
            hash,
        });
        let state = state(target, &report);
        RolloutRow {
            site: self.site_id,
            wanted,
            wanted_hash: hash,
            reported: report.version,
            reported_hash: report.hash,
            since: self.since,
            state,
            reason: self.refused_reason.filter(|_| state == SiteState::Failed),
            next: next.map(|(version, _)| version),
            next_at: next.map(|(_, at)| at),
        }
    }
}

/// Hashes of versions at sites. Sites of one region without overrides of their own have the same
/// menu, so each is worked out once.
struct Hashes<'a> {
    hub: &'a Hub,
    menu: &'a str,
    contents: HashMap<i64, Content>,
    known: HashMap<(i64, Option<String>, Option<String>), String>,
}

impl Hashes<'_> {
    async fn of(&mut self, version: i64, row: &Row) -> Answer<String> {
        if !self.contents.contains_key(&version) {
            let found = versions::find(&self.hub.pool, self.menu, version).await;
            let content = found.or_problem()?.ok_or_else(Problem::internal)?;
            self.contents.insert(version, content);
        }
        let Content {
            document,
            overrides,
        } = &self.contents[&version];
        let own = overrides.sites.contains_key(&row.site_id);
        let key = (
            version,
            row.region.clone(),
            own.then(|| row.site_id.clone()),
        );
        if let Some(hash) = self.known.get(&key) {
            return Ok(hash.clone());
        }
        let site: SiteId = row.site_id.parse().map_err(|_| Problem::internal())?;
        let made = effective(document, overrides, version, row.region.as_deref(), &site);
        let hash = canonical::hash(&made).map_err(|_| Problem::internal())?;
        self.known.insert(key, hash.clone());
        Ok(hash)
    }
}
