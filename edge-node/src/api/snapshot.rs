//! How things stand now, for a screen that begins to follow them live.

use serde_json::{Value, json};
use sunakku_common::event::is_low;
use sunakku_common::pricing::StockLevel;

use crate::log::{OwnOrders, Topic};
use crate::state::AppState;
use crate::store::{Call, OrderFilter, StoreError, TicketFilter};

/// Orders or tickets read at a time.
const PART: usize = 200;

impl AppState {
    /// One topic as it stands now, and its name in the frame; of orders those of `own` alone, which
    /// are noted there.
    pub(super) async fn snapshot_of(
        &self,
        topic: Topic,
        mut own: Option<&mut OwnOrders>,
    ) -> Result<(&'static str, Value), StoreError> {
        let shared = &self.inner;
        Ok(match topic {
            Topic::Stock => {
                let marks = shared.store.low_marks().await?;
                let row = |(sku, level): (&String, &StockLevel)| {
                    let low_mark = marks.get(sku).copied();
                    json!({
                        "sku": sku, "on_hand": level.on_hand, "suspended": level.suspended,
                        "low_mark": low_mark, "low": is_low(level.on_hand, low_mark),
                    })
                };
                let levels = shared.store.stock().await?;
                ("stock", levels.iter().map(row).collect())
            }
            Topic::Orders => {
                let (mut rows, mut after) = (Vec::new(), Some(0));
                while let Some(place) = after {
                    let part = shared.store.orders(OrderFilter::Open, place, PART).await?;
                    after = part.1;
                    for order in part.0 {
                        let own = own.as_deref_mut();
                        if own.is_some_and(|own| !own.note(order.details.id, &order.by.actor)) {
                            continue;
                        }
                        let mut row = serde_json::to_value(&order.details)?;
                        row["number"] = json!(order.number);
                        row["state"] = json!(order.state);
                        rows.push(row);
                    }
                }
                ("orders", Value::Array(rows))
            }
            Topic::Tickets => {
                let (mut rows, mut after) = (Vec::new(), Some(0));
                let open = TicketFilter::default();
                while let Some(place) = after {
                    let part = shared.store.tickets(&open, place, PART).await?;
                    after = part.1;
                    for ticket in part.0 {
                        let mut row = serde_json::to_value(&ticket.details)?;
                        row["state"] = json!(ticket.state);
                        row["done_lines"] = json!(ticket.done_lines);
                        row["cooking_at"] = json!(ticket.cooking_at);
                        row["done_at"] = json!(ticket.done_at);
                        row["acknowledged_at"] = json!(ticket.acknowledged_at);
                        row["needs_confirmation"] = json!(ticket.needs_confirmation);
                        row["reason"] = json!(ticket.reason);
                        rows.push(row);
                    }
                }
                ("tickets", Value::Array(rows))
            }
            Topic::Menu => (
                "menu",
                json!({ "version": shared.menus.current().menu.version }),
            ),
            Topic::Calls => {
                let calls = shared.store.calls().await?;
                let row = |call: &Call| json!({ "device": call.device, "since": call.since });
                ("calls", calls.iter().map(row).collect())
            }
            Topic::Sync => ("sync", serde_json::to_value(self.sync_answer().await?)?),
        })
    }
}
