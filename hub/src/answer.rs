//! How the database's failures are answered.

use sunakku_common::problem::Problem;

use crate::database::{is_about_data, is_transient};

/// A failure of the database, on its way to an answer.
#[derive(Debug, thiserror::Error)]
#[error("the database failed")]
pub(crate) struct DatabaseFailed(#[from] sqlx::Error);

impl From<DatabaseFailed> for Problem {
    /// The cause goes to the log, never to the caller.
    fn from(DatabaseFailed(error): DatabaseFailed) -> Self {
        if is_transient(&error) {
            tracing::warn!(%error, "the database is away");
            return Self::unavailable(
                "database-unavailable",
                "The hub's database cannot be reached. Sites go on selling; try again soon.",
            );
        }
        if is_about_data(&error) {
            // Such as U+0000 in a text, or a year that the calendar does not have.
            return Self::bad_request("invalid-value", "A value cannot be searched for.");
        }
        tracing::error!(%error, "a query failed");
        Self::internal()
    }
}

/// What a handler answers.
pub(crate) type Answer<T> = Result<T, Problem>;

/// Shortens the way from a query's failure to its answer.
pub(crate) trait OrProblem<T> {
    /// The value, or the problem to answer with.
    fn or_problem(self) -> Answer<T>;
}

impl<T> OrProblem<T> for Result<T, sqlx::Error> {
    fn or_problem(self) -> Answer<T> {
        self.map_err(|error| DatabaseFailed(error).into())
    }
}
