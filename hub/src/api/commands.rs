//! Commands: what admins ask of sites, and what became of it.

use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::types::Json as Jsonb;
use sunakku_common::command::{MAX_LIFE_SECONDS, What};
use sunakku_common::http::{Json, List, Page, Path, Query};
use sunakku_common::ids::{CommandId, SiteId};
use sunakku_common::problem::Problem;
use uuid::Uuid;

use super::access::Scope;
use crate::answer::{Answer, OrProblem as _};
use crate::audit::Entry;
use crate::author::Author;
use crate::change::{Begun, Change, Done};
use crate::sites::{lock, refuse_archived};
use crate::state::Hub;

/// How long a command is good for when nobody says, seconds.
const LIFE_SECONDS: i64 = 24 * 3_600;
/// Sites that one request may address.
const MAX_SITES: usize = 1_000;

/// What is asked for.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    /// `device.pair`, `device.revoke`, `menu.reload`, `order.cancel`, `queue.pause`, `queue.resume`, `site.close`, `site.open`,
    /// `stock.adjust`, `stock.resume`, `stock.set` or `stock.suspend`.
    kind: String,
    /// The values that belong to the kind, such as `{"sku": "cake", "delta": 3, "reason": "…"}`.
    #[serde(default = "no_args")]
    #[schema(value_type = Object)]
    args: Value,
    /// For how long it is good (a day; 14 days at most). After that the site refuses it, by its
    /// own clock.
    #[serde(default = "a_day")]
    expires_in_seconds: i64,
}

/// The same for several sites.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WishOfMany {
    /// Ids of the sites; at most 1000.
    #[schema(value_type = Vec<String>)]
    sites: Vec<SiteId>,
    /// As for one site.
    kind: String,
    /// As for one site.
    #[serde(default = "no_args")]
    #[schema(value_type = Object)]
    args: Value,
    /// As for one site.
    #[serde(default = "a_day")]
    expires_in_seconds: i64,
}

fn no_args() -> Value {
    json!({})
}

fn a_day() -> i64 {
    LIFE_SECONDS
}

/// A command and what became of it.
#[derive(Debug, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub(super) struct CommandRow {
    /// Its id.
    #[sqlx(rename = "command_id")]
    id: Uuid,
    /// The site that it is for.
    #[sqlx(rename = "site_id")]
    site: String,
    /// What it asks for.
    kind: String,
    /// With which values.
    #[schema(value_type = Object)]
    args: Jsonb<Value>,
    /// Who gave it.
    author: String,
    /// When.
    created_at: DateTime<Utc>,
    /// Not applied after this time.
    expires_at: DateTime<Utc>,
    /// `pending`, `delivered`, `applied`, `refused` or `expired`.
    state: String,
    /// Why it was not applied, as a word.
    reason: Option<String>,
    /// The same as a sentence.
    detail: Option<String>,
    /// When the site had it.
    delivered_at: Option<DateTime<Utc>>,
    /// When it was known what became of it.
    settled_at: Option<DateTime<Utc>>,
}

/// Ask something of a site. It is sent until the site reports what became of it, and takes effect
/// once.
#[utoipa::path(post, path = "/v1/sites/{id}/commands", tag = "commands", request_body = Wish,
    params(("id" = String, Path)), security(("token" = [])), responses(
    (status = 201, description = "The command, not yet applied", body = CommandRow),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem),
    (status = 409, description = "`site-archived`", body = Problem),
    (status = 422, description = "`invalid-command`", body = Problem)))]
pub(super) async fn give(
    State(hub): State<Hub>,
    author: Author,
    scope: Scope,
    Path(site): Path<SiteId>,
    Json(wish): Json<Wish>,
) -> Answer<Response> {
    scope.require(&site)?;
    let mut change = match Change::begin(&hub.pool, &author, &wish).await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(change) => change,
    };
    let row = insert(&mut change, &site, &wish).await?;
    let location = format!("/v1/sites/{site}/commands");
    change.commit(Done::created(&row, location)?).await
}

/// Ask the same of several sites: of all of them, or of none when one is not known.
#[utoipa::path(post, path = "/v1/commands", tag = "commands", request_body = WishOfMany,
    security(("token" = [])), responses(
    (status = 201, description = "One command for each site", body = List<CommandRow>),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "One of the sites is not known", body = Problem),
    (status = 409, description = "`site-archived`", body = Problem),
    (status = 422, description = "`invalid-command`", body = Problem)))]
pub(super) async fn give_many(
    State(hub): State<Hub>,
    author: Author,
    scope: Scope,
    Json(many): Json<WishOfMany>,
) -> Answer<Response> {
    if many.sites.is_empty() || MAX_SITES < many.sites.len() {
        return Err(invalid(format!("sites: 1 to {MAX_SITES}")));
    }
    for site in &many.sites {
        scope.require(site)?;
    }
    let mut change = match Change::begin(&hub.pool, &author, &many).await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(change) => change,
    };
    let wish = Wish {
        kind: many.kind,
        args: many.args,
        expires_in_seconds: many.expires_in_seconds,
    };
    let mut items = Vec::with_capacity(many.sites.len());
    for site in &many.sites {
        items.push(insert(&mut change, site, &wish).await?);
    }
    let list = List { items, next: None };
    change
        .commit(Done::created(&list, "/v1/commands".to_owned())?)
        .await
}

async fn insert(change: &mut Change, site: &SiteId, wish: &Wish) -> Answer<CommandRow> {
    let args = RawValue::from_string(wish.args.to_string()).map_err(|_| Problem::internal())?;
    What::read(&wish.kind, &args).map_err(invalid)?;
    if !(1..=MAX_LIFE_SECONDS).contains(&wish.expires_in_seconds) {
        return Err(invalid(format!(
            "expires_in_seconds: 1 to {MAX_LIFE_SECONDS}"
        )));
    }
    refuse_archived(&lock(change.connection(), site).await?)?;
    let expires_at = Utc::now() + TimeDelta::seconds(wish.expires_in_seconds);
    let row: CommandRow = sqlx::query_as(
        "insert into command (site_id, command_id, kind, args, author, expires_at)
         values ($1, $2, $3, $4, $5, $6) returning *",
    )
    .bind(site.as_str())
    .bind(CommandId::new().0)
    .bind(&wish.kind)
    .bind(&wish.args)
    .bind(change.actor().to_owned())
    .bind(expires_at)
    .fetch_one(change.connection())
    .await
    .or_problem()?;
    let object = format!("site/{site}/commands/{}", row.id);
    let after = json!({ "kind": wish.kind, "args": wish.args, "expires_at": expires_at });
    change
        .audit(Entry {
            action: "command.give",
            object: &object,
            before: None,
            after: Some(after),
        })
        .await?;
    Ok(row)
}

fn invalid(why: String) -> Problem {
    Problem::unprocessable("invalid-command", why)
}

/// Which commands to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// `pending`, `delivered`, `applied`, `refused` or `expired`.
    state: Option<String>,
}

/// A site's commands, the latest first.
#[utoipa::path(get, path = "/v1/sites/{id}/commands", tag = "commands",
    params(("id" = String, Path), Filter, Page), security(("token" = [])), responses(
    (status = 200, description = "The commands", body = List<CommandRow>),
    (status = 400, description = "A parameter cannot be read", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem)))]
pub(super) async fn of_site(
    State(hub): State<Hub>,
    scope: Scope,
    Path(site): Path<SiteId>,
    Query(filter): Query<Filter>,
    Query(page): Query<Page>,
) -> Answer<Json<List<CommandRow>>> {
    list(&hub.pool, &scope, Some(&site), &filter, &page).await
}

/// The commands of all sites, the latest first.
#[utoipa::path(get, path = "/v1/commands", tag = "commands", params(Filter, Page),
    security(("token" = [])), responses(
    (status = 200, description = "The commands", body = List<CommandRow>),
    (status = 400, description = "A parameter cannot be read", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem)))]
pub(super) async fn of_all(
    State(hub): State<Hub>,
    scope: Scope,
    Query(filter): Query<Filter>,
    Query(page): Query<Page>,
) -> Answer<Json<List<CommandRow>>> {
    list(&hub.pool, &scope, None, &filter, &page).await
}

async fn list(
    pool: &PgPool,
    scope: &Scope,
    site: Option<&SiteId>,
    filter: &Filter,
    page: &Page,
) -> Answer<Json<List<CommandRow>>> {
    let states = ["pending", "delivered", "applied", "refused", "expired"];
    if let Some(state) = &filter.state
        && !states.contains(&state.as_str())
    {
        let detail = format!("state: one of {}", states.join(", "));
        return Err(Problem::bad_request("invalid-query", detail));
    }
    let after = page.after.as_deref().map(Uuid::parse_str).transpose();
    let after = after.map_err(|_| {
        Problem::bad_request("invalid-cursor", "Take `after` from the `next` of a list.")
    })?;
    let limit = page.limit();
    let mut items: Vec<CommandRow> = sqlx::query_as(
        "select * from command
         where ($1::text is null or site_id = $1) and ($2::text is null or state = $2)
           and ($3::uuid is null or command_id < $3)
           and ($5::text[] is null or site_id = any($5))
         order by command_id desc limit $4",
    )
    .bind(site.map(SiteId::as_str))
    .bind(&filter.state)
    .bind(after)
    .bind(limit as i64 + 1)
    .bind(scope.sites())
    .fetch_all(pool)
    .await
    .or_problem()?;
    let more = limit < items.len();
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|row| row.id.to_string());
    Ok(Json(List { items, next }))
}
