//! Who may connect to the hub's nats-server: keys, and the claims that they sign.
//!
//! The server runs in operator mode: it trusts one operator, whose signing key vouches for one
//! account (`SUNAKKU`), whose signing keys vouch for users. A site's user is signed by the *site
//! signer*, whose scope gives exactly the rights of the site that its name says. So a site is
//! added without telling the server anything, and ended by naming its key in the account.

mod claims;
mod keys;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::ids::SiteId;

pub use claims::{
    Account, Claims, Revocations, creds, hub_user, now, read_claims, read_creds, site_user,
};
pub use keys::{Faulty, Keys, read_private, write_private};
pub use nkeys::{KeyPair, KeyPairType};

/// Text that a box signs to show that it holds the key with which it wants to be enrolled.
pub fn proof_text(token: &str) -> String {
    format!("sunakku-enrol:{token}")
}

/// Whether a text is the public key of a user, as boxes have.
pub fn is_user_key(text: &str) -> bool {
    text.starts_with('U') && KeyPair::from_public_key(text).is_ok()
}

/// What a site's nats-server includes (`enrolled.conf`): which site it is, where the hub is, and the
/// file with the credentials for it.
///
/// # Errors
/// When a value cannot stand in such a file.
pub fn leaf_conf(site: &SiteId, hub: &str, credentials: &Path) -> Result<String> {
    let credentials = credentials
        .to_str()
        .context("the folder's name is not UTF-8")?;
    let odd = |text: &str| {
        text.chars()
            .any(|c| c.is_control() || matches!(c, '"' | '\\' | '$'))
    };
    ensure!(!odd(hub), "the address of the hub cannot be used: {hub:?}");
    ensure!(
        !odd(credentials),
        "the folder's name cannot be used: {credentials:?}"
    );
    Ok(format!(
        "# Made by `sunakku-edge enrol`; included by site.conf.\nSUNAKKU_SITE: \"{site}\"\n\
         SUNAKKU_NATS_HUB_URL: \"{hub}\"\nSUNAKKU_NATS_CREDENTIALS: \"{credentials}\"\n"
    ))
}
