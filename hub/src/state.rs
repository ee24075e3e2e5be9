//! What the hub's handlers share.

use std::sync::Arc;

use axum::extract::FromRef;
use metrics_exporter_prometheus::PrometheusHandle;
use sqlx::PgPool;
use sunakku_common::claims::Verifier;
use sunakku_common::nats::Keys;
use tokio::sync::Semaphore;

use crate::config;
use crate::health::Health;
use crate::identity::Identity;
use crate::live::Live;
use crate::sites::Limiter;

/// What handlers work with; clones share it.
#[derive(Clone)]
pub struct Hub {
    /// The database.
    pub pool: PgPool,
    /// Who may sign in, and what signs tokens.
    pub identity: Arc<Identity>,
    /// How browsers are signed in.
    pub browsers: config::Browsers,
    /// What says who may connect to nats-server.
    pub keys: Arc<Keys>,
    /// Where sites reach it.
    pub nats: config::Nats,
    /// Bounds tries to enrol.
    pub enrolments: Arc<Limiter>,
    /// All sites as they are now.
    pub(crate) live: Live,
    /// How many may follow that at once.
    pub(crate) viewers: Arc<Semaphore>,
    /// How many pictures may be made at once.
    pub(crate) makers: Arc<Semaphore>,
    /// What is there and what is not.
    pub health: Health,
    /// The process's metrics.
    pub recorder: PrometheusHandle,
}

impl FromRef<Hub> for Arc<Verifier> {
    fn from_ref(hub: &Hub) -> Self {
        hub.identity.verifier()
    }
}
