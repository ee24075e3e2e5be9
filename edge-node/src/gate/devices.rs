//! The devices of a site and the sessions that have ended: in memory, as the store has them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLockReadGuard};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sunakku_common::claims::Role;
use sunakku_common::event::{SessionMoved, cause, kind};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Gate;
use crate::store::{Device, ErrorChain, Freshness, Operation, Store, StoreError, Whom};

/// Devices of a site at most.
const MAX_DEVICES: usize = 1_000;
/// How often it is noted when devices called last, and looked for those that have been unused for too long.
const NOTE_EVERY: Duration = Duration::from_secs(30);
/// By how much a clock may differ before a token outlives what is known of its session.
const LEEWAY: TimeDelta = TimeDelta::minutes(5);

#[derive(Default)]
pub(super) struct Known {
    devices: HashMap<Uuid, Arc<Row>>,
    /// Sessions that have ended, with when their last token has run out (seconds since 1970).
    ended: HashMap<Uuid, i64>,
}

struct Row {
    device: Device,
    /// When it called last, milliseconds since 1970; and what the store knows of that.
    seen: AtomicI64,
    noted: AtomicI64,
}

impl Known {
    pub(super) async fn read(store: &Store) -> Result<Self, StoreError> {
        let seen = store.devices_seen().await?;
        let row = |device: Device| {
            let seen = seen.get(&device.id).copied();
            (device.id, Row::new(device, seen))
        };
        Ok(Self {
            devices: store.devices().await?.into_iter().map(row).collect(),
            ended: store.ended_sessions().await?,
        })
    }
}

impl Row {
    fn new(device: Device, seen: Option<DateTime<Utc>>) -> Arc<Self> {
        let seen = seen.unwrap_or(device.paired_at).timestamp_millis();
        let (seen, noted) = (AtomicI64::new(seen), AtomicI64::new(seen));
        Arc::new(Self {
            device,
            seen,
            noted,
        })
    }

    fn seen(&self) -> DateTime<Utc> {
        let millis = self.seen.load(Ordering::Relaxed);
        DateTime::from_timestamp_millis(millis).unwrap_or(self.device.paired_at)
    }
}

impl Gate {
    /// Whether a session has not ended. That of a device has called now.
    pub(super) fn goes_on(&self, session: Uuid) -> bool {
        let known = self.known();
        if let Some(row) = known.devices.get(&session) {
            let now = Utc::now().timestamp_millis();
            row.seen.fetch_max(now, Ordering::Relaxed);
        }
        !known.ended.contains_key(&session)
    }

    /// The devices that were let in, by name, each with when it called last.
    pub(crate) fn devices(&self) -> Vec<(Device, DateTime<Utc>)> {
        let known = self.known();
        let rows = known
            .devices
            .values()
            .map(|row| (row.device.clone(), row.seen()));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by(|one, other| (&one.0.name, one.0.id).cmp(&(&other.0.name, other.0.id)));
        rows
    }

    /// The device of a session.
    pub(crate) fn device(&self, session: Uuid) -> Option<Device> {
        self.known()
            .devices
            .get(&session)
            .map(|row| row.device.clone())
    }

    /// Lets a device in; `None` when there are as many as may be.
    pub(crate) async fn pair(
        &self,
        operation: &Operation,
        name: String,
        role: Role,
    ) -> Result<Option<Device>, StoreError> {
        let device = Device {
            id: Uuid::new_v4(),
            name,
            role,
            paired_at: self.inner.store.now(),
            paired_by: operation.actor().to_owned(),
        };
        let paired = self
            .inner
            .store
            .pair_device(operation, &device, MAX_DEVICES)
            .await?;
        let Some((device, _freshness)) = paired else {
            return Ok(None);
        };
        let row = Row::new(device.clone(), None);
        self.change(|known| known.devices.entry(device.id).or_insert(row).device.clone());
        Ok(Some(device))
    }

    /// Lets a device in no more, and cuts it off; `None` when there is none of those.
    pub(crate) async fn revoke(
        &self,
        operation: &Operation,
        (id, whom): (Uuid, Whom),
        reason: Option<String>,
    ) -> Result<Option<Freshness>, StoreError> {
        // One that is not there any more may have been revoked by this very operation.
        let device = self.device(id).unwrap_or_else(|| Device {
            id,
            name: String::new(),
            role: Role::Board,
            paired_at: self.inner.store.now(),
            paired_by: String::new(),
        });
        let until = self.inner.store.now() + self.inner.device_life + LEEWAY;
        let revoked = self
            .inner
            .store
            .revoke_device(operation, (&device, whom), reason, until)
            .await?;
        if revoked.is_some() {
            self.change(|known| {
                known.devices.remove(&id);
                known.ended.insert(id, until.timestamp());
            });
            self.inner.changed.send_replace(());
        }
        Ok(revoked)
    }

    /// Ends a session: its tokens are refused from now on.
    pub(crate) async fn end(
        &self,
        operation: &Operation,
        session: Uuid,
        event: &SessionMoved,
    ) -> Result<(), StoreError> {
        let until = self.inner.store.now() + self.inner.device_life + LEEWAY;
        let ended = Some((session, until));
        let store = &self.inner.store;
        store
            .tell_session(operation, kind::SESSION_SIGNED_OUT, event, ended)
            .await?;
        self.change(|known| known.ended.insert(session, until.timestamp()));
        self.inner.changed.send_replace(());
        Ok(())
    }

    /// Has a store that began a new life keep what is in memory.
    pub(crate) async fn restore(&self) -> Result<(), StoreError> {
        let devices: Vec<Device> = self
            .devices()
            .into_iter()
            .map(|(device, _)| device)
            .collect();
        let ended = self.known().ended.clone();
        self.inner.store.keep_devices(&devices, &ended).await
    }

    /// Notes when devices called last, and forgets what can be, until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut timer = tokio::time::interval(NOTE_EVERY);
        while stop.run_until_cancelled(timer.tick()).await.is_some() {
            if let Err(error) = self.upkeep().await {
                tracing::warn!(error = %ErrorChain(&error), "when devices called is not noted");
            }
        }
        let _lost = self.note_seen().await;
    }

    async fn upkeep(&self) -> Result<(), StoreError> {
        self.note_seen().await?;
        let now = self.inner.store.now();
        self.change(|known| known.ended.retain(|_, until| now.timestamp() <= *until));
        let unused = |(device, seen): &(Device, DateTime<Utc>)| {
            (*seen + self.inner.device_life + LEEWAY < now).then_some(device.id)
        };
        for id in self.devices().iter().filter_map(unused) {
            let operation = Operation::system("gate", cause::TIMER);
            self.revoke(&operation, (id, Whom::Known), Some("unused".to_owned()))
                .await?;
        }
        Ok(())
    }

    async fn note_seen(&self) -> Result<(), StoreError> {
        let rows: Vec<Arc<Row>> = self.known().devices.values().cloned().collect();
        let changed =
            |row: &&Arc<Row>| row.noted.load(Ordering::Relaxed) < row.seen.load(Ordering::Relaxed);
        let rows: Vec<_> = rows
            .iter()
            .filter(changed)
            .map(|row| (row, row.seen()))
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let seen: Vec<_> = rows
            .iter()
            .map(|(row, seen)| (row.device.id, *seen))
            .collect();
        self.inner.store.note_devices_seen(&seen).await?;
        for (row, seen) in rows {
            row.noted.store(seen.timestamp_millis(), Ordering::Relaxed);
        }
        Ok(())
    }

    // Each act leaves the rows whole, so a poisoned lock is as good as another.
    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.inner
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        act(&mut self
            .inner
            .known
            .write()
            .unwrap_or_else(PoisonError::into_inner))
    }
}
