//! Sunakku's hub: commits every site's log to Postgres and answers for all sites.
//!
//! Truth lives in Postgres; NATS carries and never owns. A hub process keeps nothing of its own,
//! so any number of replicas work side by side and each may die at any moment.
//!
//! - [`intake`] takes the sites' logs, commits them, and answers after the commit.
//! - [`downline`] keeps what sites read of menus and settings, and sends commands.
//! - [`api`] answers people and programs over HTTP.
//! - `ui` serves the dashboard, which calls [`api`].
//! - [`sites`] knows the sites, and which box may speak for each.
//! - [`identity`] signs people in and keeps the keys that vouch for them.
//! - [`upkeep`] waits for the database, watches it, and makes partitions in advance.
//! - [`menus`] keeps drafts, versions and what each site is to run.
//! - `pictures` keeps pictures of items that people upload.
//! - `analytics` answers what was sold, how fast and what was not there.
//! - `live` tells pages how all sites are, as it changes.
//! - [`ledger`] proves that what is stored is what the sites sent, [`statements`] says what that was.

mod analytics;
mod answer;
pub mod api;
pub mod app;
mod audit;
mod author;
pub mod broker;
mod change;
pub mod commands;
pub mod config;
pub mod database;
pub mod doctor;
pub mod downline;
mod facts;
pub mod health;
pub mod identity;
pub mod intake;
pub mod ledger;
mod live;
pub mod menus;
pub mod metrics;
pub(crate) mod people;
mod pictures;
pub(crate) mod sessions;
pub mod sites;
mod state;
pub mod statements;
mod ui;
pub mod upkeep;

pub use app::App;
pub use config::Config;
