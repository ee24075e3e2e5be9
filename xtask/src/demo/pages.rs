//! Addresses of the screens that sign a browser in: each with a code that works once.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::tokens::{SiteTokens, Tokens};
use crate::world::{Client, Site, World};

/// Each page with its path and the role that it signs in with.
const PAGES: [(&str, &str, &str); 4] = [
    ("kiosk", "/", "kiosk"),
    ("kitchen", "/kitchen", "kitchen"),
    ("pickup", "/pickup", "board"),
    ("ops", "/ops", "manager"),
];
/// A site that was just started again may not answer yet; its codes of before are still good.
const LIMIT: Duration = Duration::from_secs(2);

/// The codes by site and page.
#[derive(Default)]
pub struct Pages {
    codes: HashMap<(String, &'static str), String>,
    /// The dashboard's.
    dashboard: Option<String>,
}

impl Pages {
    /// Makes new codes where hub and sites answer.
    pub async fn renew(&mut self, world: &World, tokens: &Tokens) {
        let made = tokio::time::timeout(LIMIT, code(&tokens.admin, &json!({}))).await;
        self.dashboard = made.ok().flatten().or(self.dashboard.take());
        let sites = world.sites.iter().zip(&tokens.sites);
        let made = sites.map(|(site, tokens)| async {
            let made = tokio::time::timeout(LIMIT, codes(tokens)).await;
            (site.id.clone(), made.unwrap_or_default())
        });
        for (site, codes) in futures::future::join_all(made).await {
            for (page, code) in codes {
                self.codes.insert((site.clone(), page), code);
            }
        }
    }

    /// The addresses of the hub's pages.
    pub fn of_hub(&self, hub: &str) -> Value {
        let code = self.dashboard.as_ref();
        let code = code.map_or(String::new(), |code| format!("#code={code}"));
        json!({ "dashboard": format!("{hub}/{code}"), "docs": format!("{hub}/docs") })
    }

    /// The addresses of a site's pages.
    pub fn of(&self, site: &Site) -> Value {
        let url = site.url();
        let address = |(page, path, _): &(&'static str, &str, &str)| {
            let code = self.codes.get(&(site.id.clone(), *page));
            let code = code.map_or(String::new(), |code| format!("#code={code}"));
            ((*page).to_owned(), json!(format!("{url}{path}{code}")))
        };
        let mut pages: Map<String, Value> = PAGES.iter().map(address).collect();
        pages.insert("docs".to_owned(), json!(format!("{url}/docs")));
        Value::Object(pages)
    }
}

async fn codes(tokens: &SiteTokens) -> Vec<(&'static str, String)> {
    let mut codes = Vec::new();
    for (page, _, role) in PAGES {
        let body = json!({ "role": role, "name": format!("{page}-1") });
        let code = code(&tokens.manager, &body).await;
        codes.extend(code.map(|code| (page, code)));
    }
    codes
}

async fn code(by: &Client, body: &Value) -> Option<String> {
    let made = by.post("/v1/session/codes", None, body).await.ok()?;
    made.body["code"].as_str().map(str::to_owned)
}
