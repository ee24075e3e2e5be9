//! The people who sign in, what each may do, and where.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use sunakku_common::claims::Role;
use sunakku_common::config::User;
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;
use sunakku_common::text::is_printable;

use crate::answer::{Answer, OrProblem as _};
use crate::audit::{self, Entry};
use crate::author::Author;
use crate::change::Change;

/// Characters of a name at most.
const MAX_NAME: usize = 100;

/// A person, without secrets.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub(crate) struct Person {
    /// What the person signs in with.
    pub(crate) name: String,
    /// What people call the person.
    pub(crate) display_name: String,
    #[serde(flatten)]
    pub(crate) place: Place,
    /// Who knows the password.
    pub(crate) source: Source,
    /// Whether there is a password to sign in at the hub with.
    pub(crate) has_password: bool,
    /// Whether there is a PIN to sign in at a site's devices with.
    pub(crate) has_pin: bool,
    /// Since when the person is shut out.
    pub(crate) disabled_at: Option<DateTime<Utc>>,
    /// Since when the directory does not know the person any more, or gives it no role.
    pub(crate) absent_since: Option<DateTime<Utc>>,
    /// When the person was made known.
    pub(crate) created_at: DateTime<Utc>,
    /// When something of it was changed last.
    pub(crate) changed_at: DateTime<Utc>,
}

/// What a person may do, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Place {
    /// `admin`, `auditor`, `sre`, `region-manager`, `manager`, `kitchen` or `cashier`.
    pub(crate) role: Role,
    /// The region of a `region-manager`.
    #[serde(default)]
    pub(crate) region: Option<String>,
    /// The site of a `manager`, `kitchen` or `cashier`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(crate) site: Option<SiteId>,
}

impl Person {
    /// Whether nobody has shut the person out.
    pub(crate) fn may_sign_in(&self) -> bool {
        self.disabled_at.is_none() && self.absent_since.is_none()
    }
}

/// Who knows a person's password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// The hub.
    Local,
    /// The directory, which also says what the person may do.
    Ldap,
}

impl Place {
    /// Whether role and place belong together.
    pub(crate) fn fault(&self) -> Option<String> {
        let (region, site) = match self.role {
            Role::Admin | Role::Auditor | Role::Sre => (false, false),
            Role::RegionManager => (true, false),
            Role::Manager | Role::Kitchen | Role::Cashier => (false, true),
            Role::Kiosk | Role::Board | Role::Guest => {
                return Some(format!("role: {} is none of a person", self.role));
            }
        };
        let wants = |what: &str, wanted: bool| {
            let rule = if wanted {
                "is needed"
            } else {
                "does not belong"
            };
            format!("{what}: {rule} with the role {}", self.role)
        };
        if self.region.is_some() != region {
            return Some(wants("region", region));
        }
        (self.site.is_some() != site).then(|| wants("site", site))
    }

    /// Whether a PIN is of use: at the devices of a site.
    pub(crate) fn may_have_pin(&self) -> bool {
        self.site.is_some() || self.region.is_some()
    }
}

/// A name as it is kept and compared: without blanks around it, in lower case.
pub(crate) fn plain_name(name: &str) -> String {
    name.trim().to_lowercase()
}

/// What is wrong with a name, if anything is.
pub(crate) fn name_fault(what: &str, name: &str) -> Option<String> {
    let is_name = (1..=MAX_NAME).contains(&name.chars().count())
        && name.trim() == name
        && is_printable(name)
        && !name.contains(['\n', '\r', '\t']);
    (!is_name).then(|| format!("{what}: 1 to {MAX_NAME} printable characters, no blanks around"))
}

#[derive(sqlx::FromRow)]
pub(crate) struct Row {
    name: String,
    display_name: String,
    role: String,
    region: Option<String>,
    site_id: Option<String>,
    source: String,
    password_hash: Option<String>,
    pin_hash: Option<String>,
    disabled_at: Option<DateTime<Utc>>,
    absent_since: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

impl Row {
    /// The person, and the hash of its password.
    pub(crate) fn read(self) -> Answer<(Person, Option<String>)> {
        let site = self.site_id.map(|site| site.parse()).transpose();
        let person = Person {
            name: self.name,
            display_name: self.display_name,
            place: Place {
                role: self.role.parse().map_err(|_| Problem::internal())?,
                region: self.region,
                site: site.map_err(|_| Problem::internal())?,
            },
            source: match self.source.as_str() {
                "ldap" => Source::Ldap,
                _ => Source::Local,
            },
            has_password: self.password_hash.is_some(),
            has_pin: self.pin_hash.is_some(),
            disabled_at: self.disabled_at,
            absent_since: self.absent_since,
            created_at: self.created_at,
            changed_at: self.changed_at,
        };
        Ok((person, self.password_hash))
    }
}

/// The person of a name, and the hash of its password.
pub(crate) async fn find(pool: &PgPool, name: &str) -> Answer<Option<(Person, Option<String>)>> {
    if name_fault("name", name).is_some() {
        return Ok(None);
    }
    let row: Option<Row> = sqlx::query_as("select * from person where name = $1")
        .bind(name)
        .fetch_optional(pool)
        .await
        .or_problem()?;
    row.map(Row::read).transpose()
}

/// The same, locked until the end of the transaction.
///
/// # Errors
/// 404 when there is none.
pub(crate) async fn lock(connection: &mut PgConnection, name: &str) -> Answer<Person> {
    let missing = || Problem::not_found(format!("There is no user {name}."));
    if name_fault("name", name).is_some() {
        return Err(missing());
    }
    let row: Option<Row> = sqlx::query_as("select * from person where name = $1 for update")
        .bind(name)
        .fetch_optional(connection)
        .await
        .or_problem()?;
    Ok(row.ok_or_else(missing)?.read()?.0)
}

/// Inserts a person.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    (name, display_name): (&str, &str),
    place: &Place,
    source: &str,
    password_hash: Option<&str>,
) -> Answer<bool> {
    let made = sqlx::query(
        "insert into person (name, display_name, role, region, site_id, source, password_hash)
         values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
    )
    .bind(name)
    .bind(display_name)
    .bind(place.role.as_str())
    .bind(&place.region)
    .bind(place.site.as_ref().map(SiteId::as_str))
    .bind(source)
    .bind(password_hash)
    .execute(connection)
    .await
    .or_problem()?;
    Ok(made.rows_affected() == 1)
}

/// Ends everything that a person is signed in with, here and at the sites.
pub(crate) async fn sign_out(connection: &mut PgConnection, name: &str) -> Answer<()> {
    sqlx::query("update person set revoked_at = now(), changed_at = now() where name = $1")
        .bind(name)
        .execute(&mut *connection)
        .await
        .or_problem()?;
    sqlx::query(
        "update session set ended_at = now(), ended_why = 'revoked'
         where name = $1 and ended_at is null",
    )
    .bind(name)
    .execute(connection)
    .await
    .or_problem()?;
    Ok(())
}

/// Notes a change of a person.
pub(crate) async fn note(
    change: &mut Change,
    action: &str,
    name: &str,
    before: Option<&Person>,
    after: Option<&Person>,
) -> Answer<()> {
    let entry = Entry {
        action,
        object: &format!("user/{name}"),
        before: before.map(|person| json!(person)),
        after: after.map(|person| json!(person)),
    };
    change.audit(entry).await
}

/// Makes a user of the configuration a person, which counts from then on.
pub(crate) async fn take_over_user(pool: &PgPool, name: &str, user: &User) -> Answer<Person> {
    let place = Place {
        role: user.role,
        region: None,
        site: None,
    };
    let hash = Some(user.password_hash.expose());
    let mut tx = pool.begin().await.or_problem()?;
    if insert(&mut tx, (name, &user.name), &place, "local", hash).await? {
        record(&mut tx, "user.from-configuration", name, &place).await?;
    }
    let person = lock(&mut tx, name).await?;
    tx.commit().await.or_problem()?;
    Ok(person)
}

async fn record(
    connection: &mut PgConnection,
    action: &str,
    name: &str,
    place: &Place,
) -> Answer<()> {
    let entry = Entry {
        action,
        object: &format!("user/{name}"),
        before: None,
        after: Some(json!(place)),
    };
    let recorded = audit::record(connection, &Author::command(), entry).await;
    recorded.or_problem()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_places_belong_together() {
        let place = |role, region: Option<&str>, site: Option<&str>| Place {
            role,
            region: region.map(str::to_owned),
            site: site.map(|site| site.parse().expect("an id")),
        };
        for good in [
            place(Role::Admin, None, None),
            place(Role::RegionManager, Some("north"), None),
            place(Role::Cashier, None, Some("s1")),
        ] {
            assert_eq!(good.fault(), None, "{good:?}");
        }
        for bad in [
            place(Role::Admin, None, Some("s1")),
            place(Role::RegionManager, None, None),
            place(Role::RegionManager, Some("north"), Some("s1")),
            place(Role::Manager, Some("north"), None),
            place(Role::Kiosk, None, Some("s1")),
        ] {
            assert!(bad.fault().is_some(), "{bad:?}");
        }
    }

    #[test]
    fn names_are_compared_in_one_form() {
        assert_eq!(plain_name(" Ann "), "ann");
        assert_eq!(name_fault("name", "cn=x,dc=y"), None);
        for bad in ["", " ann", "a\0b", "a\nb", &"x".repeat(101)] {
            assert!(name_fault("name", bad).is_some(), "{bad:?}");
        }
    }
}
