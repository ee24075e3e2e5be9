//! Calls of guests for somebody of the staff: at most one is open per device.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sunakku_common::event::StaffCall;

use super::{Freshness, Operation, Store, StoreError};

/// A guest who asks for somebody of the staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The device where the guest is.
    pub device: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

impl Call {
    fn of((device, since): (String, String)) -> Result<Self, StoreError> {
        let since = since.parse();
        let since = since.map_err(|_| StoreError::Unreadable(format!("the call of {device}")))?;
        Ok(Self { device, since })
    }
}

impl Store {
    /// Calls the staff to a device; one that has called already is answered with that call.
    pub async fn call_staff(
        &self,
        operation: &Operation,
        device: &str,
    ) -> Result<(Call, Freshness), StoreError> {
        let script = &self.inner.scripts.call_staff;
        let args = call_args(operation, device)?;
        let keys = [self.keys().calls()];
        let reply = self.run(script, operation, &keys, &args).await?;
        let freshness = reply.done().map_err(|_| reply.unexpected())?;
        let since = reply.rest.first().cloned().unwrap_or_default();
        Ok((Call::of((device.to_owned(), since))?, freshness))
    }

    /// Notes that somebody has seen to the call of a device; `None` when it has none.
    pub async fn answer_call(
        &self,
        operation: &Operation,
        device: &str,
    ) -> Result<Option<Freshness>, StoreError> {
        let script = &self.inner.scripts.answer_call;
        let args = call_args(operation, device)?;
        let keys = [self.keys().calls()];
        let reply = self.run(script, operation, &keys, &args).await?;
        match reply.done() {
            Ok(freshness) => Ok(Some(freshness)),
            Err("missing") => Ok(None),
            Err(_) => Err(reply.unexpected()),
        }
    }

    /// The open calls, the oldest first.
    pub async fn calls(&self) -> Result<Vec<Call>, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys().calls());
        let rows: BTreeMap<String, String> = command.query_async(&mut self.connection()).await?;
        let mut calls: Vec<Call> = rows.into_iter().map(Call::of).collect::<Result<_, _>>()?;
        calls.sort_by_key(|call| call.since);
        Ok(calls)
    }
}

fn call_args(operation: &Operation, device: &str) -> Result<[String; 2], StoreError> {
    let event = StaffCall {
        device: device.to_owned(),
        by: operation.by.clone(),
    };
    Ok([device.to_owned(), serde_json::to_string(&event)?])
}
