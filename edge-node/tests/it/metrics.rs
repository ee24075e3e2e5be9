//! What the edge exports: names, types and labels are what dashboards and alerts are made of.

use std::collections::BTreeSet;

use serde_json::json;
use xtask::harness::{Authority, LIMIT, wait_for};
use xtask::world::{SiteOptions, exposition};

use crate::site::{TestSite, seed};

/// One line for each metric. Who changes it changes `grafana/` as well.
const GOLDEN: &str = include_str!("metrics.golden");

#[tokio::test(flavor = "multi_thread")]
async fn names_types_and_labels_of_the_metrics_are_as_agreed() {
    let (printer, webhook) = ("127.0.0.1:9", "http://127.0.0.1:9/");
    let settings = toml::toml! {
        [watch]
        certificates = { web = "no-such.pem" }
        backups = { redis = "no-such-file" }
        [[printers]]
        name = "hot"
        address = printer
        stations = ["grill"]
        [[webhooks]]
        name = "erp"
        url = webhook
        secret = "whsec_c2VjcmV0"
        events = ["order.ready"]
    };
    let test = TestSite::start_with(SiteOptions::new("s1", seed()).with(settings)).await;
    let order = json!({"channel": "kiosk", "lines": [{"item": "burger", "quantity": 1}]});
    let order = test.placed(&order).await;
    let ticket = &test.tickets_of(order["id"].as_str().unwrap()).await[0];
    test.ticket_step(ticket, "start").await;
    test.ticket_step(ticket, "bump").await;
    let wanted: BTreeSet<String> = GOLDEN.lines().map(str::to_owned).collect();
    let found = wait_for("all metrics", LIMIT, async || {
        let text = scrape(&test).await.map_err(|error| error.to_string())?;
        let found = exposition::families(&text);
        let missing: Vec<&String> = wanted.difference(&found).collect();
        missing
            .is_empty()
            .then(|| found.clone())
            .ok_or_else(|| format!("missing: {missing:#?}"))
    })
    .await
    .unwrap();
    let more: Vec<&String> = found.difference(&wanted).collect();
    assert!(more.is_empty(), "not in metrics.golden: {more:#?}");
}

async fn scrape(test: &TestSite) -> reqwest::Result<String> {
    let request = test.manager.request(reqwest::Method::GET, "/metrics");
    request.send().await?.text().await
}

/// When openssl finds that a certificate ends, seconds since 1970.
fn end_of(pem: &std::path::Path) -> i64 {
    let output = std::process::Command::new("openssl")
        .args(["x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in"])
        .arg(pem)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let end = text
        .trim()
        .trim_start_matches("notAfter=")
        .replace(' ', "T");
    end.parse::<chrono::DateTime<chrono::Utc>>()
        .unwrap()
        .timestamp()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_watched_certificate_is_exported_and_follows_its_renewal() {
    let folder = std::env::temp_dir().join(format!("watched-{}", uuid::Uuid::now_v7()));
    let authority = Authority::make(&folder).unwrap();
    let leaf = authority.issue("leaf", "127.0.0.1").unwrap();
    let path = leaf.pem.to_str().unwrap().to_owned();
    let settings = toml::toml! {
        [watch]
        certificates = { leaf = path }
    };
    let test = TestSite::start_with(SiteOptions::new("s1", seed()).with(settings)).await;
    let exported = async |end: i64| {
        let name = "sunakku_certificate_expiry_timestamp_seconds{name=\"leaf\"}";
        wait_for("the end of the certificate", LIMIT, async || {
            let text = scrape(&test).await.map_err(|error| error.to_string())?;
            let line = text.lines().find(|line| line.starts_with(name));
            let line = line.ok_or("it is not exported")?;
            let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
            (value as i64 == end)
                .then_some(())
                .ok_or_else(|| format!("{line}, not {end}"))
        })
        .await
        .unwrap();
    };
    let first = end_of(&leaf.pem);
    exported(first).await;
    // It ends a second later at least, as ends are told in seconds.
    let second = wait_for("a later end", LIMIT, async || {
        let end = end_of(&authority.renew("leaf").unwrap().pem);
        (first < end)
            .then_some(end)
            .ok_or_else(|| "the same".to_owned())
    });
    let second = second.await.unwrap();
    exported(second).await;
    std::fs::remove_dir_all(folder).unwrap();
}
