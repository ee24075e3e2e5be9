//! Devices that were let in, and sessions that have ended before their tokens.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::claims::Role;
use sunakku_common::event::{DeviceMoved, SessionMoved, timestamp};
use uuid::Uuid;

use super::{Freshness, Operation, Store, StoreError};

/// A device that was let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Device {
    /// Stands in each of its tokens.
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Since when.
    pub paired_at: DateTime<Utc>,
    /// Who let it in.
    pub paired_by: String,
}

/// Which devices can be let in no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// Those that the store knows.
    Known,
    /// Also one that a store before this one let in: its token may still be good.
    Any,
}

impl Device {
    fn event(&self, operation: &Operation, reason: Option<String>) -> DeviceMoved {
        DeviceMoved {
            device: self.id,
            name: self.name.clone(),
            role: self.role,
            by: operation.by.clone(),
            reason,
        }
    }
}

impl Store {
    /// Lets a device in, unless there are `most` already: then `None`. The same operation is answered
    /// with the device of the first time.
    pub async fn pair_device(
        &self,
        operation: &Operation,
        device: &Device,
        most: usize,
    ) -> Result<Option<(Device, Freshness)>, StoreError> {
        let script = &self.inner.scripts.pair_device;
        let args = [
            device.id.to_string(),
            serde_json::to_string(device)?,
            serde_json::to_string(&device.event(operation, None))?,
            most.to_string(),
        ];
        let reply = self
            .run(script, operation, &[self.keys().devices()], &args)
            .await?;
        match reply.done() {
            Ok(freshness) => {
                let kept = reply.rest.first().map(String::as_str).unwrap_or_default();
                Ok(Some((serde_json::from_str(kept)?, freshness)))
            }
            Err("full") => Ok(None),
            Err(_) => Err(reply.unexpected()),
        }
    }

    /// Lets a device in no more; its last token runs out at `until`. `None` when there is no such device,
    /// unless any is to be refused.
    pub async fn revoke_device(
        &self,
        operation: &Operation,
        (device, whom): (&Device, Whom),
        reason: Option<String>,
        until: DateTime<Utc>,
    ) -> Result<Option<Freshness>, StoreError> {
        let script = &self.inner.scripts.revoke_device;
        let keys = [
            self.keys().devices(),
            self.keys().devices_seen(),
            self.keys().ended_sessions(),
        ];
        let args = [
            device.id.to_string(),
            serde_json::to_string(&device.event(operation, reason))?,
            until.timestamp().to_string(),
            u8::from(whom == Whom::Any).to_string(),
        ];
        let reply = self.run(script, operation, &keys, &args).await?;
        match reply.done() {
            Ok(freshness) => Ok(Some(freshness)),
            Err("missing") => Ok(None),
            Err(_) => Err(reply.unexpected()),
        }
    }

    /// Every device that was let in.
    pub async fn devices(&self) -> Result<Vec<Device>, StoreError> {
        let mut command = redis::cmd("HVALS");
        command.arg(self.keys().devices());
        let rows: Vec<String> = command.query_async(&mut self.connection()).await?;
        Ok(rows
            .iter()
            .map(|row| serde_json::from_str(row))
            .collect::<Result<_, _>>()?)
    }

    /// When devices called last, as far as that was noted.
    pub async fn devices_seen(&self) -> Result<HashMap<Uuid, DateTime<Utc>>, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys().devices_seen());
        let rows: HashMap<String, String> = command.query_async(&mut self.connection()).await?;
        let row = |(id, at): (String, String)| Some((id.parse().ok()?, at.parse().ok()?));
        Ok(rows.into_iter().filter_map(row).collect())
    }

    /// Notes when devices called last. No fact of the site, so the log does not tell.
    pub async fn note_devices_seen(
        &self,
        seen: &[(Uuid, DateTime<Utc>)],
    ) -> Result<(), StoreError> {
        let mut command = redis::cmd("HSET");
        command.arg(self.keys().devices_seen());
        for (id, at) in seen {
            command.arg(id.to_string()).arg(timestamp(*at));
        }
        Ok(command.query_async(&mut self.connection()).await?)
    }

    /// Keeps devices and ended sessions (with the ends of their tokens) that are known already.
    pub async fn keep_devices(
        &self,
        devices: &[Device],
        ended: &HashMap<Uuid, i64>,
    ) -> Result<(), StoreError> {
        let mut keep = redis::pipe();
        keep.atomic();
        for device in devices {
            let row = serde_json::to_string(device)?;
            keep.hset(self.keys().devices(), device.id.to_string(), row)
                .ignore();
        }
        for (session, until) in ended {
            keep.zadd(self.keys().ended_sessions(), session.to_string(), *until)
                .ignore();
        }
        if !keep.is_empty() {
            let () = keep.query_async(&mut self.connection()).await?;
        }
        Ok(())
    }

    /// Tells what became of a session or of a try to begin one; `ended` is the session that is over, with the
    /// end of its last token.
    pub async fn tell_session(
        &self,
        operation: &Operation,
        kind: &str,
        event: &SessionMoved,
        ended: Option<(Uuid, DateTime<Utc>)>,
    ) -> Result<(), StoreError> {
        let script = &self.inner.scripts.tell_session;
        let (session, until) = match ended {
            Some((session, until)) => (session.to_string(), until.timestamp().to_string()),
            None => (String::new(), "0".to_owned()),
        };
        let args = [
            kind.to_owned(),
            serde_json::to_string(event)?,
            session,
            until,
        ];
        let reply = self
            .run(script, operation, &[self.keys().ended_sessions()], &args)
            .await?;
        reply.done().map_err(|_| reply.unexpected())?;
        Ok(())
    }

    /// Sessions that have ended and whose tokens have not run out, with when they will have; what has run
    /// out is forgotten.
    pub async fn ended_sessions(&self) -> Result<HashMap<Uuid, i64>, StoreError> {
        let key = self.keys().ended_sessions();
        let mut forget = redis::cmd("ZREMRANGEBYSCORE");
        forget.arg(&key).arg("-inf").arg(self.now().timestamp());
        let _gone: i64 = forget.query_async(&mut self.connection()).await?;
        let mut command = redis::cmd("ZRANGE");
        command.arg(&key).arg(0).arg(-1).arg("WITHSCORES");
        let rows: Vec<(String, i64)> = command.query_async(&mut self.connection()).await?;
        let row = |(id, until): (String, i64)| Some((id.parse().ok()?, until));
        Ok(rows.into_iter().filter_map(row).collect())
    }
}
