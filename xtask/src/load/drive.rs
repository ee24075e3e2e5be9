//! Keeps so many connections at one kind of work, and records it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::join_all;

use super::record::{Outcome, Recording};
use super::schedule::Pacer;

/// Pause of a connection that found nothing to do, or whose server is away.
const PAUSE: Duration = Duration::from_millis(100);

/// What one connection does, again and again.
pub(crate) trait Work: Send {
    /// Makes ready, so that the first piece is like all others.
    fn begin(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// Does one piece.
    fn once(&mut self) -> impl Future<Output = Done> + Send;
}

/// What became of one piece.
pub(crate) enum Done {
    /// It was tried.
    Tried(Outcome),
    /// The same, and what was looked up before does not count: it began only then.
    TriedSince(Instant, Outcome),
    /// There was nothing to do.
    Idle,
}

/// Works on all connections until the pacer says that it is over.
pub(crate) async fn drive<W: Work>(pacer: &Arc<Pacer>, works: Vec<W>) -> Result<Recording> {
    let each = works.into_iter().map(|work| one(pacer, work));
    let mut all = Recording::new()?;
    for recording in join_all(each).await {
        all.add(&recording?);
    }
    all.leave(pacer.unserved());
    Ok(all)
}

async fn one<W: Work>(pacer: &Arc<Pacer>, mut work: W) -> Result<Recording> {
    let mut recording = Recording::new()?;
    work.begin().await?;
    let counted = pacer.span().counted;
    while let Some(due) = pacer.next().await {
        let (since, outcome) = match work.once().await {
            Done::Tried(outcome) => (due, outcome),
            Done::TriedSince(since, outcome) => (since, outcome),
            Done::Idle => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let failed = matches!(outcome, Outcome::Failed(_));
        if counted <= due {
            recording.note(outcome, since.elapsed());
        }
        if failed {
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(recording)
}
