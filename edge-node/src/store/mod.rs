//! The site's facts in Redis: orders, tickets, stock, and the log of what happened to them.
//!
//! Every change is one Lua script (`scripts/*.lua`), which checks, changes and appends its
//! events in one step; Redis answers after its append-only file is on disk. What a crash leaves
//! is therefore always whole. A command whose answer was lost is *ambiguous*, never failed: it is
//! sent again with the same key, and each script knows the keys that it has served.

mod calls;
mod codes;
mod commands;
mod devices;
mod durability;
mod entry;
mod epochs;
mod error;
mod jobs;
mod keys;
mod life;
mod lists;
mod log;
mod menu;
mod orders;
mod pictures;
mod prints;
mod recent;
mod record;
mod scripts;
mod server;
mod site;
mod slots;
mod stock;
mod tickets;
mod tries;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, Utc};
use data_encoding::HEXLOWER;
use redis::AsyncConnectionConfig;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use sha2::{Digest as _, Sha256};
use sunakku_common::event::{By, cause, timestamp};
use sunakku_common::ids::{Epoch, SiteId};
use sunakku_common::telemetry::note_answer;
use sunakku_common::telemetry::spans::{Kind, Span};
use tokio::time::Instant;

pub use calls::Call;
pub use codes::Grant;
pub use devices::{Device, Whom};
pub use durability::Unsafe;
pub use entry::LogEntry;
pub(crate) use entry::{Fact, What};
pub(crate) use epochs::Again;
pub(crate) use error::Chain as ErrorChain;
pub use error::StoreError;
pub use jobs::{DeadLetter, Retrying};
pub(crate) use life::Care;
pub use lists::{OrderCounts, OrderFilter, Part, TicketFilter};
pub use log::{Anchor, Head, HubCursor};
pub use menu::{StoredMenu, StoredNext};
pub use orders::{Close, NewOrder, OpenLimits, Placing, Step};
pub use prints::{Beginning, Print};
pub use record::{OrderRecord, TicketRecord};
pub use server::{Look, ServerFacts, look};
pub use site::Closed;
pub use slots::{SlotClaim, Used};
pub use stock::{StockMove, StockMoving, StockRow};
pub use tickets::{NewTicket, TicketMove};
pub use tries::{Patience, Try};

use keys::Keys;
use life::Life;
use recent::Recent;
use scripts::{Script, Scripts};

/// How long one command may take. A slow disk was seen to stall an fsync for over a second, so
/// the client's default of half a second would make healthy writes ambiguous.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a whole operation may take, resends included, before the caller is told to come again.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(4);
/// The longest pause before Redis is tried again: guests wait for it to come back.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_millis(250);
/// Pause before an operation is sent again.
const RESEND_PAUSE: Duration = Duration::from_millis(50);
/// How long records of orders and idempotency keys are kept.
const RECORD_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long the key of an operation without a key of its caller's is kept: it only spans resends.
const RESEND_LIFE: Duration = Duration::from_secs(60);

/// Units at hand by SKU that a new store begins with; other SKUs are not counted.
pub type FirstCounts = BTreeMap<String, u32>;

/// The store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    client: redis::Client,
    connection: ConnectionManager,
    keys: Keys,
    site: SiteId,
    scripts: Scripts,
    log_budget_bytes: u64,
    life: Life,
    recent: Recent,
}

/// Names one change for as long as it may be asked for again.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The caller's key, or one of our own.
    key: String,
    /// What was asked, by hash.
    fingerprint: String,
    /// How long the key is kept.
    life: Duration,
    /// Who asks.
    by: By,
}

impl Operation {
    /// An operation under the caller's key, or under one of our own when it has none. `request`
    /// is the parsed request: the same key with another one is refused.
    pub fn new(key: Option<String>, by: By, request: &impl serde::Serialize) -> Self {
        // A parsed request of ours always serialises; an empty text would only compare equal.
        let text = serde_json::to_string(request).unwrap_or_default();
        let digest = Sha256::digest(text);
        let fingerprint = HEXLOWER.encode(&digest);
        let life = match key {
            Some(_) => RECORD_LIFE,
            None => RESEND_LIFE,
        };
        let key = key.unwrap_or_else(|| format!("once:{}", uuid::Uuid::now_v7()));
        Self {
            key,
            fingerprint,
            life,
            by,
        }
    }

    /// An operation of a part of the edge itself, because of one of [`cause`].
    pub fn system(part: &str, cause: &str) -> Self {
        Self::new(None, By::system(part, cause), &())
    }

    /// Who asks, and where.
    pub fn by(&self) -> &By {
        &self.by
    }

    /// Who asks.
    pub fn actor(&self) -> &str {
        &self.by.actor
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Whether an answer is new or that of an earlier request under the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// The change was made now.
    New,
    /// It was made before; this is the first answer.
    Replayed,
}

/// Says why the edge waits for Redis: once for each cause, not at each try.
#[derive(Default)]
struct Waiting(String);

impl Waiting {
    fn tell(&mut self, error: &impl std::fmt::Display) {
        let cause = error.to_string();
        if cause != self.0 {
            tracing::warn!(cause, "waiting for redis");
            self.0 = cause;
        }
    }
}

/// What a script answered: its word, and the rest.
pub(crate) struct Reply {
    word: String,
    rest: Vec<String>,
    /// The last sequence of the log after it.
    head: u64,
}

impl Store {
    /// Connects to Redis, waiting for it as long as it takes, and gives a new store its epoch.
    pub async fn open(
        url: &str,
        site: &SiteId,
        first_counts: &FirstCounts,
        log_budget_bytes: u64,
    ) -> Result<Self, StoreError> {
        let client = server::client(url)?;
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(RECONNECT_PAUSE_MAX);
        let mut waiting = Waiting::default();
        let connection = loop {
            match ConnectionManager::new_with_config(client.clone(), config.clone()).await {
                Ok(connection) => break connection,
                Err(error) => {
                    waiting.tell(&error);
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        };
        let inner = Inner {
            client,
            connection,
            keys: Keys::new(site),
            site: site.clone(),
            scripts: Scripts::new(),
            log_budget_bytes,
            life: Life::new(),
            recent: Recent::new(),
        };
        let store = Self {
            inner: Arc::new(inner),
        };
        loop {
            match store.init(first_counts).await {
                Err(error) if error.is_passing() => waiting.tell(&ErrorChain(&error)),
                done => return done.map(|()| store),
            }
        }
    }

    /// Gives a store without epoch a new one, gives SKUs their first counts, and notices when
    /// another life of the store is found than before.
    pub async fn init(&self, first_counts: &FirstCounts) -> Result<(), StoreError> {
        let keys = &self.inner.keys;
        let mut args = vec![Epoch::new().to_string()];
        for (sku, count) in first_counts {
            args.extend([sku.clone(), count.to_string()]);
        }
        let operation = Operation::system("edge", cause::UPKEEP);
        let more_keys = [keys.stock(), keys.seeded()];
        let reply = self
            .run(
                &self.inner.scripts.init_store,
                &operation,
                &more_keys,
                &args,
            )
            .await?;
        let epoch = reply.rest.first().and_then(|epoch| epoch.parse().ok());
        let epoch = epoch.ok_or_else(|| StoreError::Unreadable("the epoch".to_owned()))?;
        self.inner.life.note_epoch(epoch);
        self.inner.life.note_seq(epoch, reply.head);
        Ok(())
    }

    /// The site that the store belongs to.
    pub fn site(&self) -> &SiteId {
        &self.inner.site
    }

    /// A connection of its own for blocking reads, which must not hold up other commands.
    async fn blocking_connection(
        &self,
        longest_block: Duration,
    ) -> Result<MultiplexedConnection, StoreError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(Duration::from_secs(1)))
            .set_response_timeout(Some(longest_block + RESPONSE_TIMEOUT));
        Ok(self
            .inner
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?)
    }

    fn connection(&self) -> ConnectionManager {
        self.inner.connection.clone()
    }

    fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// Whether Redis answers, and how quickly.
    pub async fn ping(&self) -> Result<Duration, StoreError> {
        let started = std::time::Instant::now();
        redis::cmd("PING")
            .query_async::<String>(&mut self.connection())
            .await?;
        Ok(started.elapsed())
    }

    /// Runs a script; sends it again under the same key when its answer was lost, and when the
    /// store is about to begin a new epoch.
    async fn run(
        &self,
        script: &Script,
        operation: &Operation,
        keys: &[String],
        args: &[String],
    ) -> Result<Reply, StoreError> {
        let deadline = Instant::now() + OPERATION_TIMEOUT;
        loop {
            let once = self.run_once(script, operation, keys, args);
            let once = tokio::time::timeout_at(deadline, once).await;
            let error = match once.unwrap_or_else(|_| Err(no_answer_in_time())) {
                Err(error) if error.is_passing() => error,
                done => return done,
            };
            if deadline < Instant::now() + RESEND_PAUSE {
                return Err(error);
            }
            tracing::debug!(error = %ErrorChain(&error), "resending");
            tokio::time::sleep(RESEND_PAUSE).await;
        }
    }

    async fn run_once(
        &self,
        script: &Script,
        operation: &Operation,
        keys: &[String],
        args: &[String],
    ) -> Result<Reply, StoreError> {
        let by = serde_json::to_string(&operation.by)?;
        let seen = self.inner.life.seen();
        let mut call = script.prepare_invoke();
        call.key(self.keys().meta()).key(self.keys().log());
        call.key(self.keys().idempotency(&operation.key)).key(keys);
        call.arg(timestamp(self.now())).arg(&operation.fingerprint);
        call.arg(operation.life.as_secs()).arg(by).arg(args);
        call.arg(seen.epoch.to_string()).arg(seen.seq);
        let mut span = Span::within(Kind::Client, || script.name);
        span.note("db.system.name", "redis");
        let started = Instant::now();
        let answer = call.invoke_async(&mut self.connection()).await;
        note_answer("redis", script.name, started.elapsed());
        if let Err(error) = &answer {
            span.fail(&error.to_string());
        }
        drop(span);
        let mut rest: Vec<String> = answer?;
        let head = rest.pop().and_then(|head| head.parse().ok()).unwrap_or(0);
        if rest.is_empty() {
            return Err(StoreError::Unreadable("an empty answer".to_owned()));
        }
        let word = rest.remove(0);
        match word.as_str() {
            "unborn" => return Err(StoreError::Unborn),
            "set-back" => return Err(StoreError::SetBack),
            "reused" => return Err(StoreError::KeyReused),
            _ => self.inner.life.note_seq(seen.epoch, head),
        }
        Ok(Reply { word, rest, head })
    }

    /// The edge's clock, as finely as events write it.
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(3)
    }
}

fn no_answer_in_time() -> StoreError {
    let late = std::io::Error::from(std::io::ErrorKind::TimedOut);
    StoreError::Unavailable(late.into())
}

impl Reply {
    /// `New` or `Replayed` when the script did what was asked, else its refusal.
    fn done(&self) -> Result<Freshness, &str> {
        match self.word.as_str() {
            "ok" => Ok(Freshness::New),
            "again" => Ok(Freshness::Replayed),
            refusal => Err(refusal),
        }
    }

    fn unexpected(&self) -> StoreError {
        StoreError::Unreadable(format!("a script answered \"{}\"", self.word))
    }
}
