//! What a site sent, and how it is refused.

use sunakku_common::ids::SiteId;
use sunakku_common::sync::{Answer, Batch};

/// What a site sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// Taken from the subject.
    pub site: SiteId,
    /// Taken from the payload.
    pub batch: Batch,
}

/// An answer that changes nothing.
pub(super) fn refusal(word: &str, detail: &str) -> Answer {
    Answer::Refused {
        refused: word.to_owned(),
        detail: detail.to_owned(),
    }
}
