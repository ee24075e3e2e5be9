//! The hub's NATS server and the sites' own, joined by leaf links.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use async_nats::{Client, ConnectOptions, ServerAddr};
use serde_json::Value;
use sunakku_common::ids::SiteId;
use sunakku_common::nats::{KeyPair, Keys, Revocations, creds, leaf_conf, now};

use super::ports::Port;
use super::process::{Process, Spec};
use super::sandbox::Sandbox;
use super::server::{Server, until_ready};
use super::wait::{LIMIT, wait_for};
use super::{Certificate, random_password, servers, workspace_root};

/// How to start the hub's server.
#[derive(Clone, Debug)]
pub struct HubNats {
    /// Names the log and the server.
    pub name: String,
    /// Holds its configuration, keys (`keys/`), who may connect (`jwt/`), and JetStream's data
    /// (`jetstream/`).
    pub folder: PathBuf,
}

/// How to start a site's server.
#[derive(Clone, Debug)]
pub struct SiteNats {
    /// Names the log.
    pub name: String,
    /// Holds its configuration, with the `enrolled.conf` that tells which site it is and where the
    /// hub is: made by `sunakku-edge enrol`, or by [`NatsServer::let_in`].
    pub folder: PathBuf,
    /// JetStream's data.
    pub jetstream: PathBuf,
}

/// A running NATS server, of the hub or of a site.
#[derive(Debug)]
pub struct NatsServer {
    process: Process,
    client: Port,
    monitor: Port,
    jetstream: PathBuf,
    side: Side,
}

/// Whose it is.
#[derive(Debug)]
enum Side {
    Hub {
        leaf: Port,
        folder: PathBuf,
        keys: Box<Keys>,
    },
    Site {
        password: String,
    },
}

/// How long credentials are good that the harness itself gives out, seconds.
const CREDENTIALS_LIFE: i64 = 86_400;

impl NatsServer {
    /// Starts the hub's server with keys of its own. Its account is there, and keeps nobody out
    /// whom the keys vouch for; a hub that is started on it tells it the rest.
    pub async fn start_hub(sandbox: &Sandbox, options: HubNats) -> Result<Self> {
        Self::start_hub_as(sandbox, options, None).await
    }

    /// The same, with TLS for its sites by this certificate and key: `tls { … }` of the shipped
    /// configuration, as an operator would write it.
    pub async fn start_hub_with_tls(
        sandbox: &Sandbox,
        options: HubNats,
        certificate: &Certificate,
    ) -> Result<Self> {
        Self::start_hub_as(sandbox, options, Some(certificate)).await
    }

    async fn start_hub_as(
        sandbox: &Sandbox,
        options: HubNats,
        certificate: Option<&Certificate>,
    ) -> Result<Self> {
        let HubNats { name, folder } = options;
        let (jetstream, keys_folder) = (folder.join("jetstream"), folder.join("keys"));
        std::fs::create_dir_all(&jetstream)?;
        let keys = Box::new(Keys::make(&keys_folder)?);
        // Whom it trusts is read from beside its configuration.
        let config = configure("hub.conf", &folder)?;
        if let Some(certificate) = certificate {
            with_tls(&config, certificate)?;
        }
        let conf = "operator.conf";
        std::fs::copy(keys_folder.join(conf), folder.join(conf))?;
        let leaf = Port::take()?;
        let resolver = folder.join("jwt");
        let spec = Spec::new(&name, "")
            .env("SUNAKKU_NATS_NAME", quoted(&name))
            .env("SUNAKKU_NATS_LEAF_LISTEN", quoted(&leaf.address()))
            .env("SUNAKKU_NATS_RESOLVER", quoted(text(&resolver)?));
        let side = Side::Hub { leaf, folder, keys };
        let server = Self::start(sandbox, &config, jetstream, spec, side).await?;
        server.tell_account(&Revocations::new()).await?;
        Ok(server)
    }

    /// Starts a site's server: account EDGE, user `edge`, joined to the hub. It serves the site
    /// whether or not it finds the hub; see [`NatsServer::wait_linked`].
    pub async fn start_site(sandbox: &Sandbox, options: SiteNats) -> Result<Self> {
        Self::start_site_as(sandbox, options, None).await
    }

    /// The same, believing the certificates of one private authority (PEM) and no others.
    pub async fn start_site_trusting(
        sandbox: &Sandbox,
        options: SiteNats,
        root: &Path,
    ) -> Result<Self> {
        Self::start_site_as(sandbox, options, Some(root)).await
    }

    async fn start_site_as(
        sandbox: &Sandbox,
        options: SiteNats,
        root: Option<&Path>,
    ) -> Result<Self> {
        let SiteNats {
            name,
            folder,
            jetstream,
        } = options;
        std::fs::create_dir_all(&jetstream)?;
        let config = configure("site.conf", &folder)?;
        let (password, sys_password) = (random_password(), random_password());
        let spec = Spec::new(&name, "")
            .env("SUNAKKU_NATS_EDGE_PASSWORD", quoted(&password))
            .env("SUNAKKU_NATS_SYS_PASSWORD", quoted(&sys_password));
        let spec = match root {
            Some(root) => spec.env("SSL_CERT_FILE", root),
            None => spec,
        };
        Self::start(sandbox, &config, jetstream, spec, Side::Site { password }).await
    }

    async fn start(
        sandbox: &Sandbox,
        config: &Path,
        jetstream: PathBuf,
        spec: Spec,
        side: Side,
    ) -> Result<Self> {
        let found = tokio::task::spawn_blocking(servers::nats).await??;
        let (client, monitor) = (Port::take()?, Port::take()?);
        let mut spec = spec
            .args(["-c".as_ref(), config.as_os_str()])
            .env("SUNAKKU_NATS_LISTEN", quoted(&client.address()))
            .env("SUNAKKU_NATS_MONITOR", quoted(&monitor.address()))
            .env("SUNAKKU_NATS_STORE", quoted(text(&jetstream)?))
            .env("SUNAKKU_NATS_STORE_MAX", "4GB");
        spec.program = found.program;
        let process = sandbox.spawn(spec)?;
        let server = Self {
            process,
            client,
            monitor,
            jetstream,
            side,
        };
        server.wait_ready().await?;
        Ok(server)
    }

    /// What a client needs to connect: at a site with the user `edge`, at the hub beside the
    /// credentials that the keys of [`NatsServer::keys_folder`] give.
    pub fn url(&self) -> String {
        self.url_through(&self.client.address())
    }

    /// The same, through a proxy that listens on `address`.
    pub fn url_through(&self, address: &str) -> String {
        match &self.side {
            Side::Hub { .. } => format!("nats://{address}"),
            Side::Site { password } => format!("nats://edge:{password}@{address}"),
        }
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.client.number()
    }

    /// Connects a client with all rights: the hub's, or at a site the edge's. At a site, set the
    /// inbox prefix `_INBOX.<site>`.
    pub async fn connect(&self, options: ConnectOptions) -> Result<Client> {
        let address: ServerAddr = self.url().parse()?;
        let options = match &self.side {
            Side::Hub { keys, .. } => options.credentials(&keys.hub_creds()?)?,
            // The client library leaves the user of a URL aside.
            Side::Site { password } => options.user_and_password("edge".into(), password.clone()),
        };
        Ok(options.connect(address).await?)
    }

    /// Connects to this hub as the one who may tell the server of the account.
    pub async fn connect_sys(&self) -> Result<Client> {
        let options = ConnectOptions::new()
            .credentials(&self.hub()?.keys.sys_creds())?
            .connection_timeout(Duration::from_secs(2))
            .custom_inbox_prefix("_INBOX.sys");
        Ok(options.connect(self.url()).await?)
    }

    /// Tells this hub's server the account's claims, as a hub does.
    pub async fn tell_account(&self, revocations: &Revocations) -> Result<()> {
        let claims = self.hub()?.keys.account_claims(revocations)?;
        self.tell_claims(claims).await
    }

    /// Tells this hub's server any claims.
    pub async fn tell_claims(&self, claims: String) -> Result<()> {
        let client = self.connect_sys().await?;
        let answer = client.request("$SYS.REQ.CLAIMS.UPDATE", claims.into());
        let answer: Value = serde_json::from_slice(&answer.await?.payload)?;
        ensure!(answer["data"]["code"] == 200, "{answer}");
        Ok(())
    }

    /// Where its monitoring answers: `/varz`, `/healthz`, `/leafz`, `/jsz` …
    pub fn monitor_url(&self) -> String {
        format!("http://{}", self.monitor.address())
    }

    /// Where sites connect to this hub: what a proxy needs as its target.
    pub fn leaf_address(&self) -> Result<String> {
        Ok(self.hub()?.leaf.address())
    }

    /// The folder with this hub's keys.
    pub fn keys_folder(&self) -> Result<PathBuf> {
        Ok(self.hub()?.folder.join("keys"))
    }

    /// The folder in which this hub's server keeps who may connect.
    pub fn resolver(&self) -> Result<PathBuf> {
        Ok(self.hub()?.folder.join("jwt"))
    }

    /// Gives a box what it needs to come in as a site, without any hub: credentials and
    /// `enrolled.conf`, in `folder`.
    pub fn let_in(&self, site: &str, folder: &Path) -> Result<()> {
        self.let_in_through(site, &self.leaf_address()?, folder)
    }

    /// The same, through a proxy that listens on `address`.
    pub fn let_in_through(&self, site: &str, address: &str, folder: &Path) -> Result<()> {
        let site: SiteId = site.parse()?;
        let user = KeyPair::new_user();
        let (key, until) = (user.public_key(), now() + CREDENTIALS_LIFE);
        let jwt = self.hub()?.keys.site_user(&site, &key, until)?;
        std::fs::create_dir_all(folder)?;
        let file = folder.join("site.creds");
        std::fs::write(&file, creds(&jwt, &user.seed()?))?;
        write_enrolled(folder, &site, &format!("nats://{address}"))
    }

    /// Waits until this many leaf links are up: at a site 1, at the hub one per site.
    pub async fn wait_linked(&self, links: u64) -> Result<()> {
        let what = format!("{links} leaf link(s) of {}", self.process.name());
        wait_for(&what, LIMIT, async || {
            let varz = self.monitored("varz").await.map_err(|e| format!("{e:#}"))?;
            let now = varz["leafnodes"].as_u64();
            (now == Some(links))
                .then_some(())
                .ok_or_else(|| format!("{now:?} now"))
        })
        .await
    }

    /// One page of the server's monitoring, such as `varz`.
    pub async fn monitored(&self, page: &str) -> Result<Value> {
        // On loopback there is no proxy, whatever the environment says.
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(3));
        let url = format!("{}/{page}", self.monitor_url());
        let response = client.build()?.get(url).send().await?;
        Ok(response.error_for_status()?.json().await?)
    }

    fn hub(&self) -> Result<HubSide<'_>> {
        match &self.side {
            Side::Hub { leaf, folder, keys } => Ok(HubSide { leaf, folder, keys }),
            Side::Site { .. } => Err(anyhow::anyhow!("{} is no hub", self.process.name())),
        }
    }

    async fn probe(&self) -> Result<()> {
        let health = self.monitored("healthz").await?;
        ensure!(health["status"] == "ok", "healthz says {health}");
        let client = match &self.side {
            // The only one who is let in before the server was told of the hub's account.
            Side::Hub { .. } => self.connect_sys().await?,
            Side::Site { .. } => {
                let options = ConnectOptions::new().connection_timeout(Duration::from_secs(2));
                self.connect(options).await?
            }
        };
        client.flush().await?;
        Ok(())
    }
}

/// What only the hub's server has.
struct HubSide<'a> {
    leaf: &'a Port,
    folder: &'a Path,
    keys: &'a Keys,
}

impl Server for NatsServer {
    fn process(&self) -> &Process {
        &self.process
    }

    fn data(&self) -> &Path {
        &self.jetstream
    }

    async fn wait_ready(&self) -> Result<()> {
        until_ready(&self.process, async || {
            self.probe().await.map_err(|e| format!("{e:#}"))
        })
        .await
    }
}

/// Writes the `enrolled.conf` of a site whose credentials are, or will be, beside it.
pub fn write_enrolled(folder: &Path, site: &SiteId, url: &str) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let conf = leaf_conf(site, url, &folder.join("site.creds"))?;
    Ok(std::fs::write(folder.join("enrolled.conf"), conf)?)
}

/// Puts a configuration of `deploy/nats` into the folder of what it includes.
fn configure(name: &str, folder: &Path) -> Result<PathBuf> {
    let config = folder.join(name);
    std::fs::copy(workspace_root().join("deploy/nats").join(name), &config)
        .with_context(|| format!("cannot write {}", config.display()))?;
    Ok(config)
}

/// Puts the certificate into the `tls` block for sites, which is shipped as a comment.
fn with_tls(config: &Path, certificate: &Certificate) -> Result<()> {
    const SHIPPED: &str =
        r#"# tls { cert_file: "/etc/sunakku/hub.pem", key_file: "/etc/sunakku/hub.key" }"#;
    let shipped = std::fs::read_to_string(config)?;
    ensure!(
        shipped.contains(SHIPPED),
        "{} has no tls block for sites",
        config.display()
    );
    let (pem, key) = (text(&certificate.pem)?, text(&certificate.key)?);
    let block = format!("tls {{ cert_file: \"{pem}\", key_file: \"{key}\" }}");
    Ok(std::fs::write(config, shipped.replace(SHIPPED, &block))?)
}

/// A value for the server's own `$VARIABLE` expansion, which would read `007` as a number.
fn quoted(value: &str) -> String {
    format!("\"{value}\"")
}

fn text(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}
