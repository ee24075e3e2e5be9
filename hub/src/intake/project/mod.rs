//! Makes orders, sales and stock out of events.
//!
//! `read` understands and checks one event, `fold` works out what a run of events changes,
//! both without IO (`figures` for the analytics); `load` and `write` are the SQL around them, a fixed number of statements
//! for any number of events. All of it runs under the locks of the sites concerned, so what was
//! loaded is still true when it is written.
//!
//! Facts are the edge's: a step is applied even where the rules would not go that way (an epoch
//! may have ended with events unsent). Only what makes no sense as data is parked.

mod devices;
mod figures;
mod fold;
mod load;
mod load_figures;
mod order;
pub(super) mod read;
mod write;
mod write_figures;
mod write_longer;

use std::collections::BTreeMap;

use sqlx::PgConnection;

use self::fold::Fold;
use super::group::Entry;

/// What became of a run of events, by their place in it.
#[derive(Debug, Default)]
pub(super) struct Projected {
    /// Events that could not be projected, with the reason.
    pub(super) parked: BTreeMap<usize, String>,
    /// Steps of orders that the rules do not have.
    pub(super) odd_steps: Vec<usize>,
}

/// Why events are projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// They came.
    Intake,
    /// The projections are made again: what was once done to what is no projection stays done.
    Rebuild,
}

/// Projects the events, which are in the order of their site's log.
pub(super) async fn apply(
    connection: &mut PgConnection,
    entries: &[&Entry<'_>],
    purpose: Purpose,
) -> Result<Projected, sqlx::Error> {
    let mut projected = Projected::default();
    let mut facts = Vec::with_capacity(entries.len());
    for (n, entry) in entries.iter().enumerate() {
        match read::read(&entry.event) {
            Ok(fact) => facts.push((n, *entry, fact)),
            Err(reason) => {
                projected.parked.insert(n, reason);
            }
        }
    }
    let known = load::orders(connection, &facts).await?;
    let figures = load_figures::known(connection, &facts).await?;
    let mut fold = Fold::new(known, figures);
    for (n, entry, fact) in facts {
        match fold.apply(entry, fact) {
            Ok(fold::Step::Usual) => {}
            Ok(fold::Step::Odd) => projected.odd_steps.push(n),
            Err(reason) => {
                projected.parked.insert(n, reason);
            }
        }
    }
    if purpose == Purpose::Rebuild {
        fold.commands.clear();
    }
    write::all(connection, &fold).await?;
    fold.devices.write(connection).await?;
    write_figures::all(connection, &fold.figures).await?;
    write_longer::all(connection, &fold.figures).await?;
    Ok(projected)
}
