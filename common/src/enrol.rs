//! How a box becomes a site, and keeps what lets it in.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::SiteId;

/// What a box asks the hub with a token: `POST /v1/enrol`.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrol {
    /// Works once; the same box may send it again until it has the answer.
    pub token: String,
    /// Public key (NATS user nkey) that the box has made for itself.
    pub nkey: String,
    /// Signature of [`proof_text`](crate::nats::proof_text) by that key, base64url.
    pub proof: String,
}

/// Everything that a box needs to be the site.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Enrolled {
    /// Its id.
    #[schema(value_type = String)]
    pub site: SiteId,
    /// What people call it.
    pub name: String,
    /// Where its day is counted, IANA name.
    pub time_zone: String,
    /// ISO 4217 code.
    pub currency: String,
    /// What lets it in to the hub's nats-server; no secret without the box's own key.
    pub jwt: String,
    /// When that ends, unless it is renewed.
    pub expires_at: DateTime<Utc>,
    /// Where the hub's nats-server is.
    pub nats_url: String,
    /// By which the box knows the hub's tokens (`x` of its JWK).
    pub hub_public_key: String,
    /// What was last known to be at hand at the box before; to be counted.
    #[serde(default)]
    pub stock: Vec<StockLeft>,
}

/// What was last known to be at hand of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StockLeft {
    /// The SKU.
    pub sku: String,
    /// Units; null when it was not counted.
    pub on_hand: Option<i64>,
    /// Whether it was off sale.
    pub suspended: bool,
}

/// A box asks whether what lets it in is to be renewed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Renewal {
    /// What lets it in now.
    pub jwt: String,
}

/// The hub's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Renewed {
    /// What lets it in from now on; absent when the present one is good for long.
    #[serde(default)]
    pub jwt: Option<String>,
}
