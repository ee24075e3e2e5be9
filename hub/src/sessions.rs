//! Sign-ins: each is a row that ends by itself, when it is signed out, when its person is, or when
//! one of its refresh tokens comes a second time, for then somebody else has it too.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};
use sunakku_common::claims::{Claims, Distrust, HUB_AUDIENCE, Subject};
use sunakku_common::down::text_hash;
use sunakku_common::http::Session;
use sunakku_common::problem::Problem;
use sunakku_common::staff::{MAX_REVOKED, Revocation};
use uuid::Uuid;

use crate::answer::{Answer, OrProblem as _};
use crate::identity::Identity;
use crate::people::{Person, Row};

/// For how long sites are told that a person's tokens are void: those that a site's own devices
/// were given live for up to a day.
const PERSON_VOID_SECONDS: f64 = 86_400.0;
/// Rows that are over are kept as long, days.
const KEPT_DAYS: i32 = 30;

/// Two tokens: one to call with, one to prolong the session with.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) access: Session,
    pub(crate) refresh: String,
    /// Seconds that the refresh token is good for.
    pub(crate) refresh_expires_in: i64,
}

/// Begins a session.
pub(crate) async fn begin(pool: &PgPool, identity: &Identity, person: &Person) -> Answer<Tokens> {
    identity.ready().await?;
    let session = Uuid::now_v7();
    let expires_at = Utc::now() + identity.options().longest();
    let mut tx = pool.begin().await.or_problem()?;
    sqlx::query("insert into session (session_id, name, expires_at) values ($1, $2, $3)")
        .bind(session)
        .bind(&person.name)
        .bind(expires_at)
        .execute(&mut *tx)
        .await
        .or_problem()?;
    let tokens = issue(&mut tx, identity, person, session, expires_at).await?;
    tx.commit().await.or_problem()?;
    Ok(tokens)
}

async fn issue(
    connection: &mut PgConnection,
    identity: &Identity,
    person: &Person,
    session: Uuid,
    expires_at: DateTime<Utc>,
) -> Answer<Tokens> {
    let refresh = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    sqlx::query("insert into refresh_token (token_hash, session_id) values ($1, $2)")
        .bind(text_hash(&refresh))
        .bind(session)
        .execute(connection)
        .await
        .or_problem()?;
    let left = expires_at - Utc::now();
    let subject = Subject {
        sub: person.name.clone(),
        role: person.place.role,
        site: person.place.site.clone(),
        region: person.place.region.clone(),
        sid: Some(session),
    };
    let life = identity.options().token_life().min(left);
    Ok(Tokens {
        access: identity.mint_for(subject, HUB_AUDIENCE, life)?,
        refresh,
        refresh_expires_in: left.min(identity.options().idle()).num_seconds(),
    })
}

/// Begins another session of the same person, which ends no later; none when the first is over.
pub(crate) async fn branch(pool: &PgPool, from: Uuid) -> Answer<Option<Uuid>> {
    sqlx::query_scalar(
        "insert into session (session_id, name, expires_at)
         select $1, name, expires_at from session
         where session_id = $2 and ended_at is null and expires_at > now()
         returning session_id",
    )
    .bind(Uuid::now_v7())
    .bind(from)
    .fetch_optional(pool)
    .await
    .or_problem()
}

/// Exchanges a refresh token for the next one.
///
/// # Errors
/// 401 when it is not good any more. One that was used before ends its session. 503 when the
/// directory would have to say whether its person is still there, and does not answer.
pub(crate) async fn refresh(pool: &PgPool, identity: &Identity, token: &str) -> Answer<Tokens> {
    identity.ready().await?;
    let ended = || Problem::from(Distrust::Expired);
    if let Some(name) = holder(pool, token).await? {
        identity.recheck(&name).await?;
    }
    let mut tx = pool.begin().await.or_problem()?;
    type Known = (Uuid, bool, String, DateTime<Utc>, bool);
    let known: Option<Known> = sqlx::query_as(
        "select s.session_id, r.used_at is not null, s.name, s.expires_at,
                s.ended_at is null and s.expires_at > now()
                    and s.used_at > now() - make_interval(secs => $2)
         from refresh_token r join session s on s.session_id = r.session_id
         where r.token_hash = $1 for update of r, s",
    )
    .bind(text_hash(token))
    .bind(identity.options().idle().num_seconds() as f64)
    .fetch_optional(&mut *tx)
    .await
    .or_problem()?;
    let Some((session, is_used, name, expires_at, is_live)) = known else {
        return Err(ended());
    };
    if is_used {
        tracing::warn!(who = name, %session, "a refresh token came again: its session is ended");
        end(&mut tx, session, "reused").await?;
        tx.commit().await.or_problem()?;
        return Err(ended());
    }
    if !is_live {
        return Err(ended());
    }
    let row: Row = sqlx::query_as("select * from person where name = $1")
        .bind(&name)
        .fetch_one(&mut *tx)
        .await
        .or_problem()?;
    let (person, _) = row.read()?;
    if !person.may_sign_in() {
        return Err(ended());
    }
    sqlx::query("update refresh_token set used_at = now() where token_hash = $1")
        .bind(text_hash(token))
        .execute(&mut *tx)
        .await
        .or_problem()?;
    sqlx::query("update session set used_at = now() where session_id = $1")
        .bind(session)
        .execute(&mut *tx)
        .await
        .or_problem()?;
    let tokens = issue(&mut tx, identity, &person, session, expires_at).await?;
    tx.commit().await.or_problem()?;
    Ok(tokens)
}

/// Whose a refresh token is, when it is good and the person is one of the directory. It is asked
/// before the exchange: no transaction waits for it.
async fn holder(pool: &PgPool, token: &str) -> Answer<Option<String>> {
    sqlx::query_scalar(
        "select p.name from refresh_token r join session s on s.session_id = r.session_id
                join person p on p.name = s.name
         where r.token_hash = $1 and r.used_at is null and s.ended_at is null
           and p.source = 'ldap'",
    )
    .bind(text_hash(token))
    .fetch_optional(pool)
    .await
    .or_problem()
}

/// Ends a session, unless it was ended before.
pub(crate) async fn end(connection: &mut PgConnection, session: Uuid, why: &str) -> Answer<()> {
    sqlx::query(
        "update session set ended_at = now(), ended_why = $2
         where session_id = $1 and ended_at is null",
    )
    .bind(session)
    .bind(why)
    .execute(connection)
    .await
    .or_problem()?;
    Ok(())
}

/// Refuses a token whose session is over. Notes to the minute that it is used.
///
/// # Errors
/// 401, or 503 while the database is away.
pub(crate) async fn check(pool: &PgPool, claims: &Claims, idle: TimeDelta) -> Answer<()> {
    let Some(session) = claims.sid else {
        return Err(Distrust::Invalid.into());
    };
    let is_fresh: Option<bool> = sqlx::query_scalar(
        "select used_at > now() - interval '1 minute' from session
         where session_id = $1 and name = $2 and ended_at is null and expires_at > now()
           and used_at > now() - make_interval(secs => $3)",
    )
    .bind(session)
    .bind(&claims.sub)
    .bind(idle.num_seconds() as f64)
    .fetch_optional(pool)
    .await
    .or_problem()?;
    if !is_fresh.ok_or(Distrust::Expired)? {
        sqlx::query("update session set used_at = now() where session_id = $1")
            .bind(session)
            .execute(pool)
            .await
            .or_problem()?;
    }
    Ok(())
}

/// Whose tokens sites must not believe before their end, the newest first.
///
/// # Errors
/// When the database fails.
pub(crate) async fn revocations(
    connection: &mut PgConnection,
    token_life: TimeDelta,
) -> Result<Vec<Revocation>, sqlx::Error> {
    let rows: Vec<(Option<String>, Option<Uuid>, DateTime<Utc>)> = sqlx::query_as(
        "select name, null::uuid, revoked_at from person
         where revoked_at > now() - make_interval(secs => $1)
         union all
         select null, session_id, ended_at from session
         where ended_at > now() - make_interval(secs => $2) and ended_why <> 'revoked'
         order by 3 desc, 1, 2 limit $3",
    )
    .bind(PERSON_VOID_SECONDS)
    .bind(token_life.num_seconds() as f64)
    .bind(MAX_REVOKED as i64)
    .fetch_all(connection)
    .await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|(sub, sid, since)| Revocation { sub, sid, since })
        .collect())
}

/// Forgets sessions that were over long ago.
///
/// # Errors
/// When the database fails.
pub(crate) async fn forget(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("delete from session where expires_at < now() - make_interval(days => $1)")
        .bind(KEPT_DAYS)
        .execute(connection)
        .await?;
    Ok(())
}
