//! What browsers may do with our answers, and what pages of other sites may not ask of us.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::problem::Problem;
use crate::{assets, cookie};

/// Middleware: refuses what the page of another site wants changed, whatever it is signed by. Browsers say where
/// a page is from; programs that are none do not.
pub async fn refuse_foreign_pages(request: Request, next: Next) -> Result<Response, Problem> {
    let is_read = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    match is_read || !cookie::is_foreign(request.headers()) {
        true => Ok(next.run(request).await),
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

/// Middleware: no answer is guessed at, framed, or shared with other sites, and what the API tells is kept by
/// nobody on its way.
pub async fn safe_answers(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let (is_api, is_docs) = (path.starts_with("/v1/"), path.starts_with("/docs"));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if is_docs {
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
    if is_api {
        let nowhere = HeaderValue::from_static("no-store");
        headers.entry(header::CACHE_CONTROL).or_insert(nowhere);
    }
    response
}
