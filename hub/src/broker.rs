//! The connection to the hub's NATS server. Nothing else in the hub makes one.

use std::time::Duration;

use anyhow::{Context as _, Result};
use async_nats::{Client, ConnectOptions, Event, ServerAddr};

use crate::config::{Intake, Nats};
use crate::health::Health;

/// Connects in the background, for ever: the hub's API answers while NATS is away.
///
/// # Errors
/// When the URL cannot be read.
pub async fn connect(nats: &Nats, intake: &Intake, health: &Health) -> Result<Client> {
    let heard = health.clone();
    let options = ConnectOptions::new()
        .name("sunakku-hub")
        .retry_on_initial_connect()
        .max_reconnects(None)
        .connection_timeout(Duration::from_secs(3))
        // A server that hangs is noticed within two of these.
        .ping_interval(Duration::from_secs(10))
        .reconnect_delay_callback(|tries| Duration::from_millis(100 * tries.min(10) as u64))
        // What finds no place here is dropped by the client; its site sends it again.
        .subscription_capacity(intake.queue_batches.get())
        .event_callback(move |event| {
            note(&heard, &event);
            std::future::ready(())
        });
    let address: ServerAddr = nats.url.expose().parse().context("nats.url")?;
    // The client itself leaves user and password of the URL aside.
    let options = match (address.username(), address.password()) {
        (Some(user), Some(password)) => options.user_and_password(user.into(), password.into()),
        _ => options,
    };
    options.connect(address).await.context("nats.url")
}

fn note(health: &Health, event: &Event) {
    match event {
        Event::Connected => health.set_nats(Ok(())),
        Event::Disconnected | Event::Closed => health.set_nats(Err("disconnected".to_owned())),
        other => tracing::warn!(event = %other, "the NATS client reports"),
    }
}
