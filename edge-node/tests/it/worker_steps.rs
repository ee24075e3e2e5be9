//! A worker that dies in the middle of a job, at every message that it exchanges with Redis and
//! nats-server on the way: the job is done once, by the next one.

use sunakku_common::claims::Role;
use sunakku_edge::store::Store;
use xtask::harness::{LIMIT, Sandbox, wait_for};
use xtask::world::{Site, SiteOptions};

use crate::books::{assert_cooked_once, open_store};
use crate::dead_letters::{hasty, switch};
use crate::queue::{queue, wait_for_queue};
use crate::site::{TestSite, binaries, order_of};
use crate::tap::{Side, Tap};

/// A site whose edge reaches its servers through taps.
pub(crate) struct TappedSite {
    pub(crate) test: TestSite,
    pub(crate) redis: Tap,
    nats: Tap,
    /// The store, past the tap.
    store: Store,
}

impl TappedSite {
    pub(crate) async fn start(options: SiteOptions) -> Self {
        sunakku_common::install_crypto();
        let (redis, nats) = (Tap::start().await, Tap::start().await);
        let sandbox = Sandbox::new().unwrap();
        let mut options = options;
        options.redis_through = Some(redis.address().to_string());
        options.nats_through = Some(nats.address().to_string());
        let site = Site::start_unready(&sandbox, &binaries(), options)
            .await
            .unwrap();
        redis.lead_to(site.redis.port());
        nats.lead_to(site.nats.port());
        site.wait_ready().await.unwrap();
        let test = TestSite {
            kiosk: site.client(Role::Kiosk).await.unwrap(),
            kitchen: site.client(Role::Kitchen).await.unwrap(),
            manager: site.client(Role::Manager).await.unwrap(),
            site,
            sandbox,
        };
        let store = open_store(&test).await;
        Self {
            test,
            redis,
            nats,
            store,
        }
    }

    async fn is_cooked(&self, order: &str) -> bool {
        let order = self
            .store
            .order(order.parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        !order.tickets.is_empty()
    }

    /// Kills the edge when the flow stops at a tap; whether it did before the order was cooked.
    async fn kill_at(&self, tap: &Tap, order: &str) -> bool {
        let what = "the flow to stop, or the order to be cooked";
        let stopped = wait_for(what, LIMIT, async || {
            match (tap.has_stopped(), self.is_cooked(order).await) {
                (true, _) => Ok(true),
                (false, true) => Ok(false),
                (false, false) => Err("neither".to_owned()),
            }
        });
        let stopped = stopped.await.unwrap();
        if stopped {
            self.test.site.process().kill().unwrap();
            tap.open();
            self.test.site.restart().await.unwrap();
        }
        tap.open();
        self.test.tickets_of(order).await;
        stopped
    }

    async fn wait_for_jobs(&self, jobs: u64) {
        wait_for("the jobs in the queue", LIMIT, async || {
            let queue = queue(&self.test).await;
            let there = queue["waiting"].as_u64().unwrap() + queue["active"].as_u64().unwrap();
            if queue["connected"] == true && there == jobs {
                Ok(())
            } else {
                Err(queue.to_string())
            }
        })
        .await
        .unwrap();
    }

    /// Takes an order that waits in the queue, and has a worker die over it.
    async fn die_at_redis(&self, pass: usize, side: Side) -> bool {
        // What the worker before this one had taken comes again first.
        self.wait_for_jobs(0).await;
        switch(&self.test, "pause").await;
        let placed = self.test.placed(&order_of("cola", 1)).await;
        let id = placed["id"].as_str().unwrap();
        self.wait_for_jobs(1).await;
        self.redis.set(id, pass, side);
        // The edge may die before it can answer.
        let _answer = self.test.manager.act("/v1/queue/resume").await;
        let stopped = self.kill_at(&self.redis, id).await;
        switch(&self.test, "resume").await;
        stopped
    }

    /// Takes an order, and has the edge die at a message to nats-server.
    async fn die_at_nats(&self, pattern: &str, side: Side) -> bool {
        self.nats.set(pattern, 0, side);
        let placed = self.test.placed(&order_of("cola", 1)).await;
        let id = placed["id"].as_str().unwrap();
        let stopped = self.kill_at(&self.nats, id).await;
        self.nats.open();
        stopped
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_at_any_message_to_redis_leaves_its_job_to_the_next() {
    let site = TappedSite::start(hasty()).await;
    wait_for_queue(&site.test).await;
    for side in [Side::Before, Side::After] {
        let mut steps = 0;
        while site.die_at_redis(steps, side).await {
            steps += 1;
            assert!(steps < 30, "a worker that is never done");
        }
        // Dead letters with the order, script.
        assert!(2 <= steps, "only {steps} messages were met");
    }
    assert_cooked_once(&site.test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_dies_at_a_job_or_an_ack_to_nats_server_leaves_it_to_the_next() {
    let site = TappedSite::start(hasty()).await;
    wait_for_queue(&site.test).await;
    for side in [Side::Before, Side::After] {
        assert!(
            site.die_at_nats("jobs.route.normal", side).await,
            "{side:?}"
        );
        wait_for_queue(&site.test).await;
        // The ticket is there before its job is acknowledged, so the edge lives on with the flow
        // stopped, or dies with it.
        site.die_at_nats("+ACK", side).await;
        wait_for_queue(&site.test).await;
    }
    assert_cooked_once(&site.test).await;
}
