//! What nats-server believes of the hub's account: told by others, forgotten, signed by another key.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use sunakku_common::nats::{Account, KeyPair, Keys, Revocations, read_claims, read_creds};
use xtask::harness::{LIMIT, NatsServer, Server as _, SiteNats, wait_for};

use crate::scene::{Scene, programs};

impl Scene {
    /// Runs a command of the hub's program, with the hub's settings.
    async fn hub_command(&self, args: &[&str]) -> Output {
        let mut command = tokio::process::Command::new(programs().await.hub);
        let data = &self.world.hub.data;
        command
            .arg("--config")
            .arg(data.join("hub.toml"))
            .args(args);
        command.current_dir(data).output().await.unwrap()
    }

    async fn events_of(&self, site: &str) -> i64 {
        sqlx::query_scalar("select count(*) from site_event where site_id = $1")
            .bind(site)
            .fetch_one(&self.postgres)
            .await
            .unwrap()
    }
}

fn issuer(folder: &Path) -> String {
    let creds = std::fs::read_to_string(folder.join("site.creds")).unwrap();
    let (jwt, _) = read_creds(&creds).unwrap();
    read_claims(&jwt).unwrap().iss
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_without_a_revocation_let_a_box_in_for_moments_and_nothing_of_it_is_taken() {
    let scene = Scene::start(1).await;
    scene.settled().await;
    let hub = &scene.world.hub;
    let revoke = scene
        .tokens
        .admin
        .post("/v1/sites/s1/revoke", None, &Value::Null);
    revoke.await.unwrap().expect(200).unwrap();
    hub.nats.wait_linked(0).await.unwrap();
    let before = scene.events_of("s1").await;
    // As somebody does who has the hub's keys, or a server of the cluster that was away.
    hub.nats.tell_account(&Revocations::new()).await.unwrap();
    hub.nats.wait_linked(1).await.unwrap();
    scene.placed(0, "cola", 1).await;
    scene
        .sync_until(0, "intake to refuse the box", |sync| {
            let problem = sync["problem"].as_str().unwrap_or_default();
            problem.starts_with("revoked") || sync["hub"] == "away"
        })
        .await;
    wait_for("the box to be cut off again", 2 * LIMIT, async || {
        let varz = hub
            .nats
            .monitored("varz")
            .await
            .map_err(|error| error.to_string())?;
        (varz["leafnodes"] == 0)
            .then_some(())
            .ok_or_else(|| varz["leafnodes"].to_string())
    })
    .await
    .unwrap();
    assert_eq!(scene.events_of("s1").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_of_a_foreign_key_and_a_wiped_resolver_are_put_right_by_the_hub() {
    let scene = Scene::start(1).await;
    scene.settled().await;
    let hub = &scene.world.hub;
    let keys = Keys::open(&hub.nats.keys_folder().unwrap()).unwrap();
    let foreign = Account {
        id: keys.account(),
        hub_signer: &KeyPair::new_account().public_key(),
        site_signers: &[KeyPair::new_account().public_key()],
        revocations: &Revocations::new(),
    };
    let foreign = foreign.sign(&KeyPair::new_operator()).unwrap();
    // The server stores them, whatever it answers; after a restart it would go by them.
    let _ = hub.nats.tell_claims(foreign).await;
    hub.nats.kill().unwrap();
    hub.nats.restart().await.unwrap();
    scene.placed(0, "cola", 1).await;
    scene.settled().await;

    hub.nats.kill().unwrap();
    std::fs::remove_dir_all(hub.nats.resolver().unwrap()).unwrap();
    hub.nats.restart().await.unwrap();
    scene.placed(0, "cola", 1).await;
    scene.settled().await;
    scene.assert_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_that_signs_sites_is_replaced_while_they_sell() {
    let scene = Scene::start(1).await;
    scene.settled().await;
    let (hub, folder) = (&scene.world.hub, scene.folder("s1"));
    let old = scene.world.sandbox.folder("old").unwrap();
    for file in ["enrolled.conf", "site.creds"] {
        std::fs::copy(folder.join(file), old.join(file)).unwrap();
    }
    let own = old.join("site.creds").to_str().unwrap().to_owned();
    let conf = std::fs::read_to_string(old.join("enrolled.conf")).unwrap();
    let conf = conf.replace(folder.join("site.creds").to_str().unwrap(), &own);
    std::fs::write(old.join("enrolled.conf"), conf).unwrap();
    let before = issuer(&folder);

    hub.line.cut();
    scene.away(0).await;
    let rotated = scene.hub_command(&["keys", "rotate"]).await;
    assert!(rotated.status.success(), "{rotated:?}");
    hub.restart().await.unwrap();
    let early = scene.hub_command(&["keys", "retire"]).await;
    let error = String::from_utf8_lossy(&early.stderr);
    assert!(!early.status.success() && error.contains("s1"), "{error}");
    hub.line.heal();
    wait_for("credentials by the new key", 2 * LIMIT, async || {
        let now = issuer(&folder);
        (now != before).then_some(()).ok_or(now)
    })
    .await
    .unwrap();
    let retired = scene.hub_command(&["keys", "retire"]).await;
    assert!(retired.status.success(), "{retired:?}");
    hub.restart().await.unwrap();
    scene.placed(0, "cola", 1).await;
    scene.settled().await;

    // Who still has credentials by the old key is not let in.
    let options = SiteNats {
        name: "old-nats".into(),
        jetstream: old.join("jetstream"),
        folder: old,
    };
    let stranger = NatsServer::start_site(&scene.world.sandbox, options)
        .await
        .unwrap();
    wait_for("the old credentials to be refused", LIMIT, async || {
        let log = std::fs::read_to_string(stranger.process().log_path()).unwrap_or_default();
        log.contains("Authorization Violation")
            .then_some(())
            .ok_or(log)
    })
    .await
    .unwrap();
    hub.nats.wait_linked(1).await.unwrap();
}
