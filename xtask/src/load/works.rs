//! What callers of an edge or a hub do.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use serde_json::Value;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::drive::{Done, Work};
use super::record::Outcome;
use super::target::Caller;
use super::told::Told;
use super::wire::Wire;

/// What an answer means: done with this status, refused with any other.
fn outcome(wire: &Wire, answered: Result<u16>, wanted: u16) -> Outcome {
    match answered {
        Ok(status) if status == wanted => Outcome::Ok,
        Ok(status) => {
            let body: Value = serde_json::from_slice(wire.body()).unwrap_or_default();
            let problem = body["type"]
                .as_str()
                .and_then(|kind| kind.rsplit(':').next());
            Outcome::Refused(
                format!("{status} {}", problem.unwrap_or(""))
                    .trim()
                    .to_owned(),
            )
        }
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

/// Reads one path after the other.
pub(crate) struct Reads {
    wire: Wire,
    requests: Arc<[Vec<u8>]>,
    next: usize,
}

impl Reads {
    /// One connection that reads these, beginning somewhere in them.
    pub(crate) fn new(caller: &Caller, requests: &Arc<[Vec<u8>]>, begin: usize) -> Self {
        Self {
            wire: Wire::new(&caller.place),
            requests: Arc::clone(requests),
            next: begin,
        }
    }
}

impl Work for Reads {
    async fn begin(&mut self) -> Result<()> {
        self.wire.open().await
    }

    async fn once(&mut self) -> Done {
        let request = &self.requests[self.next % self.requests.len()];
        self.next += 1;
        let answered = self.wire.exchange(request).await;
        Done::Tried(outcome(&self.wire, answered, 200))
    }
}

/// Places orders, each under a key of its own; guests look at the menu before.
pub(crate) struct Orders {
    caller: Caller,
    wire: Wire,
    wishes: Arc<[String]>,
    next: usize,
    menu: Option<Vec<u8>>,
    told: Option<Arc<Told>>,
}

impl Orders {
    /// One connection; `told` hears of each order that was accepted.
    pub(crate) fn new(
        caller: &Caller,
        wishes: &Arc<[String]>,
        begin: usize,
        looks: bool,
        told: Option<&Arc<Told>>,
    ) -> Self {
        Self {
            caller: caller.clone(),
            wire: Wire::new(&caller.place),
            wishes: Arc::clone(wishes),
            next: begin,
            menu: looks.then(|| caller.get("/v1/menu")),
            told: told.map(Arc::clone),
        }
    }
}

impl Work for Orders {
    async fn begin(&mut self) -> Result<()> {
        self.wire.open().await
    }

    async fn once(&mut self) -> Done {
        if let Some(menu) = &self.menu {
            let answered = self.wire.exchange(menu).await;
            let looked = outcome(&self.wire, answered, 200);
            if looked != Outcome::Ok {
                return Done::Tried(looked);
            }
        }
        let wish = &self.wishes[self.next % self.wishes.len()];
        self.next += 1;
        let key = Uuid::now_v7().to_string();
        let request = self.caller.post("/v1/orders", &key, wish);
        let answered = self.wire.exchange(&request).await;
        let outcome = outcome(&self.wire, answered, 201);
        if let (Some(told), Outcome::Ok) = (&self.told, &outcome) {
            told.accepted(self.wire.body(), Instant::now());
        }
        Done::Tried(outcome)
    }
}

/// The tickets that wait, which all cooks share.
pub(crate) type Rail = Arc<Mutex<Tickets>>;

/// Tickets by their ids.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    waiting: VecDeque<String>,
    /// A cook is at them. A list that is read meanwhile may still have them.
    taken: HashSet<String>,
}

impl Tickets {
    fn refill(&mut self, listed: Vec<String>) {
        self.taken.retain(|ticket| listed.contains(ticket));
        let new = listed.into_iter();
        let new = new.filter(|ticket| !self.taken.contains(ticket));
        self.waiting.extend(new);
    }

    fn take(&mut self) -> Option<String> {
        let ticket = self.waiting.pop_front()?;
        self.taken.insert(ticket.clone());
        Some(ticket)
    }
}

/// A cook: takes a ticket from the rail and bumps it.
pub(crate) struct Cook {
    caller: Caller,
    wire: Wire,
    list: Vec<u8>,
    rail: Rail,
}

impl Cook {
    /// One of those at this rail.
    pub(crate) fn new(caller: &Caller, rail: &Rail) -> Self {
        Self {
            caller: caller.clone(),
            wire: Wire::new(&caller.place),
            list: caller.get("/v1/tickets?limit=200"),
            rail: Arc::clone(rail),
        }
    }
}

impl Work for Cook {
    async fn begin(&mut self) -> Result<()> {
        self.wire.open().await
    }

    async fn once(&mut self) -> Done {
        // Held while the list is read: the others wait for it instead of reading the same.
        let mut rail = self.rail.lock().await;
        if rail.waiting.is_empty() {
            let answered = self.wire.exchange(&self.list).await;
            let looked = outcome(&self.wire, answered, 200);
            if looked != Outcome::Ok {
                return Done::Tried(looked);
            }
            let list: Value = serde_json::from_slice(self.wire.body()).unwrap_or_default();
            let tickets = list["items"].as_array().into_iter().flatten();
            let tickets = tickets.filter_map(|ticket| Some(ticket["id"].as_str()?.to_owned()));
            rail.refill(tickets.collect());
        }
        let Some(ticket) = rail.take() else {
            return Done::Idle;
        };
        drop(rail);
        let begun = Instant::now();
        let request = self.caller.act(&format!("/v1/tickets/{ticket}/bump"));
        let answered = self.wire.exchange(&request).await;
        Done::TriedSince(begun, outcome(&self.wire, answered, 200))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_cooks_are_at_one_ticket() {
        let list = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let mut rail = Tickets::default();
        rail.refill(list(&["a"]));
        assert_eq!(rail.take().as_deref(), Some("a"));
        // Read before the cook is done with it.
        rail.refill(list(&["a", "b"]));
        assert_eq!(rail.take().as_deref(), Some("b"));
        assert_eq!(rail.take(), None);
        rail.refill(list(&["c"]));
        assert_eq!(rail.take().as_deref(), Some("c"));
    }
}
