//! What the site sells and is run by: its menu, its settings and whether it takes orders now, and the
//! pictures of its items. All of it is in memory and in the store, so that nothing of it waits for the hub.

mod menus;
mod pictures;
mod settings;

pub(crate) use menus::{MenuStatus, Menus};
pub(crate) use pictures::Pictures;
pub(crate) use settings::{SiteShown, SiteState, Standing};
