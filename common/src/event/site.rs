//! What events say of the site itself: menu, settings, devices, people, commands.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::by::By;
#[cfg(doc)]
use super::kind;
use crate::claims::Role;
use crate::ids::CommandId;

/// Body of [`kind::MENU_ACTIVATED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MenuActivated {
    /// The version that the site sells by from now on.
    pub version: u64,
    /// SHA-256 of that menu ([`crate::menu::canonical::hash`]); a seed has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Code of the menu at the hub; a seed has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub menu: Option<String>,
}

/// Body of [`kind::MENU_REFUSED`]. The site sells on by the menu that it had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MenuRefused {
    /// The version that it does not take.
    pub version: u64,
    /// Why.
    pub reason: String,
    /// Code of the menu at the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub menu: Option<String>,
}

/// Body of [`kind::SITE_CONFIGURED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteConfigured {
    /// The revision of the settings that is in force.
    pub revision: u64,
}

/// Body of [`kind::SITE_CLOSED`] and [`kind::SITE_OPENED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteSwitched {
    /// Until when it is closed; absent when it was opened.
    #[serde(default)]
    pub until: Option<DateTime<Utc>>,
    /// Who did it.
    pub by: By,
    /// Why, where that was told.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Body of [`kind::STAFF_CALLED`] and [`kind::STAFF_ANSWERED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StaffCall {
    /// The device where the guest is.
    pub device: String,
    /// Who did it: called, or saw to it.
    pub by: By,
}

/// Body of [`kind::DEVICE_PAIRED`] and [`kind::DEVICE_REVOKED`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceMoved {
    /// The device; the `sid` of its tokens.
    pub device: Uuid,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Who let it in, or shut it out.
    pub by: By,
    /// Why, where that was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Body of the kinds `session.*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionMoved {
    /// The person.
    pub user: String,
    /// What the person may do.
    pub role: Role,
    /// How: `password` or `pin`.
    pub method: String,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Until when the person cannot sign in there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// Who did it, and at which device.
    pub by: By,
}

/// Body of [`kind::COMMAND_APPLIED`] and [`kind::COMMAND_REFUSED`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandSettled {
    /// The command.
    pub command: CommandId,
    /// What it asked for.
    pub kind: String,
    /// Why it was not done: a word for programs, such as `expired` or `negative-stock`.
    #[serde(default)]
    pub reason: Option<String>,
    /// The same as a sentence.
    #[serde(default)]
    pub detail: Option<String>,
    /// Who gave it.
    pub by: By,
}
