//! What must hold at the end, whatever happened: the reconciliation as the judge, and beside it
//! counts of our own, read from Postgres.

use tokio::process::Command;
use xtask::demo::audit::{self, Summary};
use xtask::demo::figures;
use xtask::demo::guests::Outcome;
use xtask::drill::{account, books};

use crate::scene::{Scene, programs};

impl Scene {
    /// Once all is quiet, everything holds.
    pub(crate) async fn assert_holds(&self, told: &[Outcome]) {
        self.settled().await;
        let summary = self.audit(told).await;
        assert!(summary.holds(), "{}", shown(&summary));
        for site in &self.world.sites {
            let differ = figures::different(&self.tokens.admin, &self.postgres, &site.id).await;
            assert_eq!(differ.unwrap(), 0, "figures of {}", site.id);
        }
        self.assert_told_once(told).await;
        self.assert_nobody_else(told).await;
        self.assert_books().await;
    }

    pub(crate) async fn audit(&self, told: &[Outcome]) -> Summary {
        let menu = &self.seed.menu;
        audit::audit(&self.world, &self.tokens, menu, told, &self.postgres)
            .await
            .unwrap()
    }

    /// Whoever was told 201 stands in Postgres exactly once, with the same number and total; who was refused
    /// does not.
    pub(crate) async fn assert_told_once(&self, told: &[Outcome]) {
        let broken = account::told_once(&self.world, told, &self.postgres).await;
        assert_eq!(broken.unwrap(), [""; 0]);
    }

    /// Nobody else's orders stand in Postgres.
    async fn assert_nobody_else(&self, told: &[Outcome]) {
        let orders: i64 = self.count("select count(*) from site_order").await;
        let accepted = told.iter().filter(|outcome| outcome.answer.is_ok()).count();
        assert_eq!(usize::try_from(orders).unwrap(), accepted);
    }

    /// Logs without a gap, in order, once; sums that agree; stock as the sites have it.
    pub(crate) async fn assert_books(&self) {
        self.assert_books_hold().await;
        self.assert_stock_agrees().await;
        self.assert_chains().await;
    }

    /// The hub's books contradict themselves nowhere.
    pub(crate) async fn assert_books_hold(&self) {
        let broken = books::broken(&self.postgres).await.unwrap();
        assert!(broken.is_empty(), "{broken:#?}");
    }

    pub(crate) async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query)
            .fetch_one(&self.postgres)
            .await
            .unwrap()
    }

    /// What is at hand of each SKU is the same at the hub and at the site.
    async fn assert_stock_agrees(&self) {
        let broken = account::stock(&self.world, &self.tokens, &self.postgres).await;
        assert_eq!(broken.unwrap(), [""; 0]);
    }

    /// The hub computes every chain again from what it stored.
    async fn assert_chains(&self) {
        let config = self.world.hub.data.join("hub.toml");
        let output = Command::new(programs().await.hub)
            .arg("--config")
            .arg(config)
            .args(["ledger", "verify"])
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}");
    }
}

pub(crate) fn shown(summary: &Summary) -> String {
    serde_json::to_string_pretty(summary).unwrap()
}
