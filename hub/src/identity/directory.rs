//! What becomes of people by what the directory says: made known when they first sign in, changed
//! with their groups, shut out when they are gone.
//!
//! It is asked at each sign-in, before a session is prolonged, and about everybody by timer, which
//! is what ends the PINs of those who left. A local person of the same name is never touched.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::PgPool;
use sunakku_common::claims::Distrust;
use sunakku_common::problem::Problem;
use sunakku_common::telemetry::count_failed_sign_in;
use tokio::time::sleep;

use super::Identity;
use super::ldap::{Directory, Found};
use crate::answer::{Answer, OrProblem as _};
use crate::audit::{self, Entry};
use crate::author::Author;
use crate::people::{self, Person, Place, Source};

/// Who was looked up so shortly before is not looked up again to prolong a session.
const FRESH: TimeDelta = TimeDelta::seconds(30);
/// Names that are looked up over one connection.
const AT_ONCE: usize = 50;
/// When a round failed, the next comes as soon as this, if it does not come sooner anyway.
const RETRY: Duration = Duration::from_secs(15);

/// The directory cannot be asked, and nobody else knows.
fn away(error: &anyhow::Error) -> Problem {
    tracing::warn!("the directory cannot be asked: {error:#}");
    count_failed_sign_in("ldap");
    Problem::unavailable(
        "directory-unavailable",
        "The directory that knows this password does not answer. Try again soon; people whom the \
         hub itself knows can sign in.",
    )
}

impl Identity {
    /// The person, when the directory says that the password is right.
    pub(super) async fn check_directory(
        &self,
        directory: &Directory,
        name: &str,
        password: String,
        address: Option<IpAddr>,
    ) -> Answer<Option<Person>> {
        // The same work as for local people, so that the time does not tell them apart at a glance.
        let worked = self.secrets.is_right(password.clone(), None);
        let (verdict, worked) = tokio::join!(directory.check(name, &password), worked);
        worked?;
        let verdict = verdict.map_err(|error| away(&error))?;
        let Some(found) = verdict.found else {
            return Ok(None);
        };
        if found.name != name {
            // Another way to write the name is no further try.
            self.backoff.check(&found.name, address)?;
            if !verdict.is_right {
                self.backoff.failed(&found.name, None);
            }
        }
        if !verdict.is_right {
            return Ok(None);
        }
        self.take_in(found).await
    }

    /// Makes true what the directory says of somebody; gives the person that it is here.
    async fn take_in(&self, found: Found) -> Answer<Option<Person>> {
        let Found {
            name,
            display_name,
            place,
        } = found;
        let Some(place) = place else {
            tracing::info!(who = name, "no group of the directory gives a role");
            leave(&self.pool, &name).await?;
            return Ok(None);
        };
        let is_there = site_is_there(&self.pool, &place).await?;
        if !is_there {
            tracing::warn!(who = name, site = ?place.site, "ldap.groups: there is no such site");
            leave(&self.pool, &name).await?;
            return Ok(None);
        }
        keep(&self.pool, &name, &display_name, &place).await
    }

    /// Asks the directory whether a person of it may go on, and makes true what it says.
    ///
    /// # Errors
    /// 503 while the directory does not answer, after the grace that the settings give; 401 when
    /// there is no directory any more.
    pub(crate) async fn recheck(&self, name: &str) -> Answer<()> {
        let row: Option<(String, Option<DateTime<Utc>>)> =
            sqlx::query_as("select source, directory_seen_at from person where name = $1")
                .bind(name)
                .fetch_optional(&self.pool)
                .await
                .or_problem()?;
        let Some((_, seen)) = row.filter(|(source, _)| source == "ldap") else {
            return Ok(());
        };
        let Some(directory) = &self.directory else {
            return Err(Distrust::Expired.into());
        };
        let within = |span: TimeDelta| seen.is_some_and(|seen| Utc::now() - seen < span);
        if within(FRESH) {
            return Ok(());
        }
        match directory.look_up(&[name.to_owned()]).await {
            Ok(found) => self.apply(name, found.into_iter().flatten().next()).await,
            Err(error) => {
                let grace = directory.options().grace_seconds;
                if within(TimeDelta::seconds(grace.into())) {
                    tracing::warn!(who = name, "goes on without the directory: {error:#}");
                    return Ok(());
                }
                Err(away(&error))
            }
        }
    }

    /// Makes true what the directory says of a name now.
    async fn apply(&self, name: &str, found: Option<Found>) -> Answer<()> {
        match found.filter(|found| found.name == name) {
            Some(found) => {
                self.take_in(found).await?;
            }
            None => leave(&self.pool, name).await?,
        }
        Ok(())
    }

    /// Looks everybody of the directory up by timer. Runs until it is dropped; without a directory
    /// it does nothing.
    ///
    /// # Errors
    /// None; what fails is tried again.
    pub async fn keep_directory(&self) -> anyhow::Result<()> {
        let Some(directory) = &self.directory else {
            return std::future::pending().await;
        };
        let every = Duration::from_secs(directory.options().reread_seconds.into());
        loop {
            let next = match self.reread(directory).await {
                Ok(()) => every,
                Err(error) => {
                    tracing::warn!("people of the directory are as before: {error:#}");
                    every.min(RETRY)
                }
            };
            sleep(next).await;
        }
    }

    async fn reread(&self, directory: &Directory) -> anyhow::Result<()> {
        let names: Vec<String> =
            sqlx::query_scalar("select name from person where source = 'ldap' order by name")
                .fetch_all(&self.pool)
                .await?;
        if names.is_empty() {
            return directory.probe().await;
        }
        for names in names.chunks(AT_ONCE) {
            let found = directory.look_up(names).await?;
            for (name, found) in names.iter().zip(found) {
                let applied = self.apply(name, found).await;
                applied.map_err(|problem| anyhow::anyhow!("{name}: {}", problem.detail))?;
            }
        }
        Ok(())
    }
}

async fn site_is_there(pool: &PgPool, place: &Place) -> Answer<bool> {
    let Some(site) = &place.site else {
        return Ok(true);
    };
    sqlx::query_scalar("select exists (select from site where site_id = $1)")
        .bind(site.as_str())
        .fetch_one(pool)
        .await
        .or_problem()
}

/// Keeps a person as the directory says; none when the name is a local person's. Another role or
/// place ends all that the person is signed in with.
async fn keep(
    pool: &PgPool,
    name: &str,
    display_name: &str,
    place: &Place,
) -> Answer<Option<Person>> {
    let mut tx = pool.begin().await.or_problem()?;
    let names = (name, display_name);
    let is_new = people::insert(&mut tx, names, place, "ldap", None).await?;
    let before = people::lock(&mut tx, name).await?;
    if before.source != Source::Ldap {
        tracing::warn!(
            who = name,
            "a local person has this name: not the directory's"
        );
        return Ok(None);
    }
    let is_same = before.display_name == display_name
        && before.place == *place
        && before.absent_since.is_none();
    // Who is as before is noted without telling the sites.
    sqlx::query("update person set directory_seen_at = now() where name = $1")
        .bind(name)
        .execute(&mut *tx)
        .await
        .or_problem()?;
    if is_new {
        note(&mut tx, "user.from-directory", None, &before).await?;
    } else if !is_same {
        change(&mut tx, names, place).await?;
        if before.place != *place {
            people::sign_out(&mut tx, name).await?;
        }
        let after = people::lock(&mut tx, name).await?;
        note(&mut tx, "user.change", Some(&before), &after).await?;
    }
    let person = people::lock(&mut tx, name).await?;
    tx.commit().await.or_problem()?;
    Ok(Some(person))
}

async fn change(
    connection: &mut sqlx::PgConnection,
    (name, display_name): (&str, &str),
    place: &Place,
) -> Answer<()> {
    sqlx::query(
        "update person set display_name = $2, role = $3, region = $4, site_id = $5,
                pin_hash = case when $6 then pin_hash end, absent_since = null, changed_at = now()
         where name = $1",
    )
    .bind(name)
    .bind(display_name)
    .bind(place.role.as_str())
    .bind(&place.region)
    .bind(place.site.as_ref().map(|site| site.as_str()))
    .bind(place.may_have_pin())
    .execute(connection)
    .await
    .or_problem()?;
    Ok(())
}

/// Shuts out a person whom the directory does not know any more; all that it is signed in with ends,
/// at the sites as well.
async fn leave(pool: &PgPool, name: &str) -> Answer<()> {
    let mut tx = pool.begin().await.or_problem()?;
    let marked = sqlx::query(
        "update person set absent_since = now(), changed_at = now()
         where name = $1 and source = 'ldap' and absent_since is null",
    )
    .bind(name)
    .execute(&mut *tx)
    .await
    .or_problem()?;
    if marked.rows_affected() == 0 {
        return Ok(());
    }
    people::sign_out(&mut tx, name).await?;
    let after = people::lock(&mut tx, name).await?;
    let before = Person {
        absent_since: None,
        ..after.clone()
    };
    note(&mut tx, "user.absent", Some(&before), &after).await?;
    tx.commit().await.or_problem()?;
    tracing::info!(
        who = name,
        "the directory does not know this person any more"
    );
    Ok(())
}

async fn note(
    connection: &mut sqlx::PgConnection,
    action: &str,
    before: Option<&Person>,
    after: &Person,
) -> Answer<()> {
    let entry = Entry {
        action,
        object: &format!("user/{}", after.name),
        before: before.map(|person| json!(person)),
        after: Some(json!(after)),
    };
    let recorded = audit::record(connection, &Author::directory(), entry).await;
    recorded.or_problem()
}
