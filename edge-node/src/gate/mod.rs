//! Who is believed: what a token has to be beside being signed by a known key. Its device or session must
//! not have been ended.

mod devices;

use std::sync::{Arc, RwLock};

use arc_swap::ArcSwap;
use axum::http::{HeaderMap, Method};
use chrono::{DateTime, TimeDelta, Utc};
use sunakku_common::claims::{Claims, Distrust, HUB_ISSUER, Role, Verifier, site_audience};
use sunakku_common::http::{Caller, identify};
use sunakku_common::ids::SiteId;
use sunakku_common::keys::PublicKey;
use sunakku_common::problem::Problem;
use sunakku_common::site::Settings;
use sunakku_common::staff::{Revocation, StaffMember};
use tokio::sync::watch;
use uuid::Uuid;

use crate::store::{Store, StoreError};
use devices::Known;

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
        let known = Known::read(&store).await?;
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
            Arc::make_mut(&mut caller.0).role = Role::Manager;
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
        match claims.sid {
            Some(session) if !self.goes_on(session) => Err(Distrust::Invalid),
            _ => Ok(()),
        }
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
}
