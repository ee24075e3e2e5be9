//! The `live` reader: keeps the stock view fresh and turns events into frames for screens.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use sunakku_common::event::{
    Event, OrderMoved, OrderPlaced, StaffCall, StockChange, TicketCreated, TicketMoved, kind,
};
use sunakku_common::ids::{Epoch, OrderId};
use sunakku_common::pricing::StockLevel;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::{Tail, Tailed};
use crate::store::{LogEntry, Store, StoreError};

/// Events that a socket may lag behind before it is dropped and has to resume by sequence.
const BACKLOG: usize = 4_096;

/// What a screen can follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    Stock,
    Orders,
    Tickets,
    Menu,
    Sync,
    Calls,
}

impl Topic {
    pub(crate) const ALL: [(&str, Self); 6] = [
        ("stock", Self::Stock),
        ("orders", Self::Orders),
        ("tickets", Self::Tickets),
        ("menu", Self::Menu),
        ("sync", Self::Sync),
        ("calls", Self::Calls),
    ];
}

/// One message for screens, ready to send: `{type, seq, at, data}`.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) topic: Topic,
    pub(crate) json: Bytes,
    /// For frames of orders: which one, and who placed it where the event tells.
    pub(crate) order: Option<(OrderId, Option<String>)>,
}

impl Frame {
    /// The same with no more of its data than a pickup board needs.
    pub(crate) fn bare(&self) -> Bytes {
        let mut whole: Value = serde_json::from_slice(&self.json).unwrap_or_default();
        bare(&mut whole["data"]);
        Bytes::from(whole.to_string())
    }
}

/// Leaves an order its number and its state.
pub(crate) fn bare(order: &mut Value) {
    if let Some(members) = order.as_object_mut() {
        members.retain(|name, _| ["number", "state"].contains(&name.as_str()));
    }
}

/// The frames of one event.
#[derive(Debug)]
pub(crate) struct LiveEvent {
    pub(crate) epoch: Epoch,
    pub(crate) seq: u64,
    pub(crate) frames: Vec<Frame>,
}

/// Where the live reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) epoch: Epoch,
    pub(crate) seq: u64,
}

/// What is at hand, as of a sequence.
#[derive(Debug, Default)]
pub(crate) struct StockView {
    /// Counts up with every change.
    pub(crate) version: u64,
    /// SKUs that are counted or off sale.
    pub(crate) levels: BTreeMap<String, StockLevel>,
}

/// What screens and menu answers read. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Live {
    events: broadcast::Sender<Arc<LiveEvent>>,
    position: Arc<watch::Sender<Position>>,
    stock: Arc<RwLock<StockView>>,
}

impl Live {
    /// Starts from what the store holds now.
    pub(crate) async fn start(store: &Store) -> Result<(Self, LiveReader), StoreError> {
        // The head first: an event between the two reads is then seen twice, which is harmless
        // because events carry the counts after them.
        let head = store.head().await?;
        let levels = store.stock().await?;
        let live = Self {
            events: broadcast::Sender::new(BACKLOG),
            position: Arc::new(watch::Sender::new(Position {
                epoch: head.epoch,
                seq: head.seq,
            })),
            stock: Arc::new(RwLock::new(StockView { version: 0, levels })),
        };
        let tail = Tail::new(store.clone(), head.epoch, head.seq);
        Ok((
            live.clone(),
            LiveReader {
                live,
                store: store.clone(),
                tail,
            },
        ))
    }

    /// Every event from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<LiveEvent>> {
        self.events.subscribe()
    }

    /// The last event that was told.
    pub(crate) fn position(&self) -> Position {
        *self.position.borrow()
    }

    /// Looks at the stock.
    pub(crate) fn with_stock<T>(&self, look: impl FnOnce(&StockView) -> T) -> T {
        // A panic while looking leaves the view whole, so a poisoned lock is as good as another.
        look(
            &self
                .stock
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    fn change_stock(&self, change: impl FnOnce(&mut BTreeMap<String, StockLevel>)) {
        let mut view = self
            .stock
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut view.levels);
        view.version += 1;
    }
}

/// The task behind [`Live`].
pub(crate) struct LiveReader {
    live: Live,
    store: Store,
    tail: Tail,
}

impl LiveReader {
    /// Reads until it is told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while let Some(tailed) = stop.run_until_cancelled(self.tail.next()).await {
            match tailed {
                Tailed::Entries(entries) => entries.iter().for_each(|entry| self.tell(entry)),
                Tailed::NewEpoch | Tailed::Lost { .. } => {
                    if !self.reload(&stop).await {
                        return;
                    }
                }
            }
        }
    }

    /// Begins anew from what the store holds, when the log cannot lead there. Screens notice by
    /// the epoch, or by the gap in sequence, and take a new snapshot.
    async fn reload(&mut self, stop: &CancellationToken) -> bool {
        loop {
            let read = async {
                Ok::<_, StoreError>((self.store.head().await?, self.store.stock().await?))
            };
            match stop.run_until_cancelled(read).await {
                None => return false,
                Some(Ok((head, levels))) => {
                    self.live.change_stock(|stock| *stock = levels);
                    self.tail = Tail::new(self.store.clone(), head.epoch, head.seq);
                    let position = Position {
                        epoch: head.epoch,
                        seq: head.seq,
                    };
                    self.live.position.send_replace(position);
                    let none = LiveEvent {
                        epoch: head.epoch,
                        seq: head.seq,
                        frames: Vec::new(),
                    };
                    // Nobody listening is fine.
                    let _listeners = self.live.events.send(Arc::new(none));
                    return true;
                }
                Some(Err(_)) => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
            }
        }
    }

    fn tell(&self, entry: &LogEntry) {
        let epoch = self.tail.epoch();
        let told = Told::read(entry);
        if !told.stock.is_empty() {
            self.live.change_stock(|levels| {
                for change in &told.stock {
                    let level = StockLevel {
                        on_hand: change.on_hand,
                        suspended: change.suspended,
                    };
                    levels.insert(change.sku.clone(), level);
                }
            });
        }
        let (seq, frames) = (entry.seq, told.frames);
        // The place first: who begins to listen after the event was sent then finds it there.
        self.live.position.send_replace(Position { epoch, seq });
        let event = LiveEvent { epoch, seq, frames };
        let _listeners = self.live.events.send(Arc::new(event));
    }
}

/// What one event has to tell to screens.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) frames: Vec<Frame>,
    stock: Vec<StockChange>,
}

#[derive(Serialize)]
struct FrameBody<'a> {
    r#type: &'a str,
    seq: u64,
    at: &'a str,
    data: &'a Value,
}

/// One message as bytes.
pub(crate) fn frame(kind: &str, seq: u64, at: &str, data: &Value) -> Bytes {
    let body = FrameBody {
        r#type: kind,
        seq,
        at,
        data,
    };
    // Maps with text keys always serialise.
    Bytes::from(serde_json::to_vec(&body).unwrap_or_default())
}

impl Told {
    /// Reads an entry; one that cannot be read tells nothing, and is in the log for the hub.
    pub(crate) fn read(entry: &LogEntry) -> Self {
        Event::decode(&entry.text)
            .and_then(|event| Self::of(&event))
            .unwrap_or_else(|error| {
                tracing::error!(seq = entry.seq, kind = entry.kind, %error, "unreadable event");
                Self::default()
            })
    }

    fn of(event: &Event) -> Result<Self, serde_json::Error> {
        let mut told = Self::default();
        let at = sunakku_common::event::timestamp(event.at);
        let mut order = None;
        let mut add = |topic, kind, data: Value| {
            told.frames.push(Frame {
                topic,
                order: None,
                json: frame(kind, event.seq, &at, &data),
            });
        };
        match event.kind.as_str() {
            kind::ORDER_PLACED => {
                let placed: OrderPlaced = event.body()?;
                let mut data = serde_json::to_value(&placed.details)?;
                data["number"] = json!(placed.number);
                data["state"] = json!("placed");
                order = Some((placed.order, Some(placed.by.actor)));
                add(Topic::Orders, "order", data);
            }
            moved if kind::ORDER_MOVES.contains(&moved) => {
                let moved: OrderMoved = event.body()?;
                let (id, number, state) = (moved.order, moved.number, moved.state);
                order = Some((id, None));
                let data = json!({
                    "id": id, "number": number, "state": state, "reason": moved.reason,
                });
                add(Topic::Orders, "order", data);
            }
            kind::TICKET_CREATED => {
                let created: TicketCreated = event.body()?;
                let mut data = serde_json::to_value(&created.details)?;
                data["state"] = json!("waiting");
                data["done_lines"] = json!([]);
                data["acknowledged_at"] = json!(null);
                add(Topic::Tickets, "ticket", data);
            }
            moved if moved.starts_with("ticket.") => {
                let moved: TicketMoved = event.body()?;
                let data = json!({
                    "id": moved.ticket, "order": moved.order, "number": moved.number,
                    "station": moved.station, "state": moved.state,
                    "done_lines": moved.done_lines, "reason": moved.reason,
                    "acknowledged_at": moved.acknowledged_at,
                    "needs_confirmation": moved.needs_confirmation,
                });
                add(Topic::Tickets, "ticket", data);
            }
            kind::MENU_ACTIVATED => add(Topic::Menu, "menu", event.body()?),
            kind::SITE_CLOSED | kind::SITE_OPENED | kind::SITE_CONFIGURED => {
                add(Topic::Menu, "site", event.body()?);
            }
            called @ (kind::STAFF_CALLED | kind::STAFF_ANSWERED) => {
                let call: StaffCall = event.body()?;
                let open = called == kind::STAFF_CALLED;
                let data = json!({ "device": call.device, "since": at, "open": open });
                add(Topic::Calls, "call", data);
            }
            _ => {}
        }
        #[derive(serde::Deserialize)]
        struct MovesStock {
            #[serde(default)]
            stock: Vec<StockChange>,
        }
        let MovesStock { stock } = event.body()?;
        for change in &stock {
            let data = json!({
                "sku": change.sku, "on_hand": change.on_hand, "suspended": change.suspended,
                "low_mark": change.low_mark, "low": change.is_low(),
            });
            add(Topic::Stock, "stock", data);
        }
        told.stock = stock;
        for frame in &mut told.frames {
            if frame.topic == Topic::Orders {
                frame.order.clone_from(&order);
            }
        }
        Ok(told)
    }
}
