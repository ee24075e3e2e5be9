//! The site itself: what the hub has set for it, and whether it takes orders now.
//!
//! The hub owns the settings, the edge owns whether the site was closed: the hub asks for that by
//! a command.

use std::sync::Arc;

use arc_swap::ArcSwap;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use sunakku_common::event::cause;
use sunakku_common::money::Currency;
use sunakku_common::site::{OpeningHours, Settings, next_business_day};

use crate::config;
use crate::metrics as names;
use crate::store::{Closed, Freshness, OpenLimits, Operation, Store, StoreError};

/// How far ahead a site can be closed.
const MAX_CLOSED: TimeDelta = TimeDelta::days(14);

/// The site. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SiteState {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    own: config::Site,
    own_limits: OpenLimits,
    kept: ArcSwap<Kept>,
}

#[derive(Debug, Clone, Default)]
struct Kept {
    settings: Option<Settings>,
    closed: Option<Closed>,
}

/// Whether the site takes orders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct Standing {
    /// Whether it does.
    pub(crate) open: bool,
    /// When it opens again; null when it is open, or when nothing says so within two weeks.
    pub(crate) opens_at: Option<DateTime<Utc>>,
    /// Why it is closed, where that was told.
    pub(crate) reason: Option<String>,
}

/// The site, as it is shown.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(crate) struct SiteShown {
    /// Its id.
    id: String,
    /// What people call it; null until the hub has told.
    name: Option<String>,
    /// IANA name.
    time_zone: String,
    /// ISO 4217 code; null until the hub has told.
    currency: Option<Currency>,
    /// Revision of the hub's settings; 0 until it has told.
    revision: u64,
    /// `open` or `closed`.
    state: String,
    /// When it opens again.
    opens_at: Option<DateTime<Utc>>,
    /// Until when somebody closed it; null when nobody did.
    closed_until: Option<DateTime<Utc>>,
    /// Why it is closed, where that was told.
    reason: Option<String>,
    /// By its local time; empty for always.
    opening_hours: OpeningHours,
    /// Orders of the site that may be open at a time.
    max_open_orders: u64,
    /// The same for those of one device.
    max_open_orders_per_device: u64,
}

impl SiteState {
    /// Begins with what the store has.
    pub(crate) async fn start(
        store: Store,
        own: config::Site,
        own_limits: OpenLimits,
    ) -> Result<Self, StoreError> {
        let (settings, closed) = store.site_kept().await?;
        let kept = ArcSwap::from_pointee(Kept { settings, closed });
        let inner = Arc::new(Inner {
            store,
            own,
            own_limits,
            kept,
        });
        Ok(Self { inner })
    }

    /// The hub's settings, when it has told any.
    pub(crate) fn settings(&self) -> Option<Settings> {
        self.inner.kept.load().settings.clone()
    }

    /// Where the site's day is counted.
    pub(crate) fn time_zone(&self) -> Tz {
        let kept = self.inner.kept.load();
        let set = kept.settings.as_ref().map(|settings| settings.time_zone);
        set.unwrap_or(self.inner.own.time_zone)
    }

    /// What people call it: as the hub has told, else as its own configuration says, else its id.
    pub(crate) fn name(&self) -> String {
        let kept = self.inner.kept.load();
        let own = &self.inner.own;
        match &kept.settings {
            Some(settings) => settings.name.clone(),
            None if own.name.is_empty() => own.id.to_string(),
            None => own.name.clone(),
        }
    }

    /// What the site sells in, as far as the hub has told.
    pub(crate) fn currency(&self) -> Option<Currency> {
        let kept = self.inner.kept.load();
        kept.settings
            .as_ref()
            .map(|settings| settings.currency.clone())
    }

    /// How many orders may be open.
    pub(crate) fn limits(&self) -> OpenLimits {
        let kept = self.inner.kept.load();
        let (own, set) = (self.inner.own_limits, kept.settings.as_ref());
        OpenLimits {
            max_open_orders: set
                .and_then(|set| set.max_open_orders)
                .unwrap_or(own.max_open_orders),
            max_open_orders_per_device: set
                .and_then(|set| set.max_open_orders_per_device)
                .unwrap_or(own.max_open_orders_per_device),
        }
    }

    /// Whether the site takes orders at a moment.
    pub(crate) fn standing(&self, now: DateTime<Utc>) -> Standing {
        let kept = self.inner.kept.load();
        let always = OpeningHours::default();
        let hours = kept.settings.as_ref();
        let hours = hours.map_or(&always, |settings| &settings.opening_hours);
        let zone = self.time_zone();
        let opens_from = |at| {
            if hours.is_open(at, zone) {
                Some(at)
            } else {
                hours.opens_after(at, zone)
            }
        };
        match &kept.closed {
            Some(closed) if now < closed.until => Standing {
                open: false,
                opens_at: opens_from(closed.until),
                reason: closed.reason.clone(),
            },
            _ if hours.is_open(now, zone) => Standing {
                open: true,
                ..Standing::default()
            },
            _ => Standing {
                open: false,
                opens_at: hours.opens_after(now, zone),
                reason: Some("outside its opening hours".to_owned()),
            },
        }
    }

    /// Shows in the metrics whether the site takes orders.
    pub(crate) fn note_standing(&self, now: DateTime<Utc>) {
        let open = f64::from(u8::from(self.standing(now).open));
        metrics::gauge!(names::SITE_OPEN).set(open);
    }

    /// The site as it is shown.
    pub(crate) fn shown(&self, now: DateTime<Utc>) -> SiteShown {
        let standing = self.standing(now);
        let kept = self.inner.kept.load();
        let (settings, limits) = (kept.settings.as_ref(), self.limits());
        let closed = kept.closed.as_ref().filter(|closed| now < closed.until);
        SiteShown {
            id: self.inner.own.id.to_string(),
            name: settings.map(|settings| settings.name.clone()),
            time_zone: self.time_zone().name().to_owned(),
            currency: self.currency(),
            revision: settings.map_or(0, |settings| settings.revision),
            state: if standing.open { "open" } else { "closed" }.to_owned(),
            opens_at: standing.opens_at,
            closed_until: closed.map(|closed| closed.until),
            reason: standing.reason,
            opening_hours: settings
                .map(|settings| settings.opening_hours.clone())
                .unwrap_or_default(),
            max_open_orders: limits.max_open_orders,
            max_open_orders_per_device: limits.max_open_orders_per_device,
        }
    }

    /// Takes the hub's settings, unless they are older than those in force. `go_back` is an
    /// admin's word that older ones are right.
    pub(crate) async fn configure(
        &self,
        settings: Settings,
        go_back: bool,
    ) -> Result<(), StoreError> {
        let kept = self.inner.kept.load_full();
        if let Some(known) = &kept.settings {
            if *known == settings {
                return Ok(());
            }
            if settings.revision <= known.revision && !go_back {
                tracing::warn!(
                    offered = settings.revision,
                    running = known.revision,
                    "settings that are not newer are not taken"
                );
                return Ok(());
            }
        }
        self.inner.store.configure_site(&settings).await?;
        tracing::info!(revision = settings.revision, "new settings");
        self.change(|kept| kept.settings = Some(settings.clone()));
        Ok(())
    }

    /// Until when a site that is closed now stays so, if nobody says: until the next business day.
    /// `None` when a time that was asked for makes no sense.
    pub(crate) fn closing_time(
        &self,
        asked: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        match asked {
            Some(until) => (now < until && until <= now + MAX_CLOSED).then_some(until),
            None => next_business_day(now, self.time_zone(), self.inner.own.business_day_starts),
        }
    }

    /// Closes the site until a time, or opens it.
    pub(crate) async fn switch(
        &self,
        operation: &Operation,
        until: Option<DateTime<Utc>>,
        reason: Option<String>,
    ) -> Result<Freshness, StoreError> {
        let closed = until.map(|until| Closed {
            until,
            reason: reason.clone(),
        });
        let store = &self.inner.store;
        let done = store
            .switch_site(operation, closed.as_ref(), reason)
            .await?;
        // What the store says, for a repetition may come after another switch.
        let (_, closed) = store.site_kept().await?;
        self.change(|kept| kept.closed.clone_from(&closed));
        Ok(done)
    }

    /// Has a store that began a new life keep what is in memory.
    pub(crate) async fn restore(&self) -> Result<(), StoreError> {
        let kept = self.inner.kept.load_full();
        let store = &self.inner.store;
        if let Some(settings) = &kept.settings {
            store.configure_site(settings).await?;
        }
        let (_, stored) = store.site_kept().await?;
        if stored != kept.closed {
            let reason = kept
                .closed
                .as_ref()
                .and_then(|closed| closed.reason.clone());
            let operation = Operation::system("site", cause::UPKEEP);
            store
                .switch_site(&operation, kept.closed.as_ref(), reason)
                .await?;
        }
        Ok(())
    }

    fn change(&self, change: impl Fn(&mut Kept)) {
        self.inner.kept.rcu(|kept| {
            let mut kept = Kept::clone(kept);
            change(&mut kept);
            kept
        });
    }
}
