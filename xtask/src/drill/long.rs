//! Two faults that last: a line that is cut for days, and a hub that is restored from an older copy.
//! Both end by themselves; here it is measured how soon.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use chrono::TimeDelta;
use serde_json::json;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::play::Drill;
use super::score::Score;
use super::{Options, quiet, say};
use crate::demo::guests;
use crate::demo::tokens::Tokens;
use crate::harness::{Server as _, copy_folder};

/// Orders of all sites in an hour: 2,400 a day.
const HOURLY: usize = 100;
/// Hours of a day.
const DAY: u16 = 24;
/// Orders a second while days pass in minutes.
const RUSH: f64 = 150.0;
/// How long catching up may take.
const CATCH_UP: Duration = Duration::from_secs(600);
/// How long guests may be refused in a row before there is something wrong with them.
const PATIENCE: Duration = Duration::from_secs(60);
/// A program by such a clock looks at its file once a second.
const LOOK: Duration = Duration::from_millis(1_200);

impl Drill {
    /// Plays both, says what they took, and takes the full account.
    pub(super) async fn play_long(&self, options: &Options, score: &mut Score) -> Result<()> {
        self.long_cut(options.cut).await?;
        let tokens = Tokens::sign_in(&self.world).await?;
        self.old_copy(&tokens, options.rush).await?;
        self.account(&tokens, score).await
    }

    async fn long_cut(&self, hours: u16) -> Result<()> {
        let before = self.accepted();
        let mut tokens = Tokens::sign_in(&self.world).await?;
        self.world.hub.line.cut();
        for hour in 1..=hours {
            self.clocks_ahead(hour.into())?;
            if hour % DAY == 1 {
                // A token does not live for a week.
                sleep(LOOK).await;
                tokens = Tokens::sign_in(&self.world).await?;
                self.deliver(&tokens).await?;
                say(&format!("hour {hour}: {} orders", self.accepted() - before));
            }
            let enough = before + HOURLY * usize::from(hour);
            self.sell(&tokens, RUSH, enough).await?;
        }
        let orders = self.accepted() - before;
        let mut events = 0;
        for site in &tokens.sites {
            let sync = site.manager.get("/v1/sync").await?.body;
            events += sync["lag_events"].as_u64().unwrap_or(0);
        }
        self.world.hub.line.heal();
        let healed = Instant::now();
        quiet::settled(&self.world, &tokens, &self.postgres, CATCH_UP).await?;
        let days = if self.clocks.is_empty() {
            "without a change of the clocks"
        } else {
            "by their clocks"
        };
        say(&format!(
            "a line cut for {hours} hours ({days}): {orders} orders, {events} events to tell; the hub has all {:.1} s after",
            healed.elapsed().as_secs_f64()
        ));
        self.clocks_ahead(0)?;
        sleep(LOOK).await;
        Ok(())
    }

    /// The clocks of all sites run so many hours ahead.
    fn clocks_ahead(&self, hours: i64) -> Result<()> {
        let mut clocks = self.clocks.iter();
        clocks.try_for_each(|clock| clock.run_ahead(TimeDelta::hours(hours)))
    }

    /// What all sites have on their shelves for a day.
    async fn deliver(&self, tokens: &Tokens) -> Result<()> {
        for site in &tokens.sites {
            for (sku, hourly) in &self.seed.stock {
                let counted = json!({ "on_hand": hourly * u32::from(DAY) });
                let path = format!("/v1/stock/{sku}");
                site.manager.put(&path, &counted).await?.expect(200)?;
            }
        }
        Ok(())
    }

    /// The hub's database goes back to where it was before an hour's orders.
    async fn old_copy(&self, tokens: &Tokens, rush: f64) -> Result<()> {
        let postgres = &self.world.hub.postgres;
        self.deliver(tokens).await?;
        quiet::settled(&self.world, tokens, &self.postgres, CATCH_UP).await?;
        let copy = self.world.sandbox.folder("copies")?.join("hour");
        postgres.kill()?;
        copy_folder(postgres.data(), &copy)?;
        postgres.restart().await?;
        let before = self.accepted();
        self.sell(tokens, rush, before + HOURLY).await?;
        quiet::settled(&self.world, tokens, &self.postgres, CATCH_UP).await?;
        postgres.kill()?;
        std::fs::remove_dir_all(postgres.data())?;
        copy_folder(&copy, postgres.data())?;
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

    /// Lets guests order until so many orders were accepted in all; nobody cooks.
    async fn sell(&self, tokens: &Tokens, rush: f64, enough: usize) -> Result<()> {
        let stop = CancellationToken::new();
        let kiosks: Vec<_> = tokens.sites.iter().map(|site| site.kiosk.clone()).collect();
        let guests = guests::rush(&kiosks, &self.seed.menu, rush, &self.told, &stop);
        let watch = async {
            let (mut last, mut since) = (self.accepted(), Instant::now());
            while last < enough {
                sleep(Duration::from_millis(20)).await;
                let now = self.accepted();
                if last < now {
                    (last, since) = (now, Instant::now());
                } else if PATIENCE < since.elapsed() {
                    let told = self.told.all();
                    bail!("guests are sold nothing: {:?}", told.last());
                }
            }
            stop.cancel();
            Ok(())
        };
        let guests = async {
            guests.await;
            Ok(())
        };
        tokio::try_join!(guests, watch).map(|_| ())
    }
}
