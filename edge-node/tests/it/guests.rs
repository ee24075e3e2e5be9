//! Guests who send their order again, under the same key, until they get a definite answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use xtask::harness::{LIMIT, wait_for};
use xtask::world::{Answer, Client};

use crate::site::{new_key, order};

/// An order that a guest saw accepted.
#[derive(Debug, Clone)]
pub(crate) struct Sale {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) total: i64,
    pub(crate) claims: BTreeMap<String, i64>,
}

/// What guests have to tell when they leave.
#[derive(Debug, Default)]
pub(crate) struct Visit {
    pub(crate) sales: Vec<Sale>,
    /// Orders for which too little was left.
    pub(crate) sold_out: u64,
    /// The longest wait for one answer, or for knowing that none comes.
    pub(crate) slowest: Duration,
}

/// Guests at work.
pub(crate) struct Guests {
    stop: CancellationToken,
    tasks: JoinSet<Visit>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    sold: AtomicU64,
    troubled: AtomicU64,
}

/// A moment between two orders: guests are no load test.
const THINK: Duration = Duration::from_millis(5);
/// How soon an order without a definite answer is sent again.
const PATIENCE: Duration = Duration::from_millis(40);

impl Guests {
    /// So many guests begin to order, each one order after the other.
    pub(crate) fn arrive(client: &Client, count: usize) -> Self {
        let (stop, counts) = (CancellationToken::new(), Arc::new(Counts::default()));
        let mut tasks = JoinSet::new();
        for n in 0..count {
            let (client, stop, counts) = (client.clone(), stop.clone(), Arc::clone(&counts));
            tasks.spawn(async move {
                let mut visit = Visit::default();
                for wish in (n * 3..).take_while(|_| !stop.is_cancelled()) {
                    visit.order(&client, &counts, wish).await;
                    tokio::time::sleep(THINK).await;
                }
                visit
            });
        }
        Self {
            stop,
            tasks,
            counts,
        }
    }

    /// Waits until so many more orders were accepted.
    pub(crate) async fn buy(&self, more: u64) {
        Self::wait("orders", &self.counts.sold, more).await;
    }

    /// Waits until so many more tries had no definite answer.
    pub(crate) async fn suffer(&self, more: u64) {
        Self::wait("tries without an answer", &self.counts.troubled, more).await;
    }

    async fn wait(what: &str, count: &AtomicU64, more: u64) {
        let wanted = count.load(Ordering::Relaxed) + more;
        wait_for(what, LIMIT, async || match count.load(Ordering::Relaxed) {
            enough if wanted <= enough => Ok(()),
            few => Err(format!("{few} of {wanted}")),
        })
        .await
        .unwrap();
    }

    /// Tries so far that had no definite answer.
    pub(crate) fn troubled(&self) -> u64 {
        self.counts.troubled.load(Ordering::Relaxed)
    }

    /// The guests go once each has a definite answer.
    pub(crate) async fn leave(mut self) -> Visit {
        self.stop.cancel();
        let mut all = Visit::default();
        while let Some(visit) = self.tasks.join_next().await {
            let visit = visit.unwrap();
            all.sales.extend(visit.sales);
            all.sold_out += visit.sold_out;
            all.slowest = all.slowest.max(visit.slowest);
        }
        all
    }
}

/// What the guests order, in turn: lines, and what they claim.
fn wish(n: usize) -> (Value, BTreeMap<String, i64>) {
    let line = |item: &str, quantity: i64| json!({"item": item, "quantity": quantity});
    let double = json!({"item": "burger", "quantity": 2, "modifiers": ["double", "onion"]});
    let (lines, patties, cakes) = match n % 6 {
        0 => (vec![double], 4, 0),
        1 => (vec![line("meatball", 1), line("burger", 1)], 3, 0),
        2 => (vec![line("cake", 1), line("cola", 2)], 0, 1),
        3 => (vec![line("cake", 2), line("burger", 1)], 1, 2),
        4 => (vec![line("cola", 1)], 0, 0),
        _ => (vec![line("burger", 1)], 1, 0),
    };
    let claims = [("patty", patties), ("cake", cakes)].map(|(sku, units)| (sku.to_owned(), units));
    (order(&lines), BTreeMap::from(claims))
}

impl Visit {
    async fn order(&mut self, client: &Client, counts: &Counts, n: usize) {
        let (key, (request, claims)) = (new_key(), wish(n));
        let answer = self.definite(client, counts, &key, &request).await;
        if answer.status == 409 {
            assert_eq!(answer.problem(), "out-of-stock", "{}", answer.body);
            self.sold_out += 1;
            return;
        }
        assert_eq!(answer.status, 201, "{}", answer.body);
        counts.sold.fetch_add(1, Ordering::Relaxed);
        self.sales.push(Sale {
            id: answer.body["id"].as_str().unwrap().to_owned(),
            number: answer.body["number"].as_u64().unwrap(),
            total: answer.body["total"].as_i64().unwrap(),
            claims,
        });
    }

    /// Sends the order until it is known what became of it.
    async fn definite(
        &mut self,
        client: &Client,
        counts: &Counts,
        key: &str,
        request: &Value,
    ) -> Answer {
        let deadline = Instant::now() + 2 * LIMIT;
        loop {
            let sent = Instant::now();
            let answer = client.order(key, request).await;
            self.slowest = self.slowest.max(sent.elapsed());
            let status = match answer {
                Ok(answer) if answer.status != 503 => return answer,
                Ok(busy) => {
                    assert_eq!(busy.headers["retry-after"], "1", "{}", busy.body);
                    busy.body.to_string()
                }
                Err(error) => format!("{error:#}"),
            };
            assert!(Instant::now() < deadline, "no definite answer: {status}");
            counts.troubled.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(PATIENCE).await;
        }
    }
}
