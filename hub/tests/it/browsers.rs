//! The dashboard as a browser gets it, and how it signs in.

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::{Hub, World};

/// Views of the dashboard.
const VIEWS: [&str; 6] = ["/", "/orders", "/menu", "/sites", "/audit", "/proof"];

/// One browser: it calls as the dashboard's script does.
struct Browser<'a> {
    hub: &'a Hub,
    client: Client,
    cookie: Option<String>,
}

impl<'a> Browser<'a> {
    fn new(hub: &'a Hub) -> Result<Self> {
        let client = Client::builder().no_proxy().build()?;
        Ok(Self {
            hub,
            client,
            cookie: None,
        })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, self.hub.url(path));
        let request = request.header("x-sunakku-screen", "dashboard");
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    /// What the script of the hub's own page sends.
    async fn call(&self, method: Method, path: &str, body: Value) -> Result<Response> {
        let request = self.request(method, path);
        let request = request.header("origin", self.hub.url("")).json(&body);
        Ok(request.send().await?)
    }

    /// Keeps the cookie of an answer, as it would be sent back.
    fn keep(&mut self, answer: &Response) -> Result<String> {
        let set = answer.headers().get("set-cookie").context("no cookie")?;
        let set = set.to_str()?.to_owned();
        self.cookie = Some(set.split(';').next().unwrap_or_default().to_owned());
        Ok(set)
    }

    async fn status(&self, path: &str) -> Result<u16> {
        let answer = self.request(Method::GET, path).send().await?;
        Ok(answer.status().as_u16())
    }
}

#[tokio::test]
async fn every_view_is_one_page_that_runs_no_foreign_script() -> Result<()> {
    let world = World::new(&[]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let client = Client::builder().no_proxy().build()?;
    for view in VIEWS {
        let answer = client.get(hub.url(view)).send().await?;
        ensure!(answer.status() == 200, "{view}: {}", answer.status());
        let header = |name: &str| {
            let value = answer.headers().get(name);
            value.and_then(|value| value.to_str().ok()).unwrap_or("")
        };
        let policy = header("content-security-policy");
        ensure!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{view}: {policy}"
        );
        ensure!(header("x-frame-options") == "DENY", "{view}");
        let page = answer.text().await?;
        ensure!(!page.contains("://"), "{view} names another host: {page}");
        let parts: Vec<&str> = page
            .split('"')
            .filter(|text| text.starts_with("/ui/"))
            .collect();
        ensure!(parts.len() > 4, "{view}: {parts:?}");
        for part in parts {
            let answer = client.get(hub.url(part)).send().await?;
            ensure!(answer.status() == 200, "{part}: {}", answer.status());
            let cache = answer.headers().get("cache-control").context("cache")?;
            ensure!(cache.to_str()?.contains("immutable"), "{part}: {cache:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_password_signs_a_browser_in_until_it_signs_out() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let mut browser = Browser::new(&hub)?;
    ensure!(browser.status("/v1/sites").await? == 401, "nobody yet");
    let token = hub.token("ann").await?;
    let answer = browser
        .request(Method::POST, "/v1/session/cookie")
        .bearer_auth(&token)
        .json(&json!({"screen": "dashboard"}))
        .send()
        .await?;
    ensure!(answer.status() == 200, "{}", answer.status());
    let set = browser.keep(&answer)?;
    for flag in ["__Host-", "HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
        ensure!(set.contains(flag), "{flag} is not in {set}");
    }
    let who: Value = browser
        .request(Method::GET, "/v1/session")
        .send()
        .await?
        .json()
        .await?;
    ensure!(who["name"] == "ann" && who["role"] == "admin", "{who}");
    ensure!(browser.status("/v1/sites").await? == 200, "signed in");

    // The cookie alone, or from another site's page, is nobody.
    let alone = browser.client.get(hub.url("/v1/sites"));
    let alone = alone.header("cookie", browser.cookie.clone().context("a cookie")?);
    ensure!(alone.send().await?.status() == 401, "a cookie alone");
    let foreign = browser
        .request(Method::POST, "/v1/sites")
        .header("origin", "https://evil.example")
        .json(&json!({"id": "s2", "name": "S2", "time_zone": "UTC", "currency": "EUR"}));
    ensure!(foreign.send().await?.status() == 403, "a foreign page");

    let renewed = json!({"screen": "dashboard"});
    let answer = browser
        .call(Method::POST, "/v1/session/cookie", renewed)
        .await?;
    ensure!(answer.status() == 200, "renewed: {}", answer.status());
    browser.keep(&answer)?;
    let answer = browser
        .call(Method::DELETE, "/v1/session/cookie", json!({}))
        .await?;
    ensure!(answer.status() == 204, "signed out: {}", answer.status());
    let gone = browser.keep(&answer)?;
    ensure!(gone.contains("Max-Age=0"), "{gone}");
    ensure!(browser.status("/v1/sites").await? == 401, "signed out");
    Ok(())
}

#[tokio::test]
async fn signing_a_browser_out_ends_its_session_at_the_hub_and_no_other() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let token = hub.token("ann").await?;
    let mut browser = Browser::new(&hub)?;
    let made = hub
        .send(Method::POST, "/v1/session/codes", Some(&token), None, 201)
        .await?;
    let code = json!({"code": made["code"], "screen": "dashboard"});
    let answer = browser.call(Method::POST, "/v1/session/code", code).await?;
    browser.keep(&answer)?;
    let stolen = browser.cookie.clone();
    ensure!(browser.status("/v1/sites").await? == 200, "signed in");
    let answer = browser
        .call(Method::DELETE, "/v1/session/cookie", json!({}))
        .await?;
    ensure!(answer.status() == 204, "signed out: {}", answer.status());
    // Whoever copied the cookie has nothing any more; who made the code is signed in as before.
    browser.cookie = stolen;
    ensure!(browser.status("/v1/sites").await? == 401, "signed out");
    hub.send(Method::GET, "/v1/sites", Some(&token), None, 200)
        .await?;

    // With the session of the maker over, its code signs nobody in.
    let made = hub
        .send(Method::POST, "/v1/session/codes", Some(&token), None, 201)
        .await?;
    let out = Client::builder().no_proxy().build()?;
    let out = out.delete(hub.url("/v1/session")).bearer_auth(&token);
    ensure!(out.send().await?.status() == 204);
    let code = json!({"code": made["code"], "screen": "dashboard"});
    let answer = browser.call(Method::POST, "/v1/session/code", code).await?;
    ensure!(answer.status() == 401, "{}", answer.status());
    Ok(())
}

#[tokio::test]
async fn a_code_signs_one_browser_in_at_any_replica_once() -> Result<()> {
    let world = World::new(&["s1"]).await?;
    let hub = Hub::start(&world, "hub").await?;
    let other = Hub::start(&world, "other").await?;
    let token = hub.token("ann").await?;
    let made = hub
        .send(Method::POST, "/v1/session/codes", Some(&token), None, 201)
        .await?;
    let code = made["code"].as_str().context("a code")?;
    let kept: Vec<String> = sqlx::query_scalar("select code_hash from browser_code")
        .fetch_all(&world.pool().await?)
        .await?;
    ensure!(
        kept.len() == 1 && !kept[0].contains(&code.replace('-', "")),
        "{kept:?}"
    );

    let mut browser = Browser::new(&other)?;
    // As people type it.
    let typed = json!({"code": code.to_lowercase().replace('-', " "), "screen": "dashboard"});
    let answer = browser
        .call(Method::POST, "/v1/session/code", typed.clone())
        .await?;
    ensure!(answer.status() == 200, "{}", answer.status());
    browser.keep(&answer)?;
    ensure!(browser.status("/v1/sites").await? == 200, "signed in");
    let again = browser
        .call(Method::POST, "/v1/session/code", typed)
        .await?;
    ensure!(again.status() == 401, "it works once: {}", again.status());

    let late = hub
        .send(Method::POST, "/v1/session/codes", Some(&token), None, 201)
        .await?;
    sqlx::query("update browser_code set expires_at = now() - interval '1 second'")
        .execute(&world.pool().await?)
        .await?;
    let late = json!({"code": late["code"], "screen": "dashboard"});
    let answer = browser.call(Method::POST, "/v1/session/code", late).await?;
    ensure!(
        answer.status() == 401,
        "it has run out: {}",
        answer.status()
    );
    Ok(())
}
