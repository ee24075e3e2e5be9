//! The hub's keys as files of one folder.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use nkeys::KeyPair;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::claims::{self, Account, Revocations};
use crate::ids::SiteId;

/// What the hub needs, for its own eyes.
const KEYS: &str = "keys.json";
/// What a person keeps elsewhere: the operator's identity, and a spare signing key of it.
const OFFLINE: &str = "offline.json";
/// What nats-server includes.
const CONF: &str = "operator.conf";

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("a key cannot be used: {0}")]
pub struct Faulty(#[from] nkeys::error::Error);

/// The keys by which the hub says who may connect.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Seed: signs the account.
    operator_signing: String,
    /// Public key of the account.
    account: String,
    /// Seed: signs the hub's own users.
    hub_signer: String,
    /// Seeds that sign sites: the first one signs, all are believed.
    site_signers: Vec<String>,
    /// Of the system account's one user, who may tell the server the account's claims.
    sys_jwt: String,
    sys_seed: String,
}

impl Keys {
    /// Makes keys, and what nats-server is to include (`operator.conf`), in a folder that has none.
    ///
    /// # Errors
    /// When there are keys already, or the folder cannot be written.
    pub fn make(folder: &Path) -> Result<Self> {
        ensure!(
            !folder.join(KEYS).exists(),
            "{} has keys already: the sites know them",
            folder.display()
        );
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let operator = KeyPair::new_operator();
        let (signing, spare) = (KeyPair::new_operator(), KeyPair::new_operator());
        let (account, sys_account) = (KeyPair::new_account(), KeyPair::new_account());
        let sys = KeyPair::new_user();
        let keys = Self {
            operator_signing: signing.seed()?,
            account: account.public_key(),
            hub_signer: KeyPair::new_account().seed()?,
            site_signers: vec![KeyPair::new_account().seed()?],
            sys_jwt: sys_user(&sys_account, &sys, &account.public_key())?,
            sys_seed: sys.seed()?,
        };
        let conf = operator_conf(&operator, &signing, &spare, &sys_account)?;
        let offline = json!({"operator": operator.seed()?, "operator_spare": spare.seed()?});
        write_private(&folder.join(CONF), &conf)?;
        write_private(&folder.join(OFFLINE), &format!("{offline:#}\n"))?;
        // The last one: with it the folder counts as made.
        keys.save(folder)?;
        Ok(keys)
    }

    /// Reads the keys of a folder.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join(KEYS);
        let text = std::fs::read_to_string(&file).with_context(|| {
            let file = file.display();
            format!(
                "cannot read {file}: `sunakku-hub keys make` makes it, before nats-server starts"
            )
        })?;
        let keys: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} holds no keys", file.display()))?;
        keys.check()
            .with_context(|| format!("{}", file.display()))?;
        Ok(keys)
    }

    /// Puts a new site signer in front: it signs from now on, those before are believed on.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn rotate(&mut self, folder: &Path) -> Result<()> {
        self.site_signers.insert(0, KeyPair::new_account().seed()?);
        self.save(folder)
    }

    /// Believes only the site signer that signs.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn retire(&mut self, folder: &Path) -> Result<()> {
        self.site_signers.truncate(1);
        self.save(folder)
    }

    /// Public key of the account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Public key of the site signer that signs.
    ///
    /// # Errors
    /// When the seed is none.
    pub fn site_signer(&self) -> Result<String, Faulty> {
        Ok(self.first_signer()?.public_key())
    }

    /// The account's claims, with these boxes kept out.
    ///
    /// # Errors
    /// When a seed is none.
    pub fn account_claims(&self, revocations: &Revocations) -> Result<String, Faulty> {
        let signers = self.site_signers.iter();
        let signers = signers.map(|seed| Ok(KeyPair::from_seed(seed)?.public_key()));
        let account = Account {
            id: &self.account,
            hub_signer: &KeyPair::from_seed(&self.hub_signer)?.public_key(),
            site_signers: &signers.collect::<Result<Vec<_>, Faulty>>()?,
            revocations,
        };
        Ok(account.sign(&KeyPair::from_seed(&self.operator_signing)?)?)
    }

    /// What lets the box with this public key in as a site, until `exp` (seconds since 1970).
    ///
    /// # Errors
    /// When a seed is none.
    pub fn site_user(&self, site: &SiteId, key: &str, exp: i64) -> Result<String, Faulty> {
        let signer = self.first_signer()?;
        Ok(claims::site_user(&signer, &self.account, site, key, exp)?)
    }

    /// Credentials of a process of the hub's, with a key of its own.
    ///
    /// # Errors
    /// When a seed is none.
    pub fn hub_creds(&self) -> Result<String, Faulty> {
        let (signer, user) = (KeyPair::from_seed(&self.hub_signer)?, KeyPair::new_user());
        let jwt = claims::hub_user(&signer, &self.account, &user.public_key())?;
        Ok(claims::creds(&jwt, &user.seed()?))
    }

    /// Credentials of the system account's user.
    pub fn sys_creds(&self) -> String {
        claims::creds(&self.sys_jwt, &self.sys_seed)
    }

    fn first_signer(&self) -> Result<KeyPair, Faulty> {
        let seed = self.site_signers.first().map_or("", String::as_str);
        Ok(KeyPair::from_seed(seed)?)
    }

    fn check(&self) -> Result<(), Faulty> {
        self.first_signer()?;
        self.account_claims(&Revocations::new()).map(drop)
    }

    fn save(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        write_private(&folder.join(KEYS), &text)
    }
}

/// Inbox of the system account's user.
const SYS_INBOX: &str = "_INBOX.sys";

fn sys_user(sys_account: &KeyPair, user: &KeyPair, account: &str) -> Result<String, Faulty> {
    let info = format!("$SYS.REQ.ACCOUNT.{account}.INFO");
    let nats = json!({
        "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1,
        "pub": {"allow": ["$SYS.REQ.CLAIMS.UPDATE", info]},
        "sub": {"allow": [format!("{SYS_INBOX}.>")]},
    });
    let key = user.public_key();
    Ok(claims::sign(sys_account, &key, "sys", None, &nats)?)
}

/// What nats-server is to trust. Only the system account's claims stand in it: those of the hub's
/// account would be older than what the resolver keeps, and forget who was kept out.
fn operator_conf(
    operator: &KeyPair,
    signing: &KeyPair,
    spare: &KeyPair,
    sys_account: &KeyPair,
) -> Result<String, Faulty> {
    let sys = sys_account.public_key();
    let nats = json!({
        "type": "operator", "version": 2, "system_account": sys,
        "signing_keys": [signing.public_key(), spare.public_key()],
    });
    let claims = claims::sign(operator, &operator.public_key(), "sunakku", None, &nats)?;
    let nats = json!({"type": "account", "version": 2, "limits": claims::no_limits()});
    let sys_claims = claims::sign(signing, &sys, "SYS", None, &nats)?;
    Ok(format!(
        "# Whom nats-server trusts; made by `sunakku-hub keys make`. Holds no secret.\n\
         operator: {claims}\nsystem_account: {sys}\nresolver_preload: {{ {sys}: {sys_claims} }}\n"
    ))
}

/// Writes a file that its owner alone can read, as a whole: a reader finds the old or the new one.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let shown = path.display();
    let new = PathBuf::from(format!("{shown}.new"));
    let write = || {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    write().with_context(|| format!("cannot write {shown}"))
}

/// Reads such a file; `None` when there is none.
///
/// # Errors
/// When it cannot be read.
pub fn read_private(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_kept_private_and_rotated() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = std::env::temp_dir().join(format!("keys-{}", uuid::Uuid::now_v7()));
        let mut keys = Keys::make(&folder).expect("made");
        assert!(Keys::make(&folder).is_err(), "made twice");
        let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(mode(&folder.join(KEYS)) & 0o777, 0o600);
        assert_eq!(mode(&folder) & 0o777, 0o700);
        let old = keys.site_signer().expect("a signer");
        keys.rotate(&folder).expect("rotated");
        let opened = Keys::open(&folder).expect("opened");
        let new = opened.site_signer().expect("a signer");
        assert_ne!(old, new);
        let claims = |keys: &Keys| {
            let jwt = keys.account_claims(&Revocations::new()).expect("signed");
            let claims = jwt.split('.').nth(1).expect("claims").to_owned();
            let text =
                base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims);
            String::from_utf8(text.expect("base64")).expect("text")
        };
        let both = claims(&opened);
        assert!(both.contains(&old) && both.contains(&new), "{both}");
        keys.retire(&folder).expect("retired");
        let one = claims(&keys);
        assert!(!one.contains(&old) && one.contains(&new), "{one}");
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
