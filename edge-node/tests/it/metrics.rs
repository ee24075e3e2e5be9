//! What the edge exports: names, types and labels are what dashboards and alerts are made of.

use std::collections::BTreeSet;

use serde_json::json;
use xtask::harness::{LIMIT, wait_for};
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
