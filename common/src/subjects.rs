//! Every NATS subject that crosses between a site and the hub. Who may use which is enforced
//! by the hub's nats-server (`deploy/nats/hub.conf`).

use crate::ids::SiteId;

/// Site → hub, request: a batch of the site log. The hub answers after its commit.
pub fn log(site: &SiteId) -> String {
    format!("up.{site}.log")
}

/// What the hub's intake subscribes to: the logs of all sites.
pub const ALL_LOGS: &str = "up.*.log";

/// Queue group of the hub's replicas on [`ALL_LOGS`].
pub const INTAKE_GROUP: &str = "intake";

/// Prefix of a site's reply subjects; the only place where the hub may answer it.
pub fn inbox_prefix(site: &SiteId) -> String {
    format!("_INBOX.{site}")
}

/// The site that a log subject speaks for, or `None` when it is no log subject.
pub fn site_of_log(subject: &str) -> Option<SiteId> {
    subject
        .strip_prefix("up.")?
        .strip_suffix(".log")?
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
    fn an_inbox_of_a_site_with_the_same_beginning_is_foreign() {
        let site: SiteId = "s1".parse().expect("a literal");
        assert!(is_inbox_of(&site, "_INBOX.s1.abc"));
        assert!(!is_inbox_of(&site, "_INBOX.s12.abc"));
        assert!(!is_inbox_of(&site, "down.s2.menu"));
    }
}
