//! Menus: drafts that admins change, versions that are published of them, and which of these
//! each site is to run. Truth is in Postgres; what goes down to the sites is made from
//! [`wanted`].
//!
//! `content`, `diff`, `schedule`, `rollout`, `table` and `file` are without IO; `draft`,
//! `versions` and `wanted` are the SQL, `edit` and `import` the changes that admins ask for.

pub mod command;
pub mod content;
pub mod diff;
pub(crate) mod draft;
pub(crate) mod edit;
pub mod file;
pub(crate) mod import;
pub mod rollout;
pub mod schedule;
pub mod table;
pub(crate) mod versions;
pub mod wanted;
