//! What the hub keeps for the site, as it comes: asked for, or pushed when it changes.
//!
//! Both ways the server names the key in `Nats-Subject`, and the body names the site. Rights on
//! subjects do not check where an answer is sent, so both are compared: a site takes what was
//! written under its own key and for itself, and nothing else.

use std::time::Duration;

use async_nats::{Client, Message, Request};
use sunakku_common::down::MenuDown;
use sunakku_common::ids::SiteId;
use sunakku_common::site::Settings;
use sunakku_common::subjects::Bucket;

use crate::metrics as names;

/// How long an answer is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// `Message Not Found` of nats-server: the key is not there.
const NOT_FOUND: u16 = 404;

/// Why there is nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum NothingRead {
    /// The hub keeps nothing for the site yet.
    #[error("the hub has nothing for this site")]
    Missing,
    /// No answer, or one that says no.
    #[error("the hub does not answer: {0}")]
    Away(String),
    /// It is not this site's.
    #[error("what came is not for this site: {0}")]
    Foreign(String),
    /// It cannot be understood.
    #[error("what came cannot be read: {0}")]
    Unreadable(String),
}

impl NothingRead {
    fn word(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Away(_) => "away",
            Self::Foreign(_) => "foreign",
            Self::Unreadable(_) => "unreadable",
        }
    }
}

/// Something that the hub keeps for each site.
pub(super) trait Kept: serde::de::DeserializeOwned {
    const BUCKET: Bucket;
    /// Whose it says that it is.
    fn site(&self) -> &SiteId;
}

impl Kept for MenuDown {
    const BUCKET: Bucket = Bucket::Menu;

    fn site(&self) -> &SiteId {
        &self.site
    }
}

impl Kept for Settings {
    const BUCKET: Bucket = Bucket::Site;

    fn site(&self) -> &SiteId {
        &self.site
    }
}

/// Asks for what the hub keeps.
pub(super) async fn read<T: Kept>(client: &Client, site: &SiteId) -> Result<T, NothingRead> {
    let request = Request::new().timeout(Some(ANSWER_TIMEOUT));
    let answer = client.send_request(T::BUCKET.read(site), request).await;
    let read = match answer {
        Ok(message) => understand(&message, site),
        Err(error) => Err(NothingRead::Away(error.to_string())),
    };
    let result = read.as_ref().map_or_else(NothingRead::word, |_| "ok");
    metrics::counter!(names::DOWNLINE_READS, "result" => result).increment(1);
    read
}

/// Understands what was pushed.
pub(super) fn pushed<T: Kept>(message: &Message, site: &SiteId) -> Result<T, NothingRead> {
    let understood = understand(message, site);
    let result = understood.as_ref().map_or_else(NothingRead::word, |_| "ok");
    metrics::counter!(names::DOWNLINE_PUSHES, "result" => result).increment(1);
    understood
}

fn understand<T: Kept>(message: &Message, site: &SiteId) -> Result<T, NothingRead> {
    match message.status.map(|status| status.as_u16()) {
        None => {}
        Some(NOT_FOUND) => return Err(NothingRead::Missing),
        Some(code) => return Err(NothingRead::Away(format!("status {code}"))),
    }
    let header = |name: &str| {
        let headers = message.headers.as_ref()?;
        headers.get(name).map(|value| value.as_str())
    };
    let key = header("Nats-Subject").unwrap_or("no key");
    if key != T::BUCKET.key(site) {
        return Err(NothingRead::Foreign(key.to_owned()));
    }
    if header("KV-Operation").is_some_and(|operation| operation != "PUT") {
        return Err(NothingRead::Missing);
    }
    let kept: T = serde_json::from_slice(&message.payload)
        .map_err(|error| NothingRead::Unreadable(error.to_string()))?;
    if kept.site() != site {
        return Err(NothingRead::Foreign(kept.site().to_string()));
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(key: &str, payload: &str) -> Message {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Subject", key);
        Message {
            subject: "down.s1.menu".into(),
            reply: None,
            payload: payload.as_bytes().to_vec().into(),
            headers: Some(headers),
            status: None,
            description: None,
            length: payload.len(),
        }
    }

    #[test]
    fn only_what_stands_under_the_sites_own_key_and_names_it_is_taken() {
        let site: SiteId = "s1".parse().expect("an id");
        let own = r#"{"site": "s1", "code": "main"}"#;
        let take = |key: &str, payload: &str| understand::<MenuDown>(&message(key, payload), &site);
        assert!(take("$KV.menu.s1", own).is_ok());
        for (key, payload) in [
            ("$KV.menu.s2", own),
            ("$KV.site.s1", own),
            ("$KV.menu.s1", r#"{"site": "s2", "code": "main"}"#),
        ] {
            let foreign = take(key, payload);
            assert!(
                matches!(foreign, Err(NothingRead::Foreign(_))),
                "{key} {foreign:?}"
            );
        }
        let mut bare = message("", own);
        bare.headers = None;
        let bare = understand::<MenuDown>(&bare, &site);
        assert!(matches!(bare, Err(NothingRead::Foreign(_))), "{bare:?}");
        let odd = take("$KV.menu.s1", "[]");
        assert!(matches!(odd, Err(NothingRead::Unreadable(_))), "{odd:?}");
    }
}
