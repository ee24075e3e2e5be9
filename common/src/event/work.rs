//! What events say of jobs and their queue.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::by::By;
#[cfg(doc)]
use super::kind;
use crate::ids::OrderId;
use crate::state::text_enum;

text_enum!(
    /// What a job does.
    JobKind {
        /// Deals an order's lines to stations.
        Route = "route",
        /// Prints a ticket.
        Print = "print",
        /// Tells an event to a webhook.
        Webhook = "webhook",
    }
);

/// One failed try of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attempt {
    /// When it failed.
    pub at: DateTime<Utc>,
    /// Why.
    pub error: String,
}

/// Body of [`kind::JOB_DEAD`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobDead {
    /// Names the job.
    pub job: String,
    /// What it does.
    pub kind: JobKind,
    /// Name of the printer or webhook; empty for none.
    #[serde(default)]
    pub target: String,
    /// The order that it belongs to, if any.
    #[serde(default)]
    pub order: Option<OrderId>,
    /// Why it was given up.
    pub reason: String,
    /// Every try.
    pub attempts: Vec<Attempt>,
    /// Who gave it up.
    pub by: By,
}

/// Body of [`kind::JOB_RETRIED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRetried {
    /// Names the job.
    pub job: String,
    /// What it does.
    pub kind: JobKind,
    /// Name of the printer or webhook; empty for none.
    #[serde(default)]
    pub target: String,
    /// The order that it belongs to, if any.
    #[serde(default)]
    pub order: Option<OrderId>,
    /// What is to be done, by kind.
    #[serde(default)]
    pub payload: serde_json::Value,
    /// Who wants it.
    pub by: By,
}

/// Body of [`kind::JOB_DISCARDED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobDiscarded {
    /// Names the job.
    pub job: String,
    /// Why.
    pub reason: String,
    /// Who did it.
    pub by: By,
}

/// Body of [`kind::QUEUE_PAUSED`] and [`kind::QUEUE_RESUMED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueSwitched {
    /// Who did it.
    pub by: By,
    /// Why, where that was told.
    #[serde(default)]
    pub reason: Option<String>,
}
