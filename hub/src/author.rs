//! Who asks for a change, and from where.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::request::Parts;
use sunakku_common::claims::Verifier;
use sunakku_common::http::{Caller, idempotency_key};
use sunakku_common::problem::Problem;

/// The one who asks for a change.
#[derive(Debug, Clone)]
pub(crate) struct Author {
    /// The name that the audit shows.
    pub(crate) actor: String,
    /// The peer of the connection; a proxy's address behind one.
    pub(crate) address: Option<IpAddr>,
    /// What the change and its answer are kept under.
    pub(crate) key: Option<String>,
    /// Method and path, which belong to what a key was used for.
    pub(crate) target: String,
}

impl Author {
    /// Who uses the program itself, beside the database.
    pub(crate) fn command() -> Self {
        Self {
            actor: "sunakku-hub".to_owned(),
            address: None,
            key: None,
            target: String::new(),
        }
    }

    /// What the directory said.
    pub(crate) fn directory() -> Self {
        Self {
            actor: "directory".to_owned(),
            ..Self::command()
        }
    }

    /// A box that has a token and no name yet.
    pub(crate) fn of_box(address: Option<IpAddr>) -> Self {
        Self {
            actor: "box".to_owned(),
            address,
            ..Self::command()
        }
    }

    /// The same with an answer that is not kept.
    pub(crate) fn without_key(self) -> Self {
        Self { key: None, ..self }
    }
}

/// The peer of the connection; a proxy's address behind one.
pub(crate) struct Peer(pub(crate) Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(peer.map(|peer| peer.0.ip())))
    }
}

impl<S> FromRequestParts<S> for Author
where
    S: Send + Sync,
    Arc<Verifier>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let Ok(Peer(address)) = Peer::from_request_parts(parts, state).await;
        Ok(Self {
            actor: caller.0.sub.clone(),
            address,
            key: idempotency_key(&parts.headers)?,
            target: format!("{} {}", parts.method, parts.uri),
        })
    }
}
