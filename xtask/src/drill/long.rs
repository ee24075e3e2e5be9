//! Two faults that last: a line that is cut for three days, and a hub that is restored from an older
//! copy. Both end by themselves; here it is measured how soon.

use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::TimeDelta;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::score::Score;
use super::{Drill, Options, quiet, say};
use crate::demo::guests;
use crate::demo::state::Tokens;
use crate::harness::Server as _;

/// Hours without a line.
const HOURS: u32 = 72;
/// Orders of all sites in that time: 2,400 a day.
const ORDERS: usize = 7_200;
/// Orders a second while days pass in minutes.
const RUSH: f64 = 150.0;
/// How long catching up may take.
const CATCH_UP: Duration = Duration::from_secs(600);

impl Drill {
    /// Plays both, says what they took, and takes the full account.
    pub(super) async fn play_long(&self, options: &Options, score: &mut Score) -> Result<()> {
        let tokens = Tokens::sign_in(&self.world).await?;
        self.long_cut(&tokens).await?;
        // What was ordered in those days is told; tokens of that time end with it.
        let tokens = Tokens::sign_in(&self.world).await?;
        self.old_copy(&tokens, options.rush).await?;
        self.account(&tokens, score).await
    }

    async fn long_cut(&self, tokens: &Tokens) -> Result<()> {
        let before = self.accepted();
        self.world.hub.line.cut();
        for hour in 1..=HOURS {
            for clock in &self.clocks {
                clock.run_ahead(TimeDelta::hours(hour.into()))?;
            }
            let enough = before + ORDERS * hour as usize / HOURS as usize;
            self.sell(tokens, RUSH, || enough <= self.accepted()).await;
        }
        let orders = self.accepted() - before;
        let mut events = 0;
        for site in &tokens.sites {
            let sync = site.manager.get("/v1/sync").await?.body;
            events += sync["lag_events"].as_u64().unwrap_or(0);
        }
        self.world.hub.line.heal();
        let healed = Instant::now();
        quiet::settled(&self.world, tokens, &self.postgres, CATCH_UP).await?;
        let days = if self.clocks.is_empty() {
            "without a change of the clocks"
        } else {
            "by their clocks"
        };
        say(&format!(
            "a line cut for {HOURS} hours ({days}): {orders} orders, {events} events to tell; the hub has all {:.1} s after",
            healed.elapsed().as_secs_f64()
        ));
        for clock in &self.clocks {
            clock.run_ahead(TimeDelta::zero())?;
        }
        Ok(())
    }

    /// The hub's database goes back to where it was before an hour's orders.
    async fn old_copy(&self, tokens: &Tokens, rush: f64) -> Result<()> {
        let postgres = &self.world.hub.postgres;
        let copy = self.world.sandbox.folder("copies")?.join("hour");
        postgres.kill()?;
        super::stage::copy_folder(postgres.data(), &copy)?;
        postgres.restart().await?;
        let before = self.accepted();
        let enough = before + ORDERS / HOURS as usize;
        self.sell(tokens, rush, || enough <= self.accepted()).await;
        quiet::settled(&self.world, tokens, &self.postgres, CATCH_UP).await?;
        postgres.kill()?;
        std::fs::remove_dir_all(postgres.data())?;
        super::stage::copy_folder(&copy, postgres.data())?;
        postgres.restart().await?;
        let restored = Instant::now();
        quiet::settled(&self.world, tokens, &self.postgres, CATCH_UP).await?;
        say(&format!(
            "a hub restored from an hour ago: it has the {} orders again {:.1} s after it runs",
            self.accepted() - before,
            restored.elapsed().as_secs_f64()
        ));
        Ok(())
    }

    /// Lets guests order until it is enough; nobody cooks and nobody restocks.
    async fn sell(&self, tokens: &Tokens, rush: f64, is_enough: impl Fn() -> bool) {
        let stop = CancellationToken::new();
        let kiosks: Vec<_> = tokens.sites.iter().map(|site| site.kiosk.clone()).collect();
        let guests = guests::rush(&kiosks, &self.seed.menu, rush, &self.told, &stop);
        let watch = async {
            while !is_enough() {
                sleep(Duration::from_millis(20)).await;
            }
            stop.cancel();
        };
        tokio::join!(guests, watch);
    }
}
