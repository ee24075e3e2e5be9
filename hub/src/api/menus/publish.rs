//! Publishing a draft, and going back to what was published before. Both make a new version:
//! versions only go up, so a site never has to guess which of two is the newer one.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sunakku_common::http::{Json, Path};
use sunakku_common::menu::schedule::LocalMoment;
use sunakku_common::problem::Problem;
use sunakku_common::text::is_printable;

use super::versions::{Version, no_version};
use crate::answer::{Answer, OrProblem as _};
use crate::audit::Entry;
use crate::author::Author;
use crate::change::{Begun, Done};
use crate::menus::content::Content;
use crate::menus::edit::{Edit, Expected, invalid_menu};
use crate::menus::schedule::{Effect, Standing, overtaken};
use crate::menus::versions::{self, NewVersion, VersionRow};
use crate::menus::wanted::timings;
use crate::pictures;
use crate::state::Hub;

/// Characters of a note.
const MAX_NOTE_CHARS: usize = 1_000;
/// How far behind UTC the last clock of the world is: a local time that has passed there has
/// passed everywhere.
const LAST_ZONE_HOURS: i64 = 12;

/// How a draft is to be published.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Publish {
    /// Why.
    #[serde(default)]
    note: String,
    /// When it takes effect everywhere; now when neither this nor `at_local` is given.
    at: Option<DateTime<Utc>>,
    /// The local time at which it takes effect at each site, by the site's own clocks.
    #[schema(value_type = Option<String>, example = "2026-11-27T06:00")]
    at_local: Option<LocalMoment>,
    /// Whether it may take the place of versions that were to take effect later than it.
    #[serde(default)]
    supersede: bool,
}

/// Where to go back to.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct RollBack {
    /// The version whose content is to be had again.
    version: i64,
    /// Why.
    #[serde(default)]
    note: String,
}

/// What was published.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::api) struct Published {
    /// Code of the menu.
    menu: String,
    #[serde(flatten)]
    version: Version,
    /// Versions that were to take effect later and never will now.
    superseded: Vec<i64>,
}

/// Publish the draft, now or at a time. It is done when the answer comes, whether or not sites can
/// be reached; the roll-out follows.
#[utoipa::path(post, path = "/v1/menus/{menu}/publish", tag = "menus", request_body = Publish,
    security(("token" = [])), params(("menu" = String, Path, description = "Code of the menu")),
    responses(
    (status = 201, description = "The version", body = Published),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such menu", body = Problem),
    (status = 409, description = "`version-scheduled`: it would overtake one that is to come", body = Problem),
    (status = 412, description = "The draft was changed meanwhile", body = Problem),
    (status = 422, description = "`invalid-menu` with `faults`, or the time has passed", body = Problem)))]
pub(in crate::api) async fn publish(
    State(hub): State<Hub>,
    author: Author,
    headers: HeaderMap,
    Path(menu): Path<String>,
    Json(request): Json<Publish>,
) -> Answer<Response> {
    check_note(&request.note)?;
    let expected = Expected::of(&headers)?;
    let edit = match Edit::begin(&hub.pool, &author, &expected, &menu, &request).await? {
        Begun::New(edit) => edit,
        Begun::Done(answer) => return Ok(answer),
    };
    let new = New {
        content: edit.draft.content.clone(),
        effect: request.effect(Utc::now())?,
        note: &request.note,
        restores: None,
        may_supersede: request.supersede,
    };
    new.store(edit).await
}

/// Go back to an earlier version in one step: its content becomes a new version, at once. The
/// draft stays as it is.
#[utoipa::path(post, path = "/v1/menus/{menu}/rollback", tag = "menus", request_body = RollBack,
    security(("token" = [])), params(("menu" = String, Path, description = "Code of the menu")),
    responses(
    (status = 201, description = "The version", body = Published),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such menu or version", body = Problem),
    (status = 412, description = "The draft was changed meanwhile", body = Problem),
    (status = 422, description = "`invalid-menu`: it cannot be used any more", body = Problem)))]
pub(in crate::api) async fn roll_back(
    State(hub): State<Hub>,
    author: Author,
    headers: HeaderMap,
    Path(menu): Path<String>,
    Json(request): Json<RollBack>,
) -> Answer<Response> {
    check_note(&request.note)?;
    let expected = Expected::of(&headers)?;
    let mut edit = match Edit::begin(&hub.pool, &author, &expected, &menu, &request).await? {
        Begun::New(edit) => edit,
        Begun::Done(answer) => return Ok(answer),
    };
    let old = versions::find(edit.change.connection(), &menu, request.version)
        .await
        .or_problem()?;
    let new = New {
        content: old.ok_or_else(|| no_version(&menu, request.version))?,
        effect: Effect::At(Utc::now()),
        note: &request.note,
        restores: Some(request.version),
        // Whoever goes back wants what was then, and is told what will not come any more.
        may_supersede: true,
    };
    new.store(edit).await
}

impl Publish {
    fn effect(&self, now: DateTime<Utc>) -> Answer<Effect> {
        let passed = |what: &str| {
            let detail = format!("{what} lies in the past. Leave it out to publish now.");
            Problem::unprocessable("invalid-time", detail)
        };
        match (self.at, self.at_local) {
            (Some(_), Some(_)) => Err(Problem::unprocessable(
                "invalid-time",
                "Give either at (one moment everywhere) or at_local (each site's own clocks).",
            )),
            (Some(at), None) if at <= now => Err(passed("at")),
            (Some(at), None) => Ok(Effect::At(at)),
            (None, Some(local)) => {
                let last = (now - TimeDelta::hours(LAST_ZONE_HOURS)).naive_utc();
                if local.begin() <= last {
                    return Err(passed("at_local"));
                }
                Ok(Effect::AtLocal(local.begin()))
            }
            (None, None) => Ok(Effect::At(now)),
        }
    }
}

fn check_note(note: &str) -> Answer<()> {
    if note.chars().count() > MAX_NOTE_CHARS || !is_printable(note) {
        let detail = format!("note: at most {MAX_NOTE_CHARS} characters, none of control");
        return Err(Problem::unprocessable("invalid-body", detail));
    }
    Ok(())
}

/// A version that is to be.
struct New<'a> {
    content: Content,
    effect: Effect,
    note: &'a str,
    restores: Option<i64>,
    may_supersede: bool,
}

impl New<'_> {
    async fn store(self, mut edit: Edit) -> Answer<Response> {
        let menu = edit.draft.menu.clone();
        let connection = edit.change.connection();
        let mut faults = self.content.faults();
        let foreign = versions::currency_faults(&mut *connection, &self.content).await;
        faults.extend(foreign.or_problem()?);
        let missing = pictures::faults(&mut *connection, &self.content).await;
        faults.extend(missing.or_problem()?);
        if !faults.is_empty() {
            return Err(invalid_menu(&faults));
        }
        let known = timings(&mut *connection, &menu).await.or_problem()?;
        let zones = versions::zones(&mut *connection, &menu)
            .await
            .or_problem()?;
        let superseded = overtaken(&known, self.effect, &zones, Utc::now());
        if !superseded.is_empty() && !self.may_supersede {
            return Err(scheduled(&superseded));
        }
        let actor = edit.change.actor().to_owned();
        let hash = self.content.hash().map_err(|_| Problem::internal())?;
        let new = NewVersion {
            menu: &menu,
            version: edit.draft.published + 1,
            content: &self.content,
            hash: &hash,
            note: self.note,
            author: &actor,
            effect: self.effect,
            restores: self.restores,
        };
        let connection = edit.change.connection();
        let published_at = versions::insert(connection, &new).await.or_problem()?;
        let previous = versions::find(connection, &menu, edit.draft.published);
        let previous = previous.await.or_problem()?;
        let row = VersionRow {
            version: new.version,
            content_hash: hash.clone(),
            note: self.note.to_owned(),
            author: actor.clone(),
            published_at,
            at: self.effect.at(),
            at_local: self.effect.at_local(),
            restores: self.restores,
        };
        let is_due = zones
            .iter()
            .any(|zone| self.effect.moment(*zone) <= Utc::now());
        let state = if is_due {
            Standing::Live
        } else {
            Standing::Scheduled
        };
        let published = Published {
            menu: menu.clone(),
            version: Version::of(row, state),
            superseded,
        };
        let changes = previous.map(|previous| previous.diff(&self.content));
        let changes = changes.transpose().map_err(|_| Problem::internal())?;
        let entry = Entry {
            action: if self.restores.is_some() {
                "menu.rollback"
            } else {
                "menu.publish"
            },
            object: &format!("menu/{menu}"),
            before: (edit.draft.published > 0).then(|| json!({"version": edit.draft.published})),
            after: Some(json!({"published": published, "changes": changes})),
        };
        edit.change.audit(entry).await?;
        let location = format!("/v1/menus/{menu}/versions/{}", published.version.version);
        edit.finish(Done::created(&published, location)?).await
    }
}

fn scheduled(superseded: &[i64]) -> Problem {
    let versions: Vec<String> = superseded.iter().map(i64::to_string).collect();
    let detail = format!(
        "Version {} is to take effect later, and never would after this one: it has a lower \
         number. Publish at a later time, or send \"supersede\": true if it may fall away.",
        versions.join(", ")
    );
    Problem::conflict("version-scheduled", detail).with("versions", json!(superseded))
}
