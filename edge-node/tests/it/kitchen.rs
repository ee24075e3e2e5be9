//! kitchen
