//! Tokens that must not be believed, point by point after RFC 8725.

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chrono::Utc;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{Hub, World};

/// Makes tokens on the model of one that the hub gave out, with the hub's own key.
struct Forge {
    key: Ed25519KeyPair,
    header: Value,
    claims: Value,
}

impl Forge {
    async fn new(world: &World, hub: &Hub) -> Result<Self> {
        let token = hub.token("ann").await?;
        let part = |n: usize| -> Result<Value> {
            let part = token.split('.').nth(n).context("three parts")?;
            Ok(serde_json::from_slice(
                &BASE64_URL_SAFE_NO_PAD.decode(part)?,
            )?)
        };
        let pkcs8 = std::fs::read(world.sandbox.root().join("hub.key"))?;
        let key = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|error| anyhow!("{error}"))?;
        Ok(Self {
            key,
            header: part(0)?,
            claims: part(1)?,
        })
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        let text = text(header, claims);
        let signature = self.key.sign(text.as_bytes());
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature.as_ref());
        format!("{text}.{signature}")
    }

    fn header(&self, name: &str, value: Value) -> String {
        self.signed(&with(&self.header, name, value), &self.claims)
    }

    fn claim(&self, name: &str, value: Value) -> String {
        self.signed(&self.header, &with(&self.claims, name, value))
    }
}

fn text(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// The same with another member; without it for null.
fn with(of: &Value, name: &str, value: Value) -> Value {
    let mut changed = of.clone();
    match (value, changed.as_object_mut()) {
        (Value::Null, Some(members)) => drop(members.remove(name)),
        (value, _) => changed[name] = value,
    }
    changed
}

#[tokio::test]
async fn only_what_the_hub_itself_would_sign_is_believed() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let forge = Forge::new(&world, &hub).await?;
    let (listener, now) = (
        TcpListener::bind("127.0.0.1:0").await?,
        Utc::now().timestamp(),
    );
    let url = format!("http://{}/keys.json", listener.local_addr()?);
    let asks = async |token: &str, expected: u16, why: &str| {
        let answer = hub.send(Method::GET, "/v1/sites", Some(token), None, expected);
        answer.await.map(drop).with_context(|| why.to_owned())
    };
    // What is refused below is refused for what is changed alone.
    asks(&forge.signed(&forge.header, &forge.claims), 200, "model").await?;
    let soon = forge.claim("exp", json!(now - 10));
    asks(&soon, 200, "clocks differ by seconds").await?;

    let mut forged = Vec::new();
    for alg in ["none", "None", "HS256", "RS256", "ES256"] {
        let header = with(&forge.header, "alg", json!(alg));
        forged.push((format!("{}.", text(&header, &forge.claims)), "no signature"));
        forged.push((forge.signed(&header, &forge.claims), "another algorithm"));
    }
    let x = BASE64_URL_SAFE_NO_PAD.encode(forge.key.public_key().as_ref());
    for secret in [forge.key.public_key().as_ref(), x.as_bytes()] {
        let header = with(&forge.header, "alg", json!("HS256"));
        let text = text(&header, &forge.claims);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
        let tag = BASE64_URL_SAFE_NO_PAD.encode(tag.as_ref());
        forged.push((format!("{text}.{tag}"), "signed with the public key"));
    }
    for kid in [
        json!(null),
        json!(7),
        json!(""),
        json!("0".repeat(32)),
        json!("../../etc/passwd"),
        json!("' or '1'='1"),
        json!("*)(uid=*"),
        json!("k".repeat(10_000)),
    ] {
        forged.push((forge.header("kid", kid), "an odd kid"));
    }
    forged.push((forge.header("typ", json!(null)), "no type"));
    forged.push((forge.header("typ", json!("JWT")), "another type"));
    forged.push((forge.header("crit", json!(["x"])), "something critical"));
    for (name, value) in [
        ("iss", json!("sunakku:site:s1")),
        ("iss", json!(null)),
        ("aud", json!("sunakku:site:s1")),
        ("aud", json!(null)),
        ("sub", json!(null)),
        ("sub", json!("bob")),
        ("exp", json!(null)),
        ("exp", json!(now - 61)),
        ("exp", json!("never")),
        ("nbf", json!(now + 120)),
        ("role", json!("root")),
        ("sid", json!(null)),
        ("sid", json!(uuid::Uuid::now_v7())),
    ] {
        forged.push((forge.claim(name, value), name));
    }

    // Keys that a token brings with it are neither used nor fetched.
    let pkcs8 = sunakku_common::claims::Signer::generate_pkcs8()?;
    let foreign = Forge {
        key: Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|error| anyhow!("{error}"))?,
        header: forge.header.clone(),
        claims: forge.claims.clone(),
    };
    let x = BASE64_URL_SAFE_NO_PAD.encode(foreign.key.public_key().as_ref());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    forged.push((
        foreign.signed(&foreign.header, &foreign.claims),
        "a foreign key",
    ));
    for (name, value) in [("jwk", jwk), ("jku", json!(url)), ("x5u", json!(url))] {
        forged.push((foreign.header(name, value), name));
    }
    for (token, why) in &forged {
        asks(token, 401, why).await?;
    }
    let mut coming = std::pin::pin!(listener.accept());
    ensure!(
        futures::poll!(&mut coming).is_pending(),
        "a key was asked for"
    );
    Ok(())
}
