//! Leaf links over TLS, by a private authority as `deploy/ca/sunakku-ca` makes one.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use async_nats::ConnectOptions;
use futures::StreamExt as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::time::timeout;
use xtask::harness::{
    Authority, HubNats, LIMIT, NatsServer, Sandbox, Server as _, SiteNats, wait_for, write_enrolled,
};

use super::SILENCE;

/// What a box that is let in starts its server with. Its folder says which hub it looks for.
fn site(sandbox: &Sandbox, hub: &NatsServer, name: &str, scheme: &str) -> Result<SiteNats> {
    let folder = sandbox.folder(name)?;
    hub.let_in("s1", &folder)?;
    let url = format!("{scheme}://{}", hub.leaf_address()?);
    write_enrolled(&folder, &"s1".parse()?, &url)?;
    Ok(SiteNats {
        name: format!("{name}-nats"),
        jetstream: folder.join("jetstream"),
        folder,
    })
}

async fn hub_with(sandbox: &Sandbox, authority: &Authority) -> Result<NatsServer> {
    let certificate = authority.issue("leaf", "127.0.0.1")?;
    let options = HubNats {
        name: "hub-nats".into(),
        folder: sandbox.root().join("hub/nats"),
    };
    NatsServer::start_hub_with_tls(sandbox, options, &certificate).await
}

#[tokio::test]
async fn a_site_comes_in_over_tls_and_tells_nothing_to_whom_it_does_not_know() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let authority = Authority::make(sandbox.root().join("ca"))?;
    let hub = hub_with(&sandbox, &authority).await?;
    let stranger = Authority::make(sandbox.root().join("stranger"))?;
    let doubting = site(&sandbox, &hub, "doubting", "tls")?;
    let doubting = NatsServer::start_site_trusting(&sandbox, doubting, &stranger.root()).await?;
    let tried = "certificate signed by unknown authority";
    says(&doubting, tried).await?;
    hub.wait_linked(0).await?;
    doubting.kill()?;
    // One that would come without TLS is told to come with it, and doubts as well.
    let plain = site(&sandbox, &hub, "plain", "nats")?;
    let plain = NatsServer::start_site_trusting(&sandbox, plain, &stranger.root()).await?;
    says(&plain, tried).await?;
    hub.wait_linked(0).await?;
    plain.kill()?;

    let trusting = site(&sandbox, &hub, "trusting", "tls")?;
    let trusting = NatsServer::start_site_trusting(&sandbox, trusting, &authority.root()).await?;
    trusting.wait_linked(1).await?;
    let options = || ConnectOptions::new().custom_inbox_prefix("_INBOX.s1");
    let at_hub = hub.connect(ConnectOptions::new()).await?;
    let mut heard = at_hub.subscribe("up.s1.>").await?;
    at_hub.flush().await?;
    let at_site = trusting.connect(options()).await?;
    // The link carries the interest a moment after it is up.
    let message = timeout(LIMIT, async {
        loop {
            at_site.publish("up.s1.log", "over TLS".into()).await?;
            if let Ok(message) = timeout(SILENCE, heard.next()).await {
                return message.context("unsubscribed");
            }
        }
    });
    ensure!(&*message.await??.payload == b"over TLS");
    Ok(())
}

#[tokio::test]
async fn a_certificate_is_renewed_without_a_restart_and_the_link_comes_back_by_the_new_one()
-> Result<()> {
    let sandbox = Sandbox::new()?;
    let authority = Authority::make(sandbox.root().join("ca"))?;
    let hub = hub_with(&sandbox, &authority).await?;
    let options = site(&sandbox, &hub, "site", "tls")?;
    let site = NatsServer::start_site_trusting(&sandbox, options, &authority.root()).await?;
    site.wait_linked(1).await?;
    let before = shown(&hub, &authority).await?;
    authority.renew("leaf")?;
    ensure!(
        shown(&hub, &authority).await? == before,
        "before the reload"
    );
    hub.process().hang_up()?;
    wait_for("the new certificate", LIMIT, async || {
        let now = shown(&hub, &authority).await;
        let now = now.map_err(|error| format!("{error:#}"))?;
        (now != before)
            .then_some(())
            .ok_or("the old one".to_owned())
    })
    .await?;
    // Who connects from now on does so by the new one.
    site.restart().await?;
    site.wait_linked(1).await?;
    Ok(())
}

/// Waits until a server's log has these words.
async fn says(server: &NatsServer, words: &str) -> Result<()> {
    wait_for(words, LIMIT, async || {
        let log = std::fs::read_to_string(server.process().log_path());
        let log = log.map_err(|error| error.to_string())?;
        log.contains(words).then_some(()).ok_or(log)
    })
    .await
}

/// The certificate that the hub shows to whoever comes as a site and believes its authority.
async fn shown(hub: &NatsServer, authority: &Authority) -> Result<Vec<u8>> {
    let (address, root) = (hub.leaf_address()?, authority.root());
    tokio::task::spawn_blocking(move || {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(root)?)?;
        let config = ClientConfig::builder().with_root_certificates(roots);
        let config = Arc::new(config.with_no_client_auth());
        let mut tls = ClientConnection::new(config, "127.0.0.1".try_into()?)?;
        let mut stream = BufReader::new(TcpStream::connect(address)?);
        stream.get_ref().set_read_timeout(Some(LIMIT))?;
        // The server speaks first, in the clear: who it is. Then comes TLS.
        let mut info = String::new();
        stream.read_line(&mut info)?;
        ensure!(info.contains("\"tls_required\":true"), "{info}");
        while tls.is_handshaking() {
            tls.complete_io(stream.get_mut())?;
        }
        let shown = tls.peer_certificates().and_then(<[_]>::first);
        Ok(shown.context("no certificate")?.to_vec())
    })
    .await?
}
