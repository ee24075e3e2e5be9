//! Who signs in: one person or device for each role, with a password of this run.

use std::sync::OnceLock;

use anyhow::{Result, anyhow};
use rand::distr::{Alphanumeric, SampleString as _};
use sunakku_common::claims::Role;
use sunakku_common::password;

/// Somebody who can sign in.
#[derive(Debug, Clone)]
pub struct Person {
    /// Name; also the name of the role.
    pub name: &'static str,
    /// Password.
    pub password: String,
    /// Its hash, as the configuration wants it.
    pub hash: String,
    /// What it may do.
    pub role: Role,
}

const NAMES: [(&str, Role); 6] = [
    ("admin", Role::Admin),
    ("manager", Role::Manager),
    ("kitchen", Role::Kitchen),
    ("kiosk", Role::Kiosk),
    ("sre", Role::Sre),
    ("auditor", Role::Auditor),
];

/// The people of this process; made on first use, because hashing takes its time.
pub fn people() -> Result<&'static [Person]> {
    static PEOPLE: OnceLock<Result<Vec<Person>, String>> = OnceLock::new();
    let made = PEOPLE.get_or_init(|| {
        let person = |(name, role)| {
            let password = Alphanumeric.sample_string(&mut rand::rng(), 20);
            let hash = password::hash(&password).map_err(|error| error.to_string())?;
            Ok(Person {
                name,
                password,
                hash,
                role,
            })
        };
        NAMES.into_iter().map(person).collect()
    });
    made.as_deref().map_err(|error| anyhow!(error.clone()))
}

/// The `users` of a configuration: those of `roles`.
pub(super) fn users(roles: &[Role]) -> Result<Vec<toml::Value>> {
    let users = people()?
        .iter()
        .filter(|person| roles.contains(&person.role))
        .map(|person| {
            let mut user = toml::Table::new();
            user.insert("name".into(), person.name.into());
            user.insert("password_hash".into(), person.hash.clone().into());
            user.insert("role".into(), person.role.as_str().into());
            toml::Value::Table(user)
        });
    Ok(users.collect())
}
