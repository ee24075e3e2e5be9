//! The edge on real servers. One binary, so that it links once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod durability;
mod faults;
mod idempotency;
mod kitchen;
mod live;
mod orders;
mod script_model;
mod scripts;
mod site;
mod stock;
