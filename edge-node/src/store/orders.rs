//! Orders in the store.

use std::collections::{BTreeMap, HashMap};

use sunakku_common::event::cause;
use sunakku_common::ids::OrderId;
use sunakku_common::order::OrderDetails;
use sunakku_common::pricing::StockLevel;
use sunakku_common::state::OrderState;
use sunakku_common::sync::MAX_ORDER_BYTES;

use super::slots::{SlotClaim, Used, read_slots};
use super::{Freshness, Operation, OrderRecord, RECORD_LIFE, Reply, Store, StoreError};

/// An order that is to be taken.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// What was ordered.
    pub details: OrderDetails,
    /// Units of each SKU that it takes.
    pub claims: BTreeMap<String, u64>,
    /// How many orders may be open.
    pub limits: OpenLimits,
    /// What it takes of the stations that have a limit.
    pub slots: Vec<SlotClaim>,
}

/// How many orders may be open at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenLimits {
    /// Of the whole site.
    pub max_open_orders: u64,
    /// That came from one device.
    pub max_open_orders_per_device: u64,
}

/// What became of an order that was to be taken.
#[derive(Debug, Clone, PartialEq)]
pub enum Placing {
    /// It is taken, and on disk.
    Placed {
        /// What was ordered by the first request, when this is a repetition.
        first: Option<Box<OrderDetails>>,
        /// Its pickup number.
        number: u32,
        /// Whether this is a repetition.
        freshness: Freshness,
    },
    /// Too little is left; nothing changed. The level of every SKU that it claims.
    Short(HashMap<String, StockLevel>),
    /// The log has used up its memory because the hub was away too long; nothing changed.
    LogFull,
    /// The site has as many open orders as it may have; nothing changed.
    TooMany,
    /// The device has as many open orders as one may have; nothing changed.
    TooManyOfDevice,
    /// A slot has less room than it claims; nothing changed. What is used of every slot.
    SlotsFull(Used),
    /// It takes more bytes than an event may have; nothing changed. How many.
    TooLong(usize),
}

/// A way in which an order ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The state that it ends in.
    pub next: OrderState,
    /// Why, where that matters.
    pub reason: Option<String>,
    /// The states from which it may end so.
    pub from: &'static [OrderState],
}

/// What became of a step that was to be made.
#[derive(Debug, Clone, PartialEq)]
pub enum Step<T> {
    /// It was made; how things stand after it.
    Made(T, Freshness),
    /// There is no such thing.
    Missing,
    /// It may not be made from the state in which the thing is; nothing changed.
    Illegal {
        /// That state.
        state: String,
        /// Why not, where the state alone does not tell.
        why: Option<String>,
    },
}

impl Store {
    /// Takes an order: all of its stock or none, its number, its record and its event.
    pub async fn place(
        &self,
        operation: &Operation,
        order: &NewOrder,
    ) -> Result<Placing, StoreError> {
        let (keys, id) = (self.keys(), order.details.id);
        let day = order.details.business_day;
        let more_keys = [
            keys.order(id),
            keys.open_orders(),
            keys.orders(),
            keys.unrouted(),
            keys.stock(),
            keys.suspended(),
            keys.numbers(day),
            keys.open_by_device(),
            keys.slots(),
        ];
        let details = serde_json::to_string(&order.details)?;
        if MAX_ORDER_BYTES < details.len() {
            return Ok(Placing::TooLong(details.len()));
        }
        let mut args = vec![
            id.to_string(),
            details,
            serde_json::to_string(&operation.key)?,
            self.inner.log_budget_bytes.to_string(),
            RECORD_LIFE.as_secs().to_string(),
            self.inner.life.last_number(day).to_string(),
            order.details.release_at().timestamp_millis().to_string(),
            order.limits.max_open_orders.to_string(),
            operation.by.device.clone().unwrap_or_default(),
            order.limits.max_open_orders_per_device.to_string(),
            order.slots.len().to_string(),
        ];
        for claim in &order.slots {
            args.extend([
                claim.field(),
                claim.work.to_string(),
                claim.capacity.to_string(),
            ]);
        }
        for (sku, units) in &order.claims {
            args.extend([sku.clone(), units.to_string()]);
        }
        let script = &self.inner.scripts.place_order;
        let reply = self.run(script, operation, &more_keys, &args).await?;
        match (reply.done(), reply.rest.as_slice()) {
            (Ok(freshness), [first_id, number]) => {
                let first_id: OrderId = first_id.parse().map_err(|_| unreadable_answer())?;
                let number = number.parse().map_err(|_| unreadable_answer())?;
                let first = if first_id == id {
                    self.inner.life.note_number(day, number);
                    None
                } else {
                    let first = self.order(first_id).await?;
                    Some(Box::new(first.ok_or_else(unreadable_answer)?.details))
                };
                Ok(Placing::Placed {
                    first,
                    number,
                    freshness,
                })
            }
            (Err("log-full"), _) => Ok(Placing::LogFull),
            (Err("too-many"), _) => Ok(Placing::TooMany),
            (Err("too-many-of-device"), _) => Ok(Placing::TooManyOfDevice),
            (Err("slots-full"), slots) => Ok(Placing::SlotsFull(read_slots(slots))),
            (Err("short"), levels) => Ok(Placing::Short(read_levels(levels))),
            _ => Err(reply.unexpected()),
        }
    }

    /// What was ordered under this operation's key before, with its pickup number.
    pub async fn placed_before(
        &self,
        operation: &Operation,
    ) -> Result<Option<(OrderDetails, u32)>, StoreError> {
        let reply = self
            .run(&self.inner.scripts.first_answer, operation, &[], &[])
            .await?;
        let [id, number] = reply.rest.as_slice() else {
            return Ok(None);
        };
        let id = id.parse().map_err(|_| unreadable_answer())?;
        let number = number.parse().map_err(|_| unreadable_answer())?;
        Ok(self.order(id).await?.map(|order| (order.details, number)))
    }

    /// Whether this operation was done before under its key.
    pub(crate) async fn done_before(
        &self,
        operation: &Operation,
    ) -> Result<Option<Freshness>, StoreError> {
        let script = &self.inner.scripts.first_answer;
        Ok(self.run(script, operation, &[], &[]).await?.done().ok())
    }

    /// Ends an order.
    pub async fn close(
        &self,
        operation: &Operation,
        order: OrderId,
        close: &Close,
    ) -> Result<Step<OrderRecord>, StoreError> {
        self.run_close(operation, order, close).await?.step()
    }

    async fn run_close(
        &self,
        operation: &Operation,
        order: OrderId,
        close: &Close,
    ) -> Result<Reply, StoreError> {
        let keys = self.keys();
        let more_keys = [
            keys.order(order),
            keys.open_orders(),
            keys.unrouted(),
            keys.open_tickets(),
            keys.stock(),
            keys.suspended(),
            keys.open_by_device(),
            keys.ready_orders(),
            keys.slots(),
            keys.unseen_tickets(),
        ];
        let from: Vec<&str> = close.from.iter().map(|state| state.as_str()).collect();
        let args = [
            order.to_string(),
            close.next.to_string(),
            serde_json::to_string(&close.reason)?,
            from.join(","),
        ];
        let script = &self.inner.scripts.close_order;
        self.run(script, operation, &more_keys, &args).await
    }

    /// Rejects an order that waits for its tickets, and gives its stock back; nothing happens to
    /// one that does not. It need not be readable.
    pub(crate) async fn reject(&self, order: OrderId, reason: &str) -> Result<(), StoreError> {
        let close = Close {
            next: OrderState::Rejected,
            reason: Some(reason.to_owned()),
            from: &[OrderState::Placed],
        };
        let operation = Operation::system("queue", cause::JOB);
        match self.run_close(&operation, order, &close).await?.done() {
            Ok(_) | Err("missing" | "illegal") => Ok(()),
            Err(word) => Err(StoreError::Unreadable(format!(
                "a script answered \"{word}\""
            ))),
        }
    }

    /// One order.
    pub async fn order(&self, order: OrderId) -> Result<Option<OrderRecord>, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys().order(order));
        OrderRecord::read(&command.query_async(&mut self.connection()).await?)
    }
}

impl super::Reply {
    /// The answer of a script that moves an order.
    pub(super) fn step(self) -> Result<Step<OrderRecord>, StoreError> {
        match self.done() {
            Ok(freshness) => Ok(Step::Made(OrderRecord::read_flat(self.rest)?, freshness)),
            Err("missing") => Ok(Step::Missing),
            Err("illegal") => {
                let mut rest = self.rest.into_iter();
                Ok(Step::Illegal {
                    state: rest.next().unwrap_or_default(),
                    why: rest.next(),
                })
            }
            Err(_) => Err(self.unexpected()),
        }
    }
}

fn unreadable_answer() -> StoreError {
    StoreError::Unreadable("the first answer to an order".to_owned())
}

pub(super) fn read_levels(flat: &[String]) -> HashMap<String, StockLevel> {
    let levels = flat.chunks_exact(3).map(|level| {
        let (on_hand, suspended) = (level[1].parse().ok(), level[2] == "1");
        (level[0].clone(), StockLevel { on_hand, suspended })
    });
    levels.collect()
}
