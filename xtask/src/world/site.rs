//! One site: its Redis, its nats-server and its edge.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use chrono::{TimeDelta, Utc};
use sunakku_common::claims::{Role, Signer, Subject, site_audience};
use sunakku_common::menu::Seed;
use uuid::Uuid;

use super::program::{Program, merge};
use super::{Client, people};
use crate::harness::{
    Binaries, NatsServer, Process, RedisOptions, RedisServer, Sandbox, Server as _, SiteNats, Spec,
    WallClock, write_enrolled,
};

/// What a site is started with.
#[derive(Debug, Clone)]
pub struct SiteOptions {
    /// Its id.
    pub id: String,
    /// Names its folder and processes: the id, unless the site has a second box.
    pub name: String,
    /// Its menu and first stock, unless both come from the hub.
    pub seed: Option<Seed>,
    /// A folder with what its nats-server needs to find the hub ([`SiteNats::folder`]); none for a
    /// site on its own.
    pub enrolled: Option<PathBuf>,
    /// Further settings of the edge, over the defaults.
    pub edge: toml::Table,
    /// Further arguments of its Redis.
    pub redis_args: Vec<String>,
    /// Address through which the edge reaches its Redis; directly when absent.
    pub redis_through: Option<String>,
    /// The same for its nats-server.
    pub nats_through: Option<String>,
    /// The clock of its edge; the machine's when absent.
    pub clock: Option<WallClock>,
    /// Its program, where it is not the one that all sites run.
    pub program: Option<PathBuf>,
}

impl SiteOptions {
    /// A site with this seed, if any, and nothing special.
    pub fn new(id: impl Into<String>, seed: impl Into<Option<Seed>>) -> Self {
        let (edge, redis_args) = (toml::Table::new(), Vec::new());
        let id = id.into();
        Self {
            name: id.clone(),
            id,
            seed: seed.into(),
            enrolled: None,
            edge,
            redis_args,
            redis_through: None,
            nats_through: None,
            clock: None,
            program: None,
        }
    }

    /// The same with settings of the edge, in TOML.
    #[must_use]
    pub fn with(mut self, settings: toml::Table) -> Self {
        merge(&mut self.edge, settings);
        self
    }
}

/// One site with its servers.
pub struct Site {
    program: Program,
    /// Its id.
    pub id: String,
    /// Its Redis.
    pub redis: RedisServer,
    /// Its nats-server.
    pub nats: NatsServer,
    /// Its folder, with `edge/`, `redis/` and `jetstream/`.
    pub data: PathBuf,
    /// The file with the settings of its edge.
    settings: PathBuf,
    /// Whether its edge has a clock of its own.
    own_clock: bool,
}

/// Where a site without a hub looks for one: nobody listens on the discard port.
const NO_HUB: &str = "nats://127.0.0.1:9";

impl Site {
    /// Starts a site's servers, then its edge, and waits until it takes orders.
    pub async fn start(
        sandbox: &Sandbox,
        binaries: &Binaries,
        options: SiteOptions,
    ) -> Result<Self> {
        let site = Self::start_unready(sandbox, binaries, options).await?;
        site.program.wait_ready().await?;
        Ok(site)
    }

    /// The same, without waiting for the edge.
    pub async fn start_unready(
        sandbox: &Sandbox,
        binaries: &Binaries,
        options: SiteOptions,
    ) -> Result<Self> {
        let SiteOptions {
            id,
            name,
            seed,
            enrolled,
            edge,
            redis_args,
            redis_through,
            nats_through,
            clock,
            program,
        } = options;
        let data = sandbox.folder(&name)?;
        let folder = sandbox.folder(format!("{name}/edge"))?;
        let redis_options = RedisOptions {
            name: format!("{name}-redis"),
            data: data.join("redis"),
            args: redis_args,
        };
        let enrolled = match enrolled {
            Some(enrolled) => enrolled,
            None => {
                write_enrolled(&folder, &id.parse()?, NO_HUB)?;
                folder.clone()
            }
        };
        let nats_options = SiteNats {
            name: format!("{name}-nats"),
            folder: enrolled.clone(),
            jetstream: data.join("jetstream"),
        };
        let (redis, nats) = tokio::try_join!(
            RedisServer::start_with(sandbox, redis_options),
            NatsServer::start_site(sandbox, nats_options),
        )?;
        if let Some(seed) = seed {
            let seed = serde_json::to_string_pretty(&seed)?;
            std::fs::write(folder.join("seed.json"), seed).context("writing the seed")?;
        }
        let name = format!("{name}-edge");
        let redis_url =
            redis_through.map_or_else(|| redis.edge_url(), |at| redis.edge_url_through(&at));
        let nats_url = nats_through.map_or_else(|| nats.url(), |at| nats.url_through(&at));
        let spec = Spec::new(&name, program.as_ref().unwrap_or(&binaries.edge));
        let spec = match &clock {
            Some(clock) => clock.govern(spec),
            None => spec,
        };
        let program = Program::start(sandbox, spec, &folder, |address| {
            let mut config = config(&id, address, &redis_url, &nats_url)?;
            // What the hub has told, where the box was enrolled.
            if let Ok(told) = std::fs::read_to_string(enrolled.join("edge.toml")) {
                merge(&mut config, toml::from_str(&told)?);
            }
            merge(&mut config, edge);
            Ok(config)
        })?;
        Ok(Self {
            program,
            id,
            redis,
            nats,
            data,
            settings: folder.join(format!("{name}.toml")),
            own_clock: clock.is_some(),
        })
    }

    /// Where the API is.
    pub fn url(&self) -> String {
        self.program.url()
    }

    /// The edge's own process.
    pub fn process(&self) -> &Process {
        &self.program.process
    }

    /// Starts the edge's process again, killing it first, and waits until it is ready.
    pub async fn restart(&self) -> Result<()> {
        self.program.restart().await
    }

    /// Waits until the edge says that it can take orders.
    pub async fn wait_ready(&self) -> Result<()> {
        self.program.wait_ready().await
    }

    /// A caller with this role. Its token is made here, by the edge's key, as a sign-in would make it: that
    /// takes no time for hashing and leaves no event in the log. Where the edge's clock is another one, it signs in.
    pub async fn client(&self, role: Role) -> Result<Client> {
        if self.own_clock {
            return Client::sign_in(&self.url(), role).await;
        }
        let settings = std::fs::read_to_string(&self.settings)?;
        let settings: toml::Table = toml::from_str(&settings)?;
        let identity = &settings["identity"];
        let file = identity["key_file"].as_str().context("no key file")?;
        let folder = self.settings.parent().context("no folder")?;
        let key = std::fs::read(folder.join(file)).context("the edge's key")?;
        let seconds = identity["session_seconds"].as_integer();
        let person = people()?.iter().find(|person| person.role == role);
        let person = person.with_context(|| format!("nobody has the role {role}"))?;
        let audience = site_audience(&self.id.parse()?);
        let subject = Subject {
            sid: Some(Uuid::now_v7()),
            ..Subject::new(person.name, role)
        };
        let life = TimeDelta::seconds(seconds.context("no session_seconds")?);
        let signer = Signer::new(audience.clone(), &key)?;
        let token = signer.mint(subject, &audience, life, Utc::now())?;
        Client::with_token(&self.url(), &token)
    }

    /// Starts again what has died; whether anything had.
    pub(super) async fn revive(&self) -> bool {
        let dead =
            [self.redis.process(), self.nats.process(), self.process()].map(|p| !p.is_running());
        if dead[0]
            && let Err(error) = self.redis.restart().await
        {
            tracing::warn!("redis of {} does not come back: {error:#}", self.id);
        }
        if dead[1]
            && let Err(error) = self.nats.restart().await
        {
            tracing::warn!("nats-server of {} does not come back: {error:#}", self.id);
        }
        if dead[2]
            && let Err(error) = self.process().restart()
        {
            tracing::warn!("the edge of {} does not come back: {error:#}", self.id);
        }
        dead.contains(&true)
    }
}

fn config(id: &str, address: &str, redis: &str, nats: &str) -> Result<toml::Table> {
    // One kiosk stands for all guests here.
    let mut config = toml::toml! {
        [http]
        requests_per_minute_of_caller = 100_000_000
        anonymous_per_minute_of_address = 100_000_000
        [limits]
        max_open_orders = 1_000_000
        max_open_orders_per_device = 1_000_000
        [identity]
        key_file = "edge-key.der"
        session_seconds = 604_800
        max_session_seconds = 6_048_000
        code_seconds = 604_800
        [menu]
        seed = "seed.json"
    };
    let users = people::users(&[
        Role::Manager,
        Role::Kitchen,
        Role::Kiosk,
        Role::Sre,
        Role::Auditor,
    ])?;
    let mut set = |section: &str, name: &str, value: toml::Value| {
        let table = config
            .entry(section)
            .or_insert_with(|| toml::Table::new().into());
        table
            .as_table_mut()
            .map(|table| table.insert(name.to_owned(), value));
    };
    set("site", "id", id.into());
    set("http", "listen", address.into());
    set("redis", "url", redis.into());
    set("nats", "url", nats.into());
    set("identity", "users", users.into());
    Ok(config)
}
