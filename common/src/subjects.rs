//! Every NATS subject that crosses between a site and the hub. Who may use which is enforced
//! by the hub's nats-server: see [`site_rights`] and [`crate::nats`].

use crate::ids::SiteId;

/// Site → hub, request: a batch of the site log. The hub answers after its commit.
pub fn log(site: &SiteId) -> String {
    format!("up.{site}.log")
}

/// What the hub's intake subscribes to: the logs of all sites.
pub const ALL_LOGS: &str = "up.*.log";

/// Queue group of the hub's replicas on [`ALL_LOGS`].
pub const INTAKE_GROUP: &str = "intake";

/// Hub → site: the site's menu, re-published by the server whenever its key is written.
pub fn menu(site: &SiteId) -> String {
    format!("down.{site}.menu")
}

/// Hub → site: the site's settings, likewise.
pub fn settings(site: &SiteId) -> String {
    format!("down.{site}.site")
}

/// Hub → site: commands that the site has not reported yet.
pub fn command(site: &SiteId) -> String {
    format!("down.{site}.command")
}

/// Site → hub: commands have come.
pub fn received(site: &SiteId) -> String {
    format!("up.{site}.command")
}

/// What the hub subscribes to, to hear which commands have come.
pub const ALL_RECEIVED: &str = "up.*.command";

/// Queue group of the hub's replicas on [`ALL_RECEIVED`].
pub const RECEIVED_GROUP: &str = "commands";

/// Site → hub, request: whether what lets the box in is to be renewed ([`crate::enrol::Renewal`]).
pub fn credentials(site: &SiteId) -> String {
    format!("up.{site}.cred")
}

/// What the hub subscribes to, to renew what lets boxes in.
pub const ALL_CREDENTIALS: &str = "up.*.cred";

/// Queue group of the hub's replicas on [`ALL_CREDENTIALS`].
pub const CREDENTIALS_GROUP: &str = "credentials";

/// Site → hub, request: an uploaded picture ([`crate::picture::PictureWanted`]).
pub fn picture(site: &SiteId) -> String {
    format!("up.{site}.picture")
}

/// What the hub subscribes to, to give sites the pictures of their menus.
pub const ALL_PICTURES: &str = "up.*.picture";

/// Queue group of the hub's replicas on [`ALL_PICTURES`].
pub const PICTURES_GROUP: &str = "pictures";

/// A bucket in which the hub keeps one key per site, for the site to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// [`crate::down::MenuDown`].
    Menu,
    /// [`crate::site::Settings`].
    Site,
}

impl Bucket {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Menu, Self::Site];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Menu => "menu",
            Self::Site => "site",
        }
    }

    /// The subject under which a site's key is stored: what the server writes into
    /// `Nats-Subject`, whichever way the value comes.
    pub fn key(self, site: &SiteId) -> String {
        format!("$KV.{}.{site}", self.name())
    }

    /// What a site asks for its own key, and may ask for no other.
    pub fn read(self, site: &SiteId) -> String {
        let name = self.name();
        format!("$JS.hub.API.DIRECT.GET.KV_{name}.{}", self.key(site))
    }

    /// What the server re-publishes, and as what.
    pub fn republish(self) -> (String, String) {
        let name = self.name();
        (
            format!("$KV.{name}.*"),
            format!("down.{{{{wildcard(1)}}}}.{name}"),
        )
    }
}

/// What a site may publish, and what it may subscribe. There is no right to any consumer: one
/// would let a site read the keys of others, or have them sent to others.
pub fn site_rights(site: impl std::fmt::Display) -> (Vec<String>, Vec<String>) {
    let read = |bucket: Bucket| {
        let name = bucket.name();
        format!("$JS.hub.API.DIRECT.GET.KV_{name}.$KV.{name}.{site}")
    };
    let mut publish = vec![format!("up.{site}.>")];
    publish.extend(Bucket::ALL.map(read));
    let subscribe = vec![format!("down.{site}.>"), format!("_INBOX.{site}.>")];
    (publish, subscribe)
}

/// Prefix of a site's reply subjects; the only place where the hub may answer it.
pub fn inbox_prefix(site: &SiteId) -> String {
    format!("_INBOX.{site}")
}

/// The site that a log subject speaks for, or `None` when it is no log subject.
pub fn site_of_log(subject: &str) -> Option<SiteId> {
    site_of(subject, ".log")
}

/// The site that says that commands have come, or `None` when it is no such subject.
pub fn site_of_received(subject: &str) -> Option<SiteId> {
    site_of(subject, ".command")
}

/// The site that asks about its credentials, or `None` when it is no such subject.
pub fn site_of_credentials(subject: &str) -> Option<SiteId> {
    site_of(subject, ".cred")
}

/// The site that wants a picture, or `None` when it is no such subject.
pub fn site_of_picture(subject: &str) -> Option<SiteId> {
    site_of(subject, ".picture")
}

fn site_of(subject: &str, rest: &str) -> Option<SiteId> {
    subject
        .strip_prefix("up.")?
        .strip_suffix(rest)?
        .parse()
        .ok()
}

/// Whether a reply subject lies in the inbox of `site`: permissions do not check reply
/// subjects, so a site could otherwise make the hub answer to another one.
pub fn is_inbox_of(site: &SiteId, reply: &str) -> bool {
    reply
        .strip_prefix(&inbox_prefix(site))
        .is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_read_from_its_subject_alone() {
        assert_eq!(
            site_of_log("up.s1.log").map(|s| s.to_string()),
            Some("s1".into())
        );
        for other in [
            "up.*.log",
            "up.a.b.log",
            "up..log",
            "down.s1.log",
            "up.s1.logs",
        ] {
            assert_eq!(site_of_log(other), None, "{other}");
        }
    }

    #[test]
    fn a_sites_keys_are_its_own_and_told_to_it_alone() {
        let site: SiteId = "s1".parse().expect("a literal");
        assert_eq!(Bucket::Menu.key(&site), "$KV.menu.s1");
        assert_eq!(
            Bucket::Site.read(&site),
            "$JS.hub.API.DIRECT.GET.KV_site.$KV.site.s1"
        );
        let (publish, subscribe) = site_rights(&site);
        assert!(publish.contains(&Bucket::Menu.read(&site)));
        assert!(publish.contains(&Bucket::Site.read(&site)));
        assert!(subscribe.contains(&format!("{}.>", inbox_prefix(&site))));
        let (from, to) = Bucket::Menu.republish();
        assert_eq!(
            (from.as_str(), to.as_str()),
            ("$KV.menu.*", "down.{{wildcard(1)}}.menu")
        );
        assert_eq!(menu(&site), "down.s1.menu");
        assert_eq!(site_of_picture(&picture(&site)), Some(site.clone()));
        assert_eq!(site_of_received(&received(&site)), Some(site));
    }

    #[test]
    fn an_inbox_of_a_site_with_the_same_beginning_is_foreign() {
        let site: SiteId = "s1".parse().expect("a literal");
        assert!(is_inbox_of(&site, "_INBOX.s1.abc"));
        assert!(!is_inbox_of(&site, "_INBOX.s12.abc"));
        assert!(!is_inbox_of(&site, "down.s2.menu"));
    }
}
