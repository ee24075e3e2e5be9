//! Jobs in the store: what failed so far, dead letters, and whether the queue is paused.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sunakku_common::event::{
    Attempt, By, JobDead, JobDiscarded, JobKind, JobRetried, QueueSwitched, cause,
};
use sunakku_common::ids::OrderId;
use sunakku_common::pricing::StockLevel;

use super::orders::read_levels;
use super::{Freshness, Operation, OrderRecord, RECORD_LIFE, Store, StoreError};

/// Letters that are kept; the oldest make room.
const LETTERS_MAX: usize = 10_000;
/// Tries of one job that are remembered; the oldest make room.
const ATTEMPTS_MAX: usize = 50;
/// How long a job that was begun is remembered without any outcome, seconds.
const STARTS_LIFE: u64 = 24 * 3600;

/// A job that failed for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeadLetter {
    /// Names the job.
    pub id: String,
    /// What it does.
    pub kind: JobKind,
    /// Name of the printer or webhook; empty for none.
    pub target: String,
    /// The order that it belongs to, if any.
    pub order: Option<OrderId>,
    /// What was to be done, by kind.
    #[schema(value_type = Object)]
    pub payload: Value,
    /// Why it was given up.
    pub reason: String,
    /// Every try, the first one first.
    pub attempts: Vec<Attempt>,
    /// When it was given up.
    pub at: DateTime<Utc>,
}

/// What became of a dead job that was to be tried again.
#[derive(Debug, Clone, PartialEq)]
pub enum Retrying {
    /// It will be.
    Made(Freshness),
    /// There is no such letter.
    Missing,
    /// Its order has gone on without it, to this state.
    Illegal(String),
    /// Its order's stock is gone. The level of every SKU that it claims.
    Short(HashMap<String, StockLevel>),
}

impl Store {
    /// Takes note of a failed try of a job. Answers every try so far.
    pub async fn note_attempt(&self, job: &str, error: &str) -> Result<Vec<Attempt>, StoreError> {
        let key = self.keys().attempts(job);
        let (at, error) = (self.now(), error.chars().take(500).collect());
        let attempt = serde_json::to_string(&Attempt { at, error })?;
        let mut pipe = redis::pipe();
        pipe.atomic();
        pipe.cmd("RPUSH").arg(&key).arg(attempt).ignore();
        let oldest = -(ATTEMPTS_MAX as i64);
        pipe.cmd("LTRIM").arg(&key).arg(oldest).arg(-1).ignore();
        let life = RECORD_LIFE.as_secs();
        pipe.cmd("EXPIRE").arg(&key).arg(life).ignore();
        pipe.cmd("LRANGE").arg(&key).arg(0).arg(-1);
        let (found,): (Vec<String>,) = pipe.query_async(&mut self.connection()).await?;
        let attempts = found.iter().map(|text| serde_json::from_str(text));
        Ok(attempts.collect::<Result<_, _>>()?)
    }

    /// The failed tries of a job so far.
    pub async fn attempts(&self, job: &str) -> Result<Vec<Attempt>, StoreError> {
        let mut command = redis::cmd("LRANGE");
        command.arg(self.keys().attempts(job)).arg(0).arg(-1);
        let found: Vec<String> = command.query_async(&mut self.connection()).await?;
        let attempts = found.iter().map(|text| serde_json::from_str(text));
        Ok(attempts.collect::<Result<_, _>>()?)
    }

    /// Forgets the failed tries of a job that has succeeded.
    pub async fn forget_attempts(&self, job: &str) -> Result<(), StoreError> {
        let mut command = redis::cmd("DEL");
        command.arg(self.keys().attempts(job));
        Ok(command.exec_async(&mut self.connection()).await?)
    }

    /// Takes note that a job is begun. Answers how often it was without any outcome, this time
    /// included.
    pub async fn note_start(&self, job: &str) -> Result<u32, StoreError> {
        let key = self.keys().starts(job);
        let mut pipe = redis::pipe();
        pipe.atomic();
        pipe.cmd("INCR").arg(&key);
        pipe.cmd("EXPIRE").arg(&key).arg(STARTS_LIFE).ignore();
        let (starts,) = pipe.query_async(&mut self.connection()).await?;
        Ok(starts)
    }

    /// Takes note that a job that was begun had an outcome, whichever.
    pub async fn note_outcome(&self, job: &str) -> Result<(), StoreError> {
        let mut command = redis::cmd("DEL");
        command.arg(self.keys().starts(job));
        Ok(command.exec_async(&mut self.connection()).await?)
    }

    /// Puts a job among the dead letters and tells it. Whether it was not there before.
    pub async fn bury(&self, letter: &DeadLetter) -> Result<bool, StoreError> {
        let operation = Operation::system("queue", cause::JOB);
        let event = JobDead {
            job: letter.id.clone(),
            kind: letter.kind,
            target: letter.target.clone(),
            order: letter.order,
            reason: letter.reason.clone(),
            attempts: letter.attempts.clone(),
            by: operation.by.clone(),
        };
        let args = [
            letter.id.clone(),
            serde_json::to_string(letter)?,
            serde_json::to_string(&event)?,
            LETTERS_MAX.to_string(),
        ];
        let script = &self.inner.scripts.bury_job;
        let keys = self.letter_keys(&letter.id);
        let reply = self.run(script, &operation, &keys, &args).await?;
        match reply.done() {
            Ok(_) => Ok(true),
            Err("done") => Ok(false),
            Err(_) => Err(reply.unexpected()),
        }
    }

    fn letter_keys(&self, job: &str) -> Vec<String> {
        let keys = self.keys();
        vec![keys.dead_jobs(), keys.dead_places(), keys.attempts(job)]
    }

    /// Whether a job is among the dead letters, and its order as it stands.
    pub(crate) async fn job_and_order(
        &self,
        job: &str,
        order: OrderId,
    ) -> Result<(bool, Option<OrderRecord>), StoreError> {
        let keys = self.keys();
        let mut both = redis::pipe();
        both.cmd("HEXISTS").arg(keys.dead_jobs()).arg(job);
        both.cmd("HGETALL").arg(keys.order(order));
        let (is_dead, fields): (bool, HashMap<String, String>) =
            both.query_async(&mut self.connection()).await?;
        // The order of a dead job may be what cannot be read.
        let record = match is_dead {
            true => None,
            false => OrderRecord::read(&fields)?,
        };
        Ok((is_dead, record))
    }

    /// How many dead letters there are.
    pub async fn dead_count(&self) -> Result<u64, StoreError> {
        let mut command = redis::cmd("ZCARD");
        command.arg(self.keys().dead_places());
        Ok(command.query_async(&mut self.connection()).await?)
    }

    /// Dead letters in the order in which they came, after a place; at most `limit`, with the
    /// place to go on from when there may be more.
    pub async fn dead_letters(
        &self,
        after: i64,
        limit: usize,
    ) -> Result<(Vec<DeadLetter>, Option<i64>), StoreError> {
        let places: Vec<(String, i64)> = self
            .by_place(&self.keys().dead_places(), after, limit)
            .await?;
        let mut letters = Vec::with_capacity(places.len());
        for (job, _) in &places {
            letters.extend(self.dead_letter(job).await?);
        }
        let next = places.last().filter(|_| places.len() == limit);
        Ok((letters, next.map(|(_, place)| *place)))
    }

    /// One dead letter.
    pub async fn dead_letter(&self, job: &str) -> Result<Option<DeadLetter>, StoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(self.keys().dead_jobs()).arg(job);
        let text: Option<String> = command.query_async(&mut self.connection()).await?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    /// Has a dead job done after all; an order that it had rejected claims its stock anew.
    pub async fn retry_job(
        &self,
        operation: &Operation,
        letter: &DeadLetter,
    ) -> Result<Retrying, StoreError> {
        let order = letter.order.unwrap_or(OrderId(uuid::Uuid::nil()));
        let event = JobRetried {
            job: letter.id.clone(),
            kind: letter.kind,
            target: letter.target.clone(),
            order: letter.order,
            payload: letter.payload.clone(),
            by: operation.by.clone(),
        };
        let keys = self.keys();
        let mut more_keys = self.letter_keys(&letter.id);
        more_keys.extend([
            keys.order(order),
            keys.open_orders(),
            keys.unrouted(),
            keys.stock(),
            keys.suspended(),
            keys.open_by_device(),
        ]);
        let args = [
            letter.id.clone(),
            letter.kind.to_string(),
            order.to_string(),
            self.now().timestamp_millis().to_string(),
            serde_json::to_string(&event)?,
        ];
        let script = &self.inner.scripts.retry_job;
        let reply = self.run(script, operation, &more_keys, &args).await?;
        match (reply.done(), reply.rest.as_slice()) {
            (Ok(freshness), _) => Ok(Retrying::Made(freshness)),
            (Err("missing"), _) => Ok(Retrying::Missing),
            (Err("illegal"), [state]) => Ok(Retrying::Illegal(state.clone())),
            (Err("short"), levels) => Ok(Retrying::Short(read_levels(levels))),
            _ => Err(reply.unexpected()),
        }
    }

    /// Gives a dead job up. `None` when there is no such letter.
    pub async fn discard_job(
        &self,
        operation: &Operation,
        job: &str,
        reason: &str,
    ) -> Result<Option<Freshness>, StoreError> {
        let event = JobDiscarded {
            job: job.to_owned(),
            reason: reason.to_owned(),
            by: operation.by.clone(),
        };
        let args = [job.to_owned(), serde_json::to_string(&event)?];
        let script = &self.inner.scripts.discard_job;
        let keys = self.letter_keys(job);
        let reply = self.run(script, operation, &keys, &args).await?;
        match reply.done() {
            Ok(freshness) => Ok(Some(freshness)),
            Err("missing") => Ok(None),
            Err(_) => Err(reply.unexpected()),
        }
    }

    /// Pauses the work queue or lets it go on; nothing changes when it is so.
    pub async fn switch_queue(
        &self,
        operation: &Operation,
        pause: bool,
        reason: Option<String>,
    ) -> Result<Freshness, StoreError> {
        let by: By = operation.by.clone();
        let event = serde_json::to_string(&QueueSwitched { by, reason })?;
        let args = [u8::from(pause).to_string(), event];
        let script = &self.inner.scripts.switch_queue;
        let reply = self.run(script, operation, &[], &args).await?;
        match reply.done() {
            Ok(freshness) => Ok(freshness),
            Err("done") => Ok(Freshness::New),
            Err(_) => Err(reply.unexpected()),
        }
    }

    /// Since when the work queue is paused; `None` when it is not.
    pub async fn queue_paused(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(self.keys().meta()).arg("paused");
        let since: Option<String> = command.query_async(&mut self.connection()).await?;
        Ok(since.and_then(|since| since.parse().ok()))
    }
}
