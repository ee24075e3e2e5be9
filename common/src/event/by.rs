//! Who or what leads to a change.

use serde::{Deserialize, Serialize};

/// Who did it, and from which device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct By {
    /// Name of a person or device, or of a part of the edge such as `queue`.
    pub actor: String,
    /// The device it was done at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// What led to it: one of [`cause`].
    #[serde(default)]
    pub cause: String,
    /// The trace of the request that it came of: the same in the logs of edge and hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// The span of that request, where spans are exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<String>,
}

/// What leads to a change.
pub mod cause {
    /// A person or device asked for it.
    pub const REQUEST: &str = "request";
    /// A job of the work queue.
    pub const JOB: &str = "job";
    /// Its time had come.
    pub const TIMER: &str = "timer";
    /// A step of one of the order's tickets, told right before it.
    pub const TICKET: &str = "ticket";
    /// The hub sent it: a menu, settings or a command.
    pub const HUB: &str = "hub";
    /// The edge's own upkeep, such as a new epoch.
    pub const UPKEEP: &str = "upkeep";
}

impl By {
    /// A part of the edge itself, because of one of [`cause`].
    pub fn system(part: &str, cause: &str) -> Self {
        Self {
            actor: part.to_owned(),
            device: None,
            cause: cause.to_owned(),
            trace: crate::trace::current(),
            span: crate::trace::current_span(),
        }
    }
}
