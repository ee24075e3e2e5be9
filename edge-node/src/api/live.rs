//! The live connection of screens: frames by sequence, a beat every two seconds.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::{Map, json};
use sunakku_common::claims::{Claims, Role};
use sunakku_common::cookie;
use sunakku_common::event::timestamp;
use sunakku_common::http::{Caller, Query};
use sunakku_common::ids::Epoch;
use sunakku_common::problem::Problem;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Instant, sleep_until};

use super::shared::is_guest;
use crate::log::{Frame, LiveEvent, OwnOrders, Position, Told, Topic, bare, frame};
use crate::metrics as names;
use crate::screens::{Connected, Full};
use crate::state::AppState;
use crate::store::StoreError;

/// How often a screen hears that it is live.
const BEAT: Duration = Duration::from_secs(2);
/// How long one message may take to go out; a screen that is slower is dropped and resumes.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// Frames that come so soon after the last ones go out together with those that follow: a screen that
/// shows one change hears it at once, and a thousand that show hundreds a second cost a tenth of the
/// writes. Nobody sees the difference.
const GATHER: Duration = Duration::from_millis(25);
/// Entries of the log that one step of catching up reads.
const CATCH_UP: usize = 500;

/// Who can follow a topic. Of orders, guests hear of their own, and a board of no more than numbers.
fn followers(topic: Topic) -> &'static [Role] {
    use Role::{Auditor, Board, Cashier, Guest, Kiosk, Kitchen, Manager};
    match topic {
        Topic::Orders => &[Guest, Kiosk, Board, Cashier, Kitchen, Manager, Auditor],
        Topic::Stock | Topic::Menu => &[Guest, Kiosk, Cashier, Kitchen, Manager, Auditor],
        Topic::Calls | Topic::Sync => &[Kiosk, Kitchen, Manager, Auditor],
        Topic::Tickets => &[Kitchen, Manager, Auditor],
    }
}

/// A screen sends nothing but pongs.
const MAX_MESSAGE: usize = 4_096;
/// Messages of one screen between two beats.
const MAX_MESSAGES: u32 = 32;

/// What a screen asks for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// `stock`, `orders`, `tickets`, `menu`, `sync`, `calls`, by commas.
    topics: String,
    /// The last sequence that was seen: every frame after it, no snapshot. A snapshot when the
    /// log no longer reaches back to it.
    from: Option<u64>,
    /// The epoch that `from` belongs to, as a snapshot or beat told it; a snapshot when the store
    /// has another one.
    epoch: Option<Epoch>,
}

/// Frames `{type, seq, at, data}` as they happen.
///
/// `type` is `snapshot`, `stock`, `order`, `ticket`, `menu`, `site`, `sync`, `call` or `beat`. The frames of one
/// event have its sequence and come together; a beat tells the last sequence of which all was
/// sent. The token comes as `Authorization: Bearer`, or as subprotocols
/// `sunakku.v1, bearer.<token>`; a page with a cookie names its screen: `sunakku.v1, screen.kitchen`.
///
/// A guest's phone follows `stock`, `menu` and its own `orders`, a kiosk its own `orders` too; both get a
/// snapshot whatever `from` says. A board follows `orders`, of which it hears number and state.
#[utoipa::path(
    get, path = "/v1/live", tag = "live", params(Wanted),
    responses(
        (status = 101, description = "A WebSocket"),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 429, body = Problem), (status = 503, body = Problem),
    )
)]
pub(super) async fn live(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let topics = topics(&wanted.topics)?;
    for topic in &topics {
        caller.require(followers(*topic))?;
    }
    let own = is_guest(&caller).then(|| OwnOrders::of(caller.0.sub.clone()));
    let bare = caller.0.role == Role::Board;
    let upgrade = upgrade
        .map_err(|rejection| Problem::bad_request("websocket-expected", rejection.body_text()))?;
    let token = state.inner.tasks.token();
    let presence = state.inner.screens.enter(Connected {
        screen: cookie::screen_name(&headers).map(str::to_owned),
        topics: wanted
            .topics
            .split(',')
            .map(|name| name.trim().to_owned())
            .collect(),
        name: caller.0.sub.clone(),
        role: caller.0.role,
        device: caller
            .0
            .sid
            .filter(|id| state.inner.gate.device(*id).is_some()),
        since: state.inner.store.now(),
    });
    let presence = presence.map_err(no_place)?;
    Ok(upgrade
        .max_message_size(MAX_MESSAGE)
        // Each read clears a buffer of this size first, and each screen keeps one: 128 KiB by default.
        .read_buffer_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .protocols(["sunakku.v1"])
        .on_upgrade(async move |socket| {
            metrics::gauge!(names::WEBSOCKETS).increment(1.0);
            Screen {
                state,
                socket,
                topics,
                own,
                bare,
                claims: caller.0,
                told: Position {
                    epoch: Epoch(uuid::Uuid::nil()),
                    seq: 0,
                },
                gathers_until: Instant::now(),
            }
            .serve(wanted)
            .await;
            metrics::gauge!(names::WEBSOCKETS).decrement(1.0);
            drop((token, presence));
        }))
}

fn no_place(full: Full) -> Problem {
    match full {
        Full::All => Problem::unavailable(
            "too-many-screens",
            "This edge serves no more screens; try later.",
        ),
        Full::Caller => Problem::too_many(
            "too-many-screens-of-caller",
            "You have as many screens connected as one may have; close one, or try later.",
        ),
    }
}

fn topics(names: &str) -> Result<Vec<Topic>, Problem> {
    let known: Vec<&str> = Topic::ALL.iter().map(|(name, _)| *name).collect();
    let find = |name: &str| {
        let found = Topic::ALL.iter().find(|(known, _)| *known == name.trim());
        found.map(|(_, topic)| *topic).ok_or_else(|| {
            let detail = format!("topics: some of {}, by commas", known.join(", "));
            Problem::bad_request("invalid-query", detail)
        })
    };
    names.split(',').map(find).collect()
}

/// One connected screen.
struct Screen {
    state: AppState,
    socket: WebSocket,
    topics: Vec<Topic>,
    /// A guest's orders, who is told of no others.
    own: Option<OwnOrders>,
    /// A board's frames of orders have their numbers and states alone.
    bare: bool,
    /// Who is told, for as long as that is good.
    claims: Arc<Claims>,
    /// Everything up to here was sent.
    told: Position,
    /// What happens before is told then.
    gathers_until: Instant,
}

/// What the live reader tells.
type Heard = Result<Arc<LiveEvent>, RecvError>;

/// The next event, not before a time.
async fn next(events: &mut Receiver<Arc<LiveEvent>>, not_before: Instant) -> Heard {
    sleep_until(not_before).await;
    events.recv().await
}

/// The next event, if it has come.
fn at_hand(events: &mut Receiver<Arc<LiveEvent>>) -> Option<Heard> {
    match events.try_recv() {
        Ok(event) => Some(Ok(event)),
        Err(TryRecvError::Lagged(count)) => Some(Err(RecvError::Lagged(count))),
        Err(TryRecvError::Closed) => Some(Err(RecvError::Closed)),
        Err(TryRecvError::Empty) => None,
    }
}

/// Why a connection ends.
enum End {
    /// The screen went away, or could not keep up.
    Gone,
    Slow,
    /// The edge stops.
    Stopping,
    /// It sends message after message, which screens never do.
    Noisy,
    /// The token has run out, or its device or session was ended.
    SignedOut,
    /// The store does not answer; the screen comes back.
    Store(StoreError),
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Screen {
    async fn serve(mut self, wanted: Wanted) {
        let end = match self.follow(&wanted).await {
            Ok(()) => return,
            Err(end) => end,
        };
        let (code, reason) = match end {
            End::Gone => return,
            End::Slow => {
                metrics::counter!(names::WEBSOCKETS_DROPPED).increment(1);
                (
                    close_code::AGAIN,
                    "too slow: come back with from=<last sequence>",
                )
            }
            End::Noisy => (
                close_code::POLICY,
                "a screen says nothing: too many messages",
            ),
            End::SignedOut => (close_code::POLICY, "signed out: sign in again"),
            End::Stopping => (close_code::AWAY, "the edge stops: come back"),
            End::Store(error) => {
                tracing::warn!(%error, "a screen is sent away");
                (close_code::AGAIN, "the store does not answer: come back")
            }
        };
        let reason = Utf8Bytes::from_static(reason);
        let close = Message::Close(Some(CloseFrame { code, reason }));
        let _gone = tokio::time::timeout(SEND_TIMEOUT, self.socket.send(close)).await;
    }

    async fn follow(&mut self, wanted: &Wanted) -> Result<(), End> {
        // Subscribed before anything is read, so that nothing falls in between.
        let mut events = self.state.inner.live.subscribe();
        match wanted.from {
            // Which orders are a guest's own is known from the snapshot on.
            Some(seq) if self.own.is_none() && self.reaches_back(seq, wanted.epoch).await? => {
                self.catch_up().await?
            }
            _ => self.snapshot().await?,
        }
        let mut beat = tokio::time::interval(BEAT);
        let mut changes = self.state.inner.gate.changes();
        let mut said = 0;
        loop {
            let stop = self.state.inner.stop.clone();
            tokio::select! {
                () = stop.cancelled() => return Err(End::Stopping),
                event = next(&mut events, self.gathers_until) => {
                    self.tell_all(event, &mut events).await?;
                }
                _ = changes.changed() => self.check()?,
                _ = beat.tick() => {
                    said = 0;
                    self.check()?;
                    self.beat().await?;
                }
                message = self.socket.next() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
                    Some(Ok(_)) => {
                        said += 1;
                        if MAX_MESSAGES < said {
                            return Err(End::Noisy);
                        }
                    }
                },
            }
        }
    }

    /// Whether whoever is told is still to be.
    fn check(&self) -> Result<(), End> {
        let good = self.claims.exp > self.state.inner.store.now().timestamp();
        let admitted = self.state.inner.gate.admit(&self.claims);
        (good && admitted.is_ok())
            .then_some(())
            .ok_or(End::SignedOut)
    }

    /// Whether every event after `seq` can still be told; notes the place if so.
    async fn reaches_back(&mut self, seq: u64, epoch: Option<Epoch>) -> Result<bool, End> {
        let store = &self.state.inner.store;
        let head = store.head().await?;
        let same_life = epoch.is_none_or(|epoch| epoch == head.epoch);
        let oldest = store.anchor().await?.seq;
        self.told = Position {
            epoch: head.epoch,
            seq,
        };
        Ok(same_life && (oldest..=head.seq).contains(&seq))
    }

    /// Tells what the log has after the place, up to what the live reader has told others.
    async fn catch_up(&mut self) -> Result<(), End> {
        loop {
            let position = self.state.inner.live.position();
            if position.epoch != self.told.epoch {
                return self.snapshot().await;
            }
            if position.seq <= self.told.seq {
                return Ok(());
            }
            let entries = self
                .state
                .inner
                .store
                .log_from(self.told.seq + 1, CATCH_UP)
                .await?;
            // The log was cut off at its front, or the store has lost it.
            if entries.first().map(|entry| entry.seq) != Some(self.told.seq + 1) {
                return self.snapshot().await;
            }
            for entry in entries.iter().take_while(|entry| entry.seq <= position.seq) {
                self.feed_frames(&Told::read(entry).frames).await?;
                self.told.seq = entry.seq;
            }
            self.flush().await?;
        }
    }

    /// Tells an event and all that have come meanwhile, in one write as far as they fit.
    async fn tell_all(
        &mut self,
        event: Heard,
        events: &mut Receiver<Arc<LiveEvent>>,
    ) -> Result<(), End> {
        let mut event = Some(event);
        while let Some(one) = event {
            self.tell(one).await?;
            event = at_hand(events);
        }
        self.flush().await?;
        self.gathers_until = Instant::now() + GATHER;
        Ok(())
    }

    async fn tell(&mut self, event: Heard) -> Result<(), End> {
        match event {
            Ok(event) if event.epoch != self.told.epoch => self.snapshot().await,
            Ok(event) if event.seq <= self.told.seq => Ok(()),
            Ok(event) if event.seq == self.told.seq + 1 => {
                self.feed_frames(&event.frames).await?;
                self.told.seq = event.seq;
                Ok(())
            }
            Ok(_gap) => self.catch_up().await,
            Err(RecvError::Lagged(_)) => Err(End::Slow),
            Err(RecvError::Closed) => Err(End::Stopping),
        }
    }

    /// Gives frames to the socket, which may keep them until it is flushed.
    async fn feed_frames(&mut self, frames: &[Frame]) -> Result<(), End> {
        for frame in frames {
            // Who does not follow orders need not know which are his own.
            let own = self.own.as_mut();
            if !self.topics.contains(&frame.topic) || own.is_some_and(|own| !own.admits(frame)) {
                continue;
            }
            let json = match self.bare {
                true => frame.bare(),
                false => frame.json.clone(),
            };
            let text = text(json);
            let feed = tokio::time::timeout(SEND_TIMEOUT, self.socket.feed(text)).await;
            feed.map_err(|_| End::Slow)?.map_err(|_| End::Gone)?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), End> {
        let flush = tokio::time::timeout(SEND_TIMEOUT, self.socket.flush()).await;
        flush.map_err(|_| End::Slow)?.map_err(|_| End::Gone)
    }

    async fn send(&mut self, json: Bytes) -> Result<(), End> {
        let send = tokio::time::timeout(SEND_TIMEOUT, self.socket.send(text(json))).await;
        send.map_err(|_| End::Slow)?.map_err(|_| End::Gone)
    }

    async fn beat(&mut self) -> Result<(), End> {
        let now = timestamp(self.state.inner.store.now());
        if self.topics.contains(&Topic::Sync)
            && let Ok(sync) = self.state.sync_answer().await
        {
            let data = serde_json::to_value(sync).unwrap_or_default();
            self.send(frame("sync", self.told.seq, &now, &data)).await?;
        }
        let data = json!({ "epoch": self.told.epoch });
        self.send(frame("beat", self.told.seq, &now, &data)).await
    }

    /// How things stand now, as one frame. What happens while it is read is told again after it,
    /// which is harmless because frames carry states and counts, not changes.
    async fn snapshot(&mut self) -> Result<(), End> {
        self.told = self.state.inner.live.position();
        let mut data = Map::from_iter([("epoch".to_owned(), json!(self.told.epoch))]);
        for topic in self.topics.clone() {
            let (name, mut value) = self.state.snapshot_of(topic, self.own.as_mut()).await?;
            if self.bare {
                value.as_array_mut().into_iter().flatten().for_each(bare);
            }
            data.insert(name.to_owned(), value);
        }
        let now = timestamp(self.state.inner.store.now());
        self.send(frame("snapshot", self.told.seq, &now, &data))
            .await
    }
}

fn text(json: Bytes) -> Message {
    // Frames are JSON, which is UTF-8; an empty one would only be passed over.
    Message::Text(Utf8Bytes::try_from(json).unwrap_or_default())
}
