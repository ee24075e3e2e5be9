//! The hub's NATS server and the sites' own, joined by leaf links.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use async_nats::{Client, ConnectOptions, ServerAddr};
use serde_json::Value;

use super::ports::Port;
use super::process::{Process, Spec};
use super::sandbox::Sandbox;
use super::server::{Server, until_ready};
use super::wait::{LIMIT, wait_for};
use super::{random_password, servers, workspace_root};

/// How to start the hub's server.
#[derive(Clone, Debug)]
pub struct HubNats {
    /// Names the log and the server.
    pub name: String,
    /// Holds its configuration, and JetStream's data below `jetstream/`.
    pub folder: PathBuf,
    /// The sites that may connect; more can follow with [`NatsServer::add_site`].
    pub sites: Vec<String>,
}

/// How to start a site's server.
#[derive(Clone, Debug)]
pub struct SiteNats {
    /// Names the log.
    pub name: String,
    /// The site, which is also the JetStream domain.
    pub site: String,
    /// JetStream's data.
    pub jetstream: PathBuf,
    /// Where the hub is, with user and password: [`NatsServer::leaf_url`], or
    /// [`NatsServer::leaf_url_through`] a proxy.
    pub hub: String,
}

/// A running NATS server, of the hub or of a site.
#[derive(Debug)]
pub struct NatsServer {
    process: Process,
    client: Port,
    monitor: Port,
    user: &'static str,
    password: String,
    sys_password: String,
    jetstream: PathBuf,
    hub: Option<HubSide>,
}

/// What only the hub's server has.
#[derive(Debug)]
struct HubSide {
    leaf: Port,
    sites_file: PathBuf,
    /// Password by site.
    sites: Mutex<BTreeMap<String, String>>,
}

impl NatsServer {
    /// Starts the hub's server: account SUNAKKU, user `hub`, and one leaf user per site.
    pub async fn start_hub(sandbox: &Sandbox, options: HubNats) -> Result<Self> {
        let HubNats {
            name,
            folder,
            sites,
        } = options;
        let jetstream = folder.join("jetstream");
        std::fs::create_dir_all(&jetstream)?;
        // The list of sites is read from beside the configuration.
        let config = folder.join("hub.conf");
        std::fs::copy(workspace_root().join("deploy/nats/hub.conf"), &config)?;
        let sites: BTreeMap<_, _> = sites
            .into_iter()
            .map(|site| (site, random_password()))
            .collect();
        let (leaf, sites_file) = (Port::take()?, folder.join("sites.conf"));
        let hub = HubSide {
            leaf,
            sites_file,
            sites: Mutex::new(sites),
        };
        hub.write_sites()?;
        let leaf = hub.leaf.address();
        let spec = |password: &str| {
            Spec::new(&name, "")
                .env("SUNAKKU_NATS_NAME", quoted(&name))
                .env("SUNAKKU_NATS_LEAF_LISTEN", quoted(&leaf))
                .env("SUNAKKU_NATS_HUB_PASSWORD", quoted(password))
        };
        Self::start(sandbox, &config, jetstream, "hub", spec, Some(hub)).await
    }

    /// Starts a site's server: account EDGE, user `edge`, joined to the hub. It serves the site
    /// whether or not it finds the hub; see [`NatsServer::wait_linked`].
    pub async fn start_site(sandbox: &Sandbox, options: SiteNats) -> Result<Self> {
        let SiteNats {
            name,
            site,
            jetstream,
            hub,
        } = options;
        check_site(&site)?;
        std::fs::create_dir_all(&jetstream)?;
        let config = workspace_root().join("deploy/nats/site.conf");
        let spec = |password: &str| {
            Spec::new(&name, "")
                .env("SUNAKKU_SITE", quoted(&site))
                .env("SUNAKKU_NATS_HUB_URL", quoted(&hub))
                .env("SUNAKKU_NATS_EDGE_PASSWORD", quoted(password))
        };
        Self::start(sandbox, &config, jetstream, "edge", spec, None).await
    }

    async fn start(
        sandbox: &Sandbox,
        config: &Path,
        jetstream: PathBuf,
        user: &'static str,
        spec: impl FnOnce(&str) -> Spec,
        hub: Option<HubSide>,
    ) -> Result<Self> {
        let found = tokio::task::spawn_blocking(servers::nats).await??;
        let (client, monitor) = (Port::take()?, Port::take()?);
        let (password, sys_password) = (random_password(), random_password());
        let store = jetstream
            .to_str()
            .context("the path of JetStream's data is not UTF-8")?;
        let mut spec = spec(&password)
            .args(["-c".as_ref(), config.as_os_str()])
            .env("SUNAKKU_NATS_LISTEN", quoted(&client.address()))
            .env("SUNAKKU_NATS_MONITOR", quoted(&monitor.address()))
            .env("SUNAKKU_NATS_STORE", quoted(store))
            .env("SUNAKKU_NATS_STORE_MAX", "4GB")
            .env("SUNAKKU_NATS_SYS_PASSWORD", quoted(&sys_password));
        spec.program = found.program;
        let process = sandbox.spawn(spec)?;
        let server = Self {
            process,
            client,
            monitor,
            user,
            password,
            sys_password,
            jetstream,
            hub,
        };
        server.wait_ready().await?;
        Ok(server)
    }

    /// What a client needs to connect: user `hub` at the hub, `edge` at a site.
    pub fn url(&self) -> String {
        self.url_through(&self.client.address())
    }

    /// The same, through a proxy that listens on `address`.
    pub fn url_through(&self, address: &str) -> String {
        format!("nats://{}:{}@{address}", self.user, self.password)
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.client.number()
    }

    /// Connects a client to [`NatsServer::url`]. At a site, set the inbox prefix `_INBOX.<site>`.
    pub async fn connect(&self, options: ConnectOptions) -> Result<Client> {
        connect(&self.url(), options).await
    }

    /// The same for the system account.
    pub fn sys_url(&self) -> String {
        format!("nats://sys:{}@{}", self.sys_password, self.client.address())
    }

    /// Where its monitoring answers: `/varz`, `/healthz`, `/leafz`, `/jsz` …
    pub fn monitor_url(&self) -> String {
        format!("http://{}", self.monitor.address())
    }

    /// Where sites connect to this hub: what a proxy needs as its target.
    pub fn leaf_address(&self) -> Result<String> {
        Ok(self.hub()?.leaf.address())
    }

    /// What a site needs to connect to this hub.
    pub fn leaf_url(&self, site: &str) -> Result<String> {
        self.leaf_url_through(site, &self.leaf_address()?)
    }

    /// The same, through a proxy that listens on `address`.
    pub fn leaf_url_through(&self, site: &str, address: &str) -> Result<String> {
        let sites = self
            .hub()?
            .sites
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let password = sites
            .get(site)
            .with_context(|| format!("no site {site} at this hub"))?;
        Ok(format!("nats://{}:{password}@{address}", leaf_user(site)))
    }

    /// Admits one more site, without a restart.
    pub async fn add_site(&self, site: &str) -> Result<()> {
        let hub = self.hub()?;
        {
            let mut sites = hub.sites.lock().unwrap_or_else(PoisonError::into_inner);
            sites.entry(site.to_owned()).or_insert_with(random_password);
        }
        hub.write_sites()?;
        let before = self.monitored("varz").await?["config_load_time"].clone();
        self.process.reload()?;
        wait_for("the list of sites to be read", LIMIT, async || {
            let varz = self.monitored("varz").await.map_err(|e| format!("{e:#}"))?;
            let read = varz["config_load_time"] != before;
            read.then_some(()).ok_or_else(|| self.process.log_tail())
        })
        .await
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

    fn hub(&self) -> Result<&HubSide> {
        self.hub
            .as_ref()
            .with_context(|| format!("{} is no hub", self.process.name()))
    }

    async fn probe(&self) -> Result<()> {
        let health = self.monitored("healthz").await?;
        ensure!(health["status"] == "ok", "healthz says {health}");
        let options = ConnectOptions::new().connection_timeout(Duration::from_secs(2));
        let client = self.connect(options).await?;
        client.flush().await?;
        Ok(())
    }
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

impl HubSide {
    fn write_sites(&self) -> Result<()> {
        let sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let text = render_sites(sites.iter().map(|(site, password)| (&**site, &**password)))?;
        // Renamed into place: the server never reads half a list.
        let new = self.sites_file.with_extension("new");
        std::fs::write(&new, text)?;
        Ok(std::fs::rename(new, &self.sites_file)?)
    }
}

/// Connects with the user and password of a URL, which the client library itself leaves aside.
pub async fn connect(url: &str, options: ConnectOptions) -> Result<Client> {
    let address: ServerAddr = url.parse()?;
    let options = match (address.username(), address.password()) {
        (Some(user), Some(password)) => options.user_and_password(user.into(), password.into()),
        _ => options,
    };
    Ok(options.connect(address).await?)
}

/// The users of the account SUNAKKU: the hub itself, and one leaf user per (site, password) that
/// can speak for its site only. What `deploy/nats/hub.conf` includes as `sites.conf`.
pub fn render_sites<'a>(sites: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<String> {
    let mut text = String::from(
        "# The users of the account SUNAKKU. Generated: changes are lost.\nusers: [\n  \
         { user: hub, password: $SUNAKKU_NATS_HUB_PASSWORD }\n",
    );
    for (site, password) in sites {
        check_site(site)?;
        let safe = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '$');
        ensure!(
            password.chars().all(safe),
            "the password of {site} has an unsafe character"
        );
        let user = leaf_user(site);
        text.push_str(&format!(
            r#"  {{ user: "{user}", password: "{password}", allowed_connection_types: ["LEAFNODE"], permissions: {{
      publish: {{ allow: ["up.{site}.>", "$JS.hub.API.DIRECT.GET.KV_menu.$KV.menu.{site}",
                          "$JS.hub.API.DIRECT.GET.KV_site.$KV.site.{site}"] }}
      subscribe: {{ allow: ["down.{site}.>", "_INBOX.{site}.>"] }} }} }}
"#
        ));
    }
    text.push_str("]\n");
    Ok(text)
}

/// No site's user can be mistaken for `hub`: a site id has no underscore.
fn leaf_user(site: &str) -> String {
    format!("site_{site}")
}

/// Site ids become subjects, where `*`, `>` and `.` would mean something else.
fn check_site(site: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if site.is_empty() || site.len() > 40 || !site.chars().all(plain) {
        bail!("{site:?} is no site id: 1 to 40 of a-z, 0-9 and -");
    }
    Ok(())
}

/// A value for the server's own `$VARIABLE` expansion, which would read `007` as a number.
fn quoted(value: &str) -> String {
    format!("\"{value}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_id_that_would_be_a_wildcard_is_refused() {
        for site in ["", "*", "a.>", "S1", "a_b", "a b", &"x".repeat(41)] {
            assert!(render_sites([(site, "secret")]).is_err(), "{site:?}");
        }
        assert!(
            render_sites([("s-1", "a\"b")]).is_err(),
            "a quote in a password"
        );
    }

    #[test]
    fn each_site_may_speak_for_itself_only() {
        let text = render_sites([("s1", "one"), ("s2", "two")]).expect("rendered");
        let line = text
            .lines()
            .skip_while(|line| !line.contains("site_s1"))
            .nth(1);
        let line = line.expect("its permissions");
        assert!(line.contains("up.s1.>") && !line.contains("s2"), "{line}");
    }
}
