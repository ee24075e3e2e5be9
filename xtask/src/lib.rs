//! Development commands of Sunakku, and the harness that starts real servers.
//!
//! The harness is a library so that `cargo demo`, the system tests, the load and the fault tools
//! all start the same servers in the same way.

pub mod demo;
pub mod drill;
pub mod fill;
pub mod harness;
pub mod load;
pub mod replay;
pub mod world;
