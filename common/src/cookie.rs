//! How a page's script calls an API: by a cookie of its own that scripts cannot read, named by
//! the screen that it is.
//!
//! Several screens of a site may run in one browser, each with a sign-in of its own, and cookies
//! do not tell ports apart; so a cookie's name carries audience and screen, and each call says which
//! one it means. It does so in a header of ours, which no foreign page can send, or as the
//! subprotocol `screen.<name>` of a WebSocket, where the browser's `Origin` has to be our own host.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use chrono::TimeDelta;

use crate::problem::Problem;

/// The header by which a script says which screen it is.
pub const SCREEN: HeaderName = HeaderName::from_static("x-sunakku-screen");

/// Whether `text` can name a screen: 1 to 16 of a-z.
pub fn is_screen(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.chars().all(|c| c.is_ascii_lowercase())
}

/// The cookie's name. `secure` ones have the prefix that binds them to this host and to TLS
/// (RFC 6265bis §4.1.3.2); browsers take those from loopback without TLS as well.
fn name(audience: &str, screen: &str, secure: bool) -> String {
    let prefix = if secure { "__Host-" } else { "" };
    format!("{prefix}{}-{screen}", audience.replace(':', "-"))
}

/// The `Set-Cookie` that signs a screen in for `life`; a life of zero signs it out.
pub fn set(
    audience: &str,
    screen: &str,
    token: &str,
    life: TimeDelta,
    secure: bool,
) -> Result<HeaderValue, Problem> {
    let name = name(audience, screen, secure);
    let flag = if secure { "; Secure" } else { "" };
    let seconds = life.num_seconds();
    let text =
        format!("{name}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{flag}");
    // Names are codes and tokens base64url, so this is a header's text.
    HeaderValue::try_from(text).map_err(|_| Problem::internal())
}

/// The screen that a call says that it is.
fn screen(headers: &HeaderMap) -> Option<(&str, bool)> {
    if let Some(name) = headers.get(SCREEN) {
        return Some((name.to_str().ok()?, false));
    }
    let protocols = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?;
    let mut names = protocols.split(',').map(str::trim);
    Some((names.find_map(|name| name.strip_prefix("screen."))?, true))
}

/// The name by which a call says which screen it is.
pub fn screen_name(headers: &HeaderMap) -> Option<&str> {
    let (name, _) = screen(headers)?;
    is_screen(name).then_some(name)
}

/// The token of a screen's cookie; `None` when the call is not one of a screen, or has none.
/// 403 when another site's page made the browser send it.
pub fn token<'a>(
    method: &Method,
    headers: &'a HeaderMap,
    audience: &str,
) -> Result<Option<&'a str>, Problem> {
    let Some((screen, socket)) = screen(headers) else {
        return Ok(None);
    };
    if !is_screen(screen) {
        return Ok(None);
    }
    let names = [name(audience, screen, true), name(audience, screen, false)];
    let cookies = headers.get_all(header::COOKIE).iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|line| line.split(';').filter_map(|pair| pair.split_once('=')));
    let found = pairs.find(|(name, _)| names.iter().any(|known| known == name.trim()));
    let Some((_, token)) = found else {
        return Ok(None);
    };
    let changes = !matches!(*method, Method::GET | Method::HEAD);
    if is_same_origin(headers).unwrap_or(!(socket || changes)) {
        Ok(Some(token.trim()))
    } else {
        Err(cross_origin())
    }
}

/// The screen that a page of this host wants to be signed in as; `None` for a program, which gets
/// no cookie. 403 for another site's page.
pub fn wanted_screen(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let screen = headers.get(SCREEN);
    if !is_same_origin(headers).unwrap_or(screen.is_none()) {
        return Err(cross_origin());
    }
    Ok(screen.map(|name| name.to_str().unwrap_or_default()))
}

/// Whether the page that calls came from the host that it calls; `None` when it does not say.
fn is_same_origin(headers: &HeaderMap) -> Option<bool> {
    let origin = headers.get(header::ORIGIN)?.to_str().unwrap_or_default();
    let host = headers.get(header::HOST)?.to_str().unwrap_or_default();
    let (_scheme, authority) = origin.split_once("://").unwrap_or_default();
    Some(!host.is_empty() && authority.eq_ignore_ascii_case(host))
}

/// Whether a browser says that the page of another site made it call.
pub(crate) fn is_foreign(headers: &HeaderMap) -> bool {
    let fetch_site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let other = matches!(fetch_site, Some(b"cross-site" | b"same-site"));
    other || is_same_origin(headers) == Some(false)
}

pub(crate) fn cross_origin() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "cross-origin",
        "A cookie is good for this host's own pages alone: their scripts send Origin. Other \
         programs send \"Authorization: Bearer …\".",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUDIENCE: &str = "sunakku:site:s1";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &str)| {
            let value = HeaderValue::from_str(value).expect("a header");
            (HeaderName::from_static(name), value)
        };
        pairs.iter().map(header).collect()
    }

    const COOKIE: (&str, &str) = (
        "cookie",
        "a=b; __Host-sunakku-site-s1-kiosk=one; __Host-sunakku-site-s1-ops=two; \
         __Host-sunakku-site-s2-kiosk=three",
    );

    fn read(method: &Method, pairs: &[(&'static str, &str)]) -> Result<Option<String>, u16> {
        let headers = headers(&[&[COOKIE, ("host", "edge:8080")], pairs].concat());
        let token = token(method, &headers, AUDIENCE);
        token
            .map(|token| token.map(str::to_owned))
            .map_err(|problem| problem.status)
    }

    #[test]
    fn each_screen_of_a_site_has_a_cookie_of_its_own() {
        let get = |screen| read(&Method::GET, &[("x-sunakku-screen", screen)]);
        assert_eq!(get("kiosk"), Ok(Some("one".into())));
        assert_eq!(get("ops"), Ok(Some("two".into())));
        for none in ["kitchen", "", "kiosk=one; a", "KIOSK"] {
            assert_eq!(get(none), Ok(None), "{none}");
        }
        assert_eq!(
            read(&Method::GET, &[]),
            Ok(None),
            "a cookie alone is no sign-in"
        );
    }

    #[test]
    fn a_change_needs_the_origin_of_this_host() {
        let post = |origin| {
            let mut pairs = vec![("x-sunakku-screen", "kiosk")];
            pairs.extend(Option::map(origin, |origin| ("origin", origin)));
            read(&Method::POST, &pairs)
        };
        assert_eq!(post(Some("http://edge:8080")), Ok(Some("one".into())));
        assert_eq!(post(Some("https://EDGE:8080")), Ok(Some("one".into())));
        for foreign in [
            "https://evil.example",
            "null",
            "http://edge:8081",
            "edge:8080",
            "",
        ] {
            assert_eq!(post(Some(foreign)), Err(403), "{foreign}");
        }
        assert_eq!(post(None), Err(403));
    }

    #[test]
    fn a_websocket_needs_the_origin_of_this_host() {
        let open = |origin| {
            let mut pairs = vec![("sec-websocket-protocol", "sunakku.v1, screen.kiosk")];
            pairs.extend(Option::map(origin, |origin| ("origin", origin)));
            read(&Method::GET, &pairs)
        };
        assert_eq!(open(Some("http://edge:8080")), Ok(Some("one".into())));
        assert_eq!(open(Some("http://evil.example")), Err(403));
        assert_eq!(open(None), Err(403));
    }

    #[test]
    fn only_a_page_of_this_host_asks_for_a_cookie() {
        let wanted = |pairs: &[(&'static str, &str)]| {
            let headers = headers(&[&[("host", "edge:8080")], pairs].concat());
            let screen = wanted_screen(&headers).map(|name| name.map(str::to_owned));
            screen.map_err(|problem| problem.status)
        };
        let (kiosk, ours) = (
            ("x-sunakku-screen", "kiosk"),
            ("origin", "http://edge:8080"),
        );
        let foreign = ("origin", "http://evil.example");
        assert_eq!(wanted(&[kiosk, ours]), Ok(Some("kiosk".into())));
        assert_eq!(wanted(&[]), Ok(None));
        assert_eq!(wanted(&[ours]), Ok(None));
        for refused in [&[kiosk][..], &[kiosk, foreign], &[foreign]] {
            assert_eq!(wanted(refused), Err(403), "{refused:?}");
        }
    }

    #[test]
    fn a_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let cookie = set(AUDIENCE, "kiosk", "t", TimeDelta::seconds(9), true).expect("a cookie");
        let text = "__Host-sunakku-site-s1-kiosk=t; Path=/; Max-Age=9; HttpOnly; SameSite=Strict; \
                    Secure";
        assert_eq!(cookie, text);
        let plain = set(AUDIENCE, "kiosk", "t", TimeDelta::zero(), false).expect("a cookie");
        assert_eq!(
            plain,
            "sunakku-site-s1-kiosk=t; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"
        );
    }
}
