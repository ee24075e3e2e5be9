//! Who can say what to whom over a leaf link, and lines that break.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use async_nats::{Client, ConnectOptions, Subscriber};
use futures::StreamExt;
use tokio::time::timeout;
use xtask::harness::{
    LIMIT, NatsServer, RedisServer, Sandbox, Server, SiteNats, TcpProxy, wait_for, write_enrolled,
};

use super::{SILENCE, connect_redis, start_hub};

/// The server of a box that is let in as `site`.
async fn start_site(sandbox: &Sandbox, hub: &NatsServer, site: &str) -> Result<NatsServer> {
    start_site_through(sandbox, hub, site, &hub.leaf_address()?).await
}

async fn start_site_through(
    sandbox: &Sandbox,
    hub: &NatsServer,
    site: &str,
    address: &str,
) -> Result<NatsServer> {
    let folder = sandbox.folder(site)?;
    hub.let_in_through(site, address, &folder)?;
    start_in(sandbox, site, folder).await
}

async fn start_in(sandbox: &Sandbox, name: &str, folder: PathBuf) -> Result<NatsServer> {
    let options = SiteNats {
        name: format!("{name}-nats"),
        jetstream: folder.join("jetstream"),
        folder,
    };
    NatsServer::start_site(sandbox, options).await
}

async fn client(server: &NatsServer, inbox: &str) -> Result<Client> {
    let options = ConnectOptions::new()
        .custom_inbox_prefix(inbox)
        .request_timeout(Some(SILENCE));
    server.connect(options).await
}

/// Answers every request below `up.` with its own subject.
async fn echo(at_hub: &Client) -> Result<tokio::task::JoinHandle<()>> {
    let mut requests = at_hub.subscribe("up.>").await?;
    at_hub.flush().await?;
    let client = at_hub.clone();
    Ok(tokio::spawn(async move {
        while let Some(request) = requests.next().await {
            if let Some(reply) = request.reply {
                let _ = client
                    .publish(reply, request.subject.to_string().into())
                    .await;
            }
        }
    }))
}

/// The link is up once its servers say so, but carries a subscription only a moment later.
async fn wait_answered(at_site: &Client, subject: &'static str) -> Result<()> {
    wait_for("an answer from the hub", LIMIT, async || {
        let answer = at_site
            .request(subject, "".into())
            .await
            .map_err(|e| e.to_string())?;
        (&*answer.payload == subject.as_bytes())
            .then_some(())
            .ok_or(format!("{answer:?}"))
    })
    .await
}

/// Everything up to and including the first message on `last`.
async fn subjects_until(heard: &mut Subscriber, last: &str) -> Result<Vec<String>> {
    let mut subjects = Vec::new();
    while subjects.last().is_none_or(|subject| subject != last) {
        let message = timeout(LIMIT, heard.next())
            .await
            .with_context(|| format!("{subjects:?}"))?;
        subjects.push(message.context("unsubscribed")?.subject.to_string());
    }
    Ok(subjects)
}

#[tokio::test]
async fn a_site_speaks_and_hears_for_itself_only() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let hub = start_hub(&sandbox).await?;
    // Before the link is there, so that the site knows of this interest as soon as it answers.
    let at_hub = client(&hub, "_INBOX.hub").await?;
    let mut heard = at_hub.subscribe(">").await?;
    let _echo = echo(&at_hub).await?;
    let site = start_site(&sandbox, &hub, "s1").await?;
    let at_site = client(&site, "_INBOX.s1").await?;
    wait_answered(&at_site, "up.s1.log").await?;

    let forged = [
        "up.s2.log",
        "up.log",
        "$KV.site.s1",
        "down.s2.menu",
        "_INBOX.s2.x",
    ];
    for subject in forged.into_iter().chain(["up.s1.end"]) {
        at_site.publish(subject, "".into()).await?;
    }
    let heard = subjects_until(&mut heard, "up.s1.end").await?;
    ensure!(
        !heard.iter().any(|subject| forged.contains(&&**subject)),
        "{heard:?}"
    );

    let mut down = at_site.subscribe("down.s1.>").await?;
    let mut foreign = at_site.subscribe("down.s2.>").await?;
    let mut all = at_site.subscribe(">").await?;
    // The link carries the subscriptions in a moment: what is sent before that is not meant to arrive.
    let sender = at_hub.clone();
    let sending = tokio::spawn(async move {
        for subject in ["down.s2.menu", "down.s1.menu"].into_iter().cycle() {
            let _ = sender.publish(subject, "".into()).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    timeout(LIMIT, down.next()).await?.context("unsubscribed")?;
    ensure!(
        timeout(SILENCE, foreign.next()).await.is_err(),
        "s1 hears what is for s2"
    );
    let heard = subjects_until(&mut all, "down.s1.menu").await?;
    ensure!(
        !heard.iter().any(|subject| subject.starts_with("down.s2")),
        "{heard:?}"
    );
    sending.abort();
    Ok(())
}

#[tokio::test]
async fn neither_side_reaches_into_the_other_ones_jetstream() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let hub = start_hub(&sandbox).await?;
    let site = start_site(&sandbox, &hub, "s1").await?;
    let (at_hub, at_site) = (
        client(&hub, "_INBOX.hub").await?,
        client(&site, "_INBOX.s1").await?,
    );
    let _echo = echo(&at_hub).await?;
    wait_answered(&at_site, "up.s1.log").await?;

    for (client, own, other) in [(&at_hub, "hub", "s1"), (&at_site, "s1", "hub")] {
        let api = |domain| format!("$JS.{domain}.API.INFO");
        wait_for("an answer of one's own JetStream", LIMIT, async || {
            let answer = client.request(api(own), "".into()).await;
            answer.map(|_| ()).map_err(|error| error.to_string())
        })
        .await?;
        let answer = client.request(api(other), "".into()).await;
        ensure!(answer.is_err(), "{own} reaches into {other}: {answer:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_site_reads_its_own_settings_and_no_others() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let hub = start_hub(&sandbox).await?;
    let bucket = super::jetstream_of(&hub).await?;
    let config = async_nats::jetstream::kv::Config {
        bucket: "site".into(),
        ..Default::default()
    };
    let bucket = bucket.create_key_value(config).await?;
    bucket.put("s1", "ours".into()).await?;
    bucket.put("s2", "theirs".into()).await?;
    let site = start_site(&sandbox, &hub, "s1").await?;
    let at_site = client(&site, "_INBOX.s1").await?;

    let key = |site| format!("$JS.hub.API.DIRECT.GET.KV_site.$KV.site.{site}");
    wait_for("the own settings", LIMIT, async || {
        let answer = at_site
            .request(key("s1"), "".into())
            .await
            .map_err(|e| e.to_string())?;
        (&*answer.payload == b"ours")
            .then_some(())
            .ok_or(format!("{answer:?}"))
    })
    .await?;
    ensure!(
        at_site.request(key("s2"), "".into()).await.is_err(),
        "s1 reads what is for s2"
    );
    Ok(())
}

#[tokio::test]
async fn a_site_that_claims_to_be_another_speaks_with_its_own_name() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let hub = start_hub(&sandbox).await?;
    // Its own server calls itself s2; its credentials say s1.
    let folder = sandbox.folder("rogue")?;
    hub.let_in("s1", &folder)?;
    let leaf = format!("nats://{}", hub.leaf_address()?);
    write_enrolled(&folder, &"s2".parse()?, &leaf)?;
    let rogue = start_in(&sandbox, "rogue", folder.clone()).await?;
    let (at_hub, at_rogue) = (
        client(&hub, "_INBOX").await?,
        client(&rogue, "_INBOX.s1").await?,
    );
    let _echo = echo(&at_hub).await?;
    wait_answered(&at_rogue, "up.s1.log").await?;
    ensure!(
        at_rogue.request("up.s2.log", "".into()).await.is_err(),
        "s1 speaks for s2"
    );

    // Of two servers with one name only the last that came stays linked.
    let honest = sandbox.folder("honest")?;
    hub.let_in("s2", &honest)?;
    write_enrolled(&honest, &"s2-honest".parse()?, &leaf)?;
    let honest = start_in(&sandbox, "honest", honest).await?;
    hub.wait_linked(2).await?;
    wait_answered(&client(&honest, "_INBOX.s2").await?, "up.s2.log").await?;

    // The user of a leaf is no user for a client.
    let options = ConnectOptions::with_credentials_file(folder.join("site.creds")).await?;
    ensure!(
        options.connect(hub.url()).await.is_err(),
        "a site's user got in as a client"
    );
    Ok(())
}

#[tokio::test]
async fn a_line_is_cut_and_healed_without_touching_the_servers() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let hub = start_hub(&sandbox).await?;
    let line = TcpProxy::start(hub.leaf_address()?).await?;
    let site = start_site_through(&sandbox, &hub, "s1", &line.address()).await?;
    let (at_hub, at_site) = (
        client(&hub, "_INBOX").await?,
        client(&site, "_INBOX.s1").await?,
    );
    let _echo = echo(&at_hub).await?;
    wait_answered(&at_site, "up.s1.log").await?;
    for _ in 0..2 {
        line.cut();
        hub.wait_linked(0).await?;
        // Longer than the site's server waits before it tries again.
        for _ in 0..3 {
            ensure!(
                at_site.request("up.s1.log", "".into()).await.is_err(),
                "the line is cut"
            );
            tokio::time::sleep(SILENCE).await;
        }
        line.heal();
        wait_answered(&at_site, "up.s1.log").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_silent_or_slow_line_delays_and_loses_nothing() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let redis = RedisServer::start(&sandbox, "redis").await?;
    let direct = format!("127.0.0.1:{}", redis.port());
    let line = TcpProxy::start(&direct).await?;
    let mut connection = connect_redis(&redis.url().replace(&direct, &line.address())).await?;
    let ping = redis::cmd("PING");

    line.silence();
    let mut hanging = Box::pin(ping.query_async::<String>(&mut connection));
    ensure!(
        timeout(SILENCE, &mut hanging).await.is_err(),
        "carried over a silent line"
    );
    line.heal();
    ensure!(timeout(LIMIT, hanging).await?? == "PONG");

    let delay = Duration::from_millis(200);
    line.delay(delay);
    let start = Instant::now();
    ping.exec_async(&mut connection).await?;
    ensure!(
        start.elapsed() >= 2 * delay,
        "there and back take a delay each"
    );
    redis.kill()
}
