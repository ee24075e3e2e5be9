//! Tokens by which a box becomes a site, and the end of boxes.
//!
//! A token is 256 random bits, kept as a digest, good for an hour and for one box. Everything that
//! it brings about is one transaction: the box before it ends, the new one begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use sunakku_common::down::text_hash;
use sunakku_common::enrol::{Enrol, Enrolled, StockLeft};
use sunakku_common::ids::SiteId;
use sunakku_common::nats::{KeyPair, Keys, is_user_key, now, proof_text};
use sunakku_common::problem::Problem;

use super::{Known, lock, note, refuse_archived};
use crate::answer::{Answer, OrProblem as _};
use crate::author::Author;
use crate::change::{Begun, Change};
use crate::config;

/// A token for one box.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Token {
    /// What `sunakku-edge enrol --token` wants. It is shown this once.
    token: String,
    /// Until when it can be used.
    expires_at: DateTime<Utc>,
}

/// Makes a token; one that was made for the site before and not used is void.
///
/// # Errors
/// 404, 409 `site-archived`, and 409 `box-exists` unless the box is to be replaced.
pub(crate) async fn issue(
    change: &mut Change,
    site: &SiteId,
    is_replace: bool,
    life: TimeDelta,
) -> Answer<Token> {
    refuse_archived(&lock(change.connection(), site).await?)?;
    if !is_replace && live_box(change.connection(), site).await?.is_some() {
        return Err(box_exists(site));
    }
    forget_unused(change.connection(), site).await?;
    let token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let expires_at = Utc::now() + life;
    let by = change.actor().to_owned();
    sqlx::query(
        "insert into enrolment_token (site_id, token_hash, created_by, expires_at, is_replace)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(site.as_str())
    .bind(text_hash(&token))
    .bind(by)
    .bind(expires_at)
    .bind(is_replace)
    .execute(change.connection())
    .await
    .or_problem()?;
    let after = json!({"expires_at": expires_at, "replace": is_replace});
    note(change, site, "site.invite", None, Some(after)).await?;
    Ok(Token { token, expires_at })
}

/// Ends the site's box, and tokens for another one. Whether there was a box.
pub(crate) async fn end(change: &mut Change, site: &SiteId, why: &str) -> Answer<bool> {
    let connection = change.connection();
    forget_unused(connection, site).await?;
    let ended: Option<String> = sqlx::query_scalar(
        "update site_box set ended_at = now(), ended_why = $2
         where site_id = $1 and ended_at is null returning nkey",
    )
    .bind(site.as_str())
    .bind(why)
    .fetch_optional(&mut *connection)
    .await
    .or_problem()?;
    // Who comes next is not the second of those that were there.
    sqlx::query("delete from site_instance where site_id = $1")
        .bind(site.as_str())
        .execute(connection)
        .await
        .or_problem()?;
    let Some(nkey) = ended else { return Ok(false) };
    let after = json!({"nkey": nkey, "why": why});
    note(change, site, "site.revoke", None, Some(after)).await?;
    Ok(true)
}

/// What is needed to take a box in.
pub(crate) struct Desk<'a> {
    pub(crate) pool: &'a PgPool,
    pub(crate) keys: &'a Keys,
    pub(crate) nats: &'a config::Nats,
    pub(crate) hub_public_key: &'a str,
}

type TokenRow = (String, String, DateTime<Utc>, bool, Option<String>);

impl Desk<'_> {
    /// Takes a box in. Asked again by the same box it answers the same.
    ///
    /// # Errors
    /// 404 `token-unknown`, 410 `token-expired`, 409 `token-used`, `box-exists`, `nkey-used` or
    /// `site-archived`, 422 for a key that is none or not proven.
    pub(crate) async fn enrol(&self, asked: &Enrol, author: &Author) -> Answer<Enrolled> {
        check_proof(asked)?;
        let mut change = match Change::begin(self.pool, author, &()).await? {
            Begun::New(change) => change,
            // A box has no idempotency key; its token is one.
            Begun::Done(_) => return Err(Problem::internal()),
        };
        let hash = text_hash(&asked.token);
        let site = site_of_token(change.connection(), &hash).await?;
        // The site first, as everywhere: then nobody waits for each other.
        let known = lock(change.connection(), &site).await?;
        refuse_archived(&known)?;
        let token = read_token(change.connection(), &hash).await?;
        let (_, by, expires_at, is_replace, used_by) = token.ok_or_else(unknown)?;
        if expires_at < Utc::now() {
            let detail = "This token has expired. Ask for another: POST /v1/sites/{id}/enrolment.";
            return Err(Problem::new(
                axum::http::StatusCode::GONE,
                "token-expired",
                detail,
            ));
        }
        let live = live_box(change.connection(), &site).await?;
        match used_by {
            // The answer was lost on its way.
            Some(box_before) if box_before == asked.nkey && live.as_ref() == Some(&box_before) => {}
            Some(_) => {
                let detail =
                    "This token was used before. Ask for another: POST /v1/sites/{id}/enrolment.";
                return Err(Problem::conflict("token-used", detail));
            }
            None if live.is_some() && !is_replace => return Err(box_exists(&site)),
            None => {
                self.begin(&mut change, &site, &asked.nkey, &by, &hash)
                    .await?;
            }
        }
        let enrolled = self.answer(&mut change, known, &asked.nkey).await?;
        change.commit_unkept().await?;
        Ok(enrolled)
    }

    async fn begin(
        &self,
        change: &mut Change,
        site: &SiteId,
        nkey: &str,
        by: &str,
        hash: &str,
    ) -> Answer<()> {
        // Used first: what is unused goes with the box before.
        sqlx::query(
            "update enrolment_token set used_at = now(), used_by = $2 where token_hash = $1",
        )
        .bind(hash)
        .bind(nkey)
        .execute(change.connection())
        .await
        .or_problem()?;
        end(change, site, "replaced").await?;
        let life = f64::from(self.nats.credential_seconds);
        let issuer = self.keys.site_signer().map_err(|_| Problem::internal())?;
        let begun = sqlx::query(
            "insert into site_box (site_id, nkey, enrolled_by, issuer, expires_at)
             values ($1, $2, $3, $4, date_trunc('second', now()) + make_interval(secs => $5))
             on conflict do nothing",
        )
        .bind(site.as_str())
        .bind(nkey)
        .bind(by)
        .bind(issuer)
        .bind(life)
        .execute(change.connection())
        .await
        .or_problem()?;
        if begun.rows_affected() == 0 {
            let detail = "A box with this key was enrolled before. Enrol with a new key: \
                          remove enrolling.nk and try again.";
            return Err(Problem::conflict("nkey-used", detail));
        }
        let after = json!({"nkey": nkey, "token_by": by});
        note(change, site, "site.enrol", None, Some(after)).await
    }

    async fn answer(&self, change: &mut Change, known: Known, nkey: &str) -> Answer<Enrolled> {
        let Known { id, about, .. } = known;
        let expires_at: DateTime<Utc> =
            sqlx::query_scalar("select expires_at from site_box where site_id = $1 and nkey = $2")
                .bind(id.as_str())
                .bind(nkey)
                .fetch_one(change.connection())
                .await
                .or_problem()?;
        let stock: Vec<(String, Option<i64>, bool)> = sqlx::query_as(
            "select sku, on_hand, suspended from stock where site_id = $1 order by sku",
        )
        .bind(id.as_str())
        .fetch_all(change.connection())
        .await
        .or_problem()?;
        let left = |(sku, on_hand, suspended)| StockLeft {
            sku,
            on_hand,
            suspended,
        };
        let jwt = self.keys.site_user(&id, nkey, expires_at.timestamp());
        Ok(Enrolled {
            site: id,
            name: about.name,
            time_zone: about.time_zone.name().to_owned(),
            currency: about.currency.code().to_owned(),
            jwt: jwt.map_err(|_| Problem::internal())?,
            expires_at,
            nats_url: self.nats.leaf_url.clone(),
            hub_public_key: self.hub_public_key.to_owned(),
            stock: stock.into_iter().map(left).collect(),
        })
    }
}

/// Renews what lets a box in, when half of its life is over or another key signs by now. `None`
/// when it is good for long, or its box is not let in any more.
///
/// # Errors
/// When the database fails.
pub(crate) async fn renew(
    pool: &PgPool,
    keys: &Keys,
    site: &SiteId,
    jwt: &str,
    life_seconds: u32,
) -> anyhow::Result<Option<String>> {
    let Some(claims) = sunakku_common::nats::read_claims(jwt) else {
        return Ok(None);
    };
    let issuer = keys.site_signer()?;
    let half = claims.exp.map(|exp| claims.iat + (exp - claims.iat) / 2);
    if claims.iss == issuer && half.is_some_and(|half| now() < half) {
        return Ok(None);
    }
    let exp = now() + i64::from(life_seconds);
    let renewed = sqlx::query(
        "update site_box set issuer = $3, expires_at = greatest(expires_at, to_timestamp($4))
         where site_id = $1 and nkey = $2 and ended_at is null",
    )
    .bind(site.as_str())
    .bind(&claims.sub)
    .bind(issuer)
    .bind(exp as f64)
    .execute(pool)
    .await?;
    match renewed.rows_affected() {
        0 => Ok(None),
        _ => Ok(Some(keys.site_user(site, &claims.sub, exp)?)),
    }
}

fn check_proof(asked: &Enrol) -> Answer<()> {
    let proven = || {
        let key = KeyPair::from_public_key(&asked.nkey).ok()?;
        let proof = URL_SAFE_NO_PAD.decode(&asked.proof).ok()?;
        key.verify(proof_text(&asked.token).as_bytes(), &proof).ok()
    };
    if !is_user_key(&asked.nkey) || proven().is_none() {
        let detail = "nkey: the public key of a NATS user; proof: its signature of \
                      `sunakku-enrol:<token>`, base64url";
        return Err(Problem::unprocessable("invalid-body", detail));
    }
    Ok(())
}

async fn site_of_token(connection: &mut PgConnection, hash: &str) -> Answer<SiteId> {
    let token = read_token(connection, hash).await?;
    let (site, ..) = token.ok_or_else(unknown)?;
    site.parse().map_err(|_| Problem::internal())
}

async fn read_token(connection: &mut PgConnection, hash: &str) -> Answer<Option<TokenRow>> {
    sqlx::query_as(
        "select site_id, created_by, expires_at, is_replace, used_by from enrolment_token
         where token_hash = $1",
    )
    .bind(hash)
    .fetch_optional(connection)
    .await
    .or_problem()
}

async fn live_box(connection: &mut PgConnection, site: &SiteId) -> Answer<Option<String>> {
    sqlx::query_scalar("select nkey from site_box where site_id = $1 and ended_at is null")
        .bind(site.as_str())
        .fetch_optional(connection)
        .await
        .or_problem()
}

async fn forget_unused(connection: &mut PgConnection, site: &SiteId) -> Answer<()> {
    sqlx::query("delete from enrolment_token where site_id = $1 and used_at is null")
        .bind(site.as_str())
        .execute(connection)
        .await
        .or_problem()?;
    Ok(())
}

fn unknown() -> Problem {
    let detail = "This token is not known. Ask for another: POST /v1/sites/{id}/enrolment.";
    Problem::new(axum::http::StatusCode::NOT_FOUND, "token-unknown", detail)
}

fn box_exists(site: &SiteId) -> Problem {
    let detail = format!(
        "A box speaks for site {site}. To put another in its place ask with \
         {{\"replace\": true}}; its credentials end when the new one is enrolled."
    );
    Problem::conflict("box-exists", detail)
}
