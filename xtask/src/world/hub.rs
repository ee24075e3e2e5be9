//! The hub with its Postgres and its nats-server.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use sunakku_common::claims::Role;

use super::program::{Program, merge};
use super::{Client, people};
use crate::harness::{
    Binaries, HubNats, NatsServer, PostgresServer, Process, Sandbox, Server as _, Spec, TcpProxy,
    WallClock,
};

/// What a hub is started with.
#[derive(Debug, Clone, Default)]
pub struct HubOptions {
    /// The sites that it knows: id and time zone.
    pub sites: Vec<(String, String)>,
    /// Currency of all sites.
    pub currency: String,
    /// Further settings, over the defaults.
    pub settings: toml::Table,
    /// Its clock; the machine's when absent. Postgres always has the machine's.
    pub clock: Option<WallClock>,
    /// Its role owns the schema, as in a small installation; else another one does.
    pub is_owner: bool,
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
        let nats_options = HubNats {
            name: "hub-nats".into(),
            folder: data.join("nats"),
        };
        let (postgres, nats) = tokio::try_join!(
            PostgresServer::start_in(sandbox, "hub-postgres", data.join("postgres")),
            NatsServer::start_hub(sandbox, nats_options),
        )?;
        let line = TcpProxy::start(nats.leaf_address()?).await?;
        let spec = Spec::new("hub", &binaries.hub);
        let spec = match &options.clock {
            Some(clock) => clock.govern(spec),
            None => spec,
        };
        let program = Program::start(sandbox, spec, &data, |address| {
            let mut config = config(address, database(&postgres, options.is_owner), &nats, &line)?;
            merge(&mut config, options.settings);
            Ok(config)
        })?;
        program.wait_ready().await?;
        let hub = Self {
            program,
            nats,
            postgres,
            line,
            data,
        };
        let admin = hub.client(Role::Admin).await?;
        for (id, zone) in &options.sites {
            hub.add_site(&admin, id, zone, &options.currency).await?;
        }
        Ok(hub)
    }

    async fn add_site(&self, admin: &Client, id: &str, zone: &str, currency: &str) -> Result<()> {
        let site = json!({
            "id": id, "name": format!("Cafeteria {id}"), "time_zone": zone, "currency": currency,
        });
        admin.post("/v1/sites", None, &site).await?.expect(201)?;
        Ok(())
    }

    /// A token by which a box becomes a site.
    pub async fn token(&self, site: &str, replace: bool) -> Result<String> {
        let admin = self.client(Role::Admin).await?;
        let path = format!("/v1/sites/{site}/enrolment");
        let wanted = json!({ "replace": replace });
        let token = admin.post(&path, None, &wanted).await?.expect(201)?;
        let token = token.body["token"].as_str().map(str::to_owned);
        token.context("the hub gives no token")
    }

    /// Makes a folder that of a box which is a site, by `sunakku-edge enrol`.
    pub async fn enrol(
        &self,
        binaries: &Binaries,
        site: &str,
        replace: bool,
        folder: &Path,
    ) -> Result<()> {
        let token = self.token(site, replace).await?;
        let output = self.enrol_with(binaries, &token, folder).await?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "sunakku-edge enrol: {error}");
        Ok(())
    }

    /// What `sunakku-edge enrol` answers with this token.
    pub async fn enrol_with(
        &self,
        binaries: &Binaries,
        token: &str,
        folder: &Path,
    ) -> Result<std::process::Output> {
        let mut command = tokio::process::Command::new(&binaries.edge);
        command.args(["enrol", "--hub", &self.url(), "--token", token]);
        command.arg("--dir").arg(folder).kill_on_drop(true);
        command.output().await.context("running sunakku-edge enrol")
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
        let spec = Spec::new("hub-replica", &binaries.hub);
        let program = Program::start(sandbox, spec, &self.data, |address| {
            config(
                address,
                database(&self.postgres, false),
                &self.nats,
                &self.line,
            )
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

/// How the hub comes to its database.
fn database(postgres: &PostgresServer, is_owner: bool) -> toml::Table {
    let owner = postgres.url();
    let urls = if is_owner {
        vec![("url", owner)]
    } else {
        vec![
            ("url", PostgresServer::as_hub(&owner)),
            ("owner_url", owner),
        ]
    };
    let urls = urls
        .into_iter()
        .map(|(name, url)| (name.to_owned(), url.into()));
    urls.collect()
}

fn config(
    address: &str,
    database: toml::Table,
    nats: &NatsServer,
    line: &TcpProxy,
) -> Result<toml::Table> {
    let mut config = toml::toml! {
        [identity]
        key_file = "hub.key"
        session_seconds = 604_800
    };
    let section = |name: &str, value: &str| {
        toml::Value::Table(toml::Table::from_iter([(name.to_owned(), value.into())]))
    };
    config.insert("http".into(), section("listen", address));
    config.insert("postgres".into(), database.into());
    let keys = nats.keys_folder()?;
    let keys = keys.to_str().context("a folder that is not UTF-8")?;
    let nats = toml::Table::from_iter([
        ("url".to_owned(), nats.url().into()),
        ("keys".to_owned(), keys.into()),
        (
            "leaf_url".to_owned(),
            format!("nats://{}", line.address()).into(),
        ),
    ]);
    config.insert("nats".into(), nats.into());
    config.insert(
        "users".into(),
        people::users(&[Role::Admin, Role::Sre])?.into(),
    );
    Ok(config)
}
