//! The hub with its Postgres and its nats-server.

use anyhow::{Context as _, Result, ensure};
use std::path::PathBuf;
use sunakku_common::claims::Role;

use super::program::Program;
use super::site::SiteOptions;
use super::{Client, people};
use crate::harness::{
    Binaries, HubNats, NatsServer, PostgresServer, Process, Sandbox, Server as _, Spec, TcpProxy,
};

/// What a hub is started with.
#[derive(Debug, Clone, Default)]
pub struct HubOptions {
    /// The sites that it knows: id and time zone.
    pub sites: Vec<(String, String)>,
    /// Currency of all sites.
    pub currency: String,
}

/// The hub with its servers.
pub struct Hub {
    program: Program,
    /// The hub's nats-server.
    pub nats: NatsServer,
    /// The hub's database.
    pub postgres: PostgresServer,
    /// The line between the hub and all its sites, to be cut.
    pub line: TcpProxy,
    /// Folder of all of it.
    pub data: PathBuf,
}

/// A second hub on the servers of the first.
pub struct Replica {
    program: Program,
}

impl Replica {
    /// Where its API is.
    pub fn url(&self) -> String {
        self.program.url()
    }

    /// Its own process.
    pub fn process(&self) -> &Process {
        &self.program.process
    }

    /// Starts it again, killing it first, and waits until it is ready.
    pub async fn restart(&self) -> Result<()> {
        self.program.restart().await
    }
}

impl Hub {
    pub(super) async fn start(
        sandbox: &Sandbox,
        binaries: &Binaries,
        options: HubOptions,
    ) -> Result<Self> {
        let data = sandbox.folder("hub")?;
        let sites = options.sites.iter().map(|(id, _)| id.clone()).collect();
        let nats_options = HubNats {
            name: "hub-nats".into(),
            folder: data.join("nats"),
            sites,
        };
        let (postgres, nats) = tokio::try_join!(
            PostgresServer::start_in(sandbox, "hub-postgres", data.join("postgres")),
            NatsServer::start_hub(sandbox, nats_options),
        )?;
        let line = TcpProxy::start(nats.leaf_address()?).await?;
        let program = Program::start(sandbox, Spec::new("hub", &binaries.hub), &data, |address| {
            config(address, &postgres.url(), &nats.url())
        })?;
        program.wait_ready().await?;
        let hub = Self {
            program,
            nats,
            postgres,
            line,
            data,
        };
        for (id, zone) in &options.sites {
            hub.add_site(binaries, id, zone, &options.currency).await?;
        }
        Ok(hub)
    }

    async fn add_site(
        &self,
        binaries: &Binaries,
        id: &str,
        zone: &str,
        currency: &str,
    ) -> Result<()> {
        let mut command = tokio::process::Command::new(&binaries.hub);
        command
            .arg("--config")
            .arg(self.data.join("hub.toml"))
            .args(["site", "add", id]);
        command.args(["--name", &format!("Cafeteria {id}"), "--time-zone", zone]);
        command.args(["--currency", currency]).kill_on_drop(true);
        let output = command
            .output()
            .await
            .context("running sunakku-hub site add")?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "sunakku-hub site add {id}: {error}"
        );
        Ok(())
    }

    /// The site's options with its line to this hub, whose tokens it will believe.
    pub(super) fn link(&self, options: SiteOptions, public_key: &str) -> Result<SiteOptions> {
        let leaf = self
            .nats
            .leaf_url_through(&options.id, &self.line.address())?;
        let key = toml::Table::from_iter([("hub_public_key".to_owned(), public_key.into())]);
        let identity = toml::Table::from_iter([("identity".to_owned(), key.into())]);
        let linked = SiteOptions {
            leaf: Some(leaf),
            ..options
        };
        Ok(linked.with(identity))
    }

    /// The public key of its tokens.
    pub(super) async fn public_key(&self) -> Result<String> {
        let keys = Client::with_token(&self.url(), "")?
            .get("/.well-known/jwks.json")
            .await?;
        let key = keys.expect(200)?.body["keys"][0]["x"]
            .as_str()
            .map(str::to_owned);
        key.context("the hub publishes no key")
    }

    /// Where the API is.
    pub fn url(&self) -> String {
        self.program.url()
    }

    /// The hub's own process.
    pub fn process(&self) -> &Process {
        &self.program.process
    }

    /// Starts the hub's process again, killing it first, and waits until it is ready.
    pub async fn restart(&self) -> Result<()> {
        self.program.restart().await
    }

    /// A caller with this role.
    pub async fn client(&self, role: Role) -> Result<Client> {
        Client::sign_in(&self.url(), role).await
    }

    /// Starts another hub beside this one, on the same servers, and waits until it is ready.
    pub async fn replica(&self, sandbox: &Sandbox, binaries: &Binaries) -> Result<Replica> {
        let (postgres, nats) = (self.postgres.url(), self.nats.url());
        let spec = Spec::new("hub-replica", &binaries.hub);
        let program = Program::start(sandbox, spec, &self.data, |address| {
            config(address, &postgres, &nats)
        })?;
        program.wait_ready().await?;
        Ok(Replica { program })
    }

    /// Starts again what has died; whether anything had.
    pub(super) async fn revive(&self) -> bool {
        let dead =
            [self.postgres.process(), self.nats.process(), self.process()].map(|p| !p.is_running());
        if dead[0]
            && let Err(error) = self.postgres.restart().await
        {
            tracing::warn!("postgres does not come back: {error:#}");
        }
        if dead[1]
            && let Err(error) = self.nats.restart().await
        {
            tracing::warn!("nats-server does not come back: {error:#}");
        }
        if dead[2]
            && let Err(error) = self.process().restart()
        {
            tracing::warn!("the hub does not come back: {error:#}");
        }
        dead.contains(&true)
    }
}

fn config(address: &str, postgres: &str, nats: &str) -> Result<toml::Table> {
    let mut config = toml::toml! {
        [identity]
        key_file = "hub.key"
        session_seconds = 604_800
    };
    let section = |name: &str, value: &str| {
        toml::Value::Table(toml::Table::from_iter([(name.to_owned(), value.into())]))
    };
    config.insert("http".into(), section("listen", address));
    config.insert("postgres".into(), section("url", postgres));
    config.insert("nats".into(), section("url", nats));
    config.insert(
        "users".into(),
        people::users(&[Role::Admin, Role::Sre])?.into(),
    );
    Ok(config)
}
