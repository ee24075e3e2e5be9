//! Follows the site log to know the kitchen's load at any time, without asking the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono::{DateTime, TimeDelta, Utc};
use sunakku_common::ids::OrderId;
use sunakku_common::menu::Menu;
use sunakku_common::order::{OrderLine, Work};
use sunakku_common::state::OrderState;
use tokio_util::sync::CancellationToken;

use super::capacity::{self, Plan};
use super::load::Load;
use crate::config::Station;
use crate::log::{Tail, Tailed};
use crate::metrics as names;
use crate::store::{Fact, LogEntry, OrderFilter, Store, StoreError, Used, What};

/// Pause before the store is tried again.
const PAUSE: Duration = Duration::from_millis(200);
/// Orders that are read at a time.
const PART: usize = 200;
/// What an item takes that the menu no longer has, seconds.
const UNKNOWN_SECONDS: u32 = 120;

/// The kitchen's load as of now. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Kitchen {
    load: Arc<Mutex<Load>>,
    /// Seconds that one of an item takes to make, by the menu that runs.
    seconds: Arc<ArcSwap<HashMap<String, u32>>>,
    cooks: Arc<HashMap<String, u32>>,
    /// Seconds of work that a station is given in a slot at most.
    capacity: Arc<HashMap<String, u64>>,
}

impl Kitchen {
    pub(crate) fn new(stations: &[Station]) -> Self {
        let cooks = stations
            .iter()
            .map(|station| (station.name.clone(), station.cooks));
        let cooks: HashMap<String, u32> = cooks.collect();
        let capacity = stations
            .iter()
            .filter_map(|station| Some((station.name.clone(), station.capacity_seconds?)));
        Self {
            load: Arc::new(Mutex::new(Load::new(cooks.clone()))),
            seconds: Arc::default(),
            cooks: Arc::new(cooks),
            capacity: Arc::new(capacity.collect()),
        }
    }

    /// Plans by this menu from now on.
    pub(crate) fn follow_menu(&self, menu: &Menu) {
        let seconds = menu
            .items
            .iter()
            .map(|item| (item.id.clone(), item.preparation_seconds));
        self.seconds.store(Arc::new(seconds.collect()));
    }

    fn with<T>(&self, look: impl FnOnce(&mut Load) -> T) -> T {
        // A panic while looking leaves at worst an estimate that is off.
        look(&mut self.load.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn seconds_of(&self, item: &str) -> u32 {
        let seconds = self.seconds.load();
        seconds.get(item).copied().unwrap_or(UNKNOWN_SECONDS)
    }

    /// When an order of these lines would be ready if the kitchen got it now.
    pub(crate) fn estimate(&self, lines: &[OrderLine], now: DateTime<Utc>) -> DateTime<Utc> {
        let works = lines.iter().flat_map(OrderLine::works);
        let works = works.map(|work| (work.station, self.seconds_of(work.item)));
        self.with(|load| load.estimate(works, now))
    }

    /// How long these stations are busy with what they have already.
    pub(crate) fn wait(&self, stations: &[String]) -> TimeDelta {
        self.with(|load| load.wait(stations.iter().map(String::as_str)))
    }

    /// Whether any station is given only so much work in a slot.
    pub(crate) fn has_limits(&self) -> bool {
        !self.capacity.is_empty()
    }

    /// The slots in which these lines are made if they are to be ready at a time, or as soon after
    /// it as there is room; `None` when there is none for a day.
    pub(crate) fn plan(
        &self,
        lines: &[OrderLine],
        used: &Used,
        now: DateTime<Utc>,
        ready_at: DateTime<Utc>,
    ) -> Option<Plan> {
        let seconds =
            |work: &Work<'_>| u64::from(self.seconds_of(work.item)) * u64::from(work.quantity);
        let works = lines.iter().flat_map(OrderLine::works);
        let works = works.map(|work| (work.station, seconds(&work)));
        let demands = capacity::demands(works, &self.capacity);
        let first = capacity::slot_of(now);
        capacity::plan(&demands, used, first, capacity::slot_until(ready_at))
    }

    /// Follows the log until it is told to stop.
    pub(crate) async fn run(self, store: Store, stop: CancellationToken) {
        let follow = async {
            loop {
                if let Err(error) = self.follow(&store).await {
                    tracing::debug!(%error, "the kitchen's load waits for the store");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        stop.run_until_cancelled(follow).await;
    }

    /// Begins with the open orders, and follows the log as long as it leads on from there.
    async fn follow(&self, store: &Store) -> Result<(), StoreError> {
        // The head first: what happens between the two reads is told again, which is harmless
        // because events carry states.
        let head = store.head().await?;
        let load = self.read(store).await?;
        self.with(|known| *known = load);
        let mut tail = Tail::new(store.clone(), head.epoch, head.seq);
        while let Tailed::Entries(entries) = tail.next().await {
            entries.iter().for_each(|entry| self.tell(entry));
        }
        Ok(())
    }

    async fn read(&self, store: &Store) -> Result<Load, StoreError> {
        let mut load = Load::new(HashMap::clone(&self.cooks));
        let mut after = Some(0);
        while let Some(place) = after {
            let (orders, next) = store.orders(OrderFilter::Open, place, PART).await?;
            after = next;
            for order in orders {
                load.place(&order.details, |item| self.seconds_of(item));
                for ticket in &order.tickets {
                    let station = &ticket.details.station;
                    let begun = ticket.cooking_at.unwrap_or(order.details.placed_at);
                    let (id, lines) = (order.details.id, &ticket.done_lines);
                    load.move_ticket(id, station, ticket.state, lines, begun);
                }
            }
        }
        Ok(load)
    }

    fn tell(&self, entry: &LogEntry) {
        let Some(Fact { at, what }) = entry.fact() else {
            return;
        };
        match what {
            What::OrderPlaced(placed) => {
                self.with(|load| load.place(&placed.details, |item| self.seconds_of(item)));
            }
            What::TicketCreated(created) => self.with(|load| load.deal(created.order)),
            What::OrderMoved(moved) => self.move_order(moved.order, moved.state, *at),
            What::TicketMoved(moved) => {
                let made = self.with(|load| {
                    let (station, lines) = (&moved.station, &moved.done_lines);
                    load.move_ticket(moved.order, station, moved.state, lines, *at)
                });
                if let Some(made) = made {
                    let station = moved.station.clone();
                    metrics::histogram!(names::PREPARATION, "station" => station)
                        .record(made.seconds);
                }
            }
            What::Other => {}
        }
    }

    fn move_order(&self, order: OrderId, state: OrderState, at: DateTime<Utc>) {
        if let Some(off) = self.with(|load| load.move_order(order, state, at)) {
            let seconds = off.as_seconds_f64();
            let direction = if seconds > 0.0 { "late" } else { "early" };
            metrics::histogram!(names::ESTIMATE_ERROR, "direction" => direction)
                .record(seconds.abs());
        }
    }
}
