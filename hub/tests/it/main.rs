//! The hub's program on a real Postgres and a real NATS server; the tests play the sites.

mod access;
mod analytics;
mod api;
mod audit;
mod browsers;
mod commands;
mod directory;
mod intake;
mod ledger;
mod menus;
mod menus_files;
mod menus_history;
mod menus_rollout;
mod menus_versions;
mod metrics;
mod operation;
mod outages;
mod people;
mod projection;
mod schema;
mod sites;
mod support;
mod tls;
mod tokens;
mod who;
