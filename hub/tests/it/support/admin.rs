//! An admin at the hub.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::Hub;

/// An admin who is signed in.
pub(crate) struct Admin<'a> {
    hub: &'a Hub,
    token: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// `etag`, `location` and `idempotency-replayed`, where they were sent.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.text).with_context(|| self.text.clone())
    }

    pub(crate) fn etag(&self) -> Result<String> {
        let tag = self.headers.get("etag");
        tag.cloned().with_context(|| format!("no ETag: {self:?}"))
    }

    pub(crate) fn is_replayed(&self) -> bool {
        self.headers.contains_key("idempotency-replayed")
    }
}

impl<'a> Admin<'a> {
    pub(crate) async fn of(hub: &'a Hub) -> Result<Self> {
        let token = hub.token("ann").await?;
        Ok(Self { hub, token })
    }

    /// Sends a request with these headers and this body.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Answered> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let mut request = client
            .request(method, self.hub.url(path))
            .bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let kept = ["etag", "location", "idempotency-replayed"].into_iter();
        let header = |name: &str| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some((name.to_owned(), value.to_owned()))
        };
        Ok(Answered {
            status: response.status().as_u16(),
            headers: kept.filter_map(header).collect(),
            text: response.text().await?,
        })
    }

    /// Sends JSON, which must be answered with this status.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
        expected: u16,
    ) -> Result<Answered> {
        let mut headers = headers.to_vec();
        headers.push(("content-type", "application/json"));
        let body = (!body.is_null()).then(|| body.to_string());
        let answered = self.ask(method, path, &headers, body).await?;
        ensure!(answered.status == expected, "{path}: {answered:?}");
        Ok(answered)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        let answered = self.send(Method::GET, path, &[], Value::Null, 200).await?;
        answered.json()
    }

    pub(crate) async fn post(&self, path: &str, body: Value, expected: u16) -> Result<Value> {
        let answered = self.send(Method::POST, path, &[], body, expected).await?;
        answered.json()
    }

    pub(crate) async fn put(&self, path: &str, body: Value, expected: u16) -> Result<Value> {
        let answered = self.send(Method::PUT, path, &[], body, expected).await?;
        answered.json()
    }

    pub(crate) async fn patch(&self, path: &str, body: Value, expected: u16) -> Result<Value> {
        let answered = self.send(Method::PATCH, path, &[], body, expected).await?;
        answered.json()
    }

    pub(crate) async fn delete(&self, path: &str, expected: u16) -> Result<Value> {
        let answered = self
            .send(Method::DELETE, path, &[], Value::Null, expected)
            .await?;
        answered.json()
    }

    /// Makes the menu `lunch` with a burger at 900 and a cola at 250, and gives it to the sites.
    pub(crate) async fn lunch(&self, sites: &[&str]) -> Result<()> {
        let draft = json!({"document": {
            "currency": "EUR", "stations": ["grill", "bar"],
            "categories": [{"id": "food", "name": {"en": "Food", "ja": "食事"}}],
            "items": [
                {"id": "burger", "name": {"en": "Burger"}, "category": "food", "price": 900,
                 "station": "grill", "consumes": {"patty": 1}},
                {"id": "cola", "name": {"en": "Cola"}, "category": "food", "price": 250,
                 "station": "bar"}]}});
        self.post("/v1/menus/lunch/import", draft, 201).await?;
        for site in sites {
            let path = format!("/v1/menus/lunch/sites/{site}");
            self.put(&path, Value::Null, 200).await?;
        }
        Ok(())
    }

    /// Publishes the draft of `lunch` now, and gives the version.
    pub(crate) async fn publish(&self) -> Result<i64> {
        let published = self.post("/v1/menus/lunch/publish", json!({}), 201).await?;
        published["version"].as_i64().context("a version")
    }
}
