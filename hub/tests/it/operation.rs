//! What operators see: settings, exit codes, metrics.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use xtask::harness::{LIMIT, wait_for};

use crate::support::{Hub, World};

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_as_a_problem() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let long = json!({"user": "ann", "password": "x".repeat(300_000)});
    let problem = hub
        .send(Method::POST, "/v1/session", None, Some(long), 413)
        .await?;
    ensure!(
        problem["type"] == "urn:sunakku:problem:body-too-large",
        "{problem}"
    );
    let odd = json!({"user": "ann", "password": "x", "otp": 1});
    hub.send(Method::POST, "/v1/session", None, Some(odd), 422)
        .await?;
    Ok(())
}

#[tokio::test]
async fn the_settings_in_effect_are_shown_without_secrets() -> Result<()> {
    let world = World::new(&[]).await?;
    let shown = Hub::command(&world, &["serve", "--check"]).await?;
    let shown: Value = serde_json::from_str(&shown)?;
    ensure!(shown["postgres"]["url"] == "***", "{shown}");
    let unusable = Hub::run(&world, &["--config", "/no/such/file", "serve", "--check"]).await?;
    ensure!(unusable.status.code() == Some(64), "{unusable:?}");
    let nothing = Hub::run(&world, &["hash-password"]).await?;
    ensure!(
        nothing.status.code() == Some(1),
        "no password came: {nothing:?}"
    );
    let unknown = Hub::run(&world, &["dance"]).await?;
    ensure!(unknown.status.code() == Some(64), "{unknown:?}");
    Ok(())
}

#[tokio::test]
async fn metrics_are_there_before_the_first_event() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    for (metric, expected) in [
        ("sunakku_ingest_batches_total{result=\"forked\"}", 0.0),
        (
            "sunakku_ingest_refused_total{reason=\"foreign-reply\"}",
            0.0,
        ),
        (
            "sunakku_ingest_events_total{site=\"s1\",result=\"parked\"}",
            0.0,
        ),
        ("sunakku_ingest_gap_events{site=\"s1\"}", 0.0),
        ("sunakku_dependency_up{dependency=\"postgres\"}", 1.0),
        ("sunakku_dependency_up{dependency=\"nats\"}", 1.0),
        (
            "sunakku_build_info{component=\"hub\",version=\"0.1.0\"}",
            1.0,
        ),
    ] {
        // Sites are read from the store a moment after the start.
        wait_for(metric, LIMIT, async || {
            let value = hub
                .metric(metric)
                .await
                .map_err(|error| format!("{error:#}"))?;
            (value == expected)
                .then_some(())
                .ok_or_else(|| value.to_string())
        })
        .await?;
    }
    Ok(())
}
