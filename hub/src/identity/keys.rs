//! The keys that sign tokens. They stand in Postgres, so that replicas share them; the private
//! halves are sealed with a secret that is made of `identity.key_file`, so that a copy of the
//! database signs nothing. The first key is that of the file itself.
//!
//! A new key is told to everybody before it signs, and one that has signed is believed until
//! nothing that it signed is good any more.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{Context as Digest, SHA256};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Connection as _, PgConnection};
use sunakku_common::claims::{HUB_AUDIENCE, HUB_ISSUER, Signer, Verifier};
use sunakku_common::config::signing_key;
use sunakku_common::keys::PublicKey;

/// The key file, and what is sealed with it.
pub(super) struct KeyFile {
    pkcs8: Vec<u8>,
    public: PublicKey,
    seal: RandomizedNonceKey,
}

/// The keys as they are now.
pub(super) struct Ring {
    pub(super) signer: Signer,
    pub(super) verifier: Arc<Verifier>,
    /// Every key by which tokens are believed, the newest first.
    pub(super) public: Vec<PublicKey>,
}

#[derive(Debug, sqlx::FromRow)]
struct Row {
    kid: String,
    public_key: String,
    sealed: Option<Vec<u8>>,
    signs_from: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

impl KeyFile {
    /// Reads the file, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let pkcs8 = signing_key(path)?;
        let signer = Signer::new(HUB_ISSUER, &pkcs8)
            .with_context(|| format!("{} holds no key", path.display()))?;
        let mut secret = Digest::new(&SHA256);
        secret.update(b"sunakku: sealed signing keys");
        secret.update(&pkcs8);
        let seal = RandomizedNonceKey::new(&AES_256_GCM, secret.finish().as_ref());
        Ok(Self {
            public: signer.public().clone(),
            seal: seal.map_err(|_| anyhow!("a key cannot be sealed"))?,
            pkcs8,
        })
    }

    /// The file's key alone.
    pub(super) fn ring(&self) -> Result<Ring> {
        Ring::new(
            Signer::new(HUB_ISSUER, &self.pkcs8)?,
            vec![self.public.clone()],
        )
    }

    fn seal(&self, kid: &str, pkcs8: &[u8]) -> Result<Vec<u8>> {
        let mut sealed = pkcs8.to_vec();
        let nonce = self
            .seal
            .seal_in_place_append_tag(Aad::from(kid), &mut sealed)
            .map_err(|_| anyhow!("a key cannot be sealed"))?;
        let mut whole = nonce.as_ref().to_vec();
        whole.append(&mut sealed);
        Ok(whole)
    }

    /// The private half, unless another file sealed it.
    fn unseal(&self, row: &Row) -> Option<Vec<u8>> {
        let Some(sealed) = &row.sealed else {
            return (row.kid == self.public.kid).then(|| self.pkcs8.clone());
        };
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = rest.to_vec();
        let opened = self
            .seal
            .open_in_place(nonce, Aad::from(row.kid.as_str()), &mut rest)
            .ok()?;
        Some(opened.to_vec())
    }
}

impl Ring {
    fn new(signer: Signer, public: Vec<PublicKey>) -> Result<Self> {
        let keys = public.iter().map(|key| (key, HUB_ISSUER.to_owned()));
        let verifier = Arc::new(Verifier::new(HUB_AUDIENCE, keys)?);
        Ok(Self {
            signer,
            verifier,
            public,
        })
    }
}

/// The keys as the database has them. A file whose key is not among them makes itself known: it
/// is new, and signs from now on.
pub(super) async fn load(
    connection: &mut PgConnection,
    file: &KeyFile,
    kept: TimeDelta,
) -> Result<Ring> {
    sqlx::query(
        "insert into signing_key (kid, public_key, signs_from) values ($1, $2, now())
         on conflict do nothing",
    )
    .bind(&file.public.kid)
    .bind(&file.public.x)
    .execute(&mut *connection)
    .await?;
    let rows: Vec<Row> = sqlx::query_as(
        "select kid, public_key, sealed, signs_from, revoked_at from signing_key
         order by signs_from desc, kid",
    )
    .fetch_all(connection)
    .await?;
    let rows: Vec<Row> = rows
        .into_iter()
        .filter(|row| row.revoked_at.is_none())
        .collect();
    let now = Utc::now();
    let signer = rows.iter().filter(|row| row.signs_from <= now);
    let pkcs8 = signer.filter_map(|row| file.unseal(row)).next();
    let pkcs8 = pkcs8.context("identity.key_file opens none of the signing keys")?;
    Ring::new(
        Signer::new(HUB_ISSUER, &pkcs8)?,
        believed(&rows, now, kept)?,
    )
}

/// The keys of which a token may still be good: a key's successor ends it, after `kept`.
fn believed(rows: &[Row], now: DateTime<Utc>, kept: TimeDelta) -> Result<Vec<PublicKey>> {
    let mut believed = Vec::new();
    let mut successor: Option<DateTime<Utc>> = None;
    for row in rows {
        if successor.is_none_or(|from| now < from + kept) {
            believed.push(PublicKey::from_x(&row.public_key)?);
        }
        successor = Some(row.signs_from);
    }
    Ok(believed)
}

/// Public keys for sites to know, the newest first.
///
/// # Errors
/// When the database fails.
pub(crate) async fn published(
    connection: &mut PgConnection,
    kept: TimeDelta,
) -> Result<Vec<PublicKey>> {
    let rows: Vec<Row> = sqlx::query_as(
        "select kid, public_key, null::bytea as sealed, signs_from, revoked_at from signing_key
         where revoked_at is null order by signs_from desc, kid",
    )
    .fetch_all(connection)
    .await?;
    believed(&rows, Utc::now(), kept)
}

/// Makes a key that signs `after` a while; with `revoke`, nothing that others signed is believed
/// from now on. Answers its name.
pub(super) async fn rotate(
    connection: &mut PgConnection,
    file: &KeyFile,
    after: TimeDelta,
    revoke: bool,
) -> Result<String> {
    let pkcs8 = Signer::generate_pkcs8()?;
    let public = Signer::new(HUB_ISSUER, &pkcs8)?.public().clone();
    let mut tx = connection.begin().await?;
    if revoke {
        sqlx::query("update signing_key set revoked_at = now() where revoked_at is null")
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query(
        "insert into signing_key (kid, public_key, sealed, signs_from)
         values ($1, $2, $3, now() + make_interval(secs => $4))",
    )
    .bind(&public.kid)
    .bind(&public.x)
    .bind(file.seal(&public.kid, &pkcs8)?)
    .bind(after.num_seconds() as f64)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(public.kid)
}

/// Rotates when the newest key is older than `age`; of replicas that find so at once, one does.
pub(super) async fn rotate_when_old(
    connection: &mut PgConnection,
    file: &KeyFile,
    after: TimeDelta,
    age: TimeDelta,
) -> Result<()> {
    let mut tx = connection.begin().await?;
    let is_old: Option<bool> = sqlx::query_scalar(
        "select case when pg_try_advisory_xact_lock(hashtext('sunakku signing key'))
                     then (select max(made_at) < now() - make_interval(secs => $1) from signing_key)
                end",
    )
    .bind(age.num_seconds() as f64)
    .fetch_one(&mut *tx)
    .await?;
    if is_old == Some(true) {
        let kid = rotate(&mut tx, file, after, false).await?;
        tracing::info!(kid, "a new key will sign tokens");
    }
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_believed_until_what_it_signed_has_run_out() {
        let key = || {
            let pkcs8 = Signer::generate_pkcs8().expect("a key");
            Signer::new(HUB_ISSUER, &pkcs8)
                .expect("a signer")
                .public()
                .clone()
        };
        let (now, kept) = (Utc::now(), TimeDelta::hours(1));
        let row = |key: &PublicKey, hours| Row {
            kid: key.kid.clone(),
            public_key: key.x.clone(),
            sealed: None,
            signs_from: now + TimeDelta::hours(hours),
            revoked_at: None,
        };
        let keys = [key(), key(), key()];
        // One that does not sign yet, one that does, one whose successor has signed for long.
        let rows = [row(&keys[0], 1), row(&keys[1], -2), row(&keys[2], -9)];
        assert_eq!(believed(&rows, now, kept).expect("keys"), keys[..2]);
        let later = now + TimeDelta::minutes(90);
        assert_eq!(believed(&rows, later, kept).expect("keys"), keys[..2]);
        let much_later = now + TimeDelta::minutes(121);
        assert_eq!(believed(&rows, much_later, kept).expect("keys"), keys[..1]);
    }

    #[test]
    fn what_one_file_sealed_no_other_opens() {
        let folder = std::env::temp_dir().join(format!("sunakku-keys-{}", uuid::Uuid::now_v7()));
        let (mine, other) = (
            KeyFile::open(&folder.join("a")).expect("a file"),
            KeyFile::open(&folder.join("b")).expect("a file"),
        );
        let row = |kid: &str, sealed| Row {
            kid: kid.into(),
            public_key: String::new(),
            sealed: Some(sealed),
            signs_from: Utc::now(),
            revoked_at: None,
        };
        let sealed = mine.seal("k", b"private").expect("sealed");
        assert_eq!(
            mine.unseal(&row("k", sealed.clone())).as_deref(),
            Some(&b"private"[..])
        );
        assert_eq!(mine.unseal(&row("other", sealed.clone())), None);
        assert_eq!(other.unseal(&row("k", sealed)), None);
        assert_eq!(mine.unseal(&row("k", vec![1, 2])), None);
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
