//! All sites as they are now: asked for once, or told as it changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use chrono::Utc;
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sunakku_common::claims::Claims;
use sunakku_common::event::timestamp;
use sunakku_common::http::{Caller, Json, Query};
use sunakku_common::ids::SiteId;
use sunakku_common::problem::Problem;
use tokio::time::{interval, timeout};
use uuid::Uuid;

use super::access::Scope;
use crate::answer::{Answer, OrProblem as _};
use crate::live::{Board, Latest, Overview, SiteNow, latest};
use crate::sessions;
use crate::state::Hub;

/// How often a viewer hears that what it shows is of now.
const BEAT: Duration = Duration::from_secs(2);
/// How often is asked whether the viewer's session still is.
const CHECK: Duration = Duration::from_secs(10);
/// How long one message may take to go out; a viewer that is slower is dropped and comes again.
const SEND_LIMIT: Duration = Duration::from_secs(5);
/// A viewer sends nothing but pongs.
const MAX_MESSAGE: usize = 4_096;
/// Messages of one viewer between two beats.
const MAX_MESSAGES: u32 = 32;
/// Latest orders that a viewer is told of at first.
const FIRST_ORDERS: i64 = 20;

/// Which sites are wanted.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// This site alone.
    #[param(value_type = Option<String>)]
    site: Option<SiteId>,
}

/// What a viewer wants to be told of.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Followed {
    /// `sites`, `orders`, by commas; both when absent.
    topics: Option<String>,
    /// This site alone.
    #[param(value_type = Option<String>)]
    site: Option<SiteId>,
}

/// Which frames are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Topics {
    sites: bool,
    orders: bool,
}

impl Topics {
    fn read(names: Option<&str>) -> Answer<Self> {
        let mut topics = Self {
            sites: names.is_none(),
            orders: names.is_none(),
        };
        for name in names.iter().flat_map(|names| names.split(',')) {
            match name.trim() {
                "sites" => topics.sites = true,
                "orders" => topics.orders = true,
                _ => {
                    let detail = "topics: sites, orders or both, by commas";
                    return Err(Problem::bad_request("invalid-query", detail));
                }
            }
        }
        Ok(topics)
    }
}

/// All sites as they are now, the worst first, what they come to, and what needs a look.
#[utoipa::path(get, path = "/v1/overview", tag = "live", params(Wanted), security(("token" = [])),
    responses(
    (status = 200, description = "The sites", body = Overview),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem)))]
pub(super) async fn overview(
    State(hub): State<Hub>,
    scope: Scope,
    Query(wanted): Query<Wanted>,
) -> Answer<Json<Overview>> {
    let view = View::of(scope, wanted.site)?;
    let board = hub.live.look().await.or_problem()?;
    Ok(Json(board.overview(|site| view.has(site))))
}

/// The same as a WebSocket: frames `{type, seq, at, data}` as it changes, within a second.
///
/// `snapshot` first (`{epoch, overview, orders}`: an overview and the latest orders), then `sites`
/// (`{totals, alarms, sites}`: those that are not as they were last told), `gone` (`{site}`), `orders` (those of the latest that
/// are new or changed, the newest first) and every two seconds a `beat` (`{epoch}`) as long as what was told
/// is of now. `seq` counts the states of one `epoch`, which is a process's. There is no resuming: a viewer that
/// comes again gets a snapshot. The token comes as `Authorization: Bearer`, or as subprotocols
/// `sunakku.v1, bearer.<token>`; a page with a cookie names its screen: `sunakku.v1, screen.dashboard`.
#[utoipa::path(get, path = "/v1/live", tag = "live", params(Followed), security(("token" = [])),
    responses(
    (status = 101, description = "A WebSocket"),
    (status = 400, description = "`websocket-expected`, `invalid-query`", body = Problem),
    (status = 401, description = "No valid token", body = Problem),
    (status = 403, description = "The role does not allow it", body = Problem),
    (status = 404, description = "There is no such site", body = Problem),
    (status = 503, description = "`too-many-viewers`", body = Problem)))]
pub(super) async fn follow(
    State(hub): State<Hub>,
    scope: Scope,
    Caller(claims): Caller,
    Query(wanted): Query<Followed>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let view = View::of(scope, wanted.site)?;
    let topics = Topics::read(wanted.topics.as_deref())?;
    let upgrade = upgrade
        .map_err(|rejection| Problem::bad_request("websocket-expected", rejection.body_text()))?;
    let place = Arc::clone(&hub.viewers).try_acquire_owned().map_err(|_| {
        let detail = "This hub tells no more viewers of changes; try later, or ask /v1/overview.";
        Problem::unavailable("too-many-viewers", detail)
    })?;
    Ok(upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .protocols(["sunakku.v1"])
        .on_upgrade(async move |socket| {
            let viewer = Viewer {
                hub,
                socket,
                view,
                topics,
                claims,
                told: Told::default(),
            };
            viewer.serve().await;
            drop(place);
        }))
}

/// The sites that a viewer sees.
#[derive(Debug)]
struct View {
    scope: Scope,
    only: Option<SiteId>,
}

impl View {
    fn of(scope: Scope, only: Option<SiteId>) -> Answer<Self> {
        if let Some(site) = &only {
            scope.require(site)?;
        }
        Ok(Self { scope, only })
    }

    fn has(&self, site: &str) -> bool {
        let is_wanted = self.only.as_ref().is_none_or(|only| only.as_str() == site);
        is_wanted && self.scope.has(site)
    }
}

/// What a viewer was told last.
#[derive(Debug, Default)]
struct Told {
    seq: u64,
    sites: HashMap<String, SiteNow>,
    /// State by order.
    orders: HashMap<Uuid, String>,
}

/// Why a connection ends.
enum End {
    /// The viewer went away.
    Gone,
    /// It does not keep up.
    Slow,
    /// It sends message after message, which viewers never do.
    Noisy,
    /// The token has run out, or the session was ended.
    SignedOut,
    /// The hub stops.
    Stopping,
    /// The database does not answer.
    Away,
}

/// One who follows.
struct Viewer {
    hub: Hub,
    socket: WebSocket,
    view: View,
    topics: Topics,
    claims: Arc<Claims>,
    told: Told,
}

impl Viewer {
    async fn serve(mut self) {
        let end = self.follow().await;
        let (code, reason) = match end {
            End::Gone => return,
            End::Slow => (close_code::AGAIN, "too slow: come again"),
            End::Noisy => (
                close_code::POLICY,
                "a viewer says nothing: too many messages",
            ),
            End::SignedOut => (close_code::POLICY, "signed out: sign in again"),
            End::Stopping => (close_code::AWAY, "the hub stops: come again"),
            End::Away => (
                close_code::AGAIN,
                "the database does not answer: come again",
            ),
        };
        let reason = Utf8Bytes::from_static(reason);
        let close = Message::Close(Some(CloseFrame { code, reason }));
        let _gone = timeout(SEND_LIMIT, self.socket.send(close)).await;
    }

    async fn follow(&mut self) -> End {
        let mut boards = self.hub.live.follow();
        // What was read before is old: the first board is the next one.
        boards.mark_unchanged();
        let health = self.hub.health.clone();
        let (mut beat, mut check) = (interval(BEAT), interval(CHECK));
        let mut said = 0;
        let mut stopping = std::pin::pin!(health.draining());
        loop {
            let done = tokio::select! {
                () = &mut stopping => Err(End::Stopping),
                _ = boards.changed() => {
                    let board = boards.borrow_and_update().clone();
                    match board {
                        Some(board) => self.tell(&board).await,
                        None => Ok(()),
                    }
                }
                _ = check.tick() => self.check().await,
                _ = beat.tick() => {
                    said = 0;
                    let is_fresh = boards.borrow().as_ref().is_some_and(|board| board.is_fresh());
                    self.beat(is_fresh).await
                }
                message = self.socket.next() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
                    Some(Ok(_)) if said >= MAX_MESSAGES => Err(End::Noisy),
                    Some(Ok(_)) => {
                        said += 1;
                        Ok(())
                    }
                },
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// Whether the viewer is still to be told.
    async fn check(&mut self) -> Result<(), End> {
        let is_good = self.claims.exp > Utc::now().timestamp();
        let idle = self.hub.identity.options().idle();
        let session = sessions::check(&self.hub.pool, &self.claims, idle).await;
        match session {
            // The database is away: nobody is told anything, and nobody is signed out for it.
            Err(problem) if problem.status >= 500 => Ok(()),
            Ok(()) if is_good => Ok(()),
            _ => Err(End::SignedOut),
        }
    }

    async fn tell(&mut self, board: &Board) -> Result<(), End> {
        let overview = board.overview(|site| self.view.has(site));
        if self.told.seq == 0 {
            return self.snapshot(board, overview).await;
        }
        self.told.seq = board.seq;
        let old = std::mem::take(&mut self.told.sites);
        let changed: Vec<&SiteNow> = overview
            .sites
            .iter()
            .filter(|site| old.get(&site.site) != Some(site))
            .collect();
        if self.topics.sites && !changed.is_empty() {
            let data =
                json!({ "totals": overview.totals, "alarms": overview.alarms, "sites": changed });
            self.send("sites", &data).await?;
        }
        let has_sites = self.topics.sites;
        for site in old.keys().filter(|_| has_sites) {
            if overview.sites.iter().all(|now| now.site != *site) {
                self.send("gone", &json!({ "site": site })).await?;
            }
        }
        self.told.sites = by_site(overview.sites);
        let orders: Vec<&Latest> = board
            .latest
            .iter()
            .filter(|order| self.view.has(&order.site))
            .filter(|order| self.told.orders.get(&order.id) != Some(&order.state))
            .collect();
        if self.topics.orders && !orders.is_empty() {
            self.send("orders", &json!(orders)).await?;
        }
        // Those that are not among the latest any more are not told again.
        let seen = board
            .latest
            .iter()
            .filter(|order| self.view.has(&order.site));
        self.told.orders = seen.map(|order| (order.id, order.state.clone())).collect();
        Ok(())
    }

    async fn snapshot(&mut self, board: &Board, overview: Overview) -> Result<(), End> {
        let site = self.view.only.as_ref().map(|site| site.as_str());
        let sites = self.view.scope.sites();
        let orders = latest(&self.hub.pool, site, sites, FIRST_ORDERS)
            .await
            .map_err(|_| End::Away)?;
        self.told.seq = board.seq;
        let data = json!({
            "epoch": self.hub.live.epoch,
            "overview": self.topics.sites.then_some(&overview),
            "orders": self.topics.orders.then_some(&orders),
        });
        self.send("snapshot", &data).await?;
        self.told.sites = by_site(overview.sites);
        let seen = board.latest.iter().chain(&orders);
        self.told.orders = seen.map(|order| (order.id, order.state.clone())).collect();
        Ok(())
    }

    /// Only what is of now is said to be.
    async fn beat(&mut self, is_fresh: bool) -> Result<(), End> {
        match is_fresh && self.told.seq > 0 {
            true => {
                let data = json!({ "epoch": self.hub.live.epoch });
                self.send("beat", &data).await
            }
            false => Ok(()),
        }
    }

    async fn send(&mut self, kind: &'static str, data: &Value) -> Result<(), End> {
        let frame = Frame {
            kind,
            seq: self.told.seq,
            at: timestamp(Utc::now()),
            data,
        };
        // A frame of plain values is always JSON.
        let text = serde_json::to_string(&frame).unwrap_or_default();
        let send = timeout(SEND_LIMIT, self.socket.send(Message::Text(text.into()))).await;
        send.map_err(|_| End::Slow)?.map_err(|_| End::Gone)
    }
}

#[derive(Serialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    seq: u64,
    at: String,
    data: &'a Value,
}

fn by_site(sites: Vec<SiteNow>) -> HashMap<String, SiteNow> {
    let entry = |site: SiteNow| (site.site.clone(), site);
    sites.into_iter().map(entry).collect()
}
