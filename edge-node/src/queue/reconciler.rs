//! Puts back what the queue has lost: JetStream may be wiped, full or asleep, orders must be
//! cooked. One code path for all of these: it looks only at orders that should have tickets by now,
//! and publishes the jobs of those that stand in no lane any more. What does not help, because the
//! queue gives out nothing, is done without it; an order that the queue gets to as well is dealt
//! once, because the script is guarded.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, stream};
use sunakku_common::ids::{Epoch, OrderId};
use tokio::time::Instant;

use super::{Job, Lane, Queue};
use crate::store::{ErrorChain, OrderRecord, StoreError};

/// How often it looks. Also how soon a pause that another process made is noticed.
const EVERY: Duration = Duration::from_secs(1);
/// How long an order waits for the queue before anyone wonders.
const GRACE: TimeDelta = TimeDelta::seconds(8);
/// How long the queue may give out nothing, while orders wait, before they are done without it.
const IDLE: Duration = Duration::from_secs(8);
/// How long a job that was put back has to be done.
const SECOND_GRACE: Duration = Duration::from_secs(30);
/// Orders looked at in one round.
const LIMIT: usize = 500;

/// Orders whose jobs were put back, and when.
type PutBack = HashMap<OrderId, Instant>;

/// What is done about an order that waits.
#[derive(Debug, PartialEq, Eq)]
enum Remedy {
    /// The queue will get to it.
    Wait,
    /// Publish its job once more.
    PutBack,
    /// Do its job without the queue.
    HandOver,
}

impl Queue {
    pub(super) async fn reconcile(&self) {
        let mut every = tokio::time::interval(EVERY);
        let mut put_back = PutBack::new();
        loop {
            every.tick().await;
            if let Err(error) = self.look_up_pause().await {
                tracing::debug!(error = %ErrorChain(&error), "the reconciler waits");
                continue;
            }
            if self.is_paused() {
                continue;
            }
            match self.find_forgotten(&mut put_back).await {
                Ok(0) => {}
                Ok(orders) => tracing::warn!(orders, "found waiting without a job"),
                Err(error) => {
                    tracing::debug!(error = %ErrorChain(&error), "the reconciler waits");
                }
            }
        }
    }

    /// Sees to orders that have waited too long; how many had no job.
    async fn find_forgotten(&self, put_back: &mut PutBack) -> Result<usize, StoreError> {
        let up = self.is_up();
        let grace = if up { GRACE } else { TimeDelta::zero() };
        let store = &self.inner.store;
        let orders = store.overdue(Utc::now() - grace, LIMIT).await?;
        put_back.retain(|order, _| orders.contains(order));
        if orders.is_empty() {
            return Ok(0);
        }
        let given_out = up && self.idle() < IDLE;
        let lanes = if given_out { self.lanes().await } else { None };
        let (mut direct, mut found) = (Vec::new(), 0);
        for order in orders {
            let Some(lanes) = &lanes else {
                direct.push(order);
                continue;
            };
            // One that cannot be read has no place in any lane; doing its job shows that.
            let Ok(Some(record)) = store.order(order).await else {
                direct.push(order);
                continue;
            };
            match remedy(&record, lanes, put_back.get(&order)) {
                Remedy::Wait => {}
                Remedy::HandOver => direct.push(order),
                Remedy::PutBack => {
                    found += 1;
                    put_back.insert(order, Instant::now());
                    let job = job_of(&record, lanes.epoch);
                    if !self.publish_again(&job).await {
                        direct.push(order);
                    }
                }
            }
        }
        found += direct.len();
        let jobs = stream::iter(direct.into_iter().map(job_without_queue));
        let limit = self.inner.options.concurrency;
        jobs.for_each_concurrent(limit, async |job| self.hand_over(&job).await)
            .await;
        Ok(found)
    }

    /// For how long workers have taken nothing from the queue.
    fn idle(&self) -> Duration {
        let taken_at = self.inner.taken_at.lock();
        taken_at.unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Where each lane begins; `None` when nats-server does not say.
    async fn lanes(&self) -> Option<Lanes> {
        let epoch = self.inner.store.head().await.ok()?.epoch;
        let mut first = HashMap::new();
        for lane in Lane::ALL {
            first.insert(lane, self.first(lane).await.ok()?);
        }
        Some(Lanes { epoch, first })
    }
}

/// Where the lanes begin.
#[derive(Debug)]
struct Lanes {
    epoch: Epoch,
    /// The job that stands first in each lane.
    first: HashMap<Lane, Option<Job>>,
}

impl Lanes {
    /// Whether a lane may still hold the job of an order that was placed with this sequence.
    fn may_hold(&self, lane: Lane, seq: u64) -> bool {
        let first = self.first.get(&lane).and_then(Option::as_ref);
        // Jobs stand in line by sequence; those of another epoch tell nothing of this one's.
        first.is_some_and(|first| first.epoch != self.epoch || first.seq <= seq)
    }
}

fn remedy(order: &OrderRecord, lanes: &Lanes, put_back: Option<&Instant>) -> Remedy {
    if let Some(at) = put_back {
        return if at.elapsed() < SECOND_GRACE {
            Remedy::Wait
        } else {
            Remedy::HandOver
        };
    }
    let lane = Lane::of(&order.details, order.details.placed_at);
    if lane == Lane::Later {
        // Delayed jobs stand in no order; one that is due by now should have been done.
        return Remedy::PutBack;
    }
    if lanes.may_hold(lane, order.seq) {
        Remedy::Wait
    } else {
        Remedy::PutBack
    }
}

/// The job of an order that has lost its own: what was later is due by now.
fn job_of(order: &OrderRecord, epoch: Epoch) -> Job {
    Job {
        order: order.details.id,
        epoch,
        seq: order.seq,
        release_at: DateTime::UNIX_EPOCH,
        stations: Vec::new(),
        lane: match Lane::of(&order.details, order.details.placed_at) {
            Lane::Normal => Lane::Normal,
            Lane::High | Lane::Later => Lane::High,
        },
        trace: order.by.trace.clone(),
        span: order.by.span.clone(),
    }
}

/// A job that never goes to the queue, where sequence and epoch would name it.
fn job_without_queue(order: OrderId) -> Job {
    Job {
        order,
        epoch: Epoch(uuid::Uuid::nil()),
        seq: 0,
        release_at: DateTime::UNIX_EPOCH,
        stations: Vec::new(),
        lane: Lane::Normal,
        trace: None,
        span: None,
    }
}
