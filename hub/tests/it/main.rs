//! The hub's program on a real Postgres and a real NATS server; the tests play the sites.

mod api;
mod intake;
mod ledger;
mod operation;
mod outages;
mod projection;
mod schema;
mod support;
mod who;
