//! Guests: each wants one order, sends it until the answer is definite, and remembers what it
//! was told. What was told is what the reconciliation holds the hub against.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use hdrhistogram::Histogram;
use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};
use serde_json::{Value, json};
use sunakku_common::menu::{Item, Menu};
use sunakku_common::money::Minor;
use tokio::time::{Instant as TokioInstant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::options::Speed;
use super::plan::Planned;
use crate::world::Client;

/// Orders that a replay at full speed has under way at a time.
const CLOSED_LOOP: usize = 64;
/// Orders that guests with a timetable have under way at a time.
const OPEN_LOOP: usize = 512;

/// What guests were told.
#[derive(Default)]
pub struct Told {
    inner: Mutex<Vec<Outcome>>,
}

/// What became of one guest's wish.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Position of the site.
    pub site: usize,
    /// The idempotency key.
    pub key: String,
    /// What it should cost, minor units.
    pub total: Minor,
    /// The answer: order, number and total, or the problem's slug.
    pub answer: Result<Accepted, String>,
    /// From the first try to the answer.
    pub took: Duration,
}

/// An accepted order as a guest saw it.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The order.
    pub order: Uuid,
    /// Its pickup number.
    pub number: u64,
    /// Its total.
    pub total: Minor,
}

impl Told {
    fn note(&self, outcome: Outcome) {
        self.lock().push(outcome);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Outcome>> {
        // A panic while holding it leaves the list whole.
        self.inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Everything so far.
    pub fn all(&self) -> Vec<Outcome> {
        self.lock().clone()
    }

    /// How many were accepted and refused at a site.
    pub fn counts(&self, site: usize) -> (usize, usize) {
        let told = self.lock();
        let here = told.iter().filter(|outcome| outcome.site == site);
        let accepted = here
            .clone()
            .filter(|outcome| outcome.answer.is_ok())
            .count();
        (accepted, here.count() - accepted)
    }

    /// Milliseconds from the first try to a 201: p50 and p99.
    pub fn latency_ms(&self) -> Option<(f64, f64)> {
        let mut histogram = Histogram::<u64>::new(3).ok()?;
        for outcome in self.lock().iter().filter(|outcome| outcome.answer.is_ok()) {
            histogram
                .record(u64::try_from(outcome.took.as_micros()).unwrap_or(u64::MAX))
                .ok()?;
        }
        let ms = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        (!histogram.is_empty()).then(|| (ms(0.5), ms(0.99)))
    }
}

/// Places every planned order; ends when all have their answers, or early when told to.
pub async fn replay(
    kiosks: &[Client],
    orders: &[Planned],
    speed: Speed,
    told: &Told,
    stop: &CancellationToken,
) {
    let begin = TokioInstant::now();
    let limit = if speed == Speed::Max {
        CLOSED_LOOP
    } else {
        OPEN_LOOP
    };
    let due = |planned: &Planned| match speed {
        Speed::Max => begin,
        Speed::Times(times) => begin + planned.after.div_f64(times),
    };
    let placing = futures::stream::iter(orders).then(async |planned| {
        stop.run_until_cancelled(sleep_until(due(planned))).await;
        planned
    });
    let placing = placing.take_while(|_| std::future::ready(!stop.is_cancelled()));
    placing
        .for_each_concurrent(limit, |planned| {
            place(
                &kiosks[planned.site],
                planned.site,
                &planned.body,
                planned.total,
                told,
                stop,
            )
        })
        .await;
}

/// Places random orders at a rate, in all, until it is told to stop.
pub async fn rush(
    kiosks: &[Client],
    menu: &Menu,
    per_second: f64,
    told: &Told,
    stop: &CancellationToken,
) {
    let begin = TokioInstant::now();
    let mut due = Duration::ZERO;
    let arrivals = std::iter::from_fn(|| {
        // Exponential gaps: guests come by chance, at this rate in the long run.
        let chance: f64 = rand::rng().random_range(f64::EPSILON..1.0);
        due += Duration::from_secs_f64((-chance.ln() / per_second).min(3_600.0));
        Some(begin + due)
    });
    let guests = futures::stream::iter(arrivals).then(async |due| {
        stop.run_until_cancelled(sleep_until(due)).await;
        let site = rand::rng().random_range(0..kiosks.len());
        (site, wish(menu))
    });
    let guests = guests.take_while(|_| std::future::ready(!stop.is_cancelled()));
    guests
        .for_each_concurrent(OPEN_LOOP, |(site, (body, total))| async move {
            place(&kiosks[site], site, &body, total, told, stop).await;
        })
        .await;
}

/// A random order by the menu's rules, and what it costs.
fn wish(menu: &Menu) -> (Value, Minor) {
    let mut random = rand::rng();
    let count = *[1, 1, 1, 2, 2, 3, 4].choose(&mut random).unwrap_or(&1);
    let (mut lines, mut total) = (Vec::new(), 0);
    for item in menu.items.iter().sample(&mut random, count) {
        let quantity = if random.random_bool(0.85) { 1 } else { 2 };
        let (modifiers, price) = choose(item, &mut random);
        total += price * quantity;
        lines.push(json!({ "item": item.id, "quantity": quantity, "modifiers": modifiers }));
    }
    let service = if random.random_bool(0.6) {
        "here"
    } else {
        "away"
    };
    let body = json!({
        "channel": "kiosk", "service": service, "expected_total": total, "lines": lines,
    });
    (body, total)
}

fn choose(item: &Item, random: &mut impl rand::Rng) -> (Vec<String>, Minor) {
    let (mut chosen, mut price) = (Vec::new(), item.price);
    for group in &item.modifiers {
        let most = group.max.min(group.min + 1);
        let count = random.random_range(group.min..=most) as usize;
        for option in group.options.iter().sample(random, count) {
            chosen.push(option.id.clone());
            price += option.price;
        }
    }
    (chosen, price)
}

/// Sends one order until the answer is definite; a guest who is told to stop gives up only on an
/// order that was never sent.
async fn place(
    kiosk: &Client,
    site: usize,
    body: &Value,
    total: Minor,
    told: &Told,
    stop: &CancellationToken,
) {
    let key = Uuid::now_v7().to_string();
    let begin = Instant::now();
    let mut pause = Duration::from_millis(50);
    let answer = loop {
        match kiosk.order(&key, body).await {
            Ok(answer) if answer.status == 201 => match accepted(&answer.body) {
                Some(accepted) => break Ok(accepted),
                None => break Err("unreadable".to_owned()),
            },
            Ok(answer) if answer.status.is_client_error() && answer.status != 429 => {
                break Err(answer.problem().to_owned());
            }
            // No answer, or one that says to come again: the order may stand or not.
            Ok(_) | Err(_) => {
                let over = stop.is_cancelled() && begin.elapsed() > GIVE_UP;
                if over {
                    break Err("no-answer".to_owned());
                }
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    };
    told.note(Outcome {
        site,
        key,
        total,
        answer,
        took: begin.elapsed(),
    });
}

/// How long a guest goes on asking after the end.
const GIVE_UP: Duration = Duration::from_secs(60);

fn accepted(body: &Value) -> Option<Accepted> {
    Some(Accepted {
        order: body["id"].as_str()?.parse().ok()?,
        number: body["number"].as_u64()?,
        total: body["total"].as_i64()?,
    })
}
