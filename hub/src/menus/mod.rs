//! Menus: drafts that admins change, versions that are published of them, and which of these
//! each site is to run. Truth is in Postgres; what goes down to the sites is made from
//! [`wanted`].

pub mod schedule;
pub mod wanted;
