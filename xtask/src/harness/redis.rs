//! A Redis (or Valkey) server that is durable in the way that an edge needs.

use std::path::{Path, PathBuf};

use ::redis::{AsyncConnectionConfig, Client, cmd};
use anyhow::Result;

use super::ports::Port;
use super::process::{Process, Spec};
use super::sandbox::Sandbox;
use super::server::{Server, until_ready};
use super::{random_password, servers, workspace_root};

/// A running Redis with the configuration that is used in production.
#[derive(Debug)]
pub struct RedisServer {
    process: Process,
    port: Port,
    password: String,
    edge_password: String,
    data: PathBuf,
}

/// How to start a [`RedisServer`].
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// Names the log.
    pub name: String,
    /// Where it stores its data.
    pub data: PathBuf,
    /// Appended to the command line, over the configuration file: `["--appendfsync", "everysec"]`.
    pub args: Vec<String>,
}

impl RedisServer {
    /// Starts one that stores below `<root>/<name>`.
    pub async fn start(sandbox: &Sandbox, name: &str) -> Result<Self> {
        let data = sandbox.root().join(name);
        Self::start_with(
            sandbox,
            RedisOptions {
                name: name.into(),
                data,
                args: Vec::new(),
            },
        )
        .await
    }

    /// Starts one with options.
    pub async fn start_with(sandbox: &Sandbox, options: RedisOptions) -> Result<Self> {
        let found = tokio::task::spawn_blocking(servers::redis).await??;
        let RedisOptions { name, data, args } = options;
        std::fs::create_dir_all(&data)?;
        let (port, password) = (Port::take()?, random_password());
        let edge_password = random_password();
        let users = data.with_extension("users.conf");
        let shipped = workspace_root().join("deploy/redis/users.conf");
        let shipped = std::fs::read_to_string(shipped)?;
        std::fs::write(&users, shipped.replace("EDGE_PASSWORD", &edge_password))?;
        let spec = Spec::new(name, found.program)
            .args([workspace_root().join("deploy/redis/redis.conf")])
            .args(["--bind", "127.0.0.1", "--port", &port.number().to_string()])
            .args(["--requirepass", &password, "--include"])
            .args([&users])
            .args(["--dir"])
            .args([&data])
            // A load run writes in a minute what a site writes in a month.
            .args(["--maxmemory", "4gb"])
            .args(args);
        let server = Self {
            process: sandbox.spawn(spec)?,
            port,
            password,
            edge_password,
            data,
        };
        server.wait_ready().await?;
        Ok(server)
    }

    /// What an edge needs to connect: a user who may do what it does, and no more.
    pub fn edge_url(&self) -> String {
        self.edge_url_through(&self.port.address())
    }

    /// The same, through a proxy that listens on `address`.
    pub fn edge_url_through(&self, address: &str) -> String {
        format!("redis://edge:{}@{address}/0", self.edge_password)
    }

    /// What an operator needs to connect, who may do everything; password and all.
    pub fn url(&self) -> String {
        format!("redis://:{}@{}/0", self.password, self.port.address())
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port.number()
    }
}

impl Server for RedisServer {
    fn process(&self) -> &Process {
        &self.process
    }

    fn data(&self) -> &Path {
        &self.data
    }

    async fn wait_ready(&self) -> Result<()> {
        let client = Client::open(self.url())?;
        until_ready(&self.process, async || {
            ping(&client).await.map_err(|e| e.to_string())
        })
        .await
    }
}

/// While Redis still loads its data, it accepts connections and answers PING with an error.
async fn ping(client: &Client) -> ::redis::RedisResult<()> {
    let config = AsyncConnectionConfig::new();
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    cmd("PING").exec_async(&mut connection).await
}
