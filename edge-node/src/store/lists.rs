//! Lists in the store: indexes of orders and tickets by their place in line.

use chrono::{DateTime, NaiveDate, Utc};
use sunakku_common::ids::{OrderId, TicketId};
use sunakku_common::state::{OrderState, TicketState};

use super::{OrderRecord, RECORD_LIFE, Store, StoreError, TicketRecord};

/// Records that are read at a time.
const PART: usize = 200;

/// Which orders a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderFilter {
    /// Those for which something is still to happen.
    Open,
    /// All that are kept.
    All,
    /// Those in one state.
    In(OrderState),
}

/// Which tickets a list has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketFilter {
    /// Those in one state; when absent the open ones, and those that a cook has to confirm.
    pub state: Option<TicketState>,
    /// Those of one station.
    pub station: Option<String>,
}

/// How many orders there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderCounts {
    /// Whose records are kept.
    pub kept: u64,
    /// For which something is still to happen.
    pub open: u64,
    /// That wait for their tickets.
    pub unrouted: u64,
    /// Tickets that wait or cook, or that a cook has to confirm.
    pub open_tickets: u64,
}

/// A part of a list, and the place to go on from when there may be more.
pub type Part<T> = (Vec<T>, Option<i64>);

impl OrderFilter {
    fn takes(self, order: &OrderRecord) -> bool {
        match self {
            Self::Open => order.state.is_open(),
            Self::All => true,
            Self::In(state) => order.state == state,
        }
    }
}

impl TicketFilter {
    fn takes(&self, ticket: &TicketRecord) -> bool {
        let state = match self.state {
            Some(state) => ticket.state == state,
            None => ticket.state.is_open() || ticket.needs_confirmation,
        };
        let station = self.station.as_ref();
        state && station.is_none_or(|station| *station == ticket.details.station)
    }
}

impl Store {
    /// Orders in the order of their place in line, after a place; at most `limit`.
    pub async fn orders(
        &self,
        filter: OrderFilter,
        after: i64,
        limit: usize,
    ) -> Result<Part<OrderRecord>, StoreError> {
        let open = match filter {
            OrderFilter::Open => true,
            OrderFilter::All => false,
            OrderFilter::In(state) => state.is_open(),
        };
        let index = if open {
            self.keys().open_orders()
        } else {
            self.keys().orders()
        };
        let (mut found, mut after) = (Vec::new(), after);
        loop {
            let part: Vec<(OrderId, i64)> = self.by_place(&index, after, PART).await?;
            let ids: Vec<OrderId> = part.iter().map(|(id, _)| *id).collect();
            // An order whose record's life is over may stand in the index for a while.
            for (order, (_, place)) in self.read_orders(&ids).await?.into_iter().zip(&part) {
                found.extend(order.filter(|order| filter.takes(order)));
                if found.len() == limit {
                    return Ok((found, Some(*place)));
                }
            }
            match part.last() {
                Some((_, place)) if part.len() == PART => after = *place,
                _ => return Ok((found, None)),
            }
        }
    }

    /// Orders of a business day that are kept, in the order of their place in line. Numbers count up
    /// within a day, so that only its own orders are read.
    pub async fn orders_of_day(&self, day: NaiveDate) -> Result<Vec<OrderRecord>, StoreError> {
        let mut connection = self.connection();
        let mut command = redis::cmd("GET");
        command.arg(self.keys().numbers(day));
        let numbers: Option<i64> = command.query_async(&mut connection).await?;
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.keys().orders()).arg("+inf").arg("-inf");
        command.arg("BYSCORE").arg("REV").arg("LIMIT").arg(0).arg(1);
        command.arg("WITHSCORES");
        let last: Vec<(String, i64)> = command.query_async(&mut connection).await?;
        let (Some(numbers), Some((_, last))) = (numbers, last.first()) else {
            return Ok(Vec::new());
        };
        let (mut orders, mut after) = (Vec::new(), Some(last - numbers));
        while let Some(place) = after {
            let part = self.orders(OrderFilter::All, place, PART).await?;
            orders.extend(part.0);
            after = part.1;
        }
        orders.retain(|order| order.details.business_day == day);
        Ok(orders)
    }

    /// Tickets in the order of their place in line, after a place; at most `limit`.
    pub async fn tickets(
        &self,
        filter: &TicketFilter,
        after: i64,
        limit: usize,
    ) -> Result<Part<TicketRecord>, StoreError> {
        let index = if filter.state.is_none_or(TicketState::is_open) {
            self.keys().open_tickets()
        } else {
            self.keys().tickets()
        };
        let (mut found, mut after) = (Vec::new(), after);
        loop {
            let part: Vec<(TicketId, i64)> = self.by_place(&index, after, PART).await?;
            let ids: Vec<TicketId> = part.iter().map(|(id, _)| *id).collect();
            for (ticket, (_, place)) in self.read_tickets(&ids).await?.into_iter().zip(&part) {
                found.extend(ticket.filter(|ticket| filter.takes(ticket)));
                if found.len() == limit {
                    return Ok((found, Some(*place)));
                }
            }
            match part.last() {
                Some((_, place)) if part.len() == PART => after = *place,
                _ => return Ok((found, None)),
            }
        }
    }

    pub(super) async fn by_place<T: std::str::FromStr>(
        &self,
        index: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(T, i64)>, StoreError> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(index).arg(format!("({after}")).arg("+inf");
        command.arg("BYSCORE").arg("LIMIT").arg(0).arg(limit);
        command.arg("WITHSCORES");
        let found: Vec<(String, i64)> = command.query_async(&mut self.connection()).await?;
        let known = |(id, place): (String, i64)| Some((id.parse().ok()?, place));
        Ok(found.into_iter().filter_map(known).collect())
    }

    async fn read_orders(&self, ids: &[OrderId]) -> Result<Vec<Option<OrderRecord>>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipe = redis::pipe();
        for id in ids {
            pipe.cmd("HGETALL").arg(self.keys().order(*id));
        }
        let found: Vec<_> = pipe.query_async(&mut self.connection()).await?;
        found.iter().map(OrderRecord::read).collect()
    }

    async fn read_tickets(
        &self,
        ids: &[TicketId],
    ) -> Result<Vec<Option<TicketRecord>>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("MGET");
        for id in ids {
            command.arg(self.keys().ticket(*id));
        }
        let orders: Vec<Option<String>> = command.query_async(&mut self.connection()).await?;
        let orders: Vec<Option<OrderId>> = orders
            .into_iter()
            .map(|order| order?.parse().ok())
            .collect();
        // Tickets of one order stand together.
        let mut distinct: Vec<OrderId> = orders.iter().copied().flatten().collect();
        distinct.dedup();
        let records = self.read_orders(&distinct).await?;
        let find = |(id, order): (&TicketId, Option<OrderId>)| {
            let place = distinct.iter().position(|known| Some(*known) == order)?;
            records[place].as_ref()?.ticket(*id).cloned()
        };
        Ok(ids.iter().zip(orders).map(find).collect())
    }

    /// How many orders are kept, are open, and wait for their tickets.
    pub async fn order_counts(&self) -> Result<OrderCounts, StoreError> {
        let keys = self.keys();
        let mut pipe = redis::pipe();
        for index in [
            keys.orders(),
            keys.open_orders(),
            keys.unrouted(),
            keys.open_tickets(),
        ] {
            pipe.cmd("ZCARD").arg(index);
        }
        let (kept, open, unrouted, open_tickets) = pipe.query_async(&mut self.connection()).await?;
        Ok(OrderCounts {
            kept,
            open,
            unrouted,
            open_tickets,
        })
    }

    /// Orders without tickets with which the kitchen had to begin before `before`, those first
    /// that have waited longest.
    pub async fn overdue(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<OrderId>, StoreError> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.keys().unrouted()).arg("-inf");
        command.arg(before.timestamp_millis());
        command.arg("BYSCORE").arg("LIMIT").arg(0).arg(limit);
        let ids: Vec<String> = command.query_async(&mut self.connection()).await?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Orders that wait to be collected since before `before`, those first that wait longest.
    pub async fn ready_before(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<OrderId>, StoreError> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.keys().ready_orders()).arg("-inf");
        command.arg(before.timestamp_millis());
        command.arg("BYSCORE").arg("LIMIT").arg(0).arg(limit);
        let ids: Vec<String> = command.query_async(&mut self.connection()).await?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Tickets that were made before `before` and that no screen has acknowledged, those first
    /// that wait longest.
    pub async fn unseen_before(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<TicketId>, StoreError> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.keys().unseen_tickets()).arg("-inf");
        command.arg(before.timestamp_millis());
        command.arg("BYSCORE").arg("LIMIT").arg(0).arg(limit);
        let ids: Vec<String> = command.query_async(&mut self.connection()).await?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Orders that became ready last, at most `limit`, the latest first.
    pub async fn latest_ready(&self, limit: usize) -> Result<Vec<OrderRecord>, StoreError> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.keys().ready_orders()).arg(0);
        command.arg(limit.saturating_sub(1)).arg("REV");
        let ids: Vec<String> = command.query_async(&mut self.connection()).await?;
        let ids: Vec<OrderId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        Ok(self
            .read_orders(&ids)
            .await?
            .into_iter()
            .flatten()
            .collect())
    }

    /// When the kitchen had to begin with the order that has waited longest for its tickets, or
    /// will have to.
    pub async fn oldest_due(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.keys().unrouted()).arg(0).arg(0);
        command.arg("WITHSCORES");
        let first: Vec<(String, i64)> = command.query_async(&mut self.connection()).await?;
        let due = first.first().map(|(_, due)| *due);
        Ok(due.and_then(DateTime::from_timestamp_millis))
    }

    /// Forgets index entries of orders whose records' life is over, and of their tickets; the
    /// oldest `limit` are looked at. Answers how many were forgotten.
    pub async fn forget_expired(&self, limit: usize) -> Result<usize, StoreError> {
        let keys = self.keys();
        let oldest: Vec<(OrderId, i64)> = self.by_place(&keys.orders(), 0, limit).await?;
        if oldest.is_empty() {
            return Ok(0);
        }
        let ids: Vec<OrderId> = oldest.iter().map(|(id, _)| *id).collect();
        let mut exist = redis::pipe();
        for id in &ids {
            exist.cmd("EXISTS").arg(keys.order(*id));
        }
        let exist: Vec<bool> = exist.query_async(&mut self.connection()).await?;
        let expired = exist.iter().take_while(|exists| !**exists).count();
        let Some((_, last)) = oldest[..expired].last() else {
            return Ok(0);
        };
        let mut pipe = redis::pipe();
        for index in [
            keys.orders(),
            keys.open_orders(),
            keys.unrouted(),
            keys.ready_orders(),
        ] {
            let forget = pipe.cmd("ZREM").arg(index);
            for id in &ids[..expired] {
                forget.arg(id.to_string());
            }
            forget.ignore();
        }
        // Tickets stand at a thousand times their order's place, see route_order.lua.
        for index in [keys.tickets(), keys.open_tickets()] {
            let forget = pipe.cmd("ZREMRANGEBYSCORE").arg(index).arg("-inf");
            forget.arg(format!("({}", (last + 1) * 1_000)).ignore();
        }
        let born = self.now() - RECORD_LIFE;
        let forget = pipe.cmd("ZREMRANGEBYSCORE").arg(keys.unseen_tickets());
        forget.arg("-inf").arg(born.timestamp_millis()).ignore();
        pipe.query_async::<()>(&mut self.connection()).await?;
        Ok(expired)
    }
}
