//! What browsers may do with our answers, and what pages of other sites may not ask of us.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::problem::Problem;
use crate::{assets, cookie};

/// Refuses what the page of another site wants changed, whatever it is signed by. Browsers say where a page is
/// from; programs that are none do not.
///
/// # Errors
/// 403.
pub fn refuse_foreign_page(request: &Request) -> Result<(), Problem> {
    let is_read = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    match is_read || !cookie::is_foreign(request.headers()) {
        true => Ok(()),
        false => Err(cookie::cross_origin()),
    }
}

/// What browsers may do with an answer that says nothing of its own about it.
const SAFE: [(HeaderName, &str); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        assets::PERMISSIONS,
    ),
];
/// The same for the page that shows the API's document.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What an answer is, by the path that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Of the API.
    Api,
    /// Of the page that shows the API's document.
    Docs,
    /// Of any other page.
    Page,
}

impl Answer {
    /// The answer to a path.
    pub fn to(path: &str) -> Self {
        match path {
            api if api.starts_with("/v1/") => Self::Api,
            docs if docs.starts_with("/docs") => Self::Docs,
            _ => Self::Page,
        }
    }

    /// Sees to it that it is not guessed at, framed, or shared with other sites, and that what the API tells is
    /// kept by nobody on its way.
    pub fn make_safe(self, headers: &mut HeaderMap) {
        headers.reserve(SAFE.len() + 2);
        if self == Self::Docs {
            let policy = HeaderValue::from_static(DOCS_POLICY);
            headers
                .entry(header::CONTENT_SECURITY_POLICY)
                .or_insert(policy);
        }
        for (name, value) in SAFE {
            headers
                .entry(name)
                .or_insert(HeaderValue::from_static(value));
        }
        if self == Self::Api {
            let nowhere = HeaderValue::from_static("no-store");
            headers.entry(header::CACHE_CONTROL).or_insert(nowhere);
        }
    }
}
