//! Serving HTTP/1.1 to whoever connects, within bounds: nobody keeps a place by saying nothing, and no
//! address takes the places of all.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::telemetry::HTTP_CONNECTIONS_REFUSED;

/// How much of a server callers may take.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Connections at a time, at least 1. One that became a WebSocket does not count any more.
    pub max_connections: usize,
    /// The same of one address, at least 1.
    pub max_connections_of_address: usize,
    /// Proxies of ours, from which everybody comes: the bound of an address does not hold for them.
    pub proxies: Vec<IpAddr>,
    /// How long a caller may take to send the head of a request, and stay idle between two. Proxies of ours
    /// may stay idle for longer than they do by themselves, lest a request crosses the closing.
    pub head_timeout: Duration,
    /// Bytes of the head of a request, at least 8192.
    pub max_head_bytes: usize,
    /// Header fields of a request.
    pub max_headers: usize,
}

/// How long a proxy of ours may stay idle.
const PROXY_IDLE: Duration = Duration::from_secs(150);
/// Pause after the listener failed, which it does when the process has no file descriptors left.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves `router` until `stop`, and then to its end what was begun.
pub async fn serve(listener: TcpListener, router: Router, bounds: Bounds, stop: CancellationToken) {
    let (places, tasks) = (Places::new(bounds.clone()), TaskTracker::new());
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no connection could be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Some(place) = places.enter(peer.ip()) else {
            metrics::counter!(HTTP_CONNECTIONS_REFUSED).increment(1);
            tracing::debug!(%peer, "no more connections are taken");
            continue;
        };
        let (router, bounds, stop) = (router.clone(), bounds.clone(), stop.clone());
        tasks.spawn(async move {
            converse(stream, peer, router, &bounds, &stop).await;
            drop(place);
        });
    }
    tasks.close();
    tasks.wait().await;
}

/// Answers the requests of one connection.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    bounds: &Bounds,
    stop: &CancellationToken,
) {
    // Answers are small and wanted at once; without it they only come later.
    let _later = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    });
    let is_proxy = bounds.proxies.contains(&peer.ip().to_canonical());
    let head_timeout = match is_proxy {
        true => PROXY_IDLE,
        false => bounds.head_timeout,
    };
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_buf_size(bounds.max_head_bytes)
        .max_headers(bounds.max_headers)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended");
    }
}

/// Who is connected.
#[derive(Clone)]
struct Places {
    bounds: Arc<Bounds>,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection, until it is dropped.
struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    fn new(bounds: Bounds) -> Self {
        Self {
            bounds: Arc::new(bounds),
            taken: Arc::default(),
        }
    }

    fn enter(&self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let bounds = &self.bounds;
        let admitted = self.with(|taken| {
            let of_address = taken.by_address.get(&address).copied().unwrap_or(0);
            let is_proxy = bounds.proxies.contains(&address);
            if bounds.max_connections <= taken.all
                || !is_proxy && bounds.max_connections_of_address <= of_address
            {
                return false;
            }
            taken.all += 1;
            taken.by_address.insert(address, of_address + 1);
            true
        });
        admitted.then(|| Place {
            places: self.clone(),
            address,
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Taken) -> T) -> T {
        // Each act leaves the counts whole, so a poisoned lock is as good as another.
        act(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.with(|taken| {
            taken.all -= 1;
            if let Some(count) = taken.by_address.get_mut(&self.address) {
                *count -= 1;
                if *count == 0 {
                    taken.by_address.remove(&self.address);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_takes_the_places_of_all_and_each_comes_back() {
        let proxy = IpAddr::from([10, 0, 0, 1]);
        let places = Places::new(Bounds {
            max_connections: 5,
            max_connections_of_address: 2,
            proxies: vec![proxy],
            head_timeout: Duration::from_secs(1),
            max_head_bytes: 8_192,
            max_headers: 9,
        });
        let of = |n: u8| IpAddr::from([1, 1, 1, n]);
        let mut one: Vec<Option<Place>> = (0..2).map(|_| places.enter(of(1))).collect();
        assert!(one.iter().all(Option::is_some));
        assert!(places.enter(of(1)).is_none());
        let proxied: Vec<Place> = (0..9).filter_map(|_| places.enter(proxy)).collect();
        assert_eq!(proxied.len(), 3, "the bound of all holds for proxies too");
        assert!(places.enter(of(2)).is_none());
        one.pop();
        assert!(places.enter(of(2)).is_some(), "given back at once");
        drop((one, proxied));
        assert_eq!(
            places.with(|taken| (taken.all, taken.by_address.len())),
            (0, 0)
        );
    }
}
