//! Hub and sites together, on real servers, and what breaks between them. One binary, so that it
//! links once. The name of a test is its claim.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod again;
mod backup;
mod clocks;
mod contract;
mod copies;
mod demo;
mod downline;
mod head_office;
mod identity;
mod keys;
mod kills;
mod lies;
mod line;
mod load;
mod load_tool;
mod menu_times;
mod observed;
mod operated;
mod pictures;
mod proof;
mod relapse;
mod scene;
mod secrets;
mod separation;
mod service;
mod set_back;
mod spans;
mod storm;
mod travel;
mod victims;
