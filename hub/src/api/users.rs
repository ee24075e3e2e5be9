//! People: who there is, what each may do, and shutting them out.
//!
//! Admins see to everybody; a manager of a region to the people of its sites, a site's manager to
//! its kitchen and counter. Nobody sees to people of their own rank, themselves included.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sunakku_common::claims::Role;
use sunakku_common::http::{Caller, Json, List, Page, Path, Query};
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;

use super::access::Scope;
use crate::answer::{Answer, OrProblem as _};
use crate::author::Author;
use crate::change::{Begun, Change, Done};
use crate::people::{self, Person, Place, Row, Source};
use crate::state::Hub;

/// A person that is to be made known. It cannot sign in before it has a password or a PIN.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct NewUser {
    /// What the person signs in with; kept in lower case, never changes.
    name: String,
    /// What people call the person.
    display_name: String,
    #[serde(flatten)]
    place: Place,
}

/// What is to be changed; what is absent stays.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserChange {
    /// What people call the person.
    #[serde(default)]
    display_name: Option<String>,
    /// Role and place belong together: with a role, region and site are those given here.
    #[serde(default)]
    role: Option<Role>,
    /// The region of a `region-manager`.
    #[serde(default)]
    region: Option<String>,
    /// The site of a `manager`, `kitchen` or `cashier`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    site: Option<SiteId>,
}

/// A new password.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// 15 characters or more, unless the hub's configuration says otherwise.
    password: String,
}

/// A new PIN.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPin {
    /// 4 to 12 digits.
    pin: String,
}

/// Whether a caller sees to people of a place.
fn sees_to(role: Role, scope: &Scope, place: &Place) -> bool {
    let is_theirs = place
        .site
        .as_ref()
        .is_some_and(|site| scope.has(site.as_str()));
    match role {
        Role::Admin => true,
        Role::RegionManager => is_theirs,
        Role::Manager => is_theirs && matches!(place.role, Role::Kitchen | Role::Cashier),
        _ => false,
    }
}

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

fn invalid(what: String) -> Problem {
    Problem::unprocessable("invalid-body", what)
}

/// Make a person known.
#[utoipa::path(post, path = "/v1/users", tag = "users", request_body = NewUser,
    security(("token" = [])), responses(
    (status = 201, description = "The person", body = Person),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem),
    (status = 409, description = "`user-exists`", body = Problem),
    (status = 422, description = "Role and place do not belong together", body = Problem)))]
pub(super) async fn create(
    State(hub): State<Hub>,
    Caller(claims): Caller,
    scope: Scope,
    author: Author,
    Json(new): Json<NewUser>,
) -> Answer<Response> {
    let name = people::plain_name(&new.name);
    let fault = people::name_fault("name", &name)
        .or_else(|| people::name_fault("display_name", &new.display_name))
        .or_else(|| new.place.fault());
    if let Some(fault) = fault {
        return Err(invalid(fault));
    }
    permit(claims.role, &scope, &new.place)?;
    let mut change = match Change::begin(&hub.pool, &author, &new).await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(change) => change,
    };
    known_site(&mut change, &new.place).await?;
    let names = (name.as_str(), new.display_name.as_str());
    if !people::insert(change.connection(), names, &new.place, "local", None).await? {
        let detail = format!("There is a user {name} already: PATCH /v1/users/{name} changes it.");
        return Err(Problem::conflict("user-exists", detail));
    }
    let person = people::lock(change.connection(), &name).await?;
    people::note(&mut change, "user.create", &name, None, Some(&person)).await?;
    let location = format!("/v1/users/{name}");
    change.commit(Done::created(&person, location)?).await
}

/// Refuses a place that is not the caller's to fill.
fn permit(role: Role, scope: &Scope, place: &Place) -> Answer<()> {
    if sees_to(role, scope, place) {
        return Ok(());
    }
    if let Some(site) = &place.site {
        scope.require(site)?;
    }
    let detail = format!(
        "A {role} does not see to people with the role {}.",
        place.role
    );
    Err(Problem::new(
        axum::http::StatusCode::FORBIDDEN,
        "forbidden",
        detail,
    ))
}

async fn known_site(change: &mut Change, place: &Place) -> Answer<()> {
    if let Some(site) = &place.site {
        crate::sites::lock(change.connection(), site).await?;
    }
    Ok(())
}

/// A change of one person under way, permitted.
async fn begin(
    hub: &Hub,
    (role, scope): (Role, &Scope),
    author: &Author,
    name: &str,
    request: &impl Serialize,
) -> Answer<Begun<(Change, Person)>> {
    let name = people::plain_name(name);
    let mut change = match Change::begin(&hub.pool, author, request).await? {
        Begun::Done(answer) => return Ok(Begun::Done(answer)),
        Begun::New(change) => change,
    };
    let person = people::lock(change.connection(), &name).await?;
    let is_seen = person
        .place
        .site
        .as_ref()
        .is_some_and(|site| scope.has(site.as_str()));
    if scope.sites().is_some() && !is_seen {
        return Err(no_user(&name));
    }
    permit(role, scope, &person.place)?;
    Ok(Begun::New((change, person)))
}

/// Writes the audit and answers what the person is now.
async fn finish(mut change: Change, action: &str, before: Person) -> Answer<Response> {
    let after = people::lock(change.connection(), &before.name).await?;
    people::note(
        &mut change,
        action,
        &after.name,
        Some(&before),
        Some(&after),
    )
    .await?;
    change.commit(Done::ok(&after)?).await
}

/// Refuses to leave no admin who could let anybody in again.
async fn keep_an_admin(change: &mut Change, person: &Person) -> Answer<()> {
    if person.place.role != Role::Admin {
        return Ok(());
    }
    // All admins are locked: of two who shut each other out, one is refused.
    let others: Vec<String> = sqlx::query_scalar(
        "select name from person
         where role = 'admin' and disabled_at is null and absent_since is null
           and (source = 'ldap' or password_hash is not null)
         order by name for update",
    )
    .fetch_all(change.connection())
    .await
    .or_problem()?;
    if others.iter().any(|name| *name != person.name) {
        return Ok(());
    }
    let detail = "This is the last admin who can sign in. Make another one first.";
    Err(Problem::conflict("last-admin", detail))
}

/// Change a person. Another role or place ends everything that it is signed in with.
#[utoipa::path(patch, path = "/v1/users/{name}", tag = "users", request_body = UserChange,
    security(("token" = [])),
    params(("name" = String, Path, description = "The name to sign in with")), responses(
    (status = 200, description = "The person", body = Person),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such person or site", body = Problem),
    (status = 409, description = "`last-admin`, or `directory-decides` for a person of the \
     directory", body = Problem),
    (status = 422, description = "Role and place do not belong together", body = Problem)))]
pub(super) async fn change(
    State(hub): State<Hub>,
    Caller(claims): Caller,
    scope: Scope,
    author: Author,
    Path(name): Path<String>,
    Json(to): Json<UserChange>,
) -> Answer<Response> {
    let caller = (claims.role, &scope);
    let (mut change, person) = match begin(&hub, caller, &author, &name, &to).await? {
        Begun::Done(answer) => return Ok(answer),
        Begun::New(begun) => begun,
    };
    if person.source == Source::Ldap {
        let detail = "The directory says what this person is called and may do: change it there.";
        return Err(Problem::conflict("directory-decides", detail));
    }
    let display_name = to
        .display_name
        .unwrap_or_else(|| person.display_name.clone());
    let place = match to.role {
        Some(role) => Place {
            role,
            region: to.region,
            site: to.site,
        },
        None => Place {
            region: to.region.or_else(|| person.place.region.clone()),
            site: to.site.or_else(|| person.place.site.clone()),
            role: person.place.role,
        },
    };
    let fault = people::name_fault("display_name", &display_name).or_else(|| place.fault());
    if let Some(fault) = fault {
        return Err(invalid(fault));
    }
    permit(claims.role, &scope, &place)?;
    known_site(&mut change, &place).await?;
    if place.role != Role::Admin {
        keep_an_admin(&mut change, &person).await?;
    }
    sqlx::query(
        "update person set display_name = $2, role = $3, region = $4, site_id = $5,
                pin_hash = case when $6 then pin_hash end, changed_at = now()
         where name = $1",
    )
    .bind(&person.name)
    .bind(&display_name)
    .bind(place.role.as_str())
    .bind(&place.region)
    .bind(place.site.as_ref().map(SiteId::as_str))
    .bind(place.may_have_pin())
    .execute(change.connection())
    .await
    .or_problem()?;
    if place != person.place {
        people::sign_out(change.connection(), &person.name).await?;
    }
    finish(change, "user.change", person).await
}

/// What is done to a person without further words.
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
pub(super) async fn disable(
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
pub(super) async fn enable(
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
pub(super) async fn sign_out(
    State(hub): State<Hub>,
    Caller(claims): Caller,
    scope: Scope,
    author: Author,
    Path(name): Path<String>,
) -> Answer<Response> {
    step(&hub, (claims.role, &scope), &author, &name, Step::SignOut).await
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
pub(super) async fn set_password(
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
pub(super) async fn set_pin(
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

/// Take a person's PIN away; all that it is signed in with ends.
#[utoipa::path(delete, path = "/v1/users/{name}/pin", tag = "users", security(("token" = [])),
    params(("name" = String, Path, description = "The name to sign in with")), responses(
    (status = 200, description = "The person", body = Person),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such person", body = Problem)))]
pub(super) async fn clear_pin(
    State(hub): State<Hub>,
    Caller(claims): Caller,
    scope: Scope,
    author: Author,
    Path(name): Path<String>,
) -> Answer<Response> {
    step(&hub, (claims.role, &scope), &author, &name, Step::ClearPin).await
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
