//! Takes everything that waits, commits it together, and answers.

use std::time::{Duration, Instant, SystemTime};

use async_nats::Client;
use chrono::Utc;
use metrics::{counter, gauge, histogram};
use sqlx::PgPool;
use sunakku_common::event::Event;
use sunakku_common::sync::{Answer, CONFLICT};
use sunakku_common::telemetry::spans::{self, Kind, Span};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::Envelope;
use super::batch::{Outcome, Way, commit};
use super::receive::answer;
use super::request::{Request, refusal};
use crate::config;
use crate::database::{give_up, is_about_data};
use crate::metrics as names;

pub(super) struct Committer {
    pub(super) client: Client,
    pub(super) pool: PgPool,
    pub(super) options: config::Intake,
    /// What one transaction may take.
    pub(super) limit: Duration,
}

impl Committer {
    /// Commits until all senders are gone and the queue is empty.
    pub(super) async fn run(self, mut waiting: Receiver<Envelope>) {
        while let Some(first) = waiting.recv().await {
            let (requests, replies) = self.fill(first, &mut waiting);
            let begun = SystemTime::now();
            let outcomes = self.commit_group(&requests).await;
            for ((request, outcome), reply) in requests.iter().zip(outcomes).zip(replies) {
                record(request, &outcome, begun);
                answer(&self.client, reply, &outcome.answer).await;
            }
        }
        let _ = self.client.flush().await;
    }

    /// The batches that wait at this moment, within limits: an idle hub adds no delay, a busy
    /// one commits more at once.
    fn fill(
        &self,
        first: Envelope,
        waiting: &mut Receiver<Envelope>,
    ) -> (Vec<Request>, Vec<async_nats::Subject>) {
        let mut events = first.request.batch.events.len();
        let (mut requests, mut replies) = (vec![first.request], vec![first.reply]);
        while requests.len() < self.options.group_batches.get()
            && events < self.options.group_events.get()
            && let Ok(next) = waiting.try_recv()
        {
            events += next.request.batch.events.len();
            requests.push(next.request);
            replies.push(next.reply);
        }
        (requests, replies)
    }

    /// Commits all requests together, or each alone when the data of one spoils it for all.
    async fn commit_group(&self, requests: &[Request]) -> Vec<Outcome> {
        let started = Instant::now();
        let together = self.commit(requests, Way::Together).await;
        histogram!(names::INGEST_COMMIT).record(started.elapsed().as_secs_f64());
        let batches = requests.len();
        match together {
            Ok(outcomes) => return outcomes,
            Err(error) if is_about_data(&error) => {
                tracing::warn!(%error, batches, "a group is committed one by one");
            }
            Err(error) => {
                tracing::warn!(%error, batches, "nothing could be committed");
                return requests.iter().map(|_| busy()).collect();
            }
        }
        let mut outcomes = Vec::with_capacity(batches);
        for request in requests {
            outcomes.push(self.commit_alone(request).await);
        }
        outcomes
    }

    async fn commit_alone(&self, request: &Request) -> Outcome {
        let request = std::slice::from_ref(request);
        let mut outcome = self.commit(request, Way::Together).await;
        if outcome.as_ref().is_err_and(is_about_data) {
            outcome = self.commit(request, Way::EventByEvent).await;
        }
        match outcome {
            Ok(outcomes) => outcomes.into_iter().next().unwrap_or_else(busy),
            Err(error) => {
                let site = &request[0].site;
                tracing::error!(%error, site.id = %site, "a batch could not be committed");
                busy()
            }
        }
    }

    async fn commit(&self, requests: &[Request], way: Way) -> Result<Vec<Outcome>, sqlx::Error> {
        let started = Instant::now();
        let connection = self.pool.acquire().await;
        histogram!(names::POOL_WAIT).record(started.elapsed().as_secs_f64());
        let mut connection = connection?;
        match timeout(self.limit, commit(&mut connection, requests, way)).await {
            Ok(done) => done,
            Err(_) => Err(give_up(connection)),
        }
    }
}

fn busy() -> Outcome {
    Outcome::of(refusal("busy", "the database cannot be used just now"))
}

/// Tells of each event with the trace of the request that it came of, for who follows one order.
fn tell_events(request: &Request, begun: SystemTime) {
    if !tracing::enabled!(tracing::Level::DEBUG) && !spans::are_exported() {
        return;
    }
    let site = request.site.as_str();
    for text in &request.batch.events {
        let Ok(event) = Event::decode(text.get()) else {
            continue;
        };
        let origin = event.origin();
        let Event { seq, kind, .. } = event;
        if let Some(origin) = &origin {
            let name = || format!("commit {kind}");
            let mut span = Span::since(begun, Kind::Consumer, name, origin);
            span.note("messaging.system", "nats");
            span.note("db.system.name", "postgresql");
            span.note("sunakku.site", site.to_owned());
        }
        tracing::debug!(
            site.id = site,
            seq,
            kind,
            trace_id = origin.map(|origin| origin.trace).unwrap_or_default(),
            "an event is committed"
        );
    }
}

fn record(request: &Request, outcome: &Outcome, begun: SystemTime) {
    let site = request.site.to_string();
    let count = |result: &'static str, events: usize| {
        let site = site.clone();
        counter!(names::INGEST_EVENTS, "site" => site, "result" => result).increment(events as u64);
    };
    let result = match &outcome.answer {
        Answer::Committed { .. } => "committed",
        Answer::Expected { .. } => "expected",
        Answer::Forked { .. } => "forked",
        Answer::Diverged { .. } => "diverged",
        Answer::Refused { .. } => "refused",
    };
    counter!(names::INGEST_BATCHES, "result" => result).increment(1);
    match &outcome.answer {
        Answer::Committed { .. } => {
            tell_events(request, begun);
            count("applied", outcome.applied);
            count("duplicate", outcome.duplicates);
            count("parked", outcome.parked);
            gauge!(names::INGEST_GAP, "site" => site.clone()).set(0.0);
            counter!(names::INGEST_ODD_STEPS, "site" => site.clone()).increment(outcome.odd_steps);
        }
        Answer::Expected { expected_seq } => {
            let missing = request.batch.from_seq.saturating_sub(*expected_seq);
            tracing::warn!(site.id = site, missing, "a batch does not join on");
            gauge!(names::INGEST_GAP, "site" => site.clone()).set(missing as f64);
        }
        Answer::Forked { .. } | Answer::Diverged { .. } => {
            tracing::error!(site.id = site, answer = ?outcome.answer, "a site has two histories");
        }
        Answer::Refused { refused, detail } => {
            if refused == CONFLICT {
                counter!(names::IDENTITY_CONFLICTS, "site" => site.clone()).increment(1);
            }
            tracing::warn!(site.id = site, refused, detail, "a batch was refused");
        }
    }
    let now = Utc::now();
    for at in &outcome.committed_at {
        let delay = (now - *at).num_milliseconds().max(0);
        histogram!(names::INGEST_DELAY).record(delay as f64 / 1_000.0);
    }
}
