//! The connections to the hub's NATS server, and who else may have one. Nothing else in the hub
//! makes a connection.

mod account;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use sunakku_common::nats::Keys;
use tokio::sync::Notify;

pub(crate) use account::Account;

use crate::config::{Intake, Nats};
use crate::health::Health;

/// Connects in the background, for ever: the hub's API answers while NATS is away.
///
/// # Errors
/// When the URL or the keys cannot be used.
pub async fn connect(nats: &Nats, keys: &Keys, intake: &Intake, health: &Health) -> Result<Client> {
    let heard = health.clone();
    let options = options(&keys.hub_creds()?)?
        .name("sunakku-hub")
        // What finds no place here is dropped by the client; its site sends it again.
        .subscription_capacity(intake.queue_batches.get())
        .event_callback(move |event| {
            note(&heard, &event);
            std::future::ready(())
        });
    connect_to(nats, options).await
}

/// The same for the one who may tell the server of the hub's account. Each connection wakes
/// `connected`: a server that was away may have forgotten who is kept out.
///
/// # Errors
/// When the URL or the keys cannot be used.
pub async fn connect_sys(nats: &Nats, keys: &Keys, connected: Arc<Notify>) -> Result<Client> {
    let options = options(&keys.sys_creds())?
        .name("sunakku-hub sys")
        .custom_inbox_prefix("_INBOX.sys")
        .event_callback(move |event| {
            if event == Event::Connected {
                connected.notify_one();
            }
            std::future::ready(())
        });
    connect_to(nats, options).await
}

fn options(creds: &str) -> Result<ConnectOptions> {
    let options = ConnectOptions::new()
        .credentials(creds)
        .context("nats.keys: they give no credentials")?;
    Ok(options
        .retry_on_initial_connect()
        .max_reconnects(None)
        .connection_timeout(Duration::from_secs(3))
        // A server that hangs is noticed within two of these.
        .ping_interval(Duration::from_secs(10))
        .reconnect_delay_callback(|tries| Duration::from_millis(100 * tries.min(10) as u64)))
}

async fn connect_to(nats: &Nats, options: ConnectOptions) -> Result<Client> {
    let address: ServerAddr = nats.url.expose().parse().context("nats.url")?;
    options.connect(address).await.context("nats.url")
}

fn note(health: &Health, event: &Event) {
    match event {
        Event::Connected => health.set_nats(Ok(())),
        Event::Disconnected | Event::Closed => health.set_nats(Err("disconnected".to_owned())),
        other => tracing::warn!(event = %other, "the NATS client reports"),
    }
}
