//! Tells nats-server which boxes are not let in any more.
//!
//! The account's claims are always made as a whole from the database, and by one replica at a time:
//! for the server the last word counts, even when it is an older one.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_nats::{Client, Request};
use serde_json::Value;
use sqlx::PgPool;
use sunakku_common::nats::{Keys, Revocations};
use tokio::time::timeout;

use crate::metrics as names;

/// How long the server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one round may take, waiting for another replica's included.
const ROUND_LIMIT: Duration = Duration::from_secs(20);

/// The one who tells.
pub(crate) struct Account {
    /// A connection of the system account.
    pub(crate) sys: Client,
    pub(crate) keys: Keys,
    pub(crate) pool: PgPool,
}

impl Account {
    /// Tells the server the account as it stands in the database, and looks whether the server goes
    /// by it. Told even if it has not changed: claims of a foreign key that somebody told the server
    /// are not applied, but stand in its file and would be in force after its next restart.
    pub(crate) async fn round(&self) -> Result<()> {
        let done = timeout(ROUND_LIMIT, self.tell()).await;
        let done = done.context("a round took too long").flatten();
        let result = if done.is_ok() { "told" } else { "failed" };
        metrics::counter!(names::ACCOUNT_ROUNDS, "result" => result).increment(1);
        done
    }

    async fn tell(&self) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        sqlx::query("select pg_advisory_xact_lock(hashtext('sunakku_account'))")
            .execute(&mut *tx)
            .await?;
        // Until the end of its last credentials, and whatever was issued to it: a box that comes
        // back has another key. Whose credentials have run out needs no keeping out.
        let ended: Vec<(String, i64)> = sqlx::query_as(
            "select nkey, ceil(extract(epoch from expires_at))::bigint from site_box
             where ended_at is not null and now() < expires_at",
        )
        .fetch_all(&mut *tx)
        .await?;
        let revocations: Revocations = ended.into_iter().collect();
        let claims = self.keys.account_claims(&revocations)?;
        let told = self
            .ask("$SYS.REQ.CLAIMS.UPDATE".to_owned(), &claims)
            .await?;
        ensure!(
            told["data"]["code"] == 200,
            "the server refuses the account: {told}"
        );
        // That means stored, not applied.
        let info = format!("$SYS.REQ.ACCOUNT.{}.INFO", self.keys.account());
        let info = self.ask(info, "").await?;
        // Without `data`, nobody of the account has been here yet.
        let in_force = info["data"]["jwt"].as_str();
        ensure!(
            in_force.is_none_or(|jwt| jwt == claims),
            "the server does not go by the account that it was told: is nats.keys the folder that \
             its operator.conf is of?"
        );
        tx.commit().await?;
        metrics::gauge!(names::BOXES_KEPT_OUT).set(revocations.len() as f64);
        Ok(())
    }

    async fn ask(&self, subject: String, payload: &str) -> Result<Value> {
        let request = Request::new()
            .payload(payload.to_owned().into())
            .timeout(Some(ANSWER_TIMEOUT));
        let answer = self.sys.send_request(subject, request).await?;
        Ok(serde_json::from_slice(&answer.payload)?)
    }
}
