//! A caller of either API.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sunakku_common::claims::Role;

use super::people;

/// Somebody with a token.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    /// The token, for other ways to call.
    pub token: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body, null when it is empty or no JSON.
    pub body: Value,
}

impl Answer {
    /// The last part of a problem's type, or the empty text.
    pub fn problem(&self) -> &str {
        self.body["type"]
            .as_str()
            .and_then(|kind| kind.rsplit(':').next())
            .unwrap_or_default()
    }

    /// The answer, unless it has another status.
    pub fn expect(self, status: u16) -> Result<Self> {
        ensure!(
            self.status == status,
            "{} instead of {status}: {}",
            self.status,
            self.body
        );
        Ok(self)
    }
}

impl Client {
    /// Signs in as the person with this role.
    pub async fn sign_in(url: &str, role: Role) -> Result<Self> {
        let person = people()?.iter().find(|person| person.role == role);
        let person = person.with_context(|| format!("nobody has the role {role}"))?;
        let nobody = Self::with_token(url, "")?;
        let body = json!({ "user": person.name, "password": person.password });
        let answer = nobody.post("/v1/session", None, &body).await?.expect(200)?;
        let token = answer.body["access_token"]
            .as_str()
            .context("no token")?
            .to_owned();
        Ok(Self { token, ..nobody })
    }

    /// A caller with this token, or with none when it is empty.
    pub fn with_token(url: &str, token: &str) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(15))
            .build()?;
        Ok(Self {
            http,
            url: url.to_owned(),
            token: token.to_owned(),
        })
    }

    /// The same caller elsewhere or with another token.
    #[must_use]
    pub fn as_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// A request with the token.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        if self.token.is_empty() {
            request
        } else {
            request.bearer_auth(&self.token)
        }
    }

    /// Sends a request; an error means that no whole answer came.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await?;
        Ok(Answer {
            status,
            headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
        })
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::GET, path)).await
    }

    /// POST of JSON, under an idempotency key if there is one.
    pub async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> Result<Answer> {
        let mut request = self.request(Method::POST, path).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        self.send(request).await
    }

    /// POST without a body.
    pub async fn act(&self, path: &str) -> Result<Answer> {
        self.send(self.request(Method::POST, path)).await
    }

    /// PUT of JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// `POST /v1/orders`.
    pub async fn order(&self, key: &str, order: &Value) -> Result<Answer> {
        self.post("/v1/orders", Some(key), order).await
    }

    /// Every entry of a list, page by page.
    pub async fn all<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>> {
        let (mut entries, mut after) = (Vec::new(), None::<String>);
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let mut part = format!("{path}{joint}limit=200");
            if let Some(after) = &after {
                part.push_str(&format!("&after={after}"));
            }
            let answer = self.get(&part).await?.expect(200)?;
            entries.extend(serde_json::from_value::<Vec<T>>(
                answer.body["items"].clone(),
            )?);
            match answer.body["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => return Ok(entries),
            }
        }
    }
}
