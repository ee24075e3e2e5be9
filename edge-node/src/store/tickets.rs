//! Tickets in the store.

use sunakku_common::event::{TicketDetails, cause};
use sunakku_common::ids::{OrderId, TicketId};

use super::orders::Step;
use super::{Operation, OrderRecord, RECORD_LIFE, Store, StoreError, TicketRecord};

/// A ticket that is to be made.
pub type NewTicket = TicketDetails;

/// What a cook does to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketMove {
    /// Begins it.
    Start,
    /// Has made all of it.
    Bump,
    /// Has made one line, counted from 1.
    BumpLine(u32),
    /// Makes it again.
    Recall,
}

impl Store {
    /// Makes an order's tickets, unless it has some or no longer wants any. Whether it did.
    pub async fn route(&self, order: OrderId, tickets: &[NewTicket]) -> Result<bool, StoreError> {
        let keys = self.keys();
        let mut more_keys = vec![
            keys.order(order),
            keys.unrouted(),
            keys.open_tickets(),
            keys.tickets(),
            keys.unseen_tickets(),
        ];
        let mut args = vec![
            order.to_string(),
            RECORD_LIFE.as_secs().to_string(),
            self.now().timestamp_millis().to_string(),
        ];
        for ticket in tickets {
            more_keys.push(keys.ticket(ticket.id));
            args.extend([
                ticket.id.to_string(),
                ticket.station.clone(),
                ticket.lines.len().to_string(),
                serde_json::to_string(ticket)?,
            ]);
        }
        let operation = Operation::system("queue", cause::JOB);
        let script = &self.inner.scripts.route_order;
        let reply = self.run(script, &operation, &more_keys, &args).await?;
        match reply.word.as_str() {
            "ok" => Ok(true),
            "done" => Ok(false),
            _ => Err(reply.unexpected()),
        }
    }

    /// Moves a ticket, and its order along with it; `reason` is told.
    pub async fn move_ticket(
        &self,
        operation: &Operation,
        ticket: TicketId,
        step: TicketMove,
        reason: Option<&str>,
    ) -> Result<Step<OrderRecord>, StoreError> {
        let Some(order) = self.order_of(ticket).await? else {
            return Ok(Step::Missing);
        };
        let keys = self.keys();
        let more_keys = [
            keys.order(order),
            keys.open_tickets(),
            keys.ready_orders(),
            keys.unseen_tickets(),
        ];
        let (word, line) = match step {
            TicketMove::Start => ("start", 0),
            TicketMove::Bump => ("bump", 0),
            TicketMove::BumpLine(line) => ("line", line),
            TicketMove::Recall => ("recall", 0),
        };
        let args = [
            ticket.to_string(),
            word.to_owned(),
            line.to_string(),
            self.now().timestamp_millis().to_string(),
            serde_json::to_string(&reason)?,
        ];
        let script = &self.inner.scripts.move_ticket;
        self.run(script, operation, &more_keys, &args).await?.step()
    }

    /// A cook has seen that the order of a ticket that was begun was called off.
    pub async fn confirm_ticket(
        &self,
        operation: &Operation,
        ticket: TicketId,
    ) -> Result<Step<OrderRecord>, StoreError> {
        let Some(order) = self.order_of(ticket).await? else {
            return Ok(Step::Missing);
        };
        let more_keys = [self.keys().order(order), self.keys().open_tickets()];
        let script = &self.inner.scripts.confirm_ticket;
        let args = [ticket.to_string()];
        self.run(script, operation, &more_keys, &args).await?.step()
    }

    /// A cook has seen a ticket on a screen.
    pub async fn acknowledge_ticket(
        &self,
        operation: &Operation,
        ticket: TicketId,
    ) -> Result<Step<OrderRecord>, StoreError> {
        let Some(order) = self.order_of(ticket).await? else {
            return Ok(Step::Missing);
        };
        let more_keys = [self.keys().order(order), self.keys().unseen_tickets()];
        let script = &self.inner.scripts.acknowledge_ticket;
        let args = [ticket.to_string()];
        self.run(script, operation, &more_keys, &args).await?.step()
    }

    /// Tells that no screen has acknowledged a ticket in time, unless one has or that was told.
    /// Whether it was told now.
    pub async fn escalate_ticket(&self, ticket: TicketId) -> Result<bool, StoreError> {
        // A ticket whose record's life is over has no order; the script takes it off the list.
        let order = self.order_of(ticket).await?;
        let order = order.unwrap_or(OrderId(uuid::Uuid::nil()));
        let more_keys = [self.keys().order(order), self.keys().unseen_tickets()];
        let script = &self.inner.scripts.escalate_ticket;
        let (operation, args) = (
            Operation::system("timer", cause::TIMER),
            [ticket.to_string()],
        );
        let reply = self.run(script, &operation, &more_keys, &args).await?;
        match reply.done() {
            Ok(_) => Ok(true),
            Err("done") => Ok(false),
            Err(_) => Err(reply.unexpected()),
        }
    }

    async fn order_of(&self, ticket: TicketId) -> Result<Option<OrderId>, StoreError> {
        let mut command = redis::cmd("GET");
        command.arg(self.keys().ticket(ticket));
        let order: Option<String> = command.query_async(&mut self.connection()).await?;
        Ok(order.and_then(|order| order.parse().ok()))
    }

    /// One ticket, with its order.
    pub async fn ticket(
        &self,
        ticket: TicketId,
    ) -> Result<Option<(TicketRecord, OrderRecord)>, StoreError> {
        let Some(order) = self.order_of(ticket).await? else {
            return Ok(None);
        };
        let Some(order) = self.order(order).await? else {
            return Ok(None);
        };
        Ok(order.ticket(ticket).cloned().map(|record| (record, order)))
    }
}
