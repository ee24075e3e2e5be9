//! Where a call comes from.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};

use crate::state::AppState;

/// The address of who calls: that of the connection, or what a proxy of ours says that it is.
pub(super) struct Address(pub(super) IpAddr);

impl FromRequestParts<AppState> for Address {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(Self(find(&parts.extensions, &parts.headers, state)))
    }
}

/// The same of a request at hand.
pub(super) fn address_of(request: &Request, state: &AppState) -> IpAddr {
    find(request.extensions(), request.headers(), state)
}

fn find(extensions: &Extensions, headers: &HeaderMap, state: &AppState) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::from([0; 4]), |peer| peer.0.ip());
    client(peer, headers, &state.inner.config.http.trusted_proxies)
}

/// Each proxy appends whom it heard to `X-Forwarded-For`, so what stands before the last address that is
/// none of our proxies' can be made up by anyone.
fn client(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    let is_proxy = |address: &IpAddr| proxies.contains(&address.to_canonical());
    let mut client = peer.to_canonical();
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let lines = lines.map(|line| line.to_str().unwrap_or_default());
    for hop in lines.flat_map(|line| line.rsplit(',')) {
        if !is_proxy(&client) {
            break;
        }
        let Ok(hop) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        client = hop.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, forwarded: &[&'static str]) -> String {
        let proxies = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().expect("an address"));
        let lines = forwarded.iter().map(|line| {
            let name = axum::http::HeaderName::from_static("x-forwarded-for");
            (name, axum::http::HeaderValue::from_static(line))
        });
        client(
            peer.parse().expect("an address"),
            &lines.collect(),
            &proxies,
        )
        .to_string()
    }

    #[test]
    fn the_client_address_is_taken_from_the_configured_proxy_alone() {
        assert_eq!(of("1.2.3.4", &[]), "1.2.3.4");
        assert_eq!(of("1.2.3.4", &["9.9.9.9"]), "1.2.3.4", "no proxy of ours");
        assert_eq!(of("10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(of("::ffff:10.0.0.1", &["1.2.3.4"]), "1.2.3.4");
        assert_eq!(
            of("10.0.0.1", &["9.9.9.9, 1.2.3.4"]),
            "1.2.3.4",
            "made up before"
        );
        assert_eq!(of("10.0.0.1", &["9.9.9.9", "1.2.3.4, 10.0.0.2"]), "1.2.3.4");
        assert_eq!(of("10.0.0.1", &["rubbish"]), "10.0.0.1");
        assert_eq!(of("10.0.0.1", &[]), "10.0.0.1");
    }
}
