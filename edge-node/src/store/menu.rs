//! The menu in the store: the copy by which an edge that starts without a hub goes on selling.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;
use sunakku_common::down::{Mark, MenuVersion, NextMenu, Origin, text_hash};
use sunakku_common::event::{MenuActivated, MenuRefused, cause};

use super::{Operation, Store, StoreError};

/// A menu as the store keeps it.
#[derive(Debug, Clone)]
pub struct StoredMenu {
    /// Where it comes from.
    pub origin: Origin,
    /// The menu.
    pub menu: MenuVersion,
}

impl StoredMenu {
    /// What tells it from others.
    pub fn mark(&self) -> Mark {
        Mark {
            origin: self.origin.clone(),
            version: self.menu.version,
            hash: self.menu.hash.clone(),
        }
    }
}

/// The menu after the present one, with the code that it belongs to.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
pub struct StoredNext {
    /// Code of the menu at the hub.
    pub code: String,
    /// The menu, and when it comes into force.
    pub next: NextMenu,
}

impl Store {
    /// Makes a menu the one that the site sells by. Whether it was not before.
    pub async fn activate_menu(&self, stored: &StoredMenu) -> Result<bool, StoreError> {
        let of_hub = match &stored.origin {
            Origin::Seed => None,
            Origin::Hub(code) => Some(code.clone()),
        };
        let event = MenuActivated {
            version: stored.menu.version,
            hash: of_hub.is_some().then(|| stored.menu.hash.clone()),
            menu: of_hub,
        };
        let args = [
            stored.menu.version.to_string(),
            stored.menu.hash.clone(),
            stored.origin.to_text(),
            stored.menu.menu.get().to_owned(),
            serde_json::to_string(&event)?,
        ];
        let script = &self.inner.scripts.activate_menu;
        let operation = Operation::system("menu", cause::HUB);
        let keys = [self.keys().menu()];
        let reply = self.run(script, &operation, &keys, &args).await?;
        match reply.done() {
            Ok(_) => Ok(true),
            Err("same") => Ok(false),
            Err(_) => Err(reply.unexpected()),
        }
    }

    /// Tells that a menu was not taken, unless that was told last. Whether it was told now.
    pub async fn refuse_menu(&self, refused: &MenuRefused, hash: &str) -> Result<bool, StoreError> {
        let body = serde_json::to_string(refused)?;
        let args = [text_hash(&format!("{hash} {body}")), body];
        let script = &self.inner.scripts.refuse_menu;
        let operation = Operation::system("menu", cause::HUB);
        let keys = [self.keys().menu()];
        let reply = self.run(script, &operation, &keys, &args).await?;
        match reply.done() {
            Ok(_) => Ok(true),
            Err("same") => Ok(false),
            Err(_) => Err(reply.unexpected()),
        }
    }

    /// The menu that the site last sold by.
    pub async fn stored_menu(&self) -> Result<Option<StoredMenu>, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys().menu());
        let mut fields: HashMap<String, String> =
            command.query_async(&mut self.connection()).await?;
        let mut take = |name: &str| fields.remove(name);
        let (Some(origin), Some(version), Some(hash), Some(text)) =
            (take("origin"), take("version"), take("hash"), take("menu"))
        else {
            return Ok(None);
        };
        let version = version
            .parse()
            .map_err(|_| StoreError::Unreadable("the menu's version".to_owned()))?;
        let menu = RawValue::from_string(text)?;
        Ok(Some(StoredMenu {
            origin: Origin::from_text(&origin),
            menu: MenuVersion {
                version,
                hash,
                menu,
            },
        }))
    }

    /// Keeps the menu after the present one for the next start, or forgets it. It is no fact yet.
    pub async fn keep_next_menu(&self, next: Option<&StoredNext>) -> Result<(), StoreError> {
        let mut command = match next {
            Some(_) => redis::cmd("HSET"),
            None => redis::cmd("HDEL"),
        };
        command.arg(self.keys().menu()).arg("next");
        if let Some(next) = next {
            command.arg(serde_json::to_string(next)?);
        }
        Ok(command.exec_async(&mut self.connection()).await?)
    }

    /// The menu after the present one.
    pub async fn next_menu(&self) -> Result<Option<StoredNext>, StoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(self.keys().menu()).arg("next");
        let text: Option<String> = command.query_async(&mut self.connection()).await?;
        Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
    }
}
