//! What screens are told of each entry of the log.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use sunakku_common::event::{Event, StaffCall, StockChange, TicketDetails, kind, timestamp};
use sunakku_common::ids::OrderId;
use sunakku_common::order::OrderDetails;
use sunakku_common::state::{OrderState, TicketState};

use crate::store::{Fact, LogEntry, What};

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
    /// For frames of orders.
    pub(crate) order: Option<Concerned>,
}

/// The order that a frame is about.
#[derive(Debug, Clone)]
pub(crate) struct Concerned {
    pub(crate) id: OrderId,
    /// Who placed it, where the event tells.
    pub(crate) placed_by: Option<String>,
    /// Whether nothing more can come of it.
    pub(crate) is_over: bool,
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

/// What one event has to tell to screens.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) frames: Vec<Frame>,
    pub(super) stock: Vec<StockChange>,
}

#[derive(Serialize)]
struct FrameBody<'a, D> {
    r#type: &'a str,
    seq: u64,
    at: &'a str,
    data: D,
}

/// One message as bytes.
pub(crate) fn frame(kind: &str, seq: u64, at: &str, data: impl Serialize) -> Bytes {
    let body = FrameBody {
        r#type: kind,
        seq,
        at,
        data,
    };
    // Maps with text keys always serialise.
    Bytes::from(serde_json::to_vec(&body).unwrap_or_default())
}

/// An order that was placed, as it stands then.
#[derive(Serialize)]
struct Placed<'a> {
    #[serde(flatten)]
    details: &'a OrderDetails,
    number: u32,
    state: OrderState,
}

/// A ticket that was made out, as it stands then.
#[derive(Serialize)]
struct Created<'a> {
    #[serde(flatten)]
    details: &'a TicketDetails,
    state: TicketState,
    done_lines: [u32; 0],
    acknowledged_at: Option<DateTime<Utc>>,
}

/// What is at hand of a SKU.
#[derive(Serialize)]
struct Level<'a> {
    sku: &'a str,
    on_hand: Option<i64>,
    suspended: bool,
    low_mark: Option<u32>,
    low: bool,
}

impl Told {
    /// Reads an entry; one that cannot be read tells nothing, and is in the log for the hub.
    pub(crate) fn read(entry: &LogEntry) -> Self {
        let Some(Fact { at, what }) = entry.fact() else {
            return Self::default();
        };
        let mut told = Telling {
            seq: entry.seq,
            at: timestamp(*at),
            told: Self::default(),
        };
        match what {
            What::OrderPlaced(placed) => {
                let data = Placed {
                    details: &placed.details,
                    number: placed.number,
                    state: OrderState::Placed,
                };
                let order = Concerned {
                    id: placed.order,
                    placed_by: Some(placed.by.actor.clone()),
                    is_over: false,
                };
                told.add(Topic::Orders, "order", data, Some(order));
                told.stock(&placed.stock);
            }
            What::OrderMoved(moved) => {
                let data = json!({
                    "id": moved.order, "number": moved.number, "state": moved.state, "reason": moved.reason,
                });
                let order = Concerned {
                    id: moved.order,
                    placed_by: None,
                    // A rejected one can be tried again.
                    is_over: !moved.state.is_open() && moved.state != OrderState::Rejected,
                };
                told.add(Topic::Orders, "order", data, Some(order));
                told.stock(&moved.stock);
            }
            What::TicketCreated(created) => {
                let data = Created {
                    details: &created.details,
                    state: TicketState::Waiting,
                    done_lines: [],
                    acknowledged_at: None,
                };
                told.add(Topic::Tickets, "ticket", data, None);
            }
            What::TicketMoved(moved) => {
                let data = json!({
                    "id": moved.ticket, "order": moved.order, "number": moved.number,
                    "station": moved.station, "state": moved.state,
                    "done_lines": moved.done_lines, "reason": moved.reason,
                    "acknowledged_at": moved.acknowledged_at,
                    "needs_confirmation": moved.needs_confirmation,
                });
                told.add(Topic::Tickets, "ticket", data, None);
            }
            What::Other => {
                if let Err(error) = told.other(entry) {
                    let (seq, kind) = (entry.seq, &entry.kind);
                    tracing::error!(seq, kind, %error, "unreadable event");
                    return Self::default();
                }
            }
        }
        told.told
    }
}

/// What an entry has to tell, as it comes together.
struct Telling {
    seq: u64,
    at: String,
    told: Told,
}

impl Telling {
    fn add(&mut self, topic: Topic, kind: &str, data: impl Serialize, order: Option<Concerned>) {
        let json = frame(kind, self.seq, &self.at, data);
        self.told.frames.push(Frame { topic, json, order });
    }

    fn stock(&mut self, changes: &[StockChange]) {
        for change in changes {
            let level = Level {
                sku: &change.sku,
                on_hand: change.on_hand,
                suspended: change.suspended,
                low_mark: change.low_mark,
                low: change.is_low(),
            };
            self.add(Topic::Stock, "stock", level, None);
        }
        self.told.stock.extend_from_slice(changes);
    }

    fn other(&mut self, entry: &LogEntry) -> Result<(), serde_json::Error> {
        let event = Event::decode(&entry.text)?;
        let mut add = |topic, kind, data: Value| self.add(topic, kind, data, None);
        match event.kind.as_str() {
            kind::MENU_ACTIVATED => add(Topic::Menu, "menu", event.body()?),
            kind::SITE_CLOSED | kind::SITE_OPENED | kind::SITE_CONFIGURED => {
                add(Topic::Menu, "site", event.body()?);
            }
            called @ (kind::STAFF_CALLED | kind::STAFF_ANSWERED) => {
                let call: StaffCall = event.body()?;
                let open = called == kind::STAFF_CALLED;
                let since = timestamp(event.at);
                let data = json!({ "device": call.device, "since": since, "open": open });
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
        self.stock(&stock);
        Ok(())
    }
}
