//! What must hold at the end, whatever happened: the reconciliation as the judge, and beside it
//! counts of our own, read from Postgres.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use tokio::process::Command;
use uuid::Uuid;
use xtask::demo::audit::{self, Summary};
use xtask::demo::figures;
use xtask::demo::guests::Outcome;
use xtask::drill::books;

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

    /// Whoever was told 201 stands in Postgres exactly once, with the same number and total.
    pub(crate) async fn assert_told_once(&self, told: &[Outcome]) {
        type Row = (String, String, Uuid, i32, i64);
        let rows: Vec<Row> = sqlx::query_as(
            "select site_id, idempotency_key, order_id, number, total from site_order",
        )
        .fetch_all(&self.postgres)
        .await
        .unwrap();
        let mut held: HashMap<(String, String), Vec<_>> = HashMap::new();
        for (site, key, order, number, total) in rows {
            let orders = held.entry((site, key)).or_default();
            orders.push((order, i64::from(number), total));
        }
        for outcome in told {
            let key = (self.site(outcome.site).id.clone(), outcome.key.clone());
            let held = held.get(&key).map(Vec::as_slice).unwrap_or_default();
            match &outcome.answer {
                Ok(accepted) => {
                    let number = i64::try_from(accepted.number).unwrap();
                    let expected = (accepted.order, number, accepted.total);
                    assert_eq!(held, [expected], "{outcome:?}");
                }
                Err(_) => assert_eq!(held, [], "refused and stored: {outcome:?}"),
            }
        }
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
        for (n, site) in self.world.sites.iter().enumerate() {
            let rows: Vec<Value> = self.manager(n).all("/v1/stock").await.unwrap();
            // What was never counted has no row at the hub.
            let counted = rows.iter().filter_map(|row| {
                let sku = row["sku"].as_str().unwrap().to_owned();
                Some((sku, row["on_hand"].as_i64()?))
            });
            let at_edge: BTreeMap<String, i64> = counted.collect();
            let held: Vec<(String, i64)> = sqlx::query_as(
                "select sku, on_hand from stock where site_id = $1 and on_hand is not null",
            )
            .bind(&site.id)
            .fetch_all(&self.postgres)
            .await
            .unwrap();
            assert_eq!(held.into_iter().collect::<BTreeMap<_, _>>(), at_edge);
        }
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
