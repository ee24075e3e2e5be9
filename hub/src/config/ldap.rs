//! The directory that knows people's passwords and groups.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use sunakku_common::claims::Role;
use sunakku_common::ids::SiteId;

use crate::identity::ldap::filter::Filter;
use crate::people::Place;

/// Stands in filters for the name that somebody signs in with.
pub(crate) const USER: &str = "{user}";
/// Stands in the filter of groups for the person's distinguished name.
pub(crate) const DN: &str = "{dn}";

/// The directory.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ldap {
    /// `ldaps://host:port` or `ldap://host:port`; empty for no directory.
    pub url: String,
    /// Whether `ldap://` goes over to TLS (StartTLS) before anything is said.
    pub starttls: bool,
    /// Whether passwords may cross a network unencrypted.
    pub allow_plaintext: bool,
    /// The authorities whose certificates are believed (PEM); the system's when empty.
    pub ca_file: PathBuf,
    /// Who looks people up; empty for nobody in particular (an anonymous search).
    pub bind_dn: String,
    /// The file with its password.
    pub bind_password_file: PathBuf,
    /// What people are looked for under.
    pub base_dn: String,
    /// What finds one person, and nobody who may not sign in.
    pub user_filter: String,
    /// The attribute that is the person's name here. It must have one value.
    pub name_attribute: String,
    /// The attribute that says what people call the person.
    pub display_name_attribute: String,
    /// The attribute of a person that names its groups; empty when it has none.
    pub group_attribute: String,
    /// What groups are looked for under; empty when they are not looked for.
    pub group_base_dn: String,
    /// What finds a person's groups.
    pub group_filter: String,
    /// What members of a group may do; the first that fits counts.
    pub groups: Vec<GroupRole>,
    /// Seconds that the directory may take for all of one sign-in.
    pub timeout_seconds: u32,
    /// Connections to it at most.
    pub connections: NonZeroUsize,
    /// Seconds after which every person of the directory is looked up anew.
    pub reread_seconds: u32,
    /// Seconds for which sessions are prolonged while the directory does not answer.
    pub grace_seconds: u32,
}

/// What the members of a group may do, and where.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRole {
    /// The group's distinguished name, as the directory writes it; case and blanks around `,` and
    /// `=` do not matter.
    pub group: String,
    /// A role of people.
    pub role: Role,
    /// The region of a `region-manager`.
    #[serde(default)]
    pub region: Option<String>,
    /// The site of a `manager`, `kitchen` or `cashier`.
    #[serde(default)]
    pub site: Option<SiteId>,
}

impl GroupRole {
    /// Role and place of a member.
    pub(crate) fn place(&self) -> Place {
        Place {
            role: self.role,
            region: self.region.clone(),
            site: self.site.clone(),
        }
    }
}

impl Ldap {
    /// Whether there is a directory.
    pub(crate) fn is_used(&self) -> bool {
        !self.url.is_empty()
    }

    /// Whether what is said is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.url.starts_with("ldaps:") || self.starttls
    }

    /// How long it may take.
    pub(crate) fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.into())
    }

    /// Host and port.
    pub(crate) fn address(&self) -> Result<(String, u16)> {
        let url: Uri = self.url.parse().context("ldap.url cannot be read")?;
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
        ensure!(!host.is_empty(), "ldap.url has no host");
        let usual = match url.scheme_str() {
            Some("ldaps") => 636,
            _ => 389,
        };
        Ok((host.to_owned(), url.port_u16().unwrap_or(usual)))
    }

    pub(super) fn validate(&self) -> Result<()> {
        if !self.is_used() {
            return Ok(());
        }
        let is_near = self.read_url()?;
        ensure!(
            self.is_encrypted() || is_near || self.allow_plaintext,
            "ldap.url: passwords would cross the network in the clear: take ldaps:// or set \
             ldap.starttls (ldap.allow_plaintext if you must)"
        );
        for (name, value) in [
            ("base_dn", &self.base_dn),
            ("name_attribute", &self.name_attribute),
            ("display_name_attribute", &self.display_name_attribute),
        ] {
            ensure!(!value.is_empty(), "ldap.{name} is needed");
        }
        ensure!(
            self.bind_dn.is_empty() == self.bind_password_file.as_os_str().is_empty(),
            "ldap.bind_dn and ldap.bind_password_file belong together"
        );
        ensure!(
            self.user_filter.contains(USER),
            "ldap.user_filter must have {USER} in it"
        );
        filter("user_filter", &self.user_filter)?;
        // Those who are known are looked up by their name.
        let by_name = format!("({}={USER})", self.name_attribute).to_lowercase();
        ensure!(
            self.user_filter.to_lowercase().contains(&by_name),
            "ldap.user_filter must look for {by_name}"
        );
        if self.group_base_dn.is_empty() {
            ensure!(
                !self.group_attribute.is_empty(),
                "ldap: group_attribute or group_base_dn must say how groups are known"
            );
        } else {
            let is_of_one = [DN, USER].iter().any(|of| self.group_filter.contains(of));
            ensure!(
                is_of_one,
                "ldap.group_filter must have {DN} or {USER} in it"
            );
            filter("group_filter", &self.group_filter)?;
        }
        ensure!(
            !self.groups.is_empty(),
            "ldap.groups: without any nobody of the directory may do anything"
        );
        for of in &self.groups {
            if let Some(fault) = of.place().fault() {
                anyhow::bail!("ldap.groups {:?}: {fault}", of.group);
            }
        }
        ensure!(
            self.timeout_seconds > 0 && self.reread_seconds > 0,
            "ldap: timeout_seconds and reread_seconds must be at least 1"
        );
        Ok(())
    }

    /// Whether the directory is on this machine.
    fn read_url(&self) -> Result<bool> {
        let url: Uri = self.url.parse().context("ldap.url cannot be read")?;
        let is_known = matches!(url.scheme_str(), Some("ldap" | "ldaps"));
        ensure!(is_known, "ldap.url: ldaps://host:port or ldap://host:port");
        let authority = url.authority().map_or("", |of| of.as_str());
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none();
        ensure!(
            is_bare && !authority.contains('@'),
            "ldap.url: host and port alone, nothing behind or before them"
        );
        let (host, _) = self.address()?;
        let address: Option<IpAddr> = host.parse().ok();
        ensure!(
            !(self.starttls && self.url.starts_with("ldaps:")),
            "ldap.starttls: ldaps:// is encrypted from the start"
        );
        Ok(host == "localhost" || address.is_some_and(|address| address.is_loopback()))
    }
}

/// Refuses what is no filter (RFC 4515).
fn filter(name: &str, text: &str) -> Result<()> {
    let is_read = Filter::read(text).is_some();
    ensure!(is_read, "ldap.{name} is no filter: {text}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::Config;

    fn refused(settings: &str) -> String {
        let whole = format!(
            "[ldap]\nurl = \"ldaps://directory.example\"\nbase_dn = \"dc=x\"\n{settings}\n\
             [[ldap.groups]]\ngroup = \"cn=admins,dc=x\"\nrole = \"admin\"\n"
        );
        let file = std::env::temp_dir().join(format!("sunakku-ldap-{}", uuid::Uuid::now_v7()));
        std::fs::write(&file, whole).expect("written");
        let loaded = Config::load(Some(&file));
        std::fs::remove_file(&file).expect("removed");
        loaded.map_or_else(|error| format!("{error:#}"), |_| String::new())
    }

    #[test]
    fn a_directory_needs_little_and_says_what_is_wrong() {
        assert_eq!(refused(""), "");
        for (settings, word) in [
            ("bind_dn = \"cn=hub\"", "bind_password_file"),
            ("user_filter = \"(uid=ann)\"", "user_filter"),
            ("user_filter = \"(uid={user}\"", "no filter"),
            ("group_attribute = \"\"", "group_base_dn"),
            (
                "group_base_dn = \"dc=x\"\ngroup_filter = \"(cn=*)\"",
                "group_filter",
            ),
            ("timeout_seconds = 0", "timeout_seconds"),
            ("tls = true", "tls"),
        ] {
            let error = refused(settings);
            assert!(error.contains(word), "{settings}: {error}");
        }
    }

    #[test]
    fn the_samples_for_glauth_belong_together() {
        let at = |file: &str| {
            let deploy = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/ldap");
            deploy.join(file)
        };
        let hub = Config::load(Some(&at("hub.toml"))).expect("settings").ldap;
        let glauth: serde_json::Value =
            sunakku_common::config::load("", Some(&at("glauth.cfg"))).expect("TOML");
        assert_eq!(glauth["ldap"]["enabled"], false);
        assert_eq!(glauth["backend"]["baseDN"], hub.base_dn.as_str());
        let groups = glauth["groups"].as_array().expect("groups");
        // As GLAuth names them.
        let named = |group: &serde_json::Value, folder: &str| {
            let name = group["name"].as_str().expect("a name");
            format!("ou={name},ou={folder},{}", hub.base_dn)
        };
        for role in &hub.groups {
            let is_there = groups
                .iter()
                .any(|group| named(group, "groups") == role.group);
            assert!(is_there, "{}", role.group);
        }
        let users = glauth["users"].as_array().expect("users");
        let asks = users.iter().find(|user| user["name"] == "hub");
        let asks = asks.expect("the hub");
        let group = groups
            .iter()
            .find(|group| group["gidnumber"] == asks["primarygroup"]);
        let group = named(group.expect("its group"), "users");
        assert_eq!(hub.bind_dn, format!("cn=hub,{group}"));
        assert_eq!(asks["capabilities"][0]["object"], hub.base_dn.as_str());
    }

    #[test]
    fn passwords_cross_no_network_in_the_clear_unless_somebody_says_so() {
        let of = |url: &str, more: &str| {
            let mut config: Config =
                sunakku_common::config::load(crate::config::DEFAULTS, None).expect("defaults");
            let groups = "[{\"group\": \"cn=a\", \"role\": \"admin\"}]";
            config.ldap.groups = serde_json::from_str(groups).expect("groups");
            config.ldap.base_dn = "dc=x".into();
            config.ldap.url = url.into();
            config.ldap.starttls = more.contains("starttls");
            config.ldap.allow_plaintext = more.contains("plaintext");
            config.validate().map_err(|error| format!("{error:#}"))
        };
        for (url, more) in [
            ("ldaps://directory.example:636", ""),
            ("ldap://directory.example", "starttls"),
            ("ldap://127.0.0.1:389", ""),
            ("ldap://localhost", ""),
            ("ldap://directory.example", "plaintext"),
        ] {
            assert_eq!(of(url, more), Ok(()), "{url} {more}");
        }
        for url in ["ldap://directory.example", "ldap://10.0.0.1"] {
            let error = of(url, "").expect_err(url);
            assert!(error.contains("in the clear"), "{url}: {error}");
        }
        for url in [
            "http://x",
            "ldapi://%2frun%2fldapi",
            "ldaps://cn=hub:secret@x",
            "ldaps://x/dc=x",
            "x",
        ] {
            let error = of(url, "").expect_err(url);
            assert!(error.contains("ldap.url"), "{url}: {error}");
        }
    }
}
