//! The state file: every URL, token, process id and folder, so that scripts can drive the demo
//! and break it.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sunakku_common::claims::Role;

use super::pages::Pages;
use super::tokens::Tokens;
use crate::harness::Server as _;
use crate::world::{World, people};

/// Writes the state file; replaced as a whole, so that a reader never sees half of it.
pub fn write(path: &Path, world: &World, tokens: &Tokens, pages: &Pages) -> Result<()> {
    let text = serde_json::to_string_pretty(&state(world, tokens, pages)?)?;
    let new = path.with_extension("new");
    std::fs::write(&new, text + "\n").with_context(|| format!("writing {}", new.display()))?;
    std::fs::rename(&new, path).with_context(|| format!("writing {}", path.display()))
}

fn state(world: &World, tokens: &Tokens, pages: &Pages) -> Result<Value> {
    let hub = &world.hub;
    let admin = people()?.iter().find(|person| person.role == Role::Admin);
    let admin = admin.context("there is no admin")?;
    let auditor = people()?.iter().find(|person| person.role == Role::Auditor);
    let auditor = auditor.context("there is no auditor")?;
    let sites = world.sites.iter().zip(&tokens.sites).map(|(site, tokens)| {
        json!({
            "id": site.id,
            "url": site.url(),
            "nats_url": site.nats.url(),
            "redis_url": site.redis.url(),
            "tokens": {
                "kiosk": tokens.kiosk.token,
                "kitchen": tokens.kitchen.token,
                "manager": tokens.manager.token,
            },
            "pages": pages.of(site),
            "pids": {
                "edge": site.process().pid(),
                "nats": site.nats.pid(),
                "redis": site.redis.pid(),
            },
            "auditor": { "user": auditor.name, "password": auditor.password },
            "data": site.data,
        })
    });
    Ok(json!({
        "hub": {
            "url": hub.url(),
            "nats_url": hub.nats.url(),
            "nats_keys": hub.nats.keys_folder()?,
            "postgres_url": hub.postgres.url(),
            "admin": {
                "user": admin.name, "password": admin.password, "token": tokens.admin.token,
            },
            "pages": pages.of_hub(&hub.url()),
            "pids": {
                "hub": hub.process().pid(),
                "nats": hub.nats.pid(),
                "postgres": hub.postgres.pid(),
            },
            "data": hub.data,
        },
        "sites": sites.collect::<Vec<_>>(),
    }))
}
