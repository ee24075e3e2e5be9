//! A person made known or changed, and what every change of a person keeps to.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sunakku_common::claims::Role;
use sunakku_common::http::{Caller, Json, Path};
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;

use super::no_user;
use crate::answer::{Answer, OrProblem as _};
use crate::api::access::Scope;
use crate::author::Author;
use crate::change::{Begun, Change, Done};
use crate::people::{self, Person, Place, Source};
use crate::state::Hub;

/// A person that is to be made known. It cannot sign in before it has a password or a PIN.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(in crate::api) struct NewUser {
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
pub(in crate::api) struct UserChange {
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

/// Make a person known.
#[utoipa::path(post, path = "/v1/users", tag = "users", request_body = NewUser,
    security(("token" = [])), responses(
    (status = 201, description = "The person", body = Person),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem),
    (status = 409, description = "`user-exists`", body = Problem),
    (status = 422, description = "Role and place do not belong together", body = Problem)))]
pub(in crate::api) async fn create(
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
pub(in crate::api) async fn change(
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
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
}

async fn known_site(change: &mut Change, place: &Place) -> Answer<()> {
    if let Some(site) = &place.site {
        crate::sites::lock(change.connection(), site).await?;
    }
    Ok(())
}

/// A change of one person under way, permitted.
pub(super) async fn begin(
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
pub(super) async fn finish(mut change: Change, action: &str, before: Person) -> Answer<Response> {
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
pub(super) async fn keep_an_admin(change: &mut Change, person: &Person) -> Answer<()> {
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

pub(super) fn invalid(what: String) -> Problem {
    Problem::unprocessable("invalid-body", what)
}
