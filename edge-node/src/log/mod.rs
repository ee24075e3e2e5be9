//! Readers of the site log: one tailing type for all of them.

mod chain;
mod live;
mod own;
mod tail;

pub(crate) use chain::{Keep, chain_at, forget};
pub(crate) use live::{
    Frame, Live, LiveEvent, LiveReader, Position, StockView, Told, Topic, bare, frame,
};
pub(crate) use own::OwnOrders;
pub(crate) use tail::{Tail, Tailed};
