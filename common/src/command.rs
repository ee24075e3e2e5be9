//! Commands: what the hub asks of a site, because the site owns what is to change.
//!
//! A command is sent again until the site's log reports what became of it, and takes effect once
//! however often it comes. The hub's states of one: `pending` → `delivered` (the site has it) →
//! `applied` | `refused`, or `expired`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::claims::Role;
use crate::ids::{CommandId, OrderId, SiteId, check_code};
use crate::text::is_printable;

/// Commands of one message at most.
pub const MAX_COMMANDS: usize = 50;
/// How long a command may be good for at most, seconds: shorter than a site remembers those that
/// it has applied.
pub const MAX_LIFE_SECONDS: i64 = 14 * 24 * 3_600;
/// Characters of a reason at most.
const MAX_REASON_CHARS: usize = 200;
/// Digits of the code that a screen shows to be let in.
pub const PAIRING_DIGITS: usize = 8;
/// Units that can be set, added or taken at once.
const MAX_UNITS: i64 = 1_000_000;

/// Hub → site: the commands that the site has not reported yet, in the order in which they were
/// given. Each message has all of them from the first on, so that one which was lost on its way
/// is never overtaken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Commands {
    /// Whom they are for: a site takes nothing that names another one.
    pub site: SiteId,
    /// The commands.
    pub commands: Vec<Command>,
}

/// One command as it travels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Command {
    /// Its id, by which a site knows it again.
    pub id: CommandId,
    /// Who gave it.
    pub author: String,
    /// Not to be applied after this time, by the site's clock.
    pub expires_at: DateTime<Utc>,
    /// What it asks for.
    pub kind: String,
    /// With which values.
    pub args: Box<RawValue>,
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "args", deny_unknown_fields)]
pub enum What {
    /// Adds units to a SKU or takes some.
    #[serde(rename = "stock.adjust")]
    StockAdjust {
        /// The SKU.
        sku: String,
        /// Units added or, negative, taken.
        delta: i64,
        /// Why.
        reason: String,
    },
    /// Sets what is at hand of a SKU.
    #[serde(rename = "stock.set")]
    StockSet {
        /// The SKU.
        sku: String,
        /// Units; null to stop counting.
        #[serde(deserialize_with = "Option::deserialize")]
        on_hand: Option<u32>,
    },
    /// Lets a screen in that shows a code.
    #[serde(rename = "device.pair")]
    DevicePair {
        /// The code: eight digits.
        code: String,
        /// What the device is called from now on.
        name: String,
        /// What it is to be: the page that shows the code decides what is possible.
        role: Role,
    },
    /// Lets a device in no more.
    #[serde(rename = "device.revoke")]
    DeviceRevoke {
        /// The device.
        device: Uuid,
        /// Why, where that is told.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Takes a SKU off sale.
    #[serde(rename = "stock.suspend")]
    StockSuspend {
        /// The SKU.
        sku: String,
        /// When it is on sale again by itself; never when absent.
        #[serde(default)]
        until: Option<DateTime<Utc>>,
        /// Why, where that is told.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Puts a SKU on sale again.
    #[serde(rename = "stock.resume")]
    StockResume {
        /// The SKU.
        sku: String,
        /// Why, where that is told.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Calls an order off.
    #[serde(rename = "order.cancel")]
    OrderCancel {
        /// The order.
        order: OrderId,
        /// Why.
        reason: String,
    },
    /// Closes the site.
    #[serde(rename = "site.close")]
    SiteClose {
        /// Until when; until the next business day begins when absent.
        #[serde(default)]
        until: Option<DateTime<Utc>>,
        /// Why, where that is told.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Opens a site that was closed.
    #[serde(rename = "site.open")]
    SiteOpen {
        /// Why, where that is told.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Has the site read its menu and settings from the hub.
    #[serde(rename = "menu.reload")]
    MenuReload {
        /// An admin's word that what the hub has is right, even if its version is older than what
        /// the site sells by: after the hub was restored from a backup.
        #[serde(default)]
        go_back: bool,
    },
    /// Holds the work queue back.
    #[serde(rename = "queue.pause")]
    QueuePause {
        /// Why, where that is told.
        #[serde(default)]
        reason: Option<String>,
    },
    /// Lets the work queue go on.
    #[serde(rename = "queue.resume")]
    QueueResume {
        /// Why, where that is told.
        #[serde(default)]
        reason: Option<String>,
    },
}

/// Every kind of command.
pub const KINDS: [&str; 12] = [
    "device.pair",
    "device.revoke",
    "menu.reload",
    "order.cancel",
    "queue.pause",
    "queue.resume",
    "site.close",
    "site.open",
    "stock.adjust",
    "stock.resume",
    "stock.set",
    "stock.suspend",
];

impl What {
    /// Reads what a command of this kind with these values asks for, and checks it.
    ///
    /// # Errors
    /// A sentence about what is wrong.
    pub fn read(kind: &str, args: &RawValue) -> Result<Self, String> {
        if !KINDS.contains(&kind) {
            return Err(format!("\"{kind}\" is none of {}", KINDS.join(", ")));
        }
        #[derive(Serialize)]
        struct Tagged<'a> {
            kind: &'a str,
            args: &'a RawValue,
        }
        let text = serde_json::to_string(&Tagged { kind, args });
        let what: Self = text
            .and_then(|text| serde_json::from_str(&text))
            .map_err(|error| format!("args: {error}"))?;
        what.check().map(|()| what)
    }

    fn check(&self) -> Result<(), String> {
        let (mut sku, mut why) = (None, None);
        match self {
            Self::StockAdjust {
                sku: code,
                delta,
                reason,
            } => {
                if *delta == 0 || !(-MAX_UNITS..=MAX_UNITS).contains(delta) {
                    return Err(format!("delta: not 0, within {MAX_UNITS}"));
                }
                (sku, why) = (Some(code), Some(reason));
            }
            Self::StockSet { sku: code, on_hand } => {
                if on_hand.is_some_and(|units| MAX_UNITS < i64::from(units)) {
                    return Err(format!("on_hand: must be 0 to {MAX_UNITS}"));
                }
                sku = Some(code);
            }
            Self::StockSuspend {
                sku: code, reason, ..
            }
            | Self::StockResume { sku: code, reason } => {
                (sku, why) = (Some(code), reason.as_ref());
            }
            Self::DevicePair { code, name, .. } => {
                if code.len() != PAIRING_DIGITS || !code.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(format!("code: the {PAIRING_DIGITS} digits on the screen"));
                }
                check_code(name).map_err(|error| format!("name: {error}"))?;
            }
            Self::OrderCancel { reason, .. } => why = Some(reason),
            Self::DeviceRevoke { reason, .. }
            | Self::SiteClose { reason, .. }
            | Self::SiteOpen { reason }
            | Self::QueuePause { reason }
            | Self::QueueResume { reason } => why = reason.as_ref(),
            Self::MenuReload { .. } => {}
        }
        if let Some(sku) = sku {
            check_code(sku).map_err(|error| format!("sku: {error}"))?;
        }
        match why {
            Some(why) if why.trim().is_empty() => Err("reason: must not be empty".to_owned()),
            Some(why) if MAX_REASON_CHARS < why.chars().count() || !is_printable(why) => Err(
                format!("reason: at most {MAX_REASON_CHARS} characters, none of control"),
            ),
            _ => Ok(()),
        }
    }
}

/// Site → hub: the commands of a message have come; what becomes of them is told by the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Received {
    /// Their ids.
    pub commands: Vec<CommandId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, args: &str) -> Result<What, String> {
        let args = RawValue::from_string(args.to_owned()).expect("JSON");
        What::read(kind, &args)
    }

    #[test]
    fn every_kind_is_read_and_checked() {
        let order = OrderId::new();
        let cancel = format!(r#"{{"order":"{order}","reason":"burnt"}}"#);
        let device = Uuid::now_v7();
        let revoke = format!(r#"{{"device":"{device}","reason":"lost"}}"#);
        for (kind, good, bad) in [
            (
                "device.pair",
                r#"{"code":"01234567","name":"kiosk-2","role":"kiosk"}"#,
                r#"{"code":"0123456","name":"kiosk-2","role":"kiosk"}"#,
            ),
            ("device.revoke", revoke.as_str(), r#"{"device":"kiosk-2"}"#),
            ("menu.reload", "{}", r#"{"go_back":1}"#),
            ("order.cancel", cancel.as_str(), r#"{"order":"1"}"#),
            ("queue.pause", r#"{"reason":"fire"}"#, r#"{"reason":" "}"#),
            ("queue.resume", "{}", r#"{"why":"x"}"#),
            (
                "site.close",
                r#"{"until":"2026-11-27T04:00:00Z"}"#,
                r#"{"until":"soon"}"#,
            ),
            ("site.open", "{}", "[1]"),
            (
                "stock.adjust",
                r#"{"sku":"cake","delta":-3,"reason":"waste"}"#,
                r#"{"sku":"cake","delta":0,"reason":"waste"}"#,
            ),
            ("stock.resume", r#"{"sku":"cake"}"#, r#"{"sku":"a cake"}"#),
            (
                "stock.set",
                r#"{"sku":"cake","on_hand":null}"#,
                r#"{"sku":"cake"}"#,
            ),
            (
                "stock.suspend",
                r#"{"sku":"cake"}"#,
                r#"{"sku":"cake","reason":"a\u0007"}"#,
            ),
        ] {
            assert!(read(kind, good).is_ok(), "{kind}: {:?}", read(kind, good));
            assert!(read(kind, bad).is_err(), "{kind} {bad}");
        }
        assert!(read("site.burn", "{}").is_err_and(|why| why.contains("site.close")));
    }
}
