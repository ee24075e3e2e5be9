//! One transaction over a group of batches.

use chrono::{DateTime, Utc};
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};
use sunakku_common::sync::Answer;

use super::group::{Entry, Group, Judged};
use super::project::{self, Projected, Purpose};
use super::request::Request;
use super::{cursors, events, presence};
use crate::database::is_about_data;

/// How a group is projected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// All events in one step. When the database refuses the data of one event, all fails.
    Together,
    /// Each event in a step of its own; those that the database refuses are parked.
    EventByEvent,
}

/// What became of a batch.
#[derive(Debug)]
pub struct Outcome {
    /// What the site is told.
    pub answer: Answer,
    /// Events that were committed, parked ones excluded.
    pub applied: usize,
    /// Events that were held already.
    pub duplicates: usize,
    /// Events that were committed, but not projected.
    pub parked: usize,
    /// Steps of orders that the rules do not have.
    pub odd_steps: u64,
    /// When the committed events happened, by the edge's clock.
    pub committed_at: Vec<DateTime<Utc>>,
}

impl Outcome {
    /// An answer to a batch of which nothing was taken.
    pub fn of(answer: Answer) -> Self {
        Self {
            answer,
            applied: 0,
            duplicates: 0,
            parked: 0,
            odd_steps: 0,
            committed_at: Vec::new(),
        }
    }
}

/// Commits a group: one outcome per request, in their order. When this returns, what the
/// outcomes say is durable. A bad batch does not hinder the others.
///
/// # Errors
/// When nothing was committed; or, if the connection broke at the commit, perhaps all: then the
/// batches come again as duplicates.
pub async fn commit(
    connection: &mut PgConnection,
    requests: &[Request],
    way: Way,
) -> Result<Vec<Outcome>, sqlx::Error> {
    let mut tx = connection.begin().await?;
    let mut group = cursors::lock_and_load(&mut tx, requests).await?;
    let mut presence = presence::load(&mut tx, requests).await?;
    let judge = |request| match presence.refusal(request) {
        Some(answer) => Judged::of(answer),
        None => group.judge(request),
    };
    let judged: Vec<Judged<'_>> = requests.iter().map(judge).collect();
    if !group.is_touched() && !presence.is_changed() {
        tx.rollback().await?;
        return Ok(judged
            .into_iter()
            .map(|judged| Outcome::of(judged.answer))
            .collect());
    }
    let entries: Vec<&Entry<'_>> = judged.iter().flat_map(|judged| &judged.entries).collect();
    let projected = write(&mut tx, &group, &entries, way).await?;
    presence::store(&mut tx, &presence).await?;
    tx.commit().await?;
    Ok(outcomes(judged, &projected))
}

async fn write(
    tx: &mut Transaction<'_, Postgres>,
    group: &Group,
    entries: &[&Entry<'_>],
    way: Way,
) -> Result<Projected, sqlx::Error> {
    if entries.is_empty() && !group.has_new_epoch() {
        // Heart beats: losing them in a power cut loses nothing, so nobody waits for the disk.
        sqlx::query("set local synchronous_commit to off")
            .execute(&mut **tx)
            .await?;
    }
    let mut projected = Projected::default();
    if !entries.is_empty() {
        events::insert(tx, entries).await?;
        projected = match way {
            Way::Together => project::apply(tx, entries, Purpose::Intake).await?,
            Way::EventByEvent => project_each(tx, entries, Purpose::Intake).await?,
        };
        events::park(tx, entries, &projected.parked).await?;
    }
    cursors::store(tx, group).await?;
    Ok(projected)
}

/// Projects each event in a step of its own, so that one that the database refuses hinders none.
pub(super) async fn project_each(
    tx: &mut Transaction<'_, Postgres>,
    entries: &[&Entry<'_>],
    purpose: Purpose,
) -> Result<Projected, sqlx::Error> {
    let mut all = Projected::default();
    for (n, entry) in entries.iter().enumerate() {
        let mut savepoint = tx.begin().await?;
        match project::apply(&mut savepoint, std::slice::from_ref(entry), purpose).await {
            Ok(one) => {
                savepoint.commit().await?;
                all.odd_steps.extend(one.odd_steps.into_iter().map(|_| n));
                all.parked
                    .extend(one.parked.into_values().map(|reason| (n, reason)));
            }
            Err(error) if is_about_data(&error) => {
                savepoint.rollback().await?;
                all.parked
                    .insert(n, format!("the database refused it: {error}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// Deals what became of all entries to the batches that they came in.
fn outcomes(judged: Vec<Judged<'_>>, projected: &Projected) -> Vec<Outcome> {
    let mut start = 0;
    let deal = |judged: Judged<'_>| {
        let range = start..start + judged.entries.len();
        start = range.end;
        let parked = projected.parked.range(range.clone()).count();
        let odd = projected.odd_steps.iter().filter(|n| range.contains(n));
        Outcome {
            answer: judged.answer,
            applied: range.len() - parked,
            duplicates: judged.duplicates,
            parked,
            odd_steps: odd.count() as u64,
            committed_at: judged.entries.iter().map(|entry| entry.event.at).collect(),
        }
    };
    judged.into_iter().map(deal).collect()
}
