//! A site's scripts behind the words of the model, so that both can be asked the same.

use std::collections::BTreeMap;

use chrono::{NaiveDate, Utc};
use serde::Deserialize;
use sunakku_common::event::{By, Event, JobKind, StockChange};
use sunakku_common::ids::{OrderId, TicketId};
use sunakku_common::model::{
    Answered, Ask, Cooking, Keyed, Model, Order, Outcome, Restock, Ticket,
};
use sunakku_common::order::{Channel, OrderDetails};
use sunakku_common::state::{OrderState, TicketState};
use sunakku_edge::store::{
    Close, DeadLetter, Freshness, NewOrder, NewTicket, OpenLimits, Operation, OrderRecord, Placing,
    Retrying, Step, StockMove, StockMoving, Store, StoreError, TicketMove,
};

/// The store of a site that nobody else uses.
pub(crate) struct Scripts {
    pub(crate) store: Store,
    /// The last sequence that was read.
    seq: u64,
}

/// An answer in the form in which model and scripts can be compared.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    outcome: Outcome,
    replayed: bool,
    facts: Vec<(String, Vec<StockChange>)>,
}

impl From<Answered> for Seen {
    fn from(answered: Answered) -> Self {
        let outcome = match answered.outcome {
            // What an order took is the store's own note; it shows when it is given back.
            Outcome::Order(order) => Outcome::Order(Order {
                taken: BTreeMap::new(),
                ..order
            }),
            other => other,
        };
        let facts = answered
            .facts
            .into_iter()
            .map(|fact| (fact.kind.to_owned(), fact.stock));
        Self {
            outcome,
            replayed: answered.replayed,
            facts: facts.collect(),
        }
    }
}

#[derive(Deserialize)]
struct MovesStock {
    #[serde(default)]
    stock: Vec<StockChange>,
}

/// An event's kind, and what it did to stock.
fn fact(text: &str) -> (u64, String, Vec<StockChange>) {
    let event = Event::decode(text).unwrap();
    let MovesStock { stock } = event.body().unwrap();
    (event.seq, event.kind, stock)
}

/// An order that claims these units, and whose price is nobody's concern here.
pub(crate) fn new_order(
    id: OrderId,
    business_day: NaiveDate,
    claims: &BTreeMap<String, u64>,
) -> NewOrder {
    let now = Utc::now();
    let details = OrderDetails {
        id,
        channel: Channel::Kiosk,
        service: None,
        avoid: Vec::new(),
        lines: Vec::new(),
        total: 0,
        currency: "EUR".to_owned().try_into().unwrap(),
        placed_at: now,
        pickup_at: None,
        ready_estimate_at: now,
        preparation_seconds: 60,
        business_day,
        menu_version: 1,
    };
    NewOrder {
        details,
        claims: claims.clone(),
        limits: OpenLimits {
            max_open_orders: 1_000_000,
            max_open_orders_per_device: 1_000_000,
        },
        slots: Vec::new(),
    }
}

/// A ticket of so many lines.
pub(crate) fn new_ticket(order: OrderId, id: TicketId, lines: u32) -> NewTicket {
    let line = serde_json::json!({
        "line": 1, "item": "cake", "name": {"en": "cake"}, "quantity": 1, "unit_price": 1,
        "total": 1, "station": "bar",
    });
    let ticket = serde_json::json!({
        "id": id, "order": order, "number": 1, "station": "bar", "service": null,
        "lines": vec![line; lines as usize], "placed_at": Utc::now(), "pickup_at": null,
    });
    serde_json::from_value(ticket).unwrap()
}

impl Scripts {
    pub(crate) async fn new(store: Store) -> Self {
        let seq = store.head().await.unwrap().seq;
        Self { store, seq }
    }

    /// Asks the scripts, and reads what they told.
    pub(crate) async fn apply(&mut self, keyed: Option<Keyed<'_>>, ask: &Ask) -> Seen {
        let (key, request) = match keyed {
            Some(Keyed { key, request }) => (Some(key.to_owned()), request),
            None => (None, "no key"),
        };
        let operation = Operation::new(key, By::system("test", "test"), &request);
        if let Ask::Retry { order } = ask {
            // Only what is among the dead letters can be tried again.
            self.store.bury(&letter(*order)).await.unwrap();
            self.seq = self.store.head().await.unwrap().seq;
        }
        let (outcome, replayed) = match self.ask(&operation, ask).await {
            Ok((outcome, freshness)) => (outcome, freshness == Freshness::Replayed),
            Err(StoreError::KeyReused) => (Outcome::KeyReused, false),
            Err(error) => panic!("{error}"),
        };
        let mut facts = Vec::new();
        for entry in self.store.log_from(self.seq + 1, 100).await.unwrap() {
            let (seq, kind, stock) = fact(&entry.text);
            assert_eq!((seq, entry.seq), (self.seq + 1, self.seq + 1), "a gap");
            self.seq = seq;
            facts.push((kind, stock));
        }
        Seen {
            outcome,
            replayed,
            facts,
        }
    }

    async fn ask(
        &self,
        operation: &Operation,
        ask: &Ask,
    ) -> Result<(Outcome, Freshness), StoreError> {
        use Freshness::New;
        Ok(match ask {
            Ask::Place { order, day, claims } => {
                let order = new_order(*order, *day, claims);
                match self.store.place(operation, &order).await? {
                    Placing::Placed {
                        first,
                        number,
                        freshness,
                    } => (
                        Outcome::Placed {
                            order: first.map_or(order.details.id, |first| first.id),
                            number,
                        },
                        freshness,
                    ),
                    Placing::Short(levels) => (Outcome::Short(levels.into_iter().collect()), New),
                    refused => panic!("{refused:?}"),
                }
            }
            Ask::Route { order, tickets } => {
                let ticket = |(id, lines): &(TicketId, u32)| new_ticket(*order, *id, *lines);
                let tickets: Vec<NewTicket> = tickets.iter().map(ticket).collect();
                let done = self.store.route(*order, &tickets).await?;
                (
                    if done {
                        Outcome::Routed
                    } else {
                        Outcome::NothingToRoute
                    },
                    New,
                )
            }
            Ask::Close { order, next, from } => {
                let from: &'static [OrderState] = Vec::leak(from.clone());
                let close = Close {
                    next: *next,
                    reason: None,
                    from,
                };
                step(self.store.close(operation, *order, &close).await?)
            }
            Ask::Retry { order } => self.retry(operation, *order).await?,
            Ask::Cook {
                ticket,
                step: cooking,
            } => {
                let cooking = match cooking {
                    Cooking::Start => TicketMove::Start,
                    Cooking::Bump => TicketMove::Bump,
                    Cooking::BumpLine(line) => TicketMove::BumpLine(*line),
                    Cooking::Recall => TicketMove::Recall,
                    Cooking::Acknowledge => {
                        let acknowledged =
                            self.store.acknowledge_ticket(operation, *ticket).await?;
                        return Ok(step(acknowledged));
                    }
                    Cooking::Confirm => {
                        return Ok(step(self.store.confirm_ticket(operation, *ticket).await?));
                    }
                };
                step(
                    self.store
                        .move_ticket(operation, *ticket, cooking, None)
                        .await?,
                )
            }
            Ask::Stock { sku, change } => self.restock(operation, sku, *change).await?,
        })
    }

    async fn retry(
        &self,
        operation: &Operation,
        order: OrderId,
    ) -> Result<(Outcome, Freshness), StoreError> {
        use Freshness::New;
        Ok(
            match self.store.retry_job(operation, &letter(order)).await? {
                Retrying::Made(freshness) => (Outcome::Retried, freshness),
                Retrying::Missing => panic!("the letter is lost"),
                Retrying::Illegal(state) => (illegal(&state), New),
                Retrying::Short(levels) => (Outcome::Short(levels.into_iter().collect()), New),
            },
        )
    }

    async fn restock(
        &self,
        operation: &Operation,
        sku: &str,
        change: Restock,
    ) -> Result<(Outcome, Freshness), StoreError> {
        let change = match change {
            Restock::Adjust(units) => StockMove::Adjust(units),
            Restock::Set(units) => StockMove::Set(units),
            Restock::Uncount => StockMove::Uncount,
            Restock::Suspend => StockMove::Suspend(None),
            Restock::Resume => StockMove::Resume,
            Restock::Mark(mark) => StockMove::Mark(mark),
        };
        Ok(
            match self.store.move_stock(operation, sku, change, None).await? {
                StockMoving::Made(row, freshness) => {
                    let (on_hand, suspended) = (row.on_hand, row.suspended);
                    let level = sunakku_common::pricing::StockLevel { on_hand, suspended };
                    (Outcome::Level(level), freshness)
                }
                StockMoving::Uncounted => (Outcome::Uncounted, Freshness::New),
                StockMoving::Changed => panic!("nobody asked for that"),
                StockMoving::Negative { on_hand } => (Outcome::Negative(on_hand), Freshness::New),
            },
        )
    }

    /// Orders, tickets and stock stand as in the model.
    pub(crate) async fn assert_holds(&self, model: &Model) {
        for (id, expected) in &model.orders {
            let found = order(self.store.order(*id).await.unwrap().unwrap());
            assert_eq!(
                found,
                Order {
                    taken: BTreeMap::new(),
                    ..expected.clone()
                }
            );
        }
        let stock = self.store.stock().await.unwrap();
        let skus: Vec<&String> = model
            .stock
            .keys()
            .chain(&model.suspended)
            .chain(stock.keys())
            .collect();
        for sku in skus {
            let nothing = Model::default().level(sku);
            assert_eq!(
                stock.get(sku).copied().unwrap_or(nothing),
                model.level(sku),
                "{sku}"
            );
        }
        let open = model
            .orders
            .values()
            .filter(|order| order.state.is_open())
            .count();
        let counts = self.store.order_counts().await.unwrap();
        assert_eq!(
            (counts.kept, counts.open),
            (model.orders.len() as u64, open as u64)
        );
        let tickets = model
            .orders
            .values()
            .flat_map(|order| order.tickets.iter().flatten());
        let open = tickets.filter(|ticket| ticket.state.is_open() || ticket.confirm);
        let open = open.count();
        assert_eq!(counts.open_tickets, open as u64);
    }

    /// Every stock change of the log from its beginning.
    pub(crate) async fn everything(&self) -> Vec<StockChange> {
        let entries = self.store.log_from(1, 10_000).await.unwrap();
        entries
            .iter()
            .flat_map(|entry| fact(&entry.text).2)
            .collect()
    }
}

fn order(record: OrderRecord) -> Order {
    let ticket = |ticket: &sunakku_edge::store::TicketRecord| Ticket {
        id: ticket.details.id,
        lines: u32::try_from(ticket.details.lines.len()).unwrap(),
        state: ticket.state,
        done: ticket.done_lines.iter().copied().collect(),
        seen: ticket.acknowledged_at.is_some(),
        confirm: ticket.needs_confirmation,
    };
    let tickets: Vec<Ticket> = record.tickets.iter().map(ticket).collect();
    Order {
        number: record.number,
        state: record.state,
        taken: BTreeMap::new(),
        tickets: Some(tickets).filter(|tickets| !tickets.is_empty()),
    }
}

fn step(step: Step<OrderRecord>) -> (Outcome, Freshness) {
    match step {
        Step::Made(record, freshness) => (Outcome::Order(order(record)), freshness),
        Step::Missing => (Outcome::Missing, Freshness::New),
        Step::Illegal { state, .. } => (illegal(&state), Freshness::New),
    }
}

fn illegal(state: &str) -> Outcome {
    let orders = OrderState::ALL.iter().map(|state| state.as_str());
    let tickets = TicketState::ALL.iter().map(|state| state.as_str());
    Outcome::Illegal(orders.chain(tickets).find(|known| *known == state).unwrap())
}

/// A letter about the job of an order.
fn letter(order: OrderId) -> DeadLetter {
    DeadLetter {
        id: format!("route:{order}"),
        kind: JobKind::Route,
        target: String::new(),
        order: Some(order),
        payload: serde_json::Value::Null,
        reason: "test".to_owned(),
        attempts: Vec::new(),
        at: Utc::now(),
    }
}
