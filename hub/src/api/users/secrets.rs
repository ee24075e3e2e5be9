//! Passwords and PINs of people. An `Idempotency-Key` is not kept: nothing of a secret is.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use sunakku_common::http::{Caller, Json, Path};
use sunakku_common::problem::Problem;

use super::edit::{begin, finish, invalid};
use crate::answer::{Answer, OrProblem as _};
use crate::api::access::Scope;
use crate::author::Author;
use crate::change::{Begun, Change};
use crate::people::{self, Person, Source};
use crate::state::Hub;

/// A new password.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewPassword {
    /// 15 characters or more, unless the hub's configuration says otherwise.
    password: String,
}

/// A new PIN.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct NewPin {
    /// 4 to 12 digits.
    pin: String,
}

/// Set a person's password; all that it is signed in with ends. An `Idempotency-Key` is not kept:
/// nothing of a secret is.
#[utoipa::path(put, path = "/v1/users/{name}/password", tag = "users",
    request_body = NewPassword, security(("token" = [])),
    params(("name" = String, Path, description = "The name to sign in with")), responses(
    (status = 200, description = "The person", body = Person),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such person", body = Problem),
    (status = 409, description = "`directory-decides`", body = Problem),
    (status = 422, description = "`weak-password`", body = Problem)))]
pub(in crate::api) async fn set_password(
    State(hub): State<Hub>,
    Caller(claims): Caller,
    scope: Scope,
    author: Author,
    Path(name): Path<String>,
    Json(NewPassword { password }): Json<NewPassword>,
) -> Answer<Response> {
    let plain = people::plain_name(&name);
    let hash = hub.identity.hash_password(&plain, password).await?;
    let (caller, author) = ((claims.role, &scope), author.without_key());
    let (mut change, person) = match begin(&hub, caller, &author, &name, &()).await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(begun) => begun,
    };
    if person.source == Source::Ldap {
        let detail = "The directory knows this person's password: change it there.";
        return Err(Problem::conflict("directory-decides", detail));
    }
    set_hash(&mut change, &person, "password_hash", &hash).await?;
    people::sign_out(change.connection(), &person.name).await?;
    finish(change, "user.password", person).await
}

/// Set the PIN by which a person signs in at the devices of its sites. An `Idempotency-Key` is not
/// kept: nothing of a secret is.
#[utoipa::path(put, path = "/v1/users/{name}/pin", tag = "users", request_body = NewPin,
    security(("token" = [])),
    params(("name" = String, Path, description = "The name to sign in with")), responses(
    (status = 200, description = "The person", body = Person),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such person", body = Problem),
    (status = 422, description = "`weak-pin`, or a person who works at no site", body = Problem)))]
pub(in crate::api) async fn set_pin(
    State(hub): State<Hub>,
    Caller(claims): Caller,
    scope: Scope,
    author: Author,
    Path(name): Path<String>,
    Json(NewPin { pin }): Json<NewPin>,
) -> Answer<Response> {
    let hash = hub.identity.hash_pin(pin).await?;
    let (caller, author) = ((claims.role, &scope), author.without_key());
    let (mut change, person) = match begin(&hub, caller, &author, &name, &()).await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(begun) => begun,
    };
    if !person.place.may_have_pin() {
        let detail = format!("pin: a person with the role {} has none", person.place.role);
        return Err(invalid(detail));
    }
    set_hash(&mut change, &person, "pin_hash", &hash).await?;
    finish(change, "user.pin", person).await
}

async fn set_hash(change: &mut Change, person: &Person, what: &str, hash: &str) -> Answer<()> {
    sqlx::query(
        "update person set changed_at = now(),
                password_hash = case when $2 = 'password_hash' then $3 else password_hash end,
                pin_hash = case when $2 = 'pin_hash' then $3 else pin_hash end
         where name = $1",
    )
    .bind(&person.name)
    .bind(what)
    .bind(hash)
    .execute(change.connection())
    .await
    .or_problem()?;
    Ok(())
}
