//! Admins at the hub, who change menus and give commands, and remember what they were told.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::TimeDelta;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use serde_json::{Value, json};
use sunakku_common::menu::Menu;
use sunakku_common::text::Text;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::world::{Client, World};

/// Pause between two acts.
const PAUSE: Duration = Duration::from_millis(700);
/// How long an admin asks again after the end.
const GIVE_UP: Duration = Duration::from_secs(60);

/// What admins were told.
#[derive(Default)]
pub(super) struct Deeds {
    known: Mutex<Known>,
    /// Held by who restores the hub's database: what is done meanwhile is lost with what it was.
    pub(super) peace: tokio::sync::Mutex<()>,
}

/// What the hub has confirmed.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// The newest version of the menu.
    pub(super) version: i64,
    /// Versions that were published.
    pub(super) published: usize,
    /// Commands that were given.
    pub(super) commands: Vec<Given>,
    /// Acts that never had a definite answer.
    pub(super) unanswered: usize,
}

/// A command to take stock in.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) id: String,
    /// The reason that was given with it, used once.
    pub(super) reason: String,
}

impl Deeds {
    pub(super) fn known(&self) -> Known {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        // A panic while holding it leaves it whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Acts until it is told to stop.
    pub(super) async fn act(
        &self,
        admin: &Client,
        world: &World,
        menu: &Menu,
        skus: &[String],
        stop: &CancellationToken,
    ) -> Result<()> {
        while stop.run_until_cancelled(sleep(PAUSE)).await.is_some() {
            let _peace = self.peace.lock().await;
            let (site, sku) = {
                let mut random = rand::rng();
                let site = world.sites.choose(&mut random).map(|site| site.id.clone());
                (site, skus.choose(&mut random).cloned())
            };
            let answer = match (site, sku) {
                (Some(site), Some(sku)) if rand::random_bool(0.6) => {
                    self.command(admin, &site, &sku, stop).await?
                }
                _ => self.publish(admin, menu, stop).await?,
            };
            if !answer {
                self.lock().unanswered += 1;
            }
        }
        Ok(())
    }

    async fn command(
        &self,
        admin: &Client,
        site: &str,
        sku: &str,
        stop: &CancellationToken,
    ) -> Result<bool> {
        let delta = rand::rng().random_range(1..5);
        let reason = format!("delivery {}", Uuid::now_v7());
        let args = json!({ "sku": sku, "delta": delta, "reason": reason });
        // A site judges by its own clock, which may be set far ahead.
        let life = TimeDelta::days(7).num_seconds();
        let body = json!({ "kind": "stock.adjust", "args": args, "expires_in_seconds": life });
        let path = format!("/v1/sites/{site}/commands");
        let Some(given) = send(admin, &path, &body, stop).await? else {
            return Ok(false);
        };
        let id = given["id"].as_str().context("a command without an id")?;
        let id = id.to_owned();
        self.lock().commands.push(Given { id, reason });
        Ok(true)
    }

    async fn publish(&self, admin: &Client, menu: &Menu, stop: &CancellationToken) -> Result<bool> {
        let Some(item) = menu.items.first() else {
            return Ok(true);
        };
        let words = Text::english(format!("Fresh at {}", Uuid::now_v7()));
        let path = format!(
            "/v1/menus/{}/items/{}",
            crate::demo::head_office::MENU,
            item.id
        );
        let change = json!({ "description": words });
        loop {
            let request = admin.request(reqwest::Method::PATCH, &path).json(&change);
            match admin.send(request).await {
                Ok(answer) if answer.status == 200 => break,
                Ok(answer) if answer.status.is_client_error() && answer.status != 429 => {
                    answer.expect(200)?;
                }
                Ok(_) | Err(_) if stop.is_cancelled() => return Ok(false),
                Ok(_) | Err(_) => sleep(Duration::from_millis(200)).await,
            }
        }
        let path = format!("/v1/menus/{}/publish", crate::demo::head_office::MENU);
        let Some(published) = send(admin, &path, &json!({ "note": "drill" }), stop).await? else {
            return Ok(false);
        };
        let version = published["version"]
            .as_i64()
            .context("a version without a number")?;
        let mut known = self.lock();
        known.version = known.version.max(version);
        known.published += 1;
        Ok(true)
    }
}

/// Sends a change under one key until the answer is definite; none when there never was one.
async fn send(
    admin: &Client,
    path: &str,
    body: &Value,
    stop: &CancellationToken,
) -> Result<Option<Value>> {
    let key = Uuid::now_v7().to_string();
    let mut over = None;
    loop {
        match admin.post(path, Some(&key), body).await {
            Ok(answer) if answer.status == 201 => return Ok(Some(answer.body)),
            Ok(answer) if answer.status.is_client_error() && answer.status != 429 => {
                answer.expect(201)?;
            }
            Ok(_) | Err(_) => {
                if stop.is_cancelled() {
                    let since = *over.get_or_insert_with(tokio::time::Instant::now);
                    if since.elapsed() > GIVE_UP {
                        return Ok(None);
                    }
                }
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
}
