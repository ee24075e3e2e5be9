//! Makes orders, sales and stock out of events.
//!
//! `read` understands and checks one event, `fold` works out what a run of events changes,
//! both without IO; `load` and `write` are the SQL around them, a fixed number of statements
//! for any number of events. All of it runs under the locks of the sites concerned, so what was
//! loaded is still true when it is written.
//!
//! Facts are the edge's: a step is applied even where the rules would not go that way (an epoch
//! may have ended with events unsent). Only what makes no sense as data is parked.

mod fold;
mod load;
pub(super) mod read;
mod write;

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

/// Projects the events, which are in the order of their site's log.
pub(super) async fn apply(
    connection: &mut PgConnection,
    entries: &[&Entry<'_>],
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
    let mut fold = Fold::new(known);
    for (n, entry, fact) in facts {
        match fold.apply(entry, fact) {
            Ok(fold::Step::Usual) => {}
            Ok(fold::Step::Odd) => projected.odd_steps.push(n),
            Err(reason) => {
                projected.parked.insert(n, reason);
            }
        }
    }
    write::all(connection, &fold).await?;
    Ok(projected)
}
