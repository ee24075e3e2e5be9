//! The edge's housekeeping: gives a wiped store its new epoch, forgets what retention has
//! released, watches the servers and the log's memory. Idempotent, woken by a timer alone.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sunakku_common::event::{Event, cause};
use sunakku_common::state::OrderState;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{Kitchen, Log, Pickup};
use crate::facts::note_oldest_unsent;
use crate::kitchen::slot_of;
use crate::log::{Keep, forget};
use crate::metrics as names;
use crate::state::Health;
use crate::store::{
    Care, Close, ErrorChain, FirstCounts, Head, Operation, OrderCounts, StockMove, Store,
    StoreError,
};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);
/// Orders that one round expires, tickets that it escalates, and index entries of orders whose records' life is over that it
/// looks at.
const EXPIRED_LIMIT: usize = 100;
/// Below this age of the oldest entry a rate would be a guess.
const RATE_MIN_SECONDS: f64 = 60.0;
/// Seconds of a day.
const DAY_SECONDS: f64 = 86_400.0;
/// Of the log's budget: beyond it committed entries are given up before their retention is over,
/// so that a site that was cut off for long, or sells a lot, has room again.
const CROWDED_PERCENT: u64 = 75;

/// The task.
pub(crate) struct Maintenance {
    store: Store,
    first_counts: FirstCounts,
    log: Log,
    pickup: Pickup,
    kitchen: Kitchen,
    health: watch::Sender<Health>,
}

impl Maintenance {
    pub(crate) fn new(
        store: Store,
        first_counts: FirstCounts,
        log: Log,
        pickup: Pickup,
        kitchen: Kitchen,
    ) -> (watch::Receiver<Health>, Self) {
        let counts = OrderCounts {
            kept: 0,
            open: 0,
            unrouted: 0,
            open_tickets: 0,
        };
        let health = watch::Sender::new(Health {
            redis: true,
            counts,
            days_left: None,
        });
        (
            health.subscribe(),
            Self {
                store,
                first_counts,
                log,
                pickup,
                kitchen,
                health,
            },
        )
    }

    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut every = tokio::time::interval(EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(every.tick()).await.is_some() {
            let round = stop.run_until_cancelled(self.round()).await;
            if let Some(Err(error)) = round {
                tracing::warn!(error = %ErrorChain(&error), "the store does not answer");
                self.health.send_modify(|health| health.redis = false);
                metrics::gauge!(names::DEPENDENCY_UP, "dependency" => "redis").set(0.0);
            }
        }
    }

    async fn round(&self) -> Result<(), StoreError> {
        let retention = Duration::from_secs(self.log.retention_hours * 3600);
        match self.store.look_after(&self.first_counts, retention).await? {
            Care::Whole => {}
            Care::Reborn => {
                tracing::error!("the store has lost its data and begins a new epoch");
                metrics::counter!(names::EPOCHS_STARTED, "reason" => "wiped").increment(1);
            }
            Care::Adopted => {
                tracing::error!("another process uses this store: one edge, one store")
            }
            Care::Renewed => {
                tracing::error!("the store was set back and begins a new epoch");
                metrics::counter!(names::EPOCHS_STARTED, "reason" => "set-back").increment(1);
            }
        }
        let bytes_max = self.log.budget_bytes / 100 * CROWDED_PERCENT;
        let keep = Keep {
            retention,
            bytes_max,
        };
        forget(&self.store, keep, Utc::now()).await?;
        self.store.forget_expired(EXPIRED_LIMIT).await?;
        self.store.forget_slots(slot_of(Utc::now())).await?;
        self.expire_uncollected().await?;
        self.end_suspensions().await?;
        self.escalate_unseen().await?;
        self.report(self.store.head().await?).await
    }

    /// Ends ready orders that nobody has collected in time.
    async fn expire_uncollected(&self) -> Result<(), StoreError> {
        let seconds = self.pickup.expire_seconds;
        if seconds == 0 {
            return Ok(());
        }
        let before = Utc::now() - TimeDelta::seconds(i64::from(seconds));
        let close = Close {
            next: OrderState::Expired,
            reason: Some("not collected in time".to_owned()),
            from: &[OrderState::Ready],
        };
        for order in self.store.ready_before(before, EXPIRED_LIMIT).await? {
            let operation = Operation::system("pickup", cause::TIMER);
            self.store.close(&operation, order, &close).await?;
        }
        Ok(())
    }

    /// Tells of tickets that no screen has acknowledged in time.
    async fn escalate_unseen(&self) -> Result<(), StoreError> {
        let seconds = self.kitchen.acknowledge_seconds;
        if seconds == 0 {
            return Ok(());
        }
        let before = Utc::now() - TimeDelta::seconds(i64::from(seconds));
        for ticket in self.store.unseen_before(before, EXPIRED_LIMIT).await? {
            if self.store.escalate_ticket(ticket).await? {
                tracing::warn!(%ticket, seconds, "no screen has acknowledged a ticket");
            }
        }
        Ok(())
    }

    /// Puts on sale again what was off sale for a time that is over.
    async fn end_suspensions(&self) -> Result<(), StoreError> {
        let now = Utc::now();
        let suspensions = self.store.suspensions().await?.into_iter();
        for (sku, until) in suspensions.filter(|(_, until)| *until <= now) {
            let step = StockMove::ResumeDue(until);
            let (operation, reason) = (
                Operation::system("timer", cause::TIMER),
                Some("its time is over"),
            );
            self.store
                .move_stock(&operation, &sku, step, reason)
                .await?;
        }
        Ok(())
    }

    async fn report(&self, head: Head) -> Result<(), StoreError> {
        let counts = self.store.order_counts().await?;
        let confirmed = self.store.hub_cursor().await?;
        let confirmed = confirmed.map_or(0, |cursor| cursor.seq);
        let days_left = self.days_left(head, confirmed).await?;
        note_oldest_unsent(self.oldest_unsent(head, confirmed).await?);
        self.health.send_replace(Health {
            redis: true,
            counts,
            days_left,
        });
        metrics::gauge!(names::DEPENDENCY_UP, "dependency" => "redis").set(1.0);
        metrics::gauge!(names::ORDERS_OPEN).set(counts.open as f64);
        metrics::gauge!(names::ORDERS_UNROUTED).set(counts.unrouted as f64);
        metrics::gauge!(names::TICKETS_OPEN).set(counts.open_tickets as f64);
        metrics::gauge!(names::STOCK_LOW).set(self.store.low_skus().await?.len() as f64);
        metrics::gauge!(names::EVENT_SEQUENCE).set(head.seq as f64);
        metrics::gauge!(names::OUTBOX_PENDING).set(head.seq.saturating_sub(confirmed) as f64);
        metrics::gauge!(names::LOG_BYTES).set(head.bytes as f64);
        let left = days_left.map_or(f64::INFINITY, |days| days * DAY_SECONDS);
        metrics::gauge!(names::LOG_LEFT).set(left);
        Ok(())
    }

    /// When the first event happened that the hub has not committed.
    async fn oldest_unsent(
        &self,
        head: Head,
        confirmed: u64,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        if head.seq <= confirmed {
            return Ok(None);
        }
        let oldest = self.store.log_from(confirmed + 1, 1).await?;
        let event = oldest.first().map(|entry| Event::decode(&entry.text));
        Ok(event.and_then(Result::ok).map(|event| event.at))
    }

    /// How long the log's memory lasts without the hub, at the rate at which it was filled. What
    /// the hub has is given up for it.
    async fn days_left(&self, head: Head, confirmed: u64) -> Result<Option<f64>, StoreError> {
        let anchor = self.store.anchor().await?;
        let oldest = self.store.log_from(anchor.seq + 1, 1).await?;
        let Some(Ok(event)) = oldest.first().map(|entry| Event::decode(&entry.text)) else {
            return Ok(None);
        };
        let seconds = ((Utc::now() - event.at).num_seconds() as f64).max(RATE_MIN_SECONDS);
        let (kept, bytes) = (head.seq.saturating_sub(anchor.seq), head.bytes as f64);
        let unsent = head.seq.saturating_sub(confirmed.max(anchor.seq));
        let unsent = bytes * unsent as f64 / kept.max(1) as f64;
        let free = (self.log.budget_bytes as f64 - unsent).max(0.0);
        let per_second = bytes / seconds;
        Ok((0.0 < per_second).then(|| free / per_second / DAY_SECONDS))
    }
}
