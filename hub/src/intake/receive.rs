//! Hears the sites, and queues what they send.
//!
//! Which site speaks is taken from the subject alone, which its credentials enforce. Reply
//! subjects are *not* checked by the server: a site could make the hub answer to another one, so
//! only the site's own inbox is answered.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::{Client, HeaderMap, Message, Subject};
use chrono::Utc;
use futures::StreamExt as _;
use metrics::counter;
use sunakku_common::ids::SiteId;
use sunakku_common::subjects;
use sunakku_common::sync::{Answer, Batch, HUB_TIME, MAX_BATCH_EVENTS};
use tokio::sync::mpsc::Sender;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Envelope;
use super::request::{Request, refusal};
use crate::health::Health;
use crate::metrics::INGEST_REFUSED;

/// How long messages that were under way at the end may take to arrive.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// How long a message to ourselves may take.
const ECHO_LIMIT: Duration = Duration::from_secs(1);
/// The least time between two of them.
const ECHO_PAUSE: Duration = Duration::from_millis(50);

/// No log comes near this; what does is nonsense that would overflow on its way.
const MAX_SEQ: u64 = i64::MAX as u64 - MAX_BATCH_EVENTS as u64;

pub(super) async fn run(
    client: &Client,
    queue: Sender<Envelope>,
    health: &Health,
    stop: CancellationToken,
) -> Result<()> {
    let group = subjects::INTAKE_GROUP.to_owned();
    let mut subscription = client
        .queue_subscribe(subjects::ALL_LOGS, group)
        .await
        .context("subscribing to the sites' logs")?;
    let mut subscribed = pin!(until_subscribed(client));
    let mut is_subscribed = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            message = subscription.next() => match message {
                Some(message) => take(client, &queue, message).await,
                None => anyhow::bail!("the NATS client was closed"),
            },
            () = &mut subscribed, if !is_subscribed => {
                is_subscribed = true;
                health.set_intake();
            }
        }
    }
    // Other replicas get what comes from here on; what is here already is still taken.
    if subscription.drain().await.is_ok() {
        let rest = async {
            while let Some(message) = subscription.next().await {
                take(client, &queue, message).await;
            }
        };
        let _ = timeout(DRAIN_LIMIT, rest).await;
    }
    Ok(())
}

/// Waits until the server has taken the subscriptions made before: it takes the messages of one
/// connection in their order, so it has when a message to ourselves comes back.
async fn until_subscribed(client: &Client) {
    loop {
        let echo = async {
            let inbox = client.new_inbox();
            let mut heard = client.subscribe(inbox.clone()).await.ok()?;
            client.publish(inbox, Vec::new().into()).await.ok()?;
            heard.next().await
        };
        // While there is no connection, and when it breaks, nothing comes back.
        let ((), heard) = tokio::join!(sleep(ECHO_PAUSE), timeout(ECHO_LIMIT, echo));
        if let Ok(Some(_)) = heard {
            return;
        }
    }
}

async fn take(client: &Client, queue: &Sender<Envelope>, message: Message) {
    match read(&message) {
        Ok((reply, Ok(request))) => {
            if let Err(refused) = queue.try_send(Envelope { request, reply }) {
                let envelope = refused.into_inner();
                let busy = refusal("busy", "too many batches wait for their commit");
                answer(client, envelope.reply, &busy).await;
            }
        }
        Ok((reply, Err(refused))) => answer(client, reply, &refused).await,
        Err(reason) => {
            // The sender gets no answer: what it asked for is not to be answered.
            tracing::warn!(subject = %message.subject, reason, "a message was dropped");
            counter!(INGEST_REFUSED, "reason" => reason).increment(1);
        }
    }
}

/// Where to answer, and the request or what is wrong with it; or why nobody is answered.
fn read(message: &Message) -> Result<(Subject, Result<Request, Answer>), &'static str> {
    let site = subjects::site_of_log(&message.subject).ok_or("no-site")?;
    let reply = message.reply.clone().ok_or("no-reply")?;
    if !subjects::is_inbox_of(&site, &reply) {
        return Err("foreign-reply");
    }
    Ok((reply, parse(site, &message.payload)))
}

fn parse(site: SiteId, payload: &[u8]) -> Result<Request, Answer> {
    let batch: Batch = serde_json::from_slice(payload)
        .map_err(|error| refusal("malformed", &format!("this is no batch: {error}")))?;
    if batch.events.len() > MAX_BATCH_EVENTS {
        let detail = format!("at most {MAX_BATCH_EVENTS} events in one batch");
        return Err(refusal("malformed", &detail));
    }
    if batch.from_seq > MAX_SEQ {
        return Err(refusal("malformed", "no log has as many events"));
    }
    Ok(Request { site, batch })
}

/// Sends an answer, and counts it when it is a refusal.
pub(super) async fn answer(client: &Client, reply: Subject, answer: &Answer) {
    if let Answer::Refused { refused, .. } = answer {
        counter!(INGEST_REFUSED, "reason" => refused.clone()).increment(1);
    }
    let sent = match serde_json::to_vec(answer) {
        Ok(payload) => {
            let mut headers = HeaderMap::new();
            headers.insert(HUB_TIME, Utc::now().timestamp_millis().to_string());
            let payload = payload.into();
            let sent = client.publish_with_headers(reply, headers, payload);
            sent.await.err()
        }
        Err(error) => return tracing::error!(%error, "an answer could not be written"),
    };
    if let Some(error) = sent {
        // The site asks again, and is then told what stands.
        tracing::debug!(%error, "an answer could not be sent");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::value::RawValue;
    use sunakku_common::chain::Chain;
    use sunakku_common::event::Event;
    use sunakku_common::ids::Epoch;
    use sunakku_common::sync::{Batch, Position, Verdict, judge};

    use super::*;

    fn message(subject: &str, reply: Option<&str>, payload: &str) -> Message {
        Message {
            subject: subject.into(),
            reply: reply.map(Into::into),
            payload: payload.as_bytes().to_vec().into(),
            headers: None,
            status: None,
            description: None,
            length: payload.len(),
        }
    }

    fn refused(payload: &str) -> String {
        let read = read(&message("up.s1.log", Some("_INBOX.s1.x"), payload));
        match read.expect("an answer") {
            (_, Err(Answer::Refused { refused, .. })) => refused,
            (_, other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_inbox_of_the_subjects_site_is_answered() {
        for (subject, reply, reason) in [
            ("up.s1.log", None, "no-reply"),
            ("up.s1.log", Some("_INBOX.s2.x"), "foreign-reply"),
            ("up.s1.log", Some("down.s2.menu"), "foreign-reply"),
            ("up.S1.log", Some("_INBOX.S1.x"), "no-site"),
        ] {
            let read = read(&message(subject, reply, "{}"));
            assert_eq!(read.err(), Some(reason), "{subject} {reply:?}");
        }
    }

    #[test]
    fn what_is_no_batch_is_malformed() {
        let huge = |from: u64| {
            let zeros = "0".repeat(64);
            format!(
                r#"{{"epoch": "01890a5d-ac96-774b-bcce-b302099a8057", "from_seq": {from},
                    "prev_chain": "{zeros}", "chain": "{zeros}", "head": 1, "events": []}}"#
            )
        };
        for payload in ["", "hello", "[]", "{}", &huge(u64::MAX)] {
            assert_eq!(refused(payload), "malformed", "{payload}");
        }
        let fine = message("up.s1.log", Some("_INBOX.s1.x"), &huge(1));
        assert!(matches!(read(&fine), Ok((_, Ok(_)))));
    }

    /// A sound batch of one event, as an edge would send it.
    fn sound(site: &SiteId) -> Vec<u8> {
        let epoch = Epoch::new();
        let genesis = Chain::genesis(site, epoch);
        let body = r#"{"order": "x", "by": {"actor": "a"}}"#;
        let event = Event::encode(1, "2026-11-23T12:00:00.000Z", "order.placed", body);
        let batch = Batch {
            epoch,
            from_seq: 1,
            prev_chain: genesis,
            chain: genesis.next(&event),
            events: vec![RawValue::from_string(event).expect("JSON")],
            head: 1,
            sender: None,
        };
        serde_json::to_vec(&batch).expect("JSON")
    }

    proptest! {
        /// Whatever bytes a site sends: they are read and judged, or refused as malformed. Not one
        /// changed byte of the events is appended.
        #[test]
        fn any_bytes_of_a_batch_are_judged_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            place in 0_usize..10_000,
            byte in any::<u8>(),
        ) {
            let site: SiteId = "s1".parse().expect("an id");
            let is_refusal = |refused: &Answer| {
                matches!(refused, Answer::Refused { refused, .. } if refused == "malformed")
            };
            if let Err(refused) = parse(site.clone(), &bytes) {
                prop_assert!(is_refusal(&refused), "{refused:?}");
            }
            let whole = sound(&site);
            let place = place % whole.len();
            if let Err(refused) = parse(site.clone(), &whole[..place]) {
                prop_assert!(is_refusal(&refused), "{refused:?}");
            }
            let mut changed = whole.clone();
            changed[place] = byte;
            match parse(site.clone(), &changed) {
                Ok(Request { batch, .. }) => {
                    let genesis = Chain::genesis(&site, batch.epoch);
                    let position = Position { cursor: 0, chain: genesis };
                    let verdict = judge(&batch, position, &BTreeMap::from([(0, genesis)]));
                    let before: Batch = serde_json::from_slice(&whole).expect("sound");
                    if let Verdict::Append { .. } = verdict {
                        let texts = |batch: &Batch| -> Vec<String> {
                            batch.events.iter().map(|event| event.get().to_owned()).collect()
                        };
                        prop_assert_eq!(texts(&batch), texts(&before));
                    }
                }
                Err(refused) => prop_assert!(is_refusal(&refused), "{refused:?}"),
            }
        }
    }
}
