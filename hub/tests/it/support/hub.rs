//! The hub's program, as the tests start and ask it.

use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use xtask::harness::ports::Port;
use xtask::harness::{LIMIT, Process, Spec, wait_for};

use super::World;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sunakku-hub");

/// The password of every user.
pub(crate) const PASSWORD: &str = "correct horse";

static HASH: OnceCell<String> = OnceCell::const_new();

/// A running hub.
pub(crate) struct Hub {
    pub(crate) process: Process,
    port: Port,
    client: reqwest::Client,
}

impl Hub {
    /// Starts one and waits until it is ready.
    pub(crate) async fn start(world: &World, name: &str) -> Result<Self> {
        let hub = Self::start_unready(world, name).await?;
        hub.wait_ready().await?;
        Ok(hub)
    }

    /// Starts one with more settings (TOML), and waits until it is ready.
    pub(crate) async fn start_with(world: &World, name: &str, settings: &str) -> Result<Self> {
        let hub = Self::spawn(world, name, settings).await?;
        hub.wait_ready().await?;
        Ok(hub)
    }

    /// Starts one.
    pub(crate) async fn start_unready(world: &World, name: &str) -> Result<Self> {
        Self::spawn(world, name, "").await
    }

    async fn spawn(world: &World, name: &str, settings: &str) -> Result<Self> {
        let port = Port::take()?;
        let folder = world.sandbox.folder(name)?;
        let config = folder.join("hub.toml");
        let hash = HASH
            .get_or_try_init(async || sunakku_common::password::hash(PASSWORD))
            .await?;
        let user = |name: &str, role: &str| {
            format!("[[users]]\nname = \"{name}\"\nrole = \"{role}\"\npassword_hash = \"{hash}\"\n")
        };
        let users = format!("{}{}", user("ann", "admin"), user("sam", "sre"));
        std::fs::write(&config, format!("{settings}\n{users}"))?;
        let key = world.sandbox.root().join("hub.key");
        let (url, owner_url) = world.hub_urls();
        let spec = Spec::new(name, PROGRAM)
            .args(["--config".as_ref(), config.as_os_str()])
            .args(["serve"])
            .env("SUNAKKU_HTTP__LISTEN", port.address())
            .env("SUNAKKU_POSTGRES__URL", url)
            .env("SUNAKKU_POSTGRES__OWNER_URL", owner_url)
            .env("SUNAKKU_POSTGRES__ACQUIRE_TIMEOUT_MS", "500")
            .env("SUNAKKU_POSTGRES__STATEMENT_TIMEOUT_MS", "1000")
            .env("SUNAKKU_NATS__URL", world.nats.url())
            .env("SUNAKKU_NATS__KEYS", world.nats.keys_folder()?)
            .env(
                "SUNAKKU_NATS__LEAF_URL",
                format!("nats://{}", world.nats.leaf_address()?),
            )
            .env("SUNAKKU_IDENTITY__KEY_FILE", key)
            .env("SUNAKKU_LOG__FILTER", "info,sunakku_hub=debug");
        let process = world.sandbox.spawn(spec)?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10));
        Ok(Self {
            process,
            port,
            client: client.build()?,
        })
    }

    /// Waits until `/readyz` says `ready`.
    pub(crate) async fn wait_ready(&self) -> Result<()> {
        self.wait_status("ready").await
    }

    /// Waits until `/readyz` says so.
    pub(crate) async fn wait_status(&self, status: &str) -> Result<()> {
        wait_for(&format!("a hub that is {status}"), LIMIT, async || {
            let body = self
                .readiness()
                .await
                .map_err(|error| format!("{error:#}"))?;
            (body["status"] == status)
                .then_some(())
                .ok_or_else(|| body.to_string())
        })
        .await
    }

    async fn readiness(&self) -> Result<Value> {
        ensure!(
            self.process.is_running(),
            "it has ended:\n{}",
            self.process.log_tail()
        );
        Ok(self
            .client
            .get(self.url("/readyz"))
            .send()
            .await?
            .json()
            .await?)
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.port.address())
    }

    /// Signs in.
    pub(crate) async fn token(&self, user: &str) -> Result<String> {
        let body = json!({"user": user, "password": PASSWORD});
        let answer = self
            .send(Method::POST, "/v1/session", None, Some(body), 200)
            .await?;
        Ok(answer["access_token"]
            .as_str()
            .context("no token")?
            .to_owned())
    }

    /// Gets a path as an admin.
    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let token = self.token("ann").await?;
        self.send(Method::GET, path, Some(&token), None, 200).await
    }

    /// The site's row of the ledger.
    pub(crate) async fn ledger(&self, site: &str) -> Result<Value> {
        let ledger = self.get(&format!("/v1/ledger?site={site}")).await?;
        Ok(ledger["items"][0].clone())
    }

    /// Sends a request that must be answered with this status.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
        expected: u16,
    ) -> Result<Value> {
        let mut request = self.client.request(method, self.url(path));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let (status, kind) = (
            response.status(),
            response.headers().get("content-type").cloned(),
        );
        let text = response.text().await?;
        ensure!(
            status == StatusCode::from_u16(expected)?,
            "{path} answered {status}: {text}"
        );
        if expected >= 400 {
            let kind = kind.context("no content type")?;
            ensure!(
                kind == "application/problem+json",
                "{path} answered {kind:?}: {text}"
            );
        }
        serde_json::from_str(&text).with_context(|| format!("{path} answered {text}"))
    }

    /// What it exports to Prometheus.
    pub(crate) async fn metrics(&self) -> Result<String> {
        let answer = self.client.get(self.url("/metrics")).send().await?;
        Ok(answer.text().await?)
    }

    /// The value of a metric with these labels, as Prometheus would read it.
    pub(crate) async fn metric(&self, line: &str) -> Result<f64> {
        let text = self.metrics().await?;
        let found = text
            .lines()
            .find_map(|have| have.strip_prefix(line)?.strip_prefix(' '));
        Ok(found
            .with_context(|| format!("no {line} in\n{text}"))?
            .parse()?)
    }

    /// Runs a subcommand, which must succeed, and gives what it prints.
    pub(crate) async fn command(world: &World, args: &[&str]) -> Result<String> {
        let output = Self::run(world, args).await?;
        let (out, err) = (
            String::from_utf8(output.stdout)?,
            String::from_utf8(output.stderr)?,
        );
        ensure!(output.status.success(), "{args:?} failed: {out}\n{err}");
        Ok(out)
    }

    /// Runs a subcommand.
    pub(crate) async fn run(world: &World, args: &[&str]) -> Result<Output> {
        let mut command = tokio::process::Command::new(PROGRAM);
        // What steers the harness is no setting of the hub.
        let ours =
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SUNAKKU_"));
        ours.for_each(|(name, _)| {
            command.env_remove(name);
        });
        let (url, owner_url) = world.hub_urls();
        command
            .args(args)
            .env("SUNAKKU_POSTGRES__URL", url)
            .env("SUNAKKU_POSTGRES__OWNER_URL", owner_url);
        Ok(command
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?)
    }
}
