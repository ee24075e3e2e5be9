//! The edge on real servers. One binary, so that it links once.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod acknowledge;
mod bad_input;
mod board;
mod books;
mod capacity;
mod commands;
mod dead_letters;
mod downline;
mod durability;
mod faults;
mod guests;
mod head_office;
mod idempotency;
mod kitchen;
mod limits;
mod lists;
mod live;
mod lost_data;
mod memory;
mod menu;
mod movements;
mod orders;
mod pages;
mod paper;
mod pause;
mod print_marks;
mod printers;
mod printers_faults;
mod queue;
mod resume;
mod screen;
mod script_model;
mod scripts;
mod sign_in;
mod site;
mod stock;
mod stock_until;
mod store_log;
mod tap;
mod transitions;
mod waiting;
mod webhooks;
mod worker_steps;
