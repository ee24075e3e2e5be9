//! What the hub keeps for each site to read: its menu, the next one, and its settings.
//!
//! Each is one text under one key, always the whole of it, so that a site which missed a hundred
//! changes needs the last one alone. The envelope is read tolerantly: members that are not known
//! here are passed over. The menu within it is not: whoever does not understand a part of a menu
//! would sell by half of it, so such a menu is refused and the one before goes on.

use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::ids::SiteId;
use crate::menu::{Menu, canonical};
use crate::money::Currency;

/// The menu of one site, as the hub keeps it for the site.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MenuDown {
    /// Whose it is: a site takes nothing that names another one.
    pub site: SiteId,
    /// Code of the menu; versions of one code only go up.
    pub code: String,
    /// What to sell by now; absent before the first version comes into force.
    #[serde(default)]
    pub current: Option<MenuVersion>,
    /// What to sell by from a moment on, sent ahead so that the site needs no line then.
    #[serde(default)]
    pub next: Option<NextMenu>,
}

/// A menu that comes into force later.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NextMenu {
    /// From when on: an absolute time, which the hub has worked out from the site's time zone.
    pub at: DateTime<Utc>,
    /// The menu.
    pub menu: MenuVersion,
}

/// One version of a menu, with the text that its hash is of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MenuVersion {
    /// Its version.
    pub version: u64,
    /// [`text_hash`] of `menu`, which is what [`canonical::hash`] gives for it.
    pub hash: String,
    /// The menu, exactly as it was hashed.
    pub menu: Box<RawValue>,
}

/// Why a menu cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The text is not the one that was hashed.
    #[error("damaged: its text does not match its hash")]
    Damaged,
    /// It has parts that this program does not know, or is no menu at all.
    #[error("cannot be read here: {0}")]
    Unreadable(String),
    /// It contradicts itself.
    #[error("faulty: {0}")]
    Faulty(String),
    /// The site sells in another currency.
    #[error("its prices are in {0}, the site sells in {1}")]
    OtherCurrency(String, String),
}

/// SHA-256 of a text, in hexadecimal.
pub fn text_hash(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))
}

impl MenuVersion {
    /// The version as it travels.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which no menu brings about.
    pub fn of(menu: &Menu) -> Result<Self, serde_json::Error> {
        let text = canonical::text(menu)?;
        Ok(Self {
            version: menu.version,
            hash: text_hash(&text),
            menu: RawValue::from_string(text)?,
        })
    }

    /// The menu, if it is what was sent and can be sold by. `currency` is the site's, where that
    /// is known.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn open(&self, currency: Option<&Currency>) -> Result<Menu, Unusable> {
        if text_hash(self.menu.get()) != self.hash {
            return Err(Unusable::Damaged);
        }
        let menu: Menu = serde_json::from_str(self.menu.get())
            .map_err(|error| Unusable::Unreadable(error.to_string()))?;
        if menu.version != self.version || menu.version == 0 {
            let what = format!("it says that it is version {}", menu.version);
            return Err(Unusable::Faulty(what));
        }
        if let Some(fault) = menu.faults().into_iter().next() {
            return Err(Unusable::Faulty(format!("{}: {}", fault.path, fault.what)));
        }
        match currency {
            Some(own) if *own != menu.currency => Err(Unusable::OtherCurrency(
                menu.currency.code().to_owned(),
                own.code().to_owned(),
            )),
            _ => Ok(menu),
        }
    }
}

/// Where a menu comes from: its code at the hub, or the site's own seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The site's own file, until the hub has a menu for it.
    Seed,
    /// The hub, under this code.
    Hub(String),
}

impl Origin {
    /// As it is stored: `seed`, or `hub:<code>`.
    pub fn to_text(&self) -> String {
        match self {
            Self::Seed => "seed".to_owned(),
            Self::Hub(code) => format!("hub:{code}"),
        }
    }

    /// Reads [`Self::to_text`].
    pub fn from_text(text: &str) -> Self {
        text.strip_prefix("hub:")
            .map_or(Self::Seed, |code| Self::Hub(code.to_owned()))
    }
}

/// What tells one menu from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Where it comes from.
    pub origin: Origin,
    /// Its version.
    pub version: u64,
    /// Hash of its text.
    pub hash: String,
}

/// What a site does with a menu that it is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It sells by it already.
    Same,
    /// It is to be taken.
    Take,
    /// It is older than what the site sells by. A hub that was restored from a backup offers such
    /// ones; it takes an admin's word to go back.
    Older,
    /// Another menu was sold here under this version.
    Clash,
}

/// Decides about a menu that is offered to a site that sells by `running`. `may_go_back` is an
/// admin's word that what the hub has is right, whatever its version.
pub fn judge(running: Option<&Mark>, offered: &Mark, may_go_back: bool) -> Verdict {
    let Some(running) = running else {
        return Verdict::Take;
    };
    if running == offered {
        return Verdict::Same;
    }
    // Versions count within one code: another menu altogether is the admin's doing.
    if running.origin != offered.origin || may_go_back || running.version < offered.version {
        return Verdict::Take;
    }
    if running.version == offered.version {
        Verdict::Clash
    } else {
        Verdict::Older
    }
}

#[cfg(test)]
#[path = "down_tests.rs"]
mod tests;
