//! Who is believed: what a token has to be beside being signed by a known key. Its device or session must
//! not have been ended.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, Method};
use chrono::{DateTime, TimeDelta, Utc};
use sunakku_common::claims::{
    Claims, Distrust, HUB_ISSUER, PublicKey, Role, Verifier, site_audience,
};
use sunakku_common::event::{SessionMoved, cause, kind};
use sunakku_common::http::{Caller, identify};
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;
use sunakku_common::site::Settings;
use sunakku_common::staff::{Revocation, StaffMember};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store::{Device, ErrorChain, Freshness, Operation, Store, StoreError};

/// Devices of a site at most.
const MAX_DEVICES: usize = 1_000;
/// How often it is noted when devices called last, and looked for those that have been unused for too long.
const NOTE_EVERY: Duration = Duration::from_secs(30);
/// By how much a clock may differ before a token outlives what is known of its session.
const LEEWAY: TimeDelta = TimeDelta::minutes(5);

/// Decides whom to believe. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Gate {
    inner: Arc<Inner>,
}

struct Inner {
    site: SiteId,
    store: Store,
    /// How long the token of a device is good for that does not call.
    device_life: TimeDelta,
    own_key: PublicKey,
    /// The key of the hub's in the configuration, until the hub has told its keys.
    hub_key: Option<PublicKey>,
    verifier: ArcSwap<Verifier>,
    told: ArcSwap<Told>,
    known: RwLock<Known>,
    /// Told when somebody may not be believed any more.
    changed: watch::Sender<()>,
}

/// What the hub has told of people.
#[derive(Default)]
struct Told {
    staff: Vec<StaffMember>,
    revoked: Vec<Revocation>,
}

#[derive(Default)]
struct Known {
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

/// Believes this site's own key and the hub's. One that is none is left out: the others are still good.
fn believing(site: &SiteId, own: &PublicKey, hub: &[PublicKey]) -> Verifier {
    let audience = site_audience(site);
    let own = (own, audience.clone());
    let hub = hub.iter().map(|key| (key, HUB_ISSUER.to_owned()));
    let good = |pair: &(&PublicKey, String)| {
        let alone = Verifier::new(audience.clone(), [pair.clone()]);
        alone
            .inspect_err(|error| tracing::error!(%error, kid = pair.0.kid, "a key is not used"))
            .is_ok()
    };
    let keys = std::iter::once(own).chain(hub).filter(good);
    Verifier::new(audience.clone(), keys).unwrap_or_else(|_| Verifier::nobody(audience.clone()))
}

/// When a person's session began. Its id has the time in it, which those of devices and guests have not.
pub(crate) fn begun(session: Option<Uuid>) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = session?.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

impl Gate {
    /// Begins with what the store has.
    pub(crate) async fn start(
        site: SiteId,
        store: Store,
        (own_key, hub_key): (PublicKey, Option<PublicKey>),
        device_life: TimeDelta,
    ) -> Result<Self, StoreError> {
        let verifier = believing(&site, &own_key, hub_key.as_slice());
        let seen = store.devices_seen().await?;
        let devices = store.devices().await?.into_iter();
        let devices = devices.map(|device| {
            (
                device.id,
                Row::new(device.clone(), seen.get(&device.id).copied()),
            )
        });
        let known = Known {
            devices: devices.collect(),
            ended: store.ended_sessions().await?,
        };
        let inner = Inner {
            site,
            store,
            device_life,
            own_key,
            hub_key,
            verifier: ArcSwap::from_pointee(verifier),
            told: ArcSwap::default(),
            known: RwLock::new(known),
            changed: watch::Sender::new(()),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Takes what the hub's settings say of people, and whose keys are the hub's. Settings stay in the
    /// store, so that they hold without the hub and after a restart.
    pub(crate) fn take(&self, settings: Option<&Settings>) {
        let inner = &self.inner;
        let Some(settings) = settings else {
            return;
        };
        let keys = match settings.keys.is_empty() {
            true => inner.hub_key.as_slice(),
            false => &settings.keys,
        };
        inner
            .verifier
            .store(Arc::new(believing(&inner.site, &inner.own_key, keys)));
        inner.told.store(Arc::new(Told {
            staff: settings.staff.clone(),
            revoked: settings.revoked.clone(),
        }));
        inner.changed.send_replace(());
    }

    /// What a person of the staff may do, and the hash of the PIN.
    pub(crate) fn staff(&self, name: &str) -> Option<(Role, String)> {
        let told = self.inner.told.load();
        let member = told.staff.iter().find(|member| member.name == name)?;
        Some((member.role, member.pin.expose().to_owned()))
    }

    /// By whose keys tokens are verified.
    pub(crate) fn verifier(&self) -> Arc<Verifier> {
        self.inner.verifier.load_full()
    }

    /// Who calls, if he is believed.
    pub(crate) fn identify(&self, method: &Method, headers: &HeaderMap) -> Result<Caller, Problem> {
        let mut caller = identify(&self.verifier(), method, headers)?;
        self.admit(&caller.0)?;
        // The hub mints for the sites of his region alone; at each of them he is its manager.
        if caller.0.role == Role::RegionManager {
            caller.0.role = Role::Manager;
        }
        Ok(caller)
    }

    /// Whether what a valid token says is still good here.
    pub(crate) fn admit(&self, claims: &Claims) -> Result<(), Distrust> {
        // The audience says so already; a token that contradicts itself is none.
        if claims
            .site
            .as_ref()
            .is_some_and(|site| *site != self.inner.site)
        {
            return Err(Distrust::Invalid);
        }
        if self.is_revoked(claims) {
            return Err(Distrust::Invalid);
        }
        let Some(session) = claims.sid else {
            return Ok(());
        };
        let known = self.known();
        if known.ended.contains_key(&session) {
            return Err(Distrust::Invalid);
        }
        if let Some(row) = known.devices.get(&session) {
            row.seen
                .fetch_max(Utc::now().timestamp_millis(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether the hub has said that a token is void.
    fn is_revoked(&self, claims: &Claims) -> bool {
        let told = self.inner.told.load();
        if told.revoked.is_empty() {
            return false;
        }
        let mut claims = claims.clone();
        // A screen's cookie is minted anew while it is used, also by an edge that has not heard of the
        // revocation: what counts is when the session began.
        if claims.iss == site_audience(&self.inner.site)
            && let Some(begun) = begun(claims.sid)
        {
            claims.iat = claims.iat.min(begun.timestamp());
        }
        told.revoked.iter().any(|one| one.voids(&claims))
    }

    /// Wakes whoever serves somebody for longer than one request, to ask [`Self::admit`] again.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.inner.changed.subscribe()
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

    /// Lets a device in no more, and cuts it off; `None` when there is none with this id.
    pub(crate) async fn revoke(
        &self,
        operation: &Operation,
        id: Uuid,
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
            .revoke_device(operation, &device, reason, until)
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
            self.revoke(&operation, id, Some("unused".to_owned()))
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
    fn known(&self) -> std::sync::RwLockReadGuard<'_, Known> {
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
