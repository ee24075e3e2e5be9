//! Guests who order and cooks who cook while a story goes on.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use xtask::demo::guests::{self, Outcome, Told};
use xtask::demo::staff::{self, Pace};
use xtask::harness::{LIMIT, wait_for};

use crate::scene::Scene;

/// Orders a second, at all sites together: enough that something is under way at any moment, and
/// that two cores keep up in a debug build.
const RATE: f64 = 40.0;

const PACE: Pace = Pace {
    cooking: Duration::from_millis(50),
    collecting: Duration::from_millis(50),
};

impl Scene {
    /// Lets guests order and cooks cook at all sites as long as the story goes on. Every guest
    /// sends the same order under the same key until the answer is definite; what they were told
    /// is added to `told`.
    pub(crate) async fn under_load(&self, told: &mut Vec<Outcome>, story: impl AsyncFnOnce(&Told)) {
        let (heard, stop) = (Told::default(), CancellationToken::new());
        let sites = &self.tokens.sites;
        let kiosks: Vec<_> = sites.iter().map(|site| site.kiosk.clone()).collect();
        let day = async {
            story(&heard).await;
            stop.cancel();
        };
        let guests = guests::rush(&kiosks, &self.seed.menu, RATE, &heard, &stop);
        let cooks = sites
            .iter()
            .map(|site| staff::cook(&site.kitchen, PACE, &stop));
        tokio::join!(day, guests, futures::future::join_all(cooks));
        told.extend(heard.all());
    }
}

/// Waits until so many more orders were accepted at a site.
pub(crate) async fn sold(told: &Told, site: usize, more: usize) {
    let (before, _) = told.counts(site);
    let probe = async || match told.counts(site) {
        (now, _) if before + more <= now => Ok(()),
        (now, _) => Err(format!("{} now", now - before)),
    };
    let what = format!("{more} more orders at site {site}");
    wait_for(&what, LIMIT, probe).await.unwrap();
}

/// The same at every one of so many sites.
pub(crate) async fn sold_everywhere(told: &Told, sites: usize, more: usize) {
    futures::future::join_all((0..sites).map(|site| sold(told, site, more))).await;
}
