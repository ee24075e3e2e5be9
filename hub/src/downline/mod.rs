//! What goes down to the sites: their menus and settings, which they read, commands, which they
//! apply, pictures of the menus, and who of them is let in at all.
//!
//! Truth is in Postgres. Buckets, messages and claims are made from it and can be lost at any time:
//! all tasks compare what is with what ought to be, woken by the database and by a timer.

mod bucket;
pub(crate) mod dispatch;
mod rollout;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_nats::Client;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use crate::broker::Account;
use crate::health::Health;
use crate::pictures::send::Pictures;
use crate::sites::renewal::Renewals;
use dispatch::Dispatch;
use rollout::Rollout;

/// The database tells of changes of sites, settings, versions and commands here.
const CHANNEL: &str = "sunakku_downline";
/// Pause before the database is listened to again.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
/// How often the buckets are compared with the database.
const ROLLOUT_EVERY: Duration = Duration::from_secs(30);
/// How often nats-server is told who is let in.
const ACCOUNT_EVERY: Duration = Duration::from_secs(30);
/// How often commands that no site has reported are sent again.
const DISPATCH_EVERY: Duration = Duration::from_secs(5);
/// Pause after a round that failed.
const FAILED_PAUSE: Duration = Duration::from_secs(2);

/// The tasks of one replica. Replicas do the same work beside each other without harm.
pub struct Downline {
    /// The connection to the message server.
    pub client: Client,
    /// Tells nats-server who is let in.
    pub(crate) account: Account,
    /// Renews what lets boxes in.
    pub(crate) renewals: Renewals,
    /// Woken when nats-server is there again.
    pub account_due: Arc<Notify>,
    /// Connections of its own: one listens all the time.
    pub pool: PgPool,
    /// Where the state of the database is noted.
    pub health: Health,
    /// How long keys are believed and tokens are good.
    pub identity: crate::config::Identity,
}

/// Wakes the tasks.
#[derive(Default)]
struct Wakers {
    rollout: Notify,
    dispatch: Notify,
    account: Arc<Notify>,
}

impl Downline {
    /// Runs until it is dropped.
    ///
    /// # Errors
    /// When the client was closed.
    pub async fn run(self) -> Result<()> {
        self.health.postgres_up().await;
        let wakers = Wakers {
            account: self.account_due,
            ..Wakers::default()
        };
        let rollout = Rollout::new(self.client.clone(), self.pool.clone(), self.identity);
        let dispatch = Dispatch::new(self.client.clone(), self.pool.clone());
        let pictures = Pictures {
            client: self.client.clone(),
            pool: self.pool.clone(),
        };
        tokio::select! {
            never = listen(&self.pool, &wakers) => never,
            never = keep_up(rollout, &wakers.rollout) => never,
            never = send(&dispatch, &wakers.dispatch) => never,
            never = keep_account(&self.account, &wakers.account) => never,
            ended = dispatch.hear() => ended,
            ended = self.renewals.run() => ended,
            ended = pictures.run() => ended,
        }
    }
}

async fn listen(pool: &PgPool, wakers: &Wakers) -> Result<()> {
    loop {
        if let Err(error) = listen_once(pool, wakers).await {
            tracing::warn!(%error, "the database is not listened to; rounds go on by timer");
        }
        sleep(LISTEN_AGAIN).await;
    }
}

async fn listen_once(pool: &PgPool, wakers: &Wakers) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    // What was told before is seen by the first round after this.
    wakers.rollout.notify_one();
    wakers.dispatch.notify_one();
    wakers.account.notify_one();
    loop {
        let told = listener.recv().await?;
        match told.payload() {
            "command" => wakers.dispatch.notify_one(),
            "site_box" => wakers.account.notify_one(),
            _ => wakers.rollout.notify_one(),
        }
    }
}

async fn keep_up(rollout: Rollout, woken: &Notify) -> Result<()> {
    loop {
        let pause = match rollout.round().await {
            // A version that takes effect earlier is put in force in time.
            Ok(next) => next.map_or(ROLLOUT_EVERY, |next| next.min(ROLLOUT_EVERY)),
            Err(error) => {
                tracing::warn!("menus do not go down; tried again: {error:#}");
                metrics::counter!(crate::metrics::ROLLOUT_FAILURES).increment(1);
                FAILED_PAUSE
            }
        };
        tokio::select! {
            () = woken.notified() => {}
            () = sleep(pause) => {}
        }
    }
}

async fn keep_account(account: &Account, woken: &Notify) -> Result<()> {
    loop {
        let pause = match account.round().await {
            Ok(()) => ACCOUNT_EVERY,
            Err(error) => {
                tracing::warn!("nats-server is not told who is let in; tried again: {error:#}");
                FAILED_PAUSE
            }
        };
        tokio::select! {
            () = woken.notified() => {}
            () = sleep(pause) => {}
        }
    }
}

async fn send(dispatch: &Dispatch, woken: &Notify) -> Result<()> {
    let mut all_due = Instant::now();
    loop {
        let all = all_due <= Instant::now();
        if all {
            all_due = Instant::now() + DISPATCH_EVERY;
        }
        if let Err(error) = dispatch.round(all).await {
            tracing::warn!("commands are not sent; tried again: {error:#}");
        }
        tokio::select! {
            () = woken.notified() => {}
            () = sleep_until(all_due) => {}
        }
    }
}
