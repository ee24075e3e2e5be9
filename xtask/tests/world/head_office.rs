//! What a test does at the hub for its sites: menus and commands.

use reqwest::Method;
use serde_json::{Value, json};
use xtask::harness::{LIMIT, wait_for};

use crate::scene::{Scene, seed};

impl Scene {
    /// Makes the draft the seed's menu, with a cake that costs `price`, and gives it to all sites.
    pub(crate) async fn draft(&self, price: i64) {
        let mut menu = seed().menu;
        let cake = menu.items.iter_mut().find(|item| item.id == "cake");
        cake.unwrap().price = price;
        let admin = &self.tokens.admin;
        let import = admin
            .request(Method::POST, "/v1/menus/main/import")
            .header("If-Match", "*")
            .json(&json!({ "document": menu }));
        let answer = admin.send(import).await.unwrap();
        assert!(answer.status.is_success(), "{}", answer.body);
        for site in &self.world.sites {
            let path = format!("/v1/menus/main/sites/{}", site.id);
            admin
                .put(&path, &Value::Null)
                .await
                .unwrap()
                .expect(200)
                .unwrap();
        }
    }

    /// Publishes the draft, and answers its version.
    pub(crate) async fn publish_draft(&self, how: &Value) -> i64 {
        let path = "/v1/menus/main/publish";
        let answer = self.tokens.admin.post(path, None, how).await.unwrap();
        answer.expect(201).unwrap().body["version"]
            .as_i64()
            .unwrap()
    }

    /// Publishes a menu in which the cake costs `price`, and answers its version.
    pub(crate) async fn publish(&self, price: i64) -> i64 {
        self.draft(price).await;
        self.publish_draft(&json!({})).await
    }

    /// Waits until a site answers with this version of the menu.
    pub(crate) async fn sells_by(&self, n: usize, version: i64) {
        let what = format!("s{} to sell by version {version}", n + 1);
        wait_for(&what, 2 * LIMIT, async || {
            let menu = self.kiosk(n).get("/v1/menu").await;
            let menu = menu.map_err(|error| error.to_string())?.body;
            (menu["version"] == version)
                .then_some(())
                .ok_or_else(|| menu["version"].to_string())
        })
        .await
        .unwrap();
    }

    /// How often the log of a site, as the hub has it, tells of a kind.
    pub(crate) async fn told(&self, n: usize, kind: &str) -> i64 {
        sqlx::query_scalar("select count(*) from site_event where site_id = $1 and kind = $2")
            .bind(&self.site(n).id)
            .bind(kind)
            .fetch_one(&self.postgres)
            .await
            .unwrap()
    }

    /// Gives a command and answers its id.
    pub(crate) async fn give(&self, n: usize, kind: &str, args: Value) -> String {
        let path = format!("/v1/sites/{}/commands", self.site(n).id);
        let body = json!({"kind": kind, "args": args});
        let given = self.tokens.admin.post(&path, None, &body).await.unwrap();
        given.expect(201).unwrap().body["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Waits until a command is in a state, and answers it.
    pub(crate) async fn command_until(&self, id: &str, state: &str) -> Value {
        wait_for(
            &format!("a command that is {state}"),
            2 * LIMIT,
            async || {
                let all: Vec<Value> = self
                    .tokens
                    .admin
                    .all("/v1/commands")
                    .await
                    .map_err(|error| error.to_string())?;
                let mine = all.into_iter().find(|command| command["id"] == id).unwrap();
                (mine["state"] == state)
                    .then(|| mine.clone())
                    .ok_or_else(|| mine.to_string())
            },
        )
        .await
        .unwrap()
    }
}
