//! What Sunakku's edge and hub must agree on: identifiers, the menu, the rules of orders and
//! stock, events and their hash chain, the append protocol, subjects, claims, problems.
//!
//! Nothing in here talks to a store, a broker or a clock of its own: rules are functions of
//! their arguments, so that they can be tested without servers. [`http`], [`front`], [`assets`],
//! [`cookie`], [`config`], [`doctor`], [`nats`], [`service`], [`trace`] and [`telemetry`] hold the few pieces of plumbing that both
//! binaries share.

pub mod assets;
pub mod browser;
pub mod business_day;
pub mod certificate;
pub mod chain;
pub mod claims;
pub mod command;
pub mod config;
pub mod cookie;
pub mod doctor;
pub mod down;
pub mod enrol;
pub mod event;
pub mod front;
pub mod http;
pub mod ids;
pub mod jws;
pub mod keys;
pub mod local_time;
pub mod menu;
pub mod model;
pub mod money;
pub mod nats;
pub mod openapi;
pub mod order;
pub mod password;
pub mod picture;
pub mod pricing;
pub mod problem;
pub mod serve;
pub mod service;
pub mod sign_in_code;
pub mod site;
pub mod staff;
pub mod state;
pub mod subjects;
pub mod sync;
pub mod telemetry;
pub mod text;
pub mod trace;

/// Installs the process-wide TLS provider; call it first in `main`.
pub fn install_crypto() {
    // A second call in one process (tests) finds it installed, which is as good.
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
