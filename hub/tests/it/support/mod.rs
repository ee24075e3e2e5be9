//! What the tests share: servers, hubs, and sites that speak the append protocol.

mod admin;
mod directory;
mod hub;
mod log;
mod servers;

pub(crate) use self::admin::Admin;
pub(crate) use self::directory::{Directory, Link, password, person};
pub(crate) use self::hub::{Hub, PASSWORD};
pub(crate) use self::log::{Log, order_id, placed, refused_as};
pub(crate) use self::servers::{Roles, World, wanted_at};
