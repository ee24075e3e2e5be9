//! A hub on its own servers, and so many simulated sites.
//!
//! Each site is enrolled and has a leaf link of its own to the hub's nats-server. All of these links
//! come from one nats-server with an account for each site, in place of a thousand of them.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_nats::{Client, ConnectOptions};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use sunakku_common::claims::Role;
use sunakku_common::enrol::{Enrol, Enrolled};
use sunakku_common::ids::SiteId;
use sunakku_common::nats::{KeyPair, creds, proof_text};
use sunakku_common::subjects;
use sunakku_common::sync::Sender;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::site::Site;
use crate::harness::ports::Port;
use crate::harness::{Binaries, Process, Sandbox, Spec, servers, wait_for};
use crate::world::{Client as Caller, Hub, HubOptions, World};

/// Sites that are made at a time.
const AT_ONCE: usize = 8;
/// How long all links may take to be up.
const LINKED: Duration = Duration::from_secs(600);

/// A hub and its simulated sites, which send as long as it lives.
pub(super) struct Fleet {
    pub(super) sites: Vec<Site>,
    pub(super) admin: Caller,
    pub(super) postgres: PgPool,
    pub(super) world: World,
    _links: Process,
    _sending: JoinSet<()>,
}

impl Fleet {
    /// Starts a hub with so many sites, all of them linked and greeted.
    pub(super) async fn start(binaries: &Binaries, count: usize) -> Result<Self> {
        let sandbox = Sandbox::new()?;
        let world = World::start(sandbox, binaries, HubOptions::default(), Vec::new()).await?;
        let admin = world.hub.client(Role::Admin).await?;
        let folder = world.sandbox.folder("links")?;
        let making = (1..=count).map(|n| make(&world.hub, &admin, &folder, format!("s{n:04}")));
        let made: Vec<(SiteId, String)> =
            stream::iter(making).buffered(AT_ONCE).try_collect().await?;
        let (links, port) = link(&world, &folder, &made).await?;
        world_linked(&world, count as u64).await?;
        let connecting = made.iter().map(|(id, nkey)| async {
            let client = connect(id, &port).await?;
            let sender = Sender {
                nkey: nkey.clone(),
                instance: Uuid::now_v7(),
                after: None,
            };
            anyhow::Ok(Site::new(id.clone(), client, sender))
        });
        let sites: Vec<Site> = stream::iter(connecting)
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let mut sending = JoinSet::new();
        for site in &sites {
            sending.spawn(site.clone().run());
        }
        let postgres = PgPoolOptions::new()
            .max_connections(2)
            .connect(&world.hub.postgres.url())
            .await?;
        Ok(Self {
            sites,
            admin,
            postgres,
            world,
            _links: links,
            _sending: sending,
        })
    }

    /// Waits until everything is committed.
    pub(super) async fn settle(&self, limit: Duration) -> Result<()> {
        wait_for("all sites to be caught up", limit, async || {
            let lag: usize = self.sites.iter().map(Site::lag).sum();
            (lag == 0)
                .then_some(())
                .ok_or_else(|| format!("{lag} events behind"))
        })
        .await?;
        let odd: Vec<String> = self.sites.iter().flat_map(Site::odd).collect();
        ensure!(odd.is_empty(), "{odd:?}");
        Ok(())
    }

    /// Events that stand in the hub's database.
    pub(super) async fn stored(&self) -> Result<u64> {
        let count: i64 = sqlx::query_scalar("select count(*) from site_event")
            .fetch_one(&self.postgres)
            .await?;
        Ok(u64::try_from(count)?)
    }
}

/// Makes a site known to the hub and enrols its box, as `sunakku-edge enrol` does.
async fn make(hub: &Hub, admin: &Caller, folder: &Path, id: String) -> Result<(SiteId, String)> {
    let site = json!({
        "id": id, "name": format!("Cafeteria {id}"), "time_zone": "Europe/Berlin", "currency": "EUR",
    });
    admin.post("/v1/sites", None, &site).await?.expect(201)?;
    let path = format!("/v1/sites/{id}/enrolment");
    let token = admin.post(&path, None, &json!({})).await?.expect(201)?;
    let token = token.body["token"].as_str().context("no token")?.to_owned();
    let key = KeyPair::new_user();
    let proof = key.sign(proof_text(&token).as_bytes())?;
    let asked = Enrol {
        token,
        nkey: key.public_key(),
        proof: URL_SAFE_NO_PAD.encode(proof),
    };
    let nobody = Caller::with_token(&hub.url(), "")?;
    let answer = nobody
        .post("/v1/enrol", None, &serde_json::to_value(asked)?)
        .await?;
    let enrolled: Enrolled = serde_json::from_value(answer.expect(200)?.body)?;
    std::fs::write(
        folder.join(format!("{id}.creds")),
        creds(&enrolled.jwt, &key.seed()?),
    )?;
    Ok((enrolled.site, key.public_key()))
}

/// Starts the server that holds all links; where it listens.
async fn link(world: &World, folder: &Path, made: &[(SiteId, String)]) -> Result<(Process, Port)> {
    let (port, hub) = (Port::take()?, world.hub.line.address());
    let (mut remotes, mut accounts) = (String::new(), String::new());
    for (id, _) in made {
        let file = folder.join(format!("{id}.creds"));
        let file = file.to_str().context("a folder that is not UTF-8")?;
        writeln!(
            remotes,
            r#"{{ urls: ["nats://{hub}"], account: "{id}", credentials: "{file}" }}"#
        )?;
        writeln!(
            accounts,
            r#""{id}": {{ users: [ {{ user: "{id}", password: "{id}" }} ] }}"#
        )?;
    }
    // As in deploy/nats/site.conf.
    let config = format!(
        "listen: \"{}\"\nping_interval: \"10s\"\nping_max: 2\n\
         leafnodes {{\n reconnect: 1s\n remotes: [\n{remotes} ]\n}}\naccounts {{\n{accounts}}}\n",
        port.address()
    );
    let file = folder.join("links.conf");
    std::fs::write(&file, config)?;
    let found = tokio::task::spawn_blocking(servers::nats).await??;
    let spec = Spec::new("links", found.program).args(["-c"]).args([file]);
    Ok((world.sandbox.spawn(spec)?, port))
}

async fn world_linked(world: &World, links: u64) -> Result<()> {
    wait_for("all sites to be linked", LINKED, async || {
        let varz = world.hub.nats.monitored("varz").await;
        let now = varz.map_err(|error| format!("{error:#}"))?["leafnodes"].as_u64();
        (now == Some(links))
            .then_some(())
            .ok_or_else(|| format!("{now:?} now"))
    })
    .await
}

async fn connect(id: &SiteId, port: &Port) -> Result<Client> {
    let options = ConnectOptions::new()
        .user_and_password(id.to_string(), id.to_string())
        .custom_inbox_prefix(subjects::inbox_prefix(id))
        .max_reconnects(None);
    Ok(options.connect(port.address()).await?)
}
