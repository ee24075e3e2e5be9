//! Orders as callers see them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::ids::{OrderId, TicketId};
use sunakku_common::money::{Currency, Minor};
use sunakku_common::order::{Channel, OrderDetails, OrderLine, Service};
use sunakku_common::state::OrderState;
use sunakku_common::text::Languages;

use crate::store::OrderRecord;

/// An order as callers see it.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(in crate::api) struct OrderAnswer {
    id: OrderId,
    /// The pickup number: unique within the business day.
    number: u32,
    state: OrderState,
    lines: Vec<LineAnswer>,
    /// Minor units.
    total: Minor,
    currency: Currency,
    channel: Channel,
    service: Option<Service>,
    avoid: Vec<String>,
    placed_at: DateTime<Utc>,
    pickup_at: Option<DateTime<Utc>>,
    /// When it should be ready.
    ready_estimate_at: DateTime<Utc>,
    preparing_at: Option<DateTime<Utc>>,
    ready_at: Option<DateTime<Utc>>,
    /// When it was collected, cancelled, rejected or expired.
    closed_at: Option<DateTime<Utc>>,
    /// Why it was called off.
    reason: Option<String>,
    tickets: Vec<TicketId>,
}

/// A line of an order.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(in crate::api) struct LineAnswer {
    line: u32,
    item: String,
    name: String,
    quantity: u32,
    /// Of one with its options, minor units.
    unit_price: Minor,
    /// `quantity × unit_price`.
    total: Minor,
    modifiers: Vec<ChosenAnswer>,
    note: Option<String>,
    station: String,
    /// What one is made of, for a set; each part is made at its own station.
    parts: Vec<PartAnswer>,
}

/// A part of a set.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(in crate::api) struct PartAnswer {
    item: String,
    name: String,
    /// In one set.
    quantity: u32,
    station: String,
}

/// A chosen option.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(in crate::api) struct ChosenAnswer {
    id: String,
    name: String,
    price: Minor,
}

impl LineAnswer {
    pub(in crate::api) fn of(line: OrderLine, languages: &Languages) -> Self {
        let chosen = line.modifiers.into_iter().map(|modifier| ChosenAnswer {
            id: modifier.id,
            name: modifier.name.pick(languages).to_owned(),
            price: modifier.price,
        });
        let parts = line.parts.into_iter().map(|part| PartAnswer {
            item: part.item,
            name: part.name.pick(languages).to_owned(),
            quantity: part.quantity,
            station: part.station,
        });
        Self {
            line: line.line,
            item: line.item,
            name: line.name.pick(languages).to_owned(),
            quantity: line.quantity,
            unit_price: line.unit_price,
            total: line.total,
            modifiers: chosen.collect(),
            note: line.note,
            station: line.station,
            parts: parts.collect(),
        }
    }
}

impl OrderAnswer {
    /// An order as it is right after it was taken.
    pub(super) fn placed(details: OrderDetails, number: u32, languages: &Languages) -> Self {
        let lines = details
            .lines
            .into_iter()
            .map(|line| LineAnswer::of(line, languages));
        Self {
            id: details.id,
            number,
            state: OrderState::Placed,
            lines: lines.collect(),
            total: details.total,
            currency: details.currency,
            channel: details.channel,
            service: details.service,
            avoid: details.avoid,
            placed_at: details.placed_at,
            pickup_at: details.pickup_at,
            ready_estimate_at: details.ready_estimate_at,
            preparing_at: None,
            ready_at: None,
            closed_at: None,
            reason: None,
            tickets: Vec::new(),
        }
    }

    pub(super) fn of(order: OrderRecord, languages: &Languages) -> Self {
        use OrderState::{Cancelled, Collected, Expired, Preparing, Ready, Rejected};
        let time = |state| order.times.get(&state).copied();
        let closed_at = [Collected, Cancelled, Rejected, Expired]
            .into_iter()
            .find_map(time);
        let (preparing_at, ready_at) = (time(Preparing), time(Ready));
        let tickets = order
            .tickets
            .iter()
            .map(|ticket| ticket.details.id)
            .collect();
        let (state, reason) = (order.state, order.reason);
        let answer = Self::placed(order.details, order.number, languages);
        Self {
            state,
            preparing_at,
            ready_at,
            closed_at,
            reason,
            tickets,
            ..answer
        }
    }
}
