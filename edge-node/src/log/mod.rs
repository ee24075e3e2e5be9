//! Readers of the site log: one tailing type for all of them.

mod chain;
mod frames;
mod live;
mod own;
mod tail;

pub(crate) use chain::{Keep, chain_at, forget};
pub(crate) use frames::{Frame, Told, Topic, bare, frame};
pub(crate) use live::{Live, LiveEvent, LiveReader, Position, StockView};
pub(crate) use own::OwnOrders;
pub(crate) use tail::{Tail, Tailed};
