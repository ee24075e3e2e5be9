//! What an entry of the directory says, and what its groups are to us.

use super::client::Entry;
use crate::config;
use crate::people::{Place, name_fault, plain_name};

/// A person's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PersonEntry {
    pub(super) dn: String,
    /// In the form of our names.
    pub(super) name: String,
    pub(super) display_name: String,
    /// The groups that the entry itself names.
    pub(super) groups: Vec<String>,
}

impl PersonEntry {
    /// Reads an entry; none when it has no name, several, or one that cannot be ours. Two names of
    /// one entry would be two people here.
    pub(super) fn read(entry: Entry, of: &config::Ldap) -> Option<Self> {
        let name = match values(&entry, &of.name_attribute) {
            [name] => plain_name(name),
            others => {
                let (dn, count) = (&entry.dn, others.len());
                tracing::warn!(dn, count, "an entry needs one {}", of.name_attribute);
                return None;
            }
        };
        if let Some(fault) = name_fault(&of.name_attribute, &name) {
            tracing::warn!(dn = entry.dn, fault, "an entry's name cannot be used");
            return None;
        }
        let shown = values(&entry, &of.display_name_attribute).first();
        let shown = shown.map(|shown| shown.trim());
        let shown = shown.filter(|shown| name_fault("name", shown).is_none());
        let groups = match of.group_attribute.as_str() {
            "" => Vec::new(),
            attribute => values(&entry, attribute).to_vec(),
        };
        Some(Self {
            display_name: shown.unwrap_or(&name).to_owned(),
            groups,
            name,
            dn: entry.dn,
        })
    }
}

/// The values of an attribute; servers write its name as they like.
fn values<'a>(entry: &'a Entry, attribute: &str) -> &'a [String] {
    let mut attributes = entry.attributes.iter();
    let found = attributes.find(|(name, _)| name.eq_ignore_ascii_case(attribute));
    found.map_or(&[], |(_, values)| values)
}

/// What somebody in these groups may do: the first of the settings that fits.
pub(super) fn place_of(groups: &[String], roles: &[config::GroupRole]) -> Option<Place> {
    let groups: Vec<String> = groups.iter().map(|group| plain_dn(group)).collect();
    let fits = |role: &&config::GroupRole| groups.contains(&plain_dn(&role.group));
    roles.iter().find(fits).map(config::GroupRole::place)
}

/// A distinguished name in one form: small letters, no blanks around `,`, `+` and `=`.
fn plain_dn(dn: &str) -> String {
    let (mut plain, mut is_escaped) = (String::with_capacity(dn.len()), false);
    for char in dn.trim().chars() {
        match char {
            ',' | '+' | '=' if !is_escaped => {
                plain.truncate(plain.trim_end().len());
                plain.push(char);
            }
            ' ' if !is_escaped && plain.ends_with([',', '+', '=']) => {}
            _ => plain.extend(char.to_lowercase()),
        }
        is_escaped = char == '\\' && !is_escaped;
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sunakku_common::claims::Role;

    use super::*;

    fn options() -> config::Ldap {
        let mut config = crate::Config::load(None).expect("defaults").ldap;
        config.groups = serde_json::from_value(serde_json::json!([
            {"group": "cn=Admins, ou=Groups,dc=x", "role": "admin"},
            {"group": "cn=kitchen s1,ou=groups,dc=x", "role": "kitchen", "site": "s1"},
        ]))
        .expect("groups");
        config
    }

    fn entry(attributes: &[(&str, &[&str])]) -> Entry {
        let attributes = attributes.iter().map(|(name, values)| {
            let values = values.iter().map(|value| (*value).to_owned());
            ((*name).to_owned(), values.collect())
        });
        Entry {
            dn: "uid=ann,dc=x".into(),
            attributes: attributes.collect(),
        }
    }

    #[test]
    fn the_first_group_of_the_settings_counts_however_it_is_written() {
        let roles = options().groups;
        let place = |groups: &[&str]| {
            let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
            place_of(&groups, &roles).map(|place| place.role)
        };
        let kitchen = "CN=Kitchen S1 , OU=groups, DC=X";
        assert_eq!(place(&[kitchen]), Some(Role::Kitchen));
        assert_eq!(
            place(&[kitchen, "cn=admins,ou=groups,dc=x"]),
            Some(Role::Admin)
        );
        assert_eq!(
            place(&["cn=admins,dc=x", "cn=kitchens1,ou=groups,dc=x"]),
            None
        );
        assert_eq!(place(&[]), None);
    }

    #[test]
    fn a_comma_within_a_name_stays_within_it() {
        assert_ne!(plain_dn(r"cn=a\, dc=x"), plain_dn("cn=a,dc=x"));
        assert_eq!(plain_dn(r"cn=a\,b , dc = x"), r"cn=a\,b,dc=x");
    }

    #[test]
    fn an_entry_has_one_name() {
        let of = options();
        let read = |attributes: &[(&str, &[&str])]| PersonEntry::read(entry(attributes), &of);
        let ann = read(&[
            ("UID", &["Ann"]),
            ("cn", &["Ann Ohm"]),
            ("memberOf", &["cn=a"]),
        ]);
        let ann = ann.expect("an entry");
        assert_eq!(
            (ann.name.as_str(), ann.display_name.as_str()),
            ("ann", "Ann Ohm")
        );
        assert_eq!(ann.groups, ["cn=a"]);
        let plain = read(&[("uid", &["ann"])]).expect("an entry");
        assert_eq!(plain.display_name, "ann");
        assert_eq!(read(&[("uid", &["ann", "bob"])]), None);
        assert_eq!(read(&[("cn", &["ann"])]), None);
        assert_eq!(read(&[("uid", &["a\nb"])]), None);
    }

    proptest! {
        #[test]
        fn a_plain_name_of_a_group_stays_as_it_is(dn in ".{0,60}") {
            let plain = plain_dn(&dn);
            prop_assert_eq!(plain_dn(&plain), plain);
        }
    }
}
