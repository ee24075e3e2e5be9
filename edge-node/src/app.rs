//! The edge as a whole: what it is made of, how it starts and how it stops.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use async_nats::{ConnectOptions, ServerAddr};
use chrono::TimeDelta;
use sunakku_common::claims::{Signer, site_audience};
use sunakku_common::config::signing_key;
use sunakku_common::ids::SiteId;
use sunakku_common::keys::PublicKey;
use sunakku_common::nats::{read_claims, read_creds, read_private};
use sunakku_common::serve::{Bounds, serve};
use sunakku_common::sync::Sender;
use sunakku_common::{service, subjects, telemetry};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::credentials::Credentials;
use crate::door::Door;
use crate::downline::{Downline, PictureKeeper};
use crate::gate::Gate;
use crate::kitchen::Kitchen;
use crate::log::{Live, LiveReader};
use crate::maintenance::Maintenance;
use crate::pairing::Pairings;
use crate::printer::Printer;
use crate::queue::Queue;
use crate::rates::Rates;
use crate::screens::Screens;
use crate::site::{Menus, Pictures, SiteState};
use crate::state::{AppState, PasswordChecks, Shared};
use crate::store::{FirstCounts, Store};
use crate::sync::Replicator;
use crate::webhook::Webhook;
use crate::{api, facts, metrics as names};

/// The edge, ready to run.
pub struct App {
    listener: TcpListener,
    state: AppState,
    live: LiveReader,
    replicator: Replicator,
    credentials: Option<Credentials>,
    maintenance: Maintenance,
    webhooks: Vec<Webhook>,
    printers: Vec<Printer>,
}

impl App {
    /// Connects to the site's servers and prepares everything. Waits for Redis; goes on without
    /// nats-server and hub.
    pub async fn build(
        config: Config,
        listener: TcpListener,
        allow_volatile: bool,
    ) -> Result<Self> {
        let metrics = telemetry::metrics()?;
        names::describe();
        let (menu, first_counts) = match config.seed()? {
            Some(seed) => (Some(seed.menu), seed.stock),
            None => (None, FirstCounts::new()),
        };
        let store = open_store(&config, &first_counts, allow_volatile).await?;
        take_over(&config, &store).await?;
        let kitchen = Kitchen::new(&config.stations);
        let menus = Menus::start(store.clone(), kitchen.clone(), menu).await;
        let menus = menus.context("reading the store")?;
        let pictures = Pictures::start(&store).await.context("reading the store")?;
        let site = SiteState::start(store.clone(), config.site.clone(), config.limits).await;
        let site = site.context("reading the store")?;
        let nats = connect_nats(&config).await?;
        let (live, live_reader) = Live::start(&store).await.context("reading the store")?;
        let retention = Duration::from_secs(config.log.retention_hours * 3600);
        let sender = sender(&config, &store).await?;
        let replicator = Replicator::new(store.clone(), nats.clone(), retention, sender);
        let file = config.nats.credentials.clone();
        let has_hub = !file.as_os_str().is_empty();
        let id = config.site.id.clone();
        let renewals = || Credentials::new(file, id, nats.clone(), replicator.status());
        let credentials = has_hub.then(renewals);
        let (signer, hub_key) = identity(&config)?;
        let life = TimeDelta::seconds(config.identity.screen_seconds);
        let keys = (signer.public().clone(), hub_key);
        let gate = Gate::start(config.site.id.clone(), store.clone(), keys, life).await;
        let gate = gate.context("reading the store")?;
        gate.take(site.settings().as_ref());
        let (log, pickup) = (config.log.clone(), config.pickup.clone());
        let escalation = config.kitchen.clone();
        let (health, maintenance) =
            Maintenance::new(store.clone(), first_counts, log, pickup, escalation);
        let paused = store.queue_paused().await.context("reading the store")?;
        let queue = config.queue.clone();
        let queue = Queue::new(
            store.clone(),
            kitchen.clone(),
            nats.clone(),
            queue,
            paused.is_some(),
        );
        let webhooks = config.webhooks.iter().cloned();
        let webhooks = webhooks.map(|options| Webhook::new(store.clone(), options));
        let webhooks = webhooks.collect::<Result<Vec<_>>>()?;
        let printers = config.printers.iter().cloned();
        let printers = printers.map(|options| Printer::new(store.clone(), options, site.clone()));
        let printers: Vec<Printer> = printers.collect();
        let inner = Shared {
            kitchen,
            menus,
            pictures,
            site,
            live,
            queue,
            nats,
            sync: replicator.status(),
            health,
            printers: printers.iter().map(Printer::shown).collect(),
            signer,
            gate,
            pairings: Pairings::default(),
            password_checks: PasswordChecks::default(),
            screens: Screens::new(
                config.http.max_websockets,
                config.http.max_websockets_per_caller,
            ),
            rates: Rates::new(
                config.http.requests_per_minute_of_caller,
                config.http.anonymous_per_minute_of_address,
            ),
            door: Door::new(
                config.screens.guests_per_minute,
                config.screens.guests_per_minute_of_address,
            ),
            metrics,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            store,
            config,
        };
        let state = AppState {
            inner: Arc::new(inner),
        };
        Ok(Self {
            listener,
            state,
            live: live_reader,
            replicator,
            credentials,
            maintenance,
            webhooks,
            printers,
        })
    }

    /// Serves until `stop`; then ends what was begun, screens told to come back.
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        let shared = Arc::clone(&self.state.inner);
        let (tasks, ending) = (&shared.tasks, &shared.stop);
        tasks.spawn(self.live.run(ending.clone()));
        tasks.spawn(self.replicator.run(ending.clone()));
        tasks.spawn(self.maintenance.run(ending.clone()));
        for webhook in self.webhooks {
            tasks.spawn(webhook.run(ending.clone()));
        }
        for printer in self.printers {
            tasks.spawn(printer.run(ending.clone()));
        }
        let (kitchen, store) = (shared.kitchen.clone(), shared.store.clone());
        tasks.spawn(kitchen.run(store, ending.clone()));
        tasks.spawn(shared.gate.clone().run(ending.clone()));
        tasks.spawn(Downline::new(self.state.clone()).run(ending.clone()));
        let keeper = PictureKeeper {
            pictures: shared.pictures.clone(),
            store: shared.store.clone(),
            menus: shared.menus.clone(),
            nats: shared.nats.clone(),
            sync: shared.sync.clone(),
        };
        tasks.spawn(keeper.run(ending.clone()));
        if let Some(credentials) = self.credentials {
            tasks.spawn(credentials.run(ending.clone()));
        }
        let upkeep = telemetry::upkeep(shared.metrics.clone(), shared.config.watch.clone());
        let token = ending.clone();
        tasks.spawn(async move { token.run_until_cancelled(upkeep).await });
        let (facts, token) = (facts::watch(self.state.clone()), ending.clone());
        tasks.spawn(async move { token.run_until_cancelled(facts).await });
        shared.queue.start(tasks, ending);
        let router = api::router(self.state);
        let address = self.listener.local_addr()?;
        tracing::info!(site = %shared.config.site.id, %address, "listening");
        let http = &shared.config.http;
        let bounds = Bounds {
            max_connections: http.max_connections,
            max_connections_of_address: http.max_connections_of_address,
            proxies: http.trusted_proxies.clone(),
            head_timeout: Duration::from_secs(http.head_timeout_seconds),
            max_head_bytes: http.max_head_bytes,
            max_headers: http.max_headers,
        };
        service::ready();
        let serve = serve(self.listener, router, bounds, stop.clone());
        let ended = async {
            stop.cancelled().await;
            tracing::info!("stopping");
            ending.cancel();
            tasks.close();
            tasks.wait().await;
        };
        let all = async { tokio::join!(serve, ended) };
        let grace = Duration::from_secs(http.drain_seconds);
        let limit = async {
            stop.cancelled().await;
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            _ended = all => Ok(()),
            () = limit => {
                tracing::warn!("some requests did not end in time");
                Ok(())
            }
        }
    }
}

async fn open_store(
    config: &Config,
    first_counts: &FirstCounts,
    allow_volatile: bool,
) -> Result<Store> {
    let url = config.redis.url.expose();
    let budget = config.log.budget_bytes;
    let store = Store::open(url, &config.site.id, first_counts, budget).await;
    let store = store.context("redis.url: cannot use this Redis")?;
    let unsafe_settings = store
        .unsafe_settings()
        .await
        .context("asking Redis for its settings")?;
    let safe = f64::from(u8::from(unsafe_settings.is_none()));
    metrics::gauge!(names::DURABILITY_OK, "store" => "redis").set(safe);
    match unsafe_settings {
        Some(found) if !allow_volatile => bail!("{found}"),
        Some(found) => tracing::error!("ACCEPTED ORDERS CAN BE LOST (--allow-volatile): {found}"),
        None => {}
    }
    Ok(store)
}

/// Takes over what the box before left, and forgets it here: should the store be lost later on, it
/// would be of no use any more.
async fn take_over(config: &Config, store: &Store) -> Result<()> {
    let left = config.handover()?;
    if left.is_empty() {
        return Ok(());
    }
    store
        .hand_over(&left)
        .await
        .context("taking over the stock")?;
    tracing::warn!(
        skus = left.len(),
        "stock was taken over from the box before: count it"
    );
    let file = &config.menu.handover;
    std::fs::remove_file(file).with_context(|| format!("cannot remove {}", file.display()))
}

/// How the hub tells this process from those of other boxes; nothing at a site without a hub.
async fn sender(config: &Config, store: &Store) -> Result<Option<Sender>> {
    let Some(creds) = read_private(&config.nats.credentials)? else {
        return Ok(None);
    };
    let claims = read_creds(&creds).and_then(|(jwt, _)| read_claims(&jwt));
    let claims = claims.context("nats.credentials: they cannot be read")?;
    let instance = uuid::Uuid::now_v7();
    let after = store.enter(instance).await.context("writing the store")?;
    Ok(Some(Sender {
        nkey: claims.sub,
        instance,
        after,
    }))
}

async fn connect_nats(config: &Config) -> Result<async_nats::Client> {
    let site: &SiteId = &config.site.id;
    let options = ConnectOptions::new()
        .name(format!("sunakku-edge {site}"))
        .custom_inbox_prefix(subjects::inbox_prefix(site))
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(|tries| Duration::from_millis((50 * tries as u64).min(1_000)))
        .event_callback(|event| async move {
            match event {
                async_nats::Event::Connected => tracing::info!("connected to nats-server"),
                other => tracing::warn!(event = %other, "nats-server"),
            }
        });
    let address: ServerAddr = config.nats.url.expose().parse().context("nats.url")?;
    // The client library leaves the user of a URL aside.
    let options = match (address.username(), address.password()) {
        (Some(user), Some(password)) => options.user_and_password(user.into(), password.into()),
        _ => options,
    };
    options
        .connect(address)
        .await
        .context("nats.url: cannot be used")
}

/// What signs the tokens of this edge, and the hub's key as far as the configuration knows it.
fn identity(config: &Config) -> Result<(Signer, Option<PublicKey>)> {
    let key = signing_key(&config.identity.key_file)?;
    let signer = Signer::new(site_audience(&config.site.id), &key).context("identity.key_file")?;
    let hub = &config.identity.hub_public_key;
    let hub = (!hub.is_empty()).then(|| PublicKey::from_x(hub));
    Ok((signer, hub.transpose().context("identity.hub_public_key")?))
}
