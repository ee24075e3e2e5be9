//! What the hub needs and whether it is there: seen by `/readyz`, by metrics and by who waits.

use std::sync::Arc;

use metrics::gauge;
use serde::Serialize;
use tokio::sync::watch;

use crate::metrics::DEPENDENCY_UP;

/// The state of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Part {
    /// Whether it can be used.
    pub up: bool,
    /// Why not, or what it is.
    pub detail: String,
}

/// The states of all parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Parts {
    /// The database, with a schema that this program knows. Without it nothing works.
    pub postgres: Part,
    /// The message server. Without it sites are not heard; what is stored can be read.
    pub nats: Part,
    /// What takes the sites' logs. It begins once both are there.
    pub intake: Part,
    /// Whether the process is ending.
    pub draining: bool,
}

impl Parts {
    /// `ready`, `degraded` (the API answers, sites are not heard) or `unready`.
    pub fn status(&self) -> &'static str {
        let are_heard = self.nats.up && self.intake.up;
        match (self.draining || !self.postgres.up, are_heard) {
            (true, _) => "unready",
            (false, true) => "ready",
            (false, false) => "degraded",
        }
    }
}

/// A handle to the state of all parts; clones share it.
#[derive(Debug, Clone)]
pub struct Health(Arc<watch::Sender<Parts>>);

impl Default for Health {
    fn default() -> Self {
        let unknown = || Part {
            up: false,
            detail: "not connected yet".to_owned(),
        };
        let parts = Parts {
            postgres: unknown(),
            nats: unknown(),
            intake: Part {
                up: false,
                detail: "not begun yet".to_owned(),
            },
            draining: false,
        };
        Self(Arc::new(watch::Sender::new(parts)))
    }
}

impl Health {
    /// The states now.
    pub fn parts(&self) -> Parts {
        self.0.borrow().clone()
    }

    /// Notes whether the database can be used; a change is logged.
    pub fn set_postgres(&self, state: Result<(), String>) {
        self.set("postgres", state, |parts| &mut parts.postgres);
    }

    /// Notes whether the message server can be used; a change is logged.
    pub fn set_nats(&self, state: Result<(), String>) {
        self.set("nats", state, |parts| &mut parts.nats);
    }

    /// Notes that the sites are heard, whenever the servers are there.
    pub fn set_intake(&self) {
        tracing::info!("hearing all sites");
        self.0.send_modify(|parts| {
            parts.intake = Part {
                up: true,
                detail: "hearing all sites".to_owned(),
            };
        });
    }

    /// From now on `/readyz` says no.
    pub fn drain(&self) {
        self.0.send_modify(|parts| parts.draining = true);
    }

    /// Waits until the process is ending.
    pub async fn draining(&self) {
        let mut parts = self.0.subscribe();
        // The sender lives as long as `self`.
        let _ = parts.wait_for(|parts| parts.draining).await;
    }

    /// Waits until the database can be used.
    pub async fn postgres_up(&self) {
        let mut parts = self.0.subscribe();
        // The sender lives as long as `self`.
        let _ = parts.wait_for(|parts| parts.postgres.up).await;
    }

    fn set(
        &self,
        dependency: &'static str,
        state: Result<(), String>,
        part: fn(&mut Parts) -> &mut Part,
    ) {
        let up = state.is_ok();
        let detail = state.err().unwrap_or_else(|| "connected".to_owned());
        gauge!(DEPENDENCY_UP, "dependency" => dependency).set(if up { 1.0 } else { 0.0 });
        self.0.send_if_modified(|parts| {
            let part = part(parts);
            let changed = part.up != up || part.detail != detail;
            if changed && up {
                tracing::info!(dependency, "connected");
            } else if changed {
                tracing::warn!(dependency, cause = detail, "not usable");
            }
            *part = Part { up, detail };
            changed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_nats_the_api_answers_and_without_postgres_nothing_does() {
        let health = Health::default();
        assert_eq!(health.parts().status(), "unready");
        health.set_postgres(Ok(()));
        assert_eq!(health.parts().status(), "degraded");
        health.set_nats(Ok(()));
        assert_eq!(health.parts().status(), "degraded", "nobody is heard yet");
        health.set_intake();
        assert_eq!(health.parts().status(), "ready");
        health.set_postgres(Err("gone".into()));
        assert_eq!(health.parts().status(), "unready");
        assert_eq!(health.parts().postgres.detail, "gone");
        health.set_postgres(Ok(()));
        health.drain();
        assert_eq!(health.parts().status(), "unready");
    }
}
