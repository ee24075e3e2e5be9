//! One delivery: tried until the receiver takes it, refuses it for good, or too many tries failed.

use std::time::Duration;

use anyhow::Context as _;
use chrono::Utc;
use data_encoding::HEXLOWER;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use sunakku_common::event::{Event, JobKind, timestamp};
use sunakku_common::ids::{Epoch, SiteId};

use super::payload;
use super::signature::Signer;
use crate::backoff::Backoff;
use crate::config;
use crate::metrics as names;
use crate::store::{DeadLetter, ErrorChain, Store, StoreError};

/// Pause before a store that is away is asked again.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// What is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Message {
    /// The same whenever this event is sent: receivers know by it what they had before.
    pub(super) id: String,
    pub(super) body: String,
}

impl Message {
    pub(super) fn of(site: &SiteId, epoch: Epoch, event: &Event) -> Self {
        let at = timestamp(event.at);
        let body = event.body.get();
        // A new epoch may tell an event again, under another sequence.
        let digest = Sha256::digest(format!("{} {at} {body}", event.kind));
        let told = json!({
            "site": site, "epoch": epoch, "seq": event.seq, "at": at, "kind": event.kind,
            "body": event.body,
        });
        Self {
            id: HEXLOWER.encode(&digest[..16]),
            body: told.to_string(),
        }
    }
}

/// Whoever is called.
#[derive(Clone)]
pub(super) struct Receiver {
    store: Store,
    options: config::Webhook,
    http: reqwest::Client,
    signer: Signer,
}

/// Why a try failed.
struct Failure {
    error: String,
    /// Whether another try would fail as well.
    is_final: bool,
    /// How long the receiver wants to be left alone.
    wait: Option<Duration>,
}

impl Receiver {
    pub(super) fn new(store: Store, options: config::Webhook) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(options.timeout_seconds))
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .context("webhooks: no HTTP client")?;
        let signer = Signer::new(options.secret.expose());
        Ok(Self {
            store,
            options,
            http,
            signer,
        })
    }

    /// Delivers a message or gives it up.
    pub(super) async fn deliver(&self, message: Message) {
        let job = format!("webhook:{}:{}", self.options.name, message.id);
        let mut failed = false;
        while let Err(failure) = self.send(&message).await {
            failed = true;
            let pause = loop {
                match self.note(&job, &message, &failure).await {
                    Ok(pause) => break pause,
                    Err(error) => {
                        tracing::debug!(job, error = %ErrorChain(&error), "waits for the store");
                        tokio::time::sleep(STORE_PAUSE).await;
                    }
                }
            };
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return self.count("dead"),
            }
            self.count("retried");
        }
        self.count("delivered");
        // What is left of it otherwise expires.
        if failed && let Err(error) = self.store.forget_attempts(&job).await {
            tracing::debug!(job, error = %ErrorChain(&error), "its tries are kept");
        }
    }

    fn count(&self, result: &'static str) {
        let name = self.options.name.clone();
        metrics::counter!(names::WEBHOOK_DELIVERIES, "webhook" => name, "result" => result)
            .increment(1);
    }

    async fn send(&self, message: &Message) -> Result<(), Failure> {
        let now = Utc::now().timestamp();
        let signature = self.signer.sign(&message.id, now, &message.body);
        let request = self
            .http
            .post(&self.options.url)
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", now)
            .header("webhook-signature", signature)
            .header(CONTENT_TYPE, "application/json")
            .body(message.body.clone());
        match request.send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(refused(&response)),
            Err(error) => Err(Failure {
                error: ErrorChain(&error.without_url()).to_string(),
                is_final: false,
                wait: None,
            }),
        }
    }

    /// Takes note of a failure. Answers how long to wait for the next try; `None` when it was
    /// given up.
    async fn note(
        &self,
        job: &str,
        message: &Message,
        failure: &Failure,
    ) -> Result<Option<Duration>, StoreError> {
        let attempts = self.store.note_attempt(job, &failure.error).await?;
        let tries = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
        if !failure.is_final && tries < self.options.max_attempts {
            return Ok(Some(self.pause(tries, failure.wait)));
        }
        tracing::error!(job, tries, error = failure.error, "a webhook was given up");
        let letter = DeadLetter {
            id: job.to_owned(),
            kind: JobKind::Webhook,
            target: self.options.name.clone(),
            order: None,
            payload: payload(message),
            reason: failure.error.clone(),
            attempts,
            at: Utc::now(),
        };
        self.store.bury(&letter).await?;
        Ok(None)
    }

    /// As long as the back-off says; at least what the receiver asks for, within its bounds.
    fn pause(&self, tries: u32, asked: Option<Duration>) -> Duration {
        let options = &self.options;
        let backoff = Backoff::new(options.retry_min_milliseconds, options.retry_max_seconds);
        let asked = asked.unwrap_or_default().min(backoff.longest());
        backoff.pause(tries).max(asked)
    }
}

fn refused(response: &Response) -> Failure {
    let status = response.status();
    let passing = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::CONFLICT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    let wait = response.headers().get(RETRY_AFTER);
    let seconds = wait.and_then(|value| value.to_str().ok()?.parse().ok());
    Failure {
        error: format!("it answered {status}"),
        is_final: status.is_client_error() && !passing.contains(&status),
        wait: seconds.map(Duration::from_secs),
    }
}
