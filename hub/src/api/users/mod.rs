//! People: who there is, what each may do, and shutting them out.
//!
//! Admins see to everybody; a manager of a region to the people of its sites, a site's manager to
//! its kitchen and counter. Nobody sees to people of their own rank, themselves included.

pub(super) mod edit;
pub(super) mod secrets;
pub(super) mod steps;

use axum::extract::State;
use sqlx::PgPool;
use sunakku_common::http::{Json, List, Page, Path, Query};
use sunakku_common::problem::Problem;

use super::access::Scope;
use crate::answer::{Answer, OrProblem as _};
use crate::people::{self, Person, Row};
use crate::state::Hub;

/// People, by their names: all for admins and auditors, those of their sites for managers.
#[utoipa::path(get, path = "/v1/users", tag = "users", params(Page), security(("token" = [])),
    responses(
    (status = 200, description = "The people", body = List<Person>),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem)))]
pub(super) async fn list(
    State(hub): State<Hub>,
    scope: Scope,
    Query(page): Query<Page>,
) -> Answer<Json<List<Person>>> {
    let limit = page.limit();
    let rows = rows(&hub.pool, &scope, page.after.as_deref(), limit).await;
    let read = |row: Row| Ok(row.read()?.0);
    let people: Answer<Vec<Person>> = rows.or_problem()?.into_iter().map(read).collect();
    let mut items = people?;
    let next = (items.len() > limit).then(|| {
        items.truncate(limit);
        items.last().map(|person| person.name.clone())
    });
    Ok(Json(List {
        items,
        next: next.flatten(),
    }))
}

/// One more than `limit`, to know whether there are more.
async fn rows(
    pool: &PgPool,
    scope: &Scope,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Row>, sqlx::Error> {
    sqlx::query_as(
        "select * from person
         where ($1::text is null or name > $1) and ($2::text[] is null or site_id = any($2))
         order by name limit $3",
    )
    .bind(after)
    .bind(scope.sites())
    .bind(limit as i64 + 1)
    .fetch_all(pool)
    .await
}

/// One person.
#[utoipa::path(get, path = "/v1/users/{name}", tag = "users", security(("token" = [])),
    params(("name" = String, Path, description = "The name to sign in with")), responses(
    (status = 200, description = "The person", body = Person),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such person", body = Problem)))]
pub(super) async fn get(
    State(hub): State<Hub>,
    scope: Scope,
    Path(name): Path<String>,
) -> Answer<Json<Person>> {
    let known = people::find(&hub.pool, &people::plain_name(&name)).await?;
    let person = known.map(|(person, _)| person);
    let is_seen = |person: &Person| {
        let site = person.place.site.as_ref();
        scope.sites().is_none() || site.is_some_and(|site| scope.has(site.as_str()))
    };
    person
        .filter(is_seen)
        .map(Json)
        .ok_or_else(|| no_user(&name))
}

fn no_user(name: &str) -> Problem {
    Problem::not_found(format!("There is no user {name}."))
}
