//! Workers: take jobs from the queue, or straight from the feeder, and do them.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::consumer::pull::{MessagesError, Stream};
use async_nats::jetstream::{AckKind, Message};
use chrono::Utc;
use futures::{FutureExt as _, StreamExt as _};
use sunakku_common::ids::OrderId;
use sunakku_common::state::OrderState;
use sunakku_common::telemetry::spans::{Kind, Span};
use sunakku_common::trace;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::failures::Verdict;
use super::{Job, Lane, Queue, route_job};
use crate::kitchen;
use crate::metrics as names;
use crate::store::{ErrorChain, StoreError};

/// Pause before the consumers are made anew, and before a job that met a store that is away is
/// tried again.
const PAUSE: Duration = Duration::from_millis(500);
/// How often workers without a job look whether nats-server is there; its consumers would only
/// tell after some missed heartbeats.
const LOOK_UP: Duration = Duration::from_millis(200);
/// How long others wait for urgent jobs that nats-server has said it has; longer than it was seen to take
/// for one on a machine with a slow disk and much else to do.
const URGENT_WAIT: Duration = Duration::from_secs(10);
/// Jobs that are fetched ahead, by lane.
const AHEAD: usize = 16;
/// The longest time for which one delayed delivery is asked; longer ones are asked for again.
const DELAY_MAX: Duration = Duration::from_secs(600);

/// What is due within this time is not looked at before.
const LOOK_MIN: Duration = Duration::from_secs(2);

/// What became of a job.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    NotYet(Duration),
    Failed(Verdict),
}

/// The next job of any lane, those first that go first.
type Next = Option<Result<Message, MessagesError>>;

impl Queue {
    /// Works until it is told to stop; what was begun is finished.
    pub(super) async fn work(&self, stop: CancellationToken) {
        let running = TaskTracker::new();
        while !stop.is_cancelled() {
            let taking = async {
                self.until_paused(false).await;
                self.take_jobs(&running).await
            };
            let taken = stop.run_until_cancelled(taking).await;
            self.inner.working.store(false, Ordering::Relaxed);
            if let Some(Err(error)) = taken {
                tracing::debug!(error, "the workers wait for nats-server");
                stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
        }
        running.close();
        running.wait().await;
    }

    /// Takes jobs until the queue is paused, or a consumer ends, which it does when its stream or
    /// nats-server is lost.
    async fn take_jobs(&self, running: &TaskTracker) -> Result<(), String> {
        let (mut high, any) = self.jobs_of(Lane::High).await?;
        let mut urgent = wait_until(any);
        let (mut later, _) = self.jobs_of(Lane::Later).await?;
        let (mut normal, _) = self.jobs_of(Lane::Normal).await?;
        self.inner.working.store(true, Ordering::Relaxed);
        loop {
            let slot = self.inner.slots.clone().acquire_owned().await;
            let slot = slot.map_err(|error| error.to_string())?;
            let next = tokio::select! {
                biased;
                () = self.until_paused(true) => break,
                next = high.next() => {
                    urgent = wait_until(next.as_ref().is_some_and(more_to_come));
                    next
                }
                next = later.next() => next,
                // What is urgent and on its way here is waited for.
                next = normal.next(), if urgent <= Instant::now() => next,
                () = tokio::time::sleep(LOOK_UP) => {
                    if self.is_connected() {
                        continue;
                    }
                    return Err("nats-server is away".to_owned());
                }
            };
            self.begin(next, slot, running)?;
        }
        for lane in Lane::ALL {
            // Without it nothing is lost either: what is given to nobody comes again.
            if let Err(error) = self.pause_consumer(lane).await {
                tracing::debug!(error, "a consumer could not be paused");
            }
        }
        for mut lane in [high, later, normal] {
            give_back(&mut lane).await;
        }
        Ok(())
    }

    /// The jobs of a lane, and whether there are any at present.
    async fn jobs_of(&self, lane: Lane) -> Result<(Stream, bool), String> {
        let consumer = self.consumer(lane).await;
        let consumer = consumer.map_err(|error| error.to_string())?;
        let messages = consumer.stream().max_messages_per_batch(AHEAD);
        let messages = messages
            .expires(Duration::from_secs(5))
            .heartbeat(Duration::from_secs(2));
        let messages = messages.messages().await;
        let any = consumer.cached_info().num_pending > 0;
        Ok((messages.map_err(|error| error.to_string())?, any))
    }

    fn begin(
        &self,
        next: Next,
        slot: OwnedSemaphorePermit,
        running: &TaskTracker,
    ) -> Result<(), String> {
        let message = next.ok_or("a consumer ended")?;
        let message = message.map_err(|error| error.to_string())?;
        self.note_taken();
        let queue = self.clone();
        running.spawn(async move {
            queue.handle(message).await;
            drop(slot);
        });
        Ok(())
    }

    /// A job was taken from the queue now.
    pub(super) fn note_taken(&self) {
        let taken_at = self.inner.taken_at.lock();
        *taken_at.unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    async fn handle(&self, message: Message) {
        let mut handling = std::pin::pin!(self.answer(&message));
        // While it is being done it must not be given to anybody else.
        let mut progress = tokio::time::interval(self.ack_wait() / 3);
        progress.tick().await;
        let (kind, result) = loop {
            tokio::select! {
                answer = &mut handling => break answer,
                _ = progress.tick() => {
                    let _lost = message.ack_with(AckKind::Progress).await;
                }
            }
        };
        metrics::counter!(names::JOBS, "result" => result).increment(1);
        // An ack that is lost brings the job again, which its guard makes harmless.
        if let Err(error) = message.ack_with(kind).await {
            tracing::debug!(%error, "an ack was lost");
        }
    }

    /// Does the job of a message; how it is answered, and what is counted.
    async fn answer(&self, message: &Message) -> (AckKind, &'static str) {
        let job: Job = match serde_json::from_slice(&message.payload) {
            Ok(job) => job,
            Err(error) => {
                let sequence = message.info().map_or(0, |info| info.stream_sequence);
                let error = error.to_string();
                return match self
                    .bury_unreadable(sequence, &message.payload, &error)
                    .await
                {
                    Ok(()) => (AckKind::Term, "dead"),
                    Err(_away) => (AckKind::Nak(Some(PAUSE)), "retried"),
                };
            }
        };
        let again = message.info().is_ok_and(|info| info.delivered > 1);
        match self.perform(&job, again).await {
            Ok(Outcome::Done) => {
                self.inner.done.fetch_add(1, Ordering::Relaxed);
                (AckKind::Ack, "done")
            }
            Ok(Outcome::NotYet(delay)) => (AckKind::Nak(Some(delay)), "delayed"),
            Ok(Outcome::Failed(Verdict::Again(delay))) => (AckKind::Nak(Some(delay)), "retried"),
            Ok(Outcome::Failed(Verdict::Dead)) => (AckKind::Term, "dead"),
            Err(error) => {
                tracing::debug!(order = %job.order, error = %ErrorChain(&error), "the job waits");
                (AckKind::Nak(Some(PAUSE)), "retried")
            }
        }
    }

    /// Does a job without the queue; what cannot be done now the reconciler finds.
    pub(super) async fn hand_over(&self, job: &Job) {
        // The semaphore is never closed; without a slot there would be no limit, nothing worse.
        let _slot = self.inner.slots.acquire().await.ok();
        let result = match self.perform(job, true).await {
            Ok(Outcome::Done) => "direct",
            Ok(Outcome::Failed(Verdict::Dead)) => "dead",
            Ok(Outcome::Failed(Verdict::Again(_))) => "retried",
            Ok(Outcome::NotYet(_)) | Err(_) => return,
        };
        metrics::counter!(names::JOBS, "result" => result).increment(1);
    }

    /// Does a job as part of its trace; see [`Queue::attempt`].
    async fn perform(&self, job: &Job, again: bool) -> Result<Outcome, StoreError> {
        let origin = job.origin();
        let name = || "route order";
        let mut span = match &origin {
            Some(origin) => Span::begin(Kind::Consumer, name, origin),
            None => Span::none(),
        };
        let done = trace::within(origin, span.id(), self.attempt(job, again)).await;
        if let Err(error) = &done {
            span.fail(&error.to_string());
        }
        done
    }

    /// Does a job. `again` when it may have been begun before: then it is counted how often it was
    /// without any outcome, because a job that kills its worker must not loop.
    async fn attempt(&self, job: &Job, again: bool) -> Result<Outcome, StoreError> {
        let begin_at = job.release_at - self.inner.kitchen.wait(&job.stations);
        if let Ok(rest) = (begin_at - Utc::now()).to_std() {
            return Ok(Outcome::NotYet(next_look(rest)));
        }
        if let Some(pause) = self.inner.failing.pause(job.order) {
            return Ok(Outcome::NotYet(pause));
        }
        let (store, id) = (&self.inner.store, route_job(job.order));
        if again && store.note_start(&id).await? > self.inner.options.max_attempts {
            let verdict = self
                .failed(job, "its worker died over it again and again")
                .await?;
            return Ok(Outcome::Failed(verdict));
        }
        // A panic in the middle of a job is a failure of that job, not of the worker.
        let routed = std::panic::AssertUnwindSafe(self.route(job.order)).catch_unwind();
        let outcome = match routed.await.map_err(|_payload| "the worker panicked") {
            Ok(Ok(())) => {
                self.inner.done_rate.note();
                tracing::debug!(order = %job.order, "the job is done");
                if self.inner.failing.settle(job.order) {
                    store.forget_attempts(&id).await?;
                }
                Outcome::Done
            }
            // The store is away, which is not the job's fault.
            Ok(Err(error)) if error.is_passing() => return Err(error),
            Ok(Err(error)) => {
                let error = ErrorChain(&error).to_string();
                Outcome::Failed(self.failed(job, &error).await?)
            }
            Err(panic) => Outcome::Failed(self.failed(job, panic).await?),
        };
        if again {
            store.note_outcome(&id).await?;
        }
        Ok(outcome)
    }

    async fn route(&self, order: OrderId) -> Result<(), StoreError> {
        let store = &self.inner.store;
        let (is_dead, record) = store.job_and_order(&route_job(order), order).await?;
        if is_dead {
            // It was given up, and a crash came before the order was rejected.
            return self.reject(order).await;
        }
        let Some(record) = record else {
            return Ok(());
        };
        if record.state == OrderState::Placed && record.tickets.is_empty() {
            store.route(order, &kitchen::tickets(&record)).await?;
        }
        Ok(())
    }
}

/// When a job that has to wait for so long is looked at again. Halfway, because its stations may
/// get more to do until then, so that it has to begin earlier.
fn next_look(rest: Duration) -> Duration {
    if rest <= LOOK_MIN {
        rest
    } else {
        (rest / 2).clamp(LOOK_MIN, DELAY_MAX)
    }
}

/// Until when others wait, if there are urgent jobs on their way.
fn wait_until(any: bool) -> Instant {
    let now = Instant::now();
    if any { now + URGENT_WAIT } else { now }
}

/// Whether the lane has more after this one.
fn more_to_come(next: &Result<Message, MessagesError>) -> bool {
    let info = next.as_ref().ok().and_then(|message| message.info().ok());
    info.is_some_and(|info| info.pending > 0)
}

/// Gives back what was fetched ahead, so that it comes again after the pause.
async fn give_back(jobs: &mut Stream) {
    while let Some(Some(Ok(message))) = jobs.next().now_or_never() {
        let _lost = message.ack_with(AckKind::Nak(None)).await;
    }
}
