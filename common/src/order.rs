//! Orders: what a guest may send, and what an accepted one is.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::OrderId;
use crate::money::{Currency, Minor};
use crate::state::text_enum;
use crate::text::Text;

text_enum!(
    /// Where an order comes from.
    Channel {
        /// A touch kiosk in the cafeteria.
        Kiosk = "kiosk",
        /// A guest's own phone.
        Phone = "phone",
        /// A cashier at the counter.
        Counter = "counter",
        /// Staff ordering for themselves.
        Staff = "staff",
    }
);

text_enum!(
    /// Where the guest eats.
    Service {
        /// In the cafeteria.
        Here = "here",
        /// Packed to take away.
        Away = "away",
    }
);

/// The body of `POST /v1/orders`. Prices are the server's business; what it does not know is
/// refused rather than ignored, so that a misspelt wish is noticed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// What is ordered.
    pub lines: Vec<LineRequest>,
    /// Where the order comes from.
    pub channel: Channel,
    /// Where the guest eats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Codes of allergens that the guest must avoid; shown to the cook.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub avoid: Vec<String>,
    /// The total that the guest saw, minor units; 409 `price-changed` when it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_total: Option<Minor>,
    /// When the guest wants to collect it; now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pickup_at: Option<DateTime<Utc>>,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineRequest {
    /// Code of the item.
    pub item: String,
    /// How many.
    #[schema(minimum = 1)]
    pub quantity: i64,
    /// Codes of the chosen options.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<String>,
    /// A wish for the cook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Bounds on one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderLimits {
    /// Lines of one order.
    pub max_lines: usize,
    /// Quantity of one line.
    pub max_quantity: u32,
    /// How far ahead an order can be scheduled, hours.
    pub max_pickup_hours: u32,
}

/// An order as it was accepted. It never changes; what happens to it stands in its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OrderDetails {
    /// The order.
    pub id: OrderId,
    /// Where it came from.
    pub channel: Channel,
    /// Where the guest eats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Codes of allergens that the guest must avoid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub avoid: Vec<String>,
    /// What was ordered.
    pub lines: Vec<OrderLine>,
    /// Sum of the lines, minor units.
    pub total: Minor,
    /// Currency of all amounts.
    pub currency: Currency,
    /// When the edge took it.
    pub placed_at: DateTime<Utc>,
    /// When the guest wants it; now when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pickup_at: Option<DateTime<Utc>>,
    /// When it should be ready.
    pub ready_estimate_at: DateTime<Utc>,
    /// How long its slowest item takes to make, seconds.
    pub preparation_seconds: u32,
    /// The site's business day that its number belongs to.
    pub business_day: NaiveDate,
    /// Version of the menu that priced it.
    pub menu_version: u64,
}

impl OrderDetails {
    /// When the kitchen has to begin: when it was placed, or in time for the moment at which it is wanted.
    pub fn release_at(&self) -> DateTime<Utc> {
        self.held_until().unwrap_or(self.placed_at)
    }

    /// Until when the kitchen is not to begin; `None` when it is wanted at once, whatever the clock was when it
    /// was placed.
    pub fn held_until(&self) -> Option<DateTime<Utc>> {
        let preparation = TimeDelta::seconds(i64::from(self.preparation_seconds));
        self.pickup_at.map(|pickup_at| pickup_at - preparation)
    }
}

/// One line of an accepted order, priced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OrderLine {
    /// Counts from 1 within the order.
    pub line: u32,
    /// Code of the item.
    pub item: String,
    /// Name of the item as the menu had it.
    pub name: Text,
    /// How many.
    pub quantity: u32,
    /// Price of one with its options, minor units.
    pub unit_price: Minor,
    /// `quantity × unit_price`.
    pub total: Minor,
    /// The chosen options.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<LineModifier>,
    /// A wish for the cook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Code of the station that makes it.
    pub station: String,
    /// What one of it is made of, when it is a set: each part goes to its own station. The
    /// line's price is that of the whole set; parts have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<LinePart>,
}

/// A part of a set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LinePart {
    /// Code of the item.
    pub item: String,
    /// Name of the item as the menu had it.
    pub name: Text,
    /// How many of it stand in one set.
    pub quantity: u32,
    /// Code of the station that makes it.
    pub station: String,
}

/// Which item a station makes, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work<'a> {
    /// Code of the item.
    pub item: &'a str,
    /// How many.
    pub quantity: u32,
    /// Code of the station.
    pub station: &'a str,
}

impl OrderLine {
    /// What the kitchen makes of this line, as far as it takes time: [`Self::to_make`] without what only
    /// the cook needs.
    pub fn works(&self) -> impl Iterator<Item = Work<'_>> {
        let whole = self.parts.is_empty().then_some(Work {
            item: &self.item,
            quantity: self.quantity,
            station: &self.station,
        });
        let parts = self.parts.iter().map(|part| Work {
            item: &part.item,
            quantity: self.quantity.saturating_mul(part.quantity),
            station: &part.station,
        });
        whole.into_iter().chain(parts)
    }

    /// What the kitchen makes of this line: the line itself, or the parts of a set, each as a
    /// line without a price. Options and note of a set are told to every station.
    pub fn to_make(&self) -> Vec<Self> {
        if self.parts.is_empty() {
            return vec![self.clone()];
        }
        let part = |part: &LinePart| Self {
            item: part.item.clone(),
            name: part.name.clone(),
            quantity: self.quantity.saturating_mul(part.quantity),
            unit_price: 0,
            total: 0,
            station: part.station.clone(),
            parts: Vec::new(),
            ..self.clone()
        };
        self.parts.iter().map(part).collect()
    }
}

/// A chosen option of a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LineModifier {
    /// Code of the option.
    pub id: String,
    /// Name of the option as the menu had it.
    pub name: Text,
    /// What it added to the price of one, minor units.
    pub price: Minor,
}
