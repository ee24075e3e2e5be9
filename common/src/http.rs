//! What both HTTP APIs share: problem answers, extractors, lists, callers. What stands in
//! front of all handlers: [`crate::front`].

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{ConnectInfo, FromRef, FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::claims::{Claims, Distrust, Role, Verifier};
use crate::cookie;
use crate::problem::{MEDIA_TYPE, Problem};
use crate::text::Languages;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            // The rest of the body was not read, so nothing else can follow on this connection.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// A JSON body whose rejections are problems.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let detail = rejection.body_text();
        let slug = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => "body-too-large",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported-media-type",
            StatusCode::UNPROCESSABLE_ENTITY => "invalid-body",
            _ => "malformed-json",
        };
        Self::new(rejection.status(), slug, detail)
    }
}

/// A JSON body that may be left out.
#[derive(Debug)]
pub struct MaybeJson<T>(pub Option<T>);

impl<S: Send + Sync, T: serde::de::DeserializeOwned> FromRequest<S> for MaybeJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(JsonRejection::from)?;
        if body.is_empty() {
            return Ok(Self(None));
        }
        if !is_json {
            return Err(Self::unknown_media_type());
        }
        let axum::Json(value) = axum::Json::from_bytes(&body)?;
        Ok(Self(Some(value)))
    }
}

impl<T> MaybeJson<T> {
    fn unknown_media_type() -> Problem {
        let detail = "Expected request with `Content-Type: application/json`";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Problem::new(status, "unsupported-media-type", detail)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE);
    let media_type = media_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// Path parameters whose rejections are problems: what is no id names nothing.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::not_found(rejection.body_text())
    }
}

/// Query parameters whose rejections are problems.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request("invalid-query", rejection.body_text())
    }
}

impl From<Distrust> for Problem {
    fn from(distrust: Distrust) -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            distrust.to_string(),
        )
    }
}

/// The one who calls, known by a valid token.
#[derive(Debug, Clone)]
pub struct Caller(pub Arc<Claims>);

/// What a layer in front of the handlers found out about who calls; they ask no further then.
#[derive(Debug, Clone)]
pub struct Identified(pub Result<Caller, Problem>);

impl Caller {
    /// Refuses the call with 403 unless the caller has one of `roles`; admins may everything.
    pub fn require(&self, roles: &[Role]) -> Result<(), Problem> {
        if self.0.role == Role::Admin || roles.contains(&self.0.role) {
            return Ok(());
        }
        let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        let needed = if names.is_empty() {
            "admin".to_owned()
        } else {
            names.join(" or ")
        };
        let detail = format!("This needs the role {needed}; yours is {}.", self.0.role);
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Arc<Verifier>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if let Some(Identified(found)) = parts.extensions.get() {
            return found.clone();
        }
        identify(&Arc::from_ref(state), &parts.method, &parts.headers)
    }
}

/// Who calls, by the token that came as a bearer's, or as the cookie of a page of this host.
pub fn identify(
    verifier: &Verifier,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Caller, Problem> {
    let token = match bearer(headers) {
        Some(token) => Some(token),
        None => cookie::token(method, headers, verifier.audience())?,
    };
    Ok(Caller(verifier.verify(token.ok_or(Distrust::Missing)?)?))
}

/// The token of an `Authorization: Bearer` header, or of the subprotocol pair
/// `sunakku.v1, bearer.<token>` by which a browser's WebSocket sends it.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim());
    }
    let protocols = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    protocols
        .split(',')
        .find_map(|protocol| protocol.trim().strip_prefix("bearer."))
}

/// The languages that the caller reads.
pub fn languages(headers: &HeaderMap) -> Languages {
    let header = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    header.map(Languages::parse).unwrap_or_default()
}

/// Whether the caller takes an answer that is compressed by gzip (RFC 9110 §12.5.3).
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|coding| {
        let mut fields = coding.split(';').map(str::trim);
        let is_gzip = fields
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = fields.find_map(|field| field.strip_prefix("q="));
        is_gzip
            && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

/// The `Idempotency-Key` of a mutation: 1 to 255 visible ASCII characters.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let legal =
        |key: &&str| (1..=255).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic());
    match value.to_str().ok().filter(legal) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(Problem::bad_request(
            "idempotency-key-invalid",
            "Idempotency-Key must be 1 to 255 visible ASCII characters, such as a UUID.",
        )),
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// Entries at most (50; 200 at most).
    pub limit: Option<u32>,
    /// The `next` of the answer before.
    pub after: Option<String>,
}

impl Page {
    /// Entries at most, within bounds.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(50).clamp(1, 200) as usize
    }

    /// The cursor as a number, for lists that are in the order of one.
    pub fn after_number(&self) -> Result<Option<i64>, Problem> {
        let parse = |text: &String| {
            text.parse().map_err(|_| {
                Problem::bad_request("invalid-cursor", "Take `after` from the `next` of a list.")
            })
        };
        self.after.as_ref().map(parse).transpose()
    }
}

/// One part of a list.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct List<T> {
    /// The entries.
    pub items: Vec<T>,
    /// What to send as `after` for the next part; null at the end.
    pub next: Option<String>,
}

/// The body of `POST /v1/session`.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Name.
    pub user: String,
    /// Password.
    pub password: String,
}

/// A token, as an answer.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Session {
    /// Send it as `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// Seconds that it is good for.
    pub expires_in: i64,
}

/// Answers unknown paths.
pub async fn unknown_path() -> Problem {
    Problem::not_found("There is nothing at this path; /openapi.json lists what there is.")
}

/// Answers known paths with a method that they do not have.
pub fn unknown_method() -> Problem {
    let detail = "This path does not take this method; /openapi.json lists what it takes.";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}

/// Whether a caller may read the metrics: from this machine, or with the role `sre`. What a proxy
/// on this machine hands on is not from this machine.
pub fn may_read_metrics(
    peer: &ConnectInfo<SocketAddr>,
    headers: &HeaderMap,
    caller: Result<Caller, Problem>,
) -> Result<(), Problem> {
    let by_proxy = ["x-forwarded-for", "forwarded"];
    let is_forwarded = by_proxy.iter().any(|name| headers.contains_key(*name));
    if peer.0.ip().is_loopback() && !is_forwarded {
        Ok(())
    } else {
        caller?.require(&[Role::Sre])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header");
        HeaderMap::from_iter([(header::HeaderName::from_static(name), value)])
    }

    #[test]
    fn a_token_comes_by_header_or_by_subprotocol() {
        assert_eq!(bearer(&headers("authorization", "bearer abc")), Some("abc"));
        assert_eq!(bearer(&headers("authorization", "Basic abc")), None);
        let pair = headers("sec-websocket-protocol", "sunakku.v1, bearer.abc");
        assert_eq!(bearer(&pair), Some("abc"));
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn gzip_is_taken_by_those_who_say_so() {
        let takes = |value| takes_gzip(&headers("accept-encoding", value));
        assert!(takes("gzip") && takes("br;q=1, GZIP;q=0.5") && takes("deflate , gzip"));
        assert!(!takes("gzip;q=0") && !takes("br") && !takes("gzip;q=x") && !takes(""));
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn an_idempotency_key_is_short_and_visible() {
        let key = |value: &str| idempotency_key(&headers("idempotency-key", value));
        assert_eq!(key("k-1").ok().flatten().as_deref(), Some("k-1"));
        for bad in ["", "a b", "ä", &"x".repeat(256)] {
            assert_eq!(key(bad).expect_err(bad).slug(), "idempotency-key-invalid");
        }
        assert!(
            idempotency_key(&HeaderMap::new())
                .expect("none is fine")
                .is_none()
        );
    }

    #[test]
    fn a_problem_is_answered_as_one() {
        let response = Problem::unavailable("store-unavailable", "Try again.").into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["content-type"], MEDIA_TYPE);
        assert_eq!(response.headers()["retry-after"], "1");
    }
}
