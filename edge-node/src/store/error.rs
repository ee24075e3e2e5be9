//! Why the store could not do something.

use sunakku_common::problem::Problem;

/// Why the store could not do something. Refusals that callers handle (out of stock, illegal
/// step) are results of their own; this is the rest.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Redis did not answer in time or at all. Whether the change was made is not known: the
    /// same request under the same key finds out.
    #[error("redis is away")]
    Unavailable(#[source] redis::RedisError),
    /// Redis answered that it cannot do it, and would answer so again.
    #[error("redis refuses")]
    Refused(#[source] redis::RedisError),
    /// The store has lost its data; it is about to be given a new epoch.
    #[error("the store has no epoch")]
    Unborn,
    /// The store holds less than it had answered for; it is about to begin a new epoch.
    #[error("the store was set back")]
    SetBack,
    /// The idempotency key belongs to another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// What stands in the store cannot be read: a defect.
    #[error("the store holds what cannot be read: {0}")]
    Unreadable(String),
}

impl StoreError {
    /// Whether the same call may succeed shortly.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Unborn | Self::SetBack)
    }
}

impl From<redis::RedisError> for StoreError {
    fn from(error: redis::RedisError) -> Self {
        // An answer of the server's own is no lost one: the same command would only fail again.
        let passing = error.is_io_error()
            || error.is_timeout()
            || error.is_connection_dropped()
            || error.is_connection_refusal()
            || matches!(error.code(), Some("LOADING" | "BUSY" | "TRYAGAIN"));
        if passing {
            Self::Unavailable(error)
        } else {
            Self::Refused(error)
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_)
            | StoreError::Refused(_)
            | StoreError::Unborn
            | StoreError::SetBack => {
                tracing::warn!(error = %Chain(&error), "store unavailable");
                Self::unavailable(
                    "store-unavailable",
                    "The site's store does not answer. Send the same request with the same \
                     Idempotency-Key again: it takes effect once.",
                )
            }
            StoreError::KeyReused => Self::unprocessable(
                "idempotency-key-reused",
                "This Idempotency-Key belongs to another request; take a new one for this.",
            ),
            StoreError::Unreadable(_) => {
                tracing::error!(%error, "store unreadable");
                Self::internal()
            }
        }
    }
}

/// Prints an error with its causes.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
