//! Replaying real transactions through the demo.

pub mod csv;
