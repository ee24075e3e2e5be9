//! What is done to a person without further words.

use axum::extract::State;
use axum::response::Response;
use sunakku_common::claims::Role;
use sunakku_common::http::{Caller, Path};
use sunakku_common::problem::Problem;

use super::edit::{begin, finish, keep_an_admin};
use crate::answer::{Answer, OrProblem as _};
use crate::api::access::Scope;
use crate::author::Author;
use crate::change::Begun;
use crate::people::{self, Person};
use crate::state::Hub;

#[derive(Debug, Clone, Copy)]
enum Step {
    Disable,
    Enable,
    SignOut,
    ClearPin,
}

async fn step(
    hub: &Hub,
    caller: (Role, &Scope),
    author: &Author,
    name: &str,
    step: Step,
) -> Answer<Response> {
    let (mut change, person) = match begin(hub, caller, author, name, &()).await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(begun) => begun,
    };
    let (action, statement) = match step {
        Step::Disable => (
            "user.disable",
            "update person set disabled_at = coalesce(disabled_at, now()), changed_at = now()
             where name = $1",
        ),
        Step::Enable => (
            "user.enable",
            "update person set disabled_at = null, changed_at = now() where name = $1",
        ),
        Step::SignOut => (
            "user.sign-out",
            "update person set changed_at = now() where name = $1",
        ),
        Step::ClearPin => (
            "user.pin.clear",
            "update person set pin_hash = null, changed_at = now() where name = $1",
        ),
    };
    if matches!(step, Step::Disable) {
        keep_an_admin(&mut change, &person).await?;
    }
    sqlx::query(statement)
        .bind(&person.name)
        .execute(change.connection())
        .await
        .or_problem()?;
    if !matches!(step, Step::Enable) {
        people::sign_out(change.connection(), &person.name).await?;
    }
    finish(change, action, person).await
}

/// Shut a person out: no sign-in, and all that it is signed in with ends here at once and at the
/// sites as soon as they hear of it.
#[utoipa::path(post, path = "/v1/users/{name}/disable", tag = "users", security(("token" = [])),
    params(("name" = String, Path, description = "The name to sign in with")), responses(
    (status = 200, description = "The person", body = Person),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such person", body = Problem),
    (status = 409, description = "`last-admin`", body = Problem)))]
pub(in crate::api) async fn disable(
    State(hub): State<Hub>,
    Caller(claims): Caller,
    scope: Scope,
    author: Author,
    Path(name): Path<String>,
) -> Answer<Response> {
    step(&hub, (claims.role, &scope), &author, &name, Step::Disable).await
}

/// Let a person in again.
#[utoipa::path(post, path = "/v1/users/{name}/enable", tag = "users", security(("token" = [])),
    params(("name" = String, Path, description = "The name to sign in with")), responses(
    (status = 200, description = "The person", body = Person),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such person", body = Problem)))]
pub(in crate::api) async fn enable(
    State(hub): State<Hub>,
    Caller(claims): Caller,
    scope: Scope,
    author: Author,
    Path(name): Path<String>,
) -> Answer<Response> {
    step(&hub, (claims.role, &scope), &author, &name, Step::Enable).await
}

/// End all that a person is signed in with; it may sign in again.
#[utoipa::path(post, path = "/v1/users/{name}/sign-out", tag = "users", security(("token" = [])),
    params(("name" = String, Path, description = "The name to sign in with")), responses(
    (status = 200, description = "The person", body = Person),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such person", body = Problem)))]
pub(in crate::api) async fn sign_out(
    State(hub): State<Hub>,
    Caller(claims): Caller,
    scope: Scope,
    author: Author,
    Path(name): Path<String>,
) -> Answer<Response> {
    step(&hub, (claims.role, &scope), &author, &name, Step::SignOut).await
}

/// Take a person's PIN away; all that it is signed in with ends.
#[utoipa::path(delete, path = "/v1/users/{name}/pin", tag = "users", security(("token" = [])),
    params(("name" = String, Path, description = "The name to sign in with")), responses(
    (status = 200, description = "The person", body = Person),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such person", body = Problem)))]
pub(in crate::api) async fn clear_pin(
    State(hub): State<Hub>,
    Caller(claims): Caller,
    scope: Scope,
    author: Author,
    Path(name): Path<String>,
) -> Answer<Response> {
    step(&hub, (claims.role, &scope), &author, &name, Step::ClearPin).await
}
