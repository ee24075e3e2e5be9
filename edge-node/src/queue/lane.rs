//! Lanes: how jobs stand in line. Each has a subject and a consumer of its own, so that one may
//! overtake another however long that one is.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::order::{Channel, OrderDetails};

/// How a job stands in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Lane {
    /// Before all others: staff, and guests who will be there soon.
    High,
    /// In turn.
    Normal,
    /// Not yet: scheduled orders. What is due goes before all others.
    Later,
}

impl Lane {
    /// All lanes, those first that go first.
    pub(crate) const ALL: [Self; 3] = [Self::High, Self::Later, Self::Normal];

    /// Its name in subjects and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Later => "later",
        }
    }

    /// The subject of its jobs.
    pub(super) fn subject(self) -> String {
        format!("jobs.route.{}", self.as_str())
    }

    /// The durable consumer of its workers.
    pub(super) fn consumer(self) -> String {
        format!("route-{}", self.as_str())
    }

    /// The lane of an order's job.
    pub(crate) fn of(order: &OrderDetails, now: DateTime<Utc>) -> Self {
        if order.held_until().is_some_and(|until| until > now) {
            Self::Later
        } else if order.channel == Channel::Staff || order.pickup_at.is_some() {
            Self::High
        } else {
            Self::Normal
        }
    }
}
