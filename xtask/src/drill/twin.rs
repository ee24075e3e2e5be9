//! A second box with the identity of a site: its disk was copied while it ran, and the copy is switched on.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use sunakku_common::claims::Role;

use crate::harness::{Binaries, Server as _, WallClock, copy_folder, wait_for};
use crate::world::{Site, SiteOptions, World};

/// What a box has of the hub: who it is, and how it gets there.
const ENROLLED: [&str; 3] = ["edge.toml", "enrolled.conf", "site.creds"];
/// How long the hub may take to see that there are two: the second one waits for the first to fall silent.
const REFUSAL: Duration = Duration::from_secs(60);

/// The second box, as long as it lives.
pub(super) struct Twin(Site);

/// Copies the box of a site and switches the copy on. It has no printer and calls nobody: what it sells is its own.
pub(super) async fn start(
    world: &World,
    programs: &Binaries,
    n: usize,
    clock: Option<WallClock>,
) -> Result<Twin> {
    let first = &world.sites[n];
    let name = format!("{}-copy-{}", first.id, uuid::Uuid::now_v7().simple());
    let folder = world.sandbox.folder(format!("{name}/edge"))?;
    for file in ENROLLED {
        std::fs::copy(first.data.join("edge").join(file), folder.join(file))
            .with_context(|| format!("copying {file}"))?;
    }
    copy_of_running(first, &world.sandbox.folder(&name)?.join("redis"))?;
    let options = SiteOptions {
        name,
        enrolled: Some(folder),
        clock,
        ..SiteOptions::new(&first.id, None)
    };
    let site = Site::start(&world.sandbox, programs, options).await;
    Ok(Twin(site.context("starting the second box")?))
}

/// What stands in the store at one moment.
fn copy_of_running(first: &Site, to: &Path) -> Result<()> {
    first.redis.stop()?;
    let copied = copy_folder(first.redis.data(), to);
    first.redis.cont()?;
    copied
}

impl Twin {
    /// Waits until the hub hears it no more, and switches it off.
    pub(super) async fn refused(self) -> Result<()> {
        let manager = self.0.client(Role::Manager).await?;
        wait_for("the second box to be refused", REFUSAL, async || {
            let sync = manager.get("/v1/sync").await;
            let sync = sync.map_err(|error| error.to_string())?.body;
            let problem = sync["problem"].as_str().unwrap_or_default();
            match problem.starts_with(sunakku_common::sync::CONFLICT) {
                true => Ok(()),
                false => Err(sync.to_string()),
            }
        })
        .await
    }
}
