//! What every request of both HTTP APIs passes before its handler and every answer after it. They are functions
//! around one call of the handler: each layer of a router would copy all that is behind it for each request.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::{Duration, Instant};

use axum::body::HttpBody as _;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use metrics::{Counter, Gauge, Histogram};

use crate::problem::Problem;
use crate::telemetry::spans::{self, Kind, Span};
use crate::telemetry::{HTTP_DURATION, HTTP_IN_FLIGHT, HTTP_REQUESTS};
use crate::trace::{self, Origin};

/// By which a caller names his request; the answer says the same, or what we call it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Counts and times a request under its route template, as part of its trace, and names it. An
/// answer that panics is an internal error; the panic itself is logged by its hook.
pub async fn measured<F: Future<Output = Response>>(
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let started = Instant::now();
    let _in_flight = InFlight::begin();
    let method = method_name(request.method());
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unknown", MatchedPath::as_str);
    let origin = trace::of_request(request.headers());
    let id = match request.headers().get(REQUEST_ID) {
        Some(id) => id.clone(),
        None => HeaderValue::try_from(&origin.trace).unwrap_or(HeaderValue::from_static("")),
    };
    let mut span = begin_span(method, route, &origin);
    let answering = async {
        let answered = AssertUnwindSafe(answer(request)).catch_unwind().await;
        let response = answered.unwrap_or_else(|_panic| Problem::internal().into_response());
        tracing::debug!(
            method,
            route,
            status = response.status().as_u16(),
            ms = started.elapsed().as_millis() as u64,
            "answered"
        );
        response
    };
    let mut response = trace::within(Some(origin), span.id(), answering).await;
    let status = response.status();
    span.note("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.fail(status.as_str());
    }
    drop(span);
    response.headers_mut().insert(REQUEST_ID, id);
    Handles::with(method, route, status, |handles| {
        handles.requests.increment(1);
        handles.duration.record(started.elapsed().as_secs_f64());
    });
    response
}

/// A method as metrics have it: whoever makes up others makes no new series.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn begin_span(method: &'static str, route: &str, origin: &Origin) -> Span {
    let mut span = Span::begin(Kind::Server, || format!("{method} {route}"), origin);
    if spans::are_exported() {
        span.note("http.request.method", method);
        span.note("http.route", route.to_owned());
    }
    span
}

/// Counts a request as under way until it is dropped, also by a caller who has gone.
struct InFlight(Gauge);

impl InFlight {
    fn begin() -> Self {
        thread_local!(static GAUGE: Gauge = metrics::gauge!(HTTP_IN_FLIGHT));
        let gauge = GAUGE.with(Gauge::clone);
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// The metrics of one route, method and status, as they are known to the recorder.
struct Handles {
    method: &'static str,
    status: StatusCode,
    requests: Counter,
    duration: Histogram,
}

thread_local! {
    /// By route. To ask the recorder each time would take several texts and look-ups in its maps.
    static HANDLES: RefCell<HashMap<Cow<'static, str>, Vec<Handles>>> = RefCell::default();
}

impl Handles {
    fn new(method: &'static str, route: &str, status: StatusCode) -> Self {
        let (route, code) = (route.to_owned(), status.as_str().to_owned());
        let labels = [
            ("method", method.to_owned()),
            ("route", route.clone()),
            ("code", code),
        ];
        Self {
            method,
            status,
            requests: metrics::counter!(HTTP_REQUESTS, &labels),
            duration: metrics::histogram!(HTTP_DURATION, "method" => method, "route" => route),
        }
    }

    fn with(method: &'static str, route: &str, status: StatusCode, act: impl FnOnce(&Self)) {
        HANDLES.with_borrow_mut(|known| {
            if !known.contains_key(route) {
                known.insert(Cow::Owned(route.to_owned()), Vec::new());
            }
            let Some(of_route) = known.get_mut(route) else {
                return;
            };
            let mut found = of_route.iter();
            let place = found.position(|one| one.method == method && one.status == status);
            let place = place.unwrap_or_else(|| {
                of_route.push(Self::new(method, route, status));
                of_route.len() - 1
            });
            act(&of_route[place]);
        });
    }
}

/// The answer, unless it takes longer than `limit`; then one that says that it did.
pub async fn within(
    limit: Duration,
    answer: impl Future<Output = Result<Response, Problem>>,
    late: impl FnOnce() -> Problem,
) -> Response {
    let answered = tokio::time::timeout(limit, answer).await;
    let answered = answered.unwrap_or_else(|_late| Err(late()));
    answered.unwrap_or_else(Problem::into_response)
}

/// How much of a body that is too long is read before the refusal.
const DRAIN_MAX: u64 = 32 * 1024 * 1024;

/// Refuses a body that says that it is longer than `max` bytes. It is read and thrown away first, within
/// bounds: a caller who is still sending when the connection closes never gets to read why.
///
/// # Errors
/// 413.
pub async fn refuse_long_body(request: Request, max: u64) -> Result<Request, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_none_or(|length| length <= max) {
        return Ok(request);
    }
    let mut body = request.into_body();
    let mut drained = 0;
    while drained < DRAIN_MAX
        && let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
    {
        drained += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    let detail = format!("The body is longer than the {max} bytes that are taken.");
    Err(Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body-too-large",
        detail,
    ))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn request(method: &str) -> Request {
        let request = Request::builder().method(method);
        request.body(Body::empty()).expect("a request")
    }

    #[tokio::test]
    async fn an_answer_that_panics_is_an_internal_error() {
        let answer = async |_request: Request| -> Response { panic!("as it is told") };
        assert_eq!(measured(request("GET"), answer).await.status(), 500);
    }

    #[tokio::test]
    async fn an_answer_has_the_id_of_its_request() {
        let done = async |_request: Request| StatusCode::OK.into_response();
        let mut named = request("GET");
        let name = HeaderValue::from_static("mine");
        named.headers_mut().insert(REQUEST_ID, name.clone());
        assert_eq!(measured(named, done).await.headers()[REQUEST_ID], name);
        let given = measured(request("GET"), done).await;
        assert_eq!(given.headers()[REQUEST_ID].len(), 32);
    }

    #[tokio::test]
    async fn an_answer_that_takes_too_long_is_not_waited_for() {
        let never = std::future::pending::<Result<Response, Problem>>();
        let late = || Problem::unavailable("timed-out", "");
        let answer = within(Duration::from_millis(1), never, late).await;
        assert_eq!(answer.status(), 503);
    }

    #[test]
    fn methods_that_are_made_up_are_counted_as_one() {
        let made_up = Method::from_bytes(b"BREW").expect("a method");
        assert_eq!(method_name(&made_up), "other");
        assert_eq!(method_name(&Method::PUT), "PUT");
    }
}
