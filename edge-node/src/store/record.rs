//! An order and its tickets as they stand in the store.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sunakku_common::event::{By, TicketDetails};
use sunakku_common::ids::TicketId;
use sunakku_common::order::OrderDetails;
use sunakku_common::state::{OrderState, TicketState};

use super::StoreError;

/// An order with what has happened to it.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderRecord {
    /// What was ordered; never changes.
    pub details: OrderDetails,
    /// Its pickup number.
    pub number: u32,
    /// Where it stands.
    pub state: OrderState,
    /// Its place in line: counts up over all orders ever taken.
    pub place: i64,
    /// Sequence of the event that told of it.
    pub seq: u64,
    /// Who sent it.
    pub by: By,
    /// When it entered each state that it has been in.
    pub times: HashMap<OrderState, DateTime<Utc>>,
    /// Why it was called off.
    pub reason: Option<String>,
    /// Its tickets; empty until its lines were dealt to stations.
    pub tickets: Vec<TicketRecord>,
}

/// A ticket with what has happened to it.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketRecord {
    /// What is to be made; never changes.
    pub details: TicketDetails,
    /// Where it stands.
    pub state: TicketState,
    /// Lines that are made, counted from 1.
    pub done_lines: Vec<u32>,
    /// Its place in line.
    pub place: i64,
    /// When a cook had first seen it: acknowledged, began or made some of it.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// When it was last begun.
    pub cooking_at: Option<DateTime<Utc>>,
    /// When it was last done.
    pub done_at: Option<DateTime<Utc>>,
    /// Whether its order was called off after it was begun, and no cook has confirmed that yet.
    pub needs_confirmation: bool,
    /// Why its order was called off, where that was told.
    pub reason: Option<String>,
}

type Fields = HashMap<String, String>;

fn parsed<T: std::str::FromStr>(fields: &Fields, name: &str) -> Result<T, StoreError> {
    let value = fields.get(name).and_then(|text| text.parse().ok());
    value.ok_or_else(|| StoreError::Unreadable(format!("field {name} of an order")))
}

fn json<'a, T: serde::Deserialize<'a>>(fields: &'a Fields, name: &str) -> Result<T, StoreError> {
    let text = fields.get(name).map_or("", String::as_str);
    serde_json::from_str(text)
        .map_err(|error| StoreError::Unreadable(format!("field {name} of an order: {error}")))
}

fn time(fields: &Fields, name: &str) -> Option<DateTime<Utc>> {
    fields.get(name).and_then(|text| text.parse().ok())
}

fn reason(fields: &Fields) -> Option<String> {
    serde_json::from_str(fields.get("reason")?).ok()
}

impl OrderRecord {
    /// Reads an order's hash; `None` when there is no such order.
    pub(crate) fn read(fields: &Fields) -> Result<Option<Self>, StoreError> {
        if fields.is_empty() {
            return Ok(None);
        }
        let tickets = fields.get("tickets").map_or("", String::as_str);
        let tickets = tickets.split(',').filter(|id| !id.is_empty());
        let moments = OrderState::ALL
            .iter()
            .filter_map(|state| time(fields, &format!("{state}_at")).map(|at| (*state, at)));
        Ok(Some(Self {
            details: json(fields, "details")?,
            number: parsed(fields, "number")?,
            state: parsed(fields, "state")?,
            place: parsed(fields, "place")?,
            seq: parsed(fields, "seq")?,
            by: json(fields, "by")?,
            times: moments.collect(),
            reason: reason(fields),
            tickets: tickets
                .map(|id| TicketRecord::read(fields, id))
                .collect::<Result<_, _>>()?,
        }))
    }

    /// Reads a hash that a script answered, flattened.
    pub(crate) fn read_flat(flat: Vec<String>) -> Result<Self, StoreError> {
        let mut values = flat.into_iter();
        let mut fields = Fields::new();
        while let (Some(name), Some(value)) = (values.next(), values.next()) {
            fields.insert(name, value);
        }
        Self::read(&fields)?.ok_or_else(|| StoreError::Unreadable("an empty order".to_owned()))
    }

    /// The ticket of this id.
    pub fn ticket(&self, id: TicketId) -> Option<&TicketRecord> {
        self.tickets.iter().find(|ticket| ticket.details.id == id)
    }
}

impl TicketRecord {
    fn read(fields: &Fields, id: &str) -> Result<Self, StoreError> {
        let name = |part: &str| format!("ticket:{id}:{part}");
        let done = fields.get(&name("done")).map_or("", String::as_str);
        Ok(Self {
            details: json(fields, &format!("ticket:{id}"))?,
            state: parsed(fields, &name("state"))?,
            done_lines: done
                .split(',')
                .filter_map(|line| line.parse().ok())
                .collect(),
            place: parsed(fields, &name("place"))?,
            acknowledged_at: time(fields, &name("acknowledged_at")),
            cooking_at: time(fields, &name("cooking_at")),
            done_at: time(fields, &name("done_at")),
            needs_confirmation: fields.get(&name("confirm")).is_some_and(|flag| flag == "1"),
            reason: reason(fields),
        })
    }
}
