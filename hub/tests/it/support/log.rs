//! A site: its log, and how it sends it.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use async_nats::{Client, Request};
use chrono::{DateTime, Utc};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sunakku_common::chain::Chain;
use sunakku_common::event::{Event, kind, timestamp};
use sunakku_common::ids::{Epoch, SiteId};
use sunakku_common::subjects;
use sunakku_common::sync::{Answer, Batch};
use uuid::Uuid;
use xtask::harness::{LIMIT, wait_for};

/// How long a site waits for an answer before it sends again.
const PATIENCE: Duration = Duration::from_secs(3);

/// A site's log, as its edge holds it.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) site: SiteId,
    pub(crate) epoch: Epoch,
    pub(crate) client: Client,
    /// The texts of the events, numbered from 1.
    pub(crate) events: Vec<String>,
    /// The chain after each event; the genesis first.
    pub(crate) chains: Vec<Chain>,
}

impl Log {
    pub(crate) fn new(site: SiteId, client: Client) -> Self {
        let epoch = Epoch::new();
        let chains = vec![Chain::genesis(&site, epoch)];
        Self {
            site,
            epoch,
            client,
            events: Vec::new(),
            chains,
        }
    }

    /// The same site with a store that was born again.
    pub(crate) fn reborn(&self) -> Self {
        Self::new(self.site.clone(), self.client.clone())
    }

    /// The last sequence.
    pub(crate) fn head(&self) -> u64 {
        self.events.len() as u64
    }

    /// Appends an event.
    pub(crate) fn push(&mut self, kind: &str, body: &Value) -> u64 {
        self.push_raw(kind, &body.to_string())
    }

    /// Appends an event whose body is this text.
    pub(crate) fn push_raw(&mut self, kind: &str, body: &str) -> u64 {
        self.push_at(Utc::now(), kind, body)
    }

    /// Appends an event of this time.
    pub(crate) fn push_at(&mut self, at: DateTime<Utc>, kind: &str, body: &str) -> u64 {
        let seq = self.head() + 1;
        let event = Event::encode(seq, &timestamp(at), kind, body);
        self.chains
            .push(self.chains[self.events.len()].next(&event));
        self.events.push(event);
        seq
    }

    /// Appends an event of another log of this site as it was told there.
    pub(crate) fn push_again(&mut self, other: &Self, seq: usize) {
        let event = Event::decode(&other.events[seq - 1]).expect("an event");
        let next = self.head() + 1;
        let text = Event::encode(next, &timestamp(event.at), &event.kind, event.body.get());
        self.chains.push(self.chains[self.events.len()].next(&text));
        self.events.push(text);
    }

    /// Appends an order of `quantity` items at `price`, and gives its id.
    pub(crate) fn place(&mut self, number: u32, item: &str, quantity: u32, price: i64) -> Uuid {
        let id = order_id();
        let body = placed(id, number, &[(item, quantity, price)]);
        self.push(kind::ORDER_PLACED, &body);
        id
    }

    /// Appends an order of one item for each of the numbers.
    pub(crate) fn place_each(&mut self, numbers: RangeInclusive<u32>, item: &str) {
        for number in numbers {
            self.place(number, item, 1, 250);
        }
    }

    /// Appends a step of an order.
    pub(crate) fn step(&mut self, order: Uuid, number: u32, state: &str) -> u64 {
        let body = json!({"order": order, "number": number, "state": state,
                          "by": {"actor": "kim", "device": "kds-1"}});
        self.push(&format!("order.{state}"), &body)
    }

    /// The events `from..=to` as a batch; none when `to < from`.
    pub(crate) fn batch(&self, from: u64, to: u64) -> Batch {
        let (first, last) = (from as usize - 1, (to as usize).max(from as usize - 1));
        let raw = |text: &String| RawValue::from_string(text.clone()).expect("JSON");
        Batch {
            epoch: self.epoch,
            from_seq: from,
            prev_chain: self.chains[first],
            events: self.events[first..last].iter().map(raw).collect(),
            chain: self.chains[last],
            head: self.head(),
            sender: None,
        }
    }

    /// Sends a batch once.
    pub(crate) async fn send(&self, batch: &Batch) -> Result<Answer> {
        let subject = subjects::log(&self.site);
        let payload = serde_json::to_vec(batch)?;
        let request = Request::new()
            .payload(payload.into())
            .timeout(Some(PATIENCE));
        let reply = self.client.send_request(subject, request).await?;
        Ok(serde_json::from_slice(&reply.payload)?)
    }

    /// Sends the events `from..=to`, which must be committed.
    pub(crate) async fn commit(&self, from: u64, to: u64) -> Result<()> {
        let answer = self.send(&self.batch(from, to)).await?;
        let expected = Answer::Committed {
            cursor: to,
            chain: self.chains[to as usize],
        };
        anyhow::ensure!(answer == expected, "{answer:?} instead of {expected:?}");
        Ok(())
    }

    /// Does what an edge does: sends until everything is committed, whatever breaks meanwhile.
    pub(crate) async fn sync(&self, batch: u64) -> Result<()> {
        let mut next = 1;
        while next <= self.head() {
            let to = (next + batch - 1).min(self.head());
            let wanted = self.batch(next, to);
            let what = format!("{} to commit {next} to {to}", self.site);
            let answer = wait_for(&what, LIMIT, || async {
                match self.send(&wanted).await {
                    Ok(Answer::Refused { refused, .. }) if refused == "busy" => Err(refused),
                    Ok(answer) => Ok(answer),
                    Err(error) => Err(format!("{error:#}")),
                }
            })
            .await?;
            next = match answer {
                Answer::Committed { cursor, chain } => {
                    let ours = self
                        .chains
                        .get(cursor as usize)
                        .context("a cursor beyond")?;
                    anyhow::ensure!(*ours == chain, "another chain at {cursor}");
                    cursor + 1
                }
                Answer::Expected { expected_seq } => expected_seq,
                other => bail!("{}: {other:?}", self.site),
            };
        }
        Ok(())
    }
}

/// Whether the answer is a refusal of this kind.
pub(crate) fn refused_as(answer: &Answer, word: &str) -> bool {
    matches!(answer, Answer::Refused { refused, .. } if refused == word)
}

/// A new order's id.
pub(crate) fn order_id() -> Uuid {
    sunakku_common::ids::OrderId::new().0
}

/// The body of an `order.placed` with a line for each (item, quantity, price).
pub(crate) fn placed(id: Uuid, number: u32, lines: &[(&str, u32, i64)]) -> Value {
    let line = |(n, (item, quantity, price)): (usize, &(&str, u32, i64))| {
        json!({"line": n + 1, "item": item, "name": {"en": item, "ja": format!("日{item}")},
               "quantity": quantity, "unit_price": price,
               "total": price * i64::from(*quantity), "station": "bar"})
    };
    let total: i64 = lines
        .iter()
        .map(|(_, quantity, price)| price * i64::from(*quantity))
        .sum();
    let now = timestamp(Utc::now());
    json!({
        "order": id, "number": number, "key": format!("key-{id}"), "by": {"actor": "kiosk-1"},
        "stock": [],
        "details": {
            "id": id, "channel": "kiosk", "service": "here",
            "lines": lines.iter().enumerate().map(line).collect::<Vec<_>>(),
            "total": total, "currency": "EUR", "placed_at": now, "ready_estimate_at": now,
            "preparation_seconds": 120,
            "business_day": "2026-11-23", "menu_version": 1,
        },
    })
}
