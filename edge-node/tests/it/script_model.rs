//! script_model
