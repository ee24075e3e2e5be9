//! Error answers as RFC 9457 problem details.

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The media type of a problem answer.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem answer: stable `type`, and a `detail` that says what to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// `urn:sunakku:problem:<slug>`: what programs tell problems apart by.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for people.
    pub title: String,
    /// The HTTP status, repeated.
    pub status: u16,
    /// What happened here, and what to do about it.
    pub detail: String,
    /// Members of this kind of problem, such as `items` of `out-of-stock`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
    /// Seconds after which the same request may succeed; sent as `Retry-After`.
    #[serde(skip)]
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem of the kind `urn:sunakku:problem:<slug>`.
    pub fn new(status: StatusCode, slug: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:sunakku:problem:{slug}"),
            title: slug.replace('-', " "),
            status: status.as_u16(),
            detail: detail.into(),
            extra: Map::new(),
            retry_after: None,
        }
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// The kind's last part.
    pub fn slug(&self) -> &str {
        self.kind.rsplit(':').next().unwrap_or_default()
    }

    /// 400: the request cannot be read.
    pub fn bad_request(slug: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, slug, detail)
    }

    /// 404: there is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// 409: it is not in a state that allows this.
    pub fn conflict(slug: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, slug, detail)
    }

    /// 422: readable, but it makes no sense.
    pub fn unprocessable(slug: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, slug, detail)
    }

    /// 429 with `Retry-After`: the caller has more of something than one may have.
    pub fn too_many(slug: &str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, slug, detail);
        problem.retry_after = Some(1);
        problem
    }

    /// 503 with `Retry-After`: a server that is needed is away; nothing was lost.
    pub fn unavailable(slug: &str, detail: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, slug, detail);
        problem.retry_after = Some(1);
        problem
    }

    /// 500: a defect of ours. The cause goes to the log, never to the caller.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side. Try again, and tell the operator if it stays.",
        )
    }
}
