//! Sunakku's edge node: takes, cooks and hands over the orders of one cafeteria, with or without
//! a line to the hub.

mod api;
mod app;
mod backoff;
pub mod config;
mod credentials;
pub mod doctor;
mod door;
mod downline;
pub mod enrol;
mod facts;
mod gate;
mod kitchen;
mod log;
mod maintenance;
mod menu;
mod metrics;
mod pairing;
mod printer;
pub mod queue;
mod rates;
mod screens;
mod site;
mod state;
pub mod store;
pub mod sync;
mod ui;
mod webhook;

pub use api::openapi;
pub use app::App;
pub use config::Config;
