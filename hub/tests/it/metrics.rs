//! What the hub exports: names, types and labels are what dashboards and alerts are made of.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use xtask::harness::{LIMIT, wait_for};
use xtask::world::exposition;

use crate::support::{Admin, Hub, World};

/// One line for each metric. Who changes it changes `grafana/` as well.
const GOLDEN: &str = include_str!("metrics.golden");

#[tokio::test]
async fn names_types_and_labels_of_the_metrics_are_as_agreed() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let admin = Admin::of(&hub).await?;
    admin.lunch(&["s1"]).await?;
    admin.publish().await?;
    let wanted: BTreeSet<String> = GOLDEN.lines().map(str::to_owned).collect();
    let found = wait_for("all metrics", LIMIT, async || {
        let text = hub.metrics().await.map_err(|error| format!("{error:#}"))?;
        let found = exposition::families(&text);
        let missing: Vec<&String> = wanted.difference(&found).collect();
        missing
            .is_empty()
            .then(|| found.clone())
            .ok_or_else(|| format!("missing: {missing:#?}"))
    })
    .await?;
    let more: Vec<&String> = found.difference(&wanted).collect();
    ensure!(more.is_empty(), "not in metrics.golden: {more:#?}");
    Ok(())
}
