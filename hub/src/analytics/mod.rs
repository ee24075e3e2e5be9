//! The analytics, as far as they need no database: ranges of the sites' clocks, histograms,
//! forecasts, tables for spreadsheets. The figures are kept by the projection and asked for in
//! `api/analytics`; `docs/data-dictionary.md` says what each means.

pub(crate) mod buckets;
pub(crate) mod csv;
pub(crate) mod forecast;
pub(crate) mod range;
pub(crate) mod sold_out;
