//! Sends commands until the sites' logs report what became of them.
//!
//! Whatever is lost on the way is sent again; a site applies a command once. Every message to a
//! site has all commands that it has not reported, in their order, so none overtakes another.

use anyhow::{Result, bail};
use async_nats::connection::State;
use async_nats::{Client, Message};
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use serde_json::value::RawValue;
use sqlx::PgPool;
use sunakku_common::command::{Command, Commands, MAX_COMMANDS, Received};
use sunakku_common::ids::{CommandId, SiteId};
use sunakku_common::subjects;
use uuid::Uuid;

use crate::metrics as names;

/// How long after its end a command is still sent, so that the site itself says that it was not
/// applied.
const GRACE_SECONDS: i32 = 60;

/// The task.
pub(super) struct Dispatch {
    client: Client,
    pool: PgPool,
}

#[derive(sqlx::FromRow)]
struct Row {
    site_id: String,
    command_id: Uuid,
    author: String,
    kind: String,
    args: String,
    expires_at: DateTime<Utc>,
}

impl Dispatch {
    pub(super) fn new(client: Client, pool: PgPool) -> Self {
        Self { client, pool }
    }

    /// Sends what is open: to all sites, or to those with a command that was never sent.
    pub(super) async fn round(&self, all: bool) -> Result<()> {
        if all {
            self.give_up().await?;
        }
        let rows: Vec<Row> = sqlx::query_as(
            "select site_id, command_id, author, kind, args::text as args, expires_at
             from (select *, row_number() over (partition by site_id order by command_id) as place,
                          bool_or(sent_at is null) over (partition by site_id) as is_fresh
                   from command where state in ('pending', 'delivered')
                        and site_id not in (select site_id from site where archived_at is not null)) open
             where place <= $1 and ($2 or is_fresh)
             order by site_id, command_id",
        )
        .bind(i64::try_from(MAX_COMMANDS)?)
        .bind(all)
        .fetch_all(&self.pool)
        .await?;
        metrics::gauge!(names::COMMANDS_OPEN).set(rows.len() as f64);
        // What the client is given while it is not connected it would keep, and send it all later.
        if self.client.connection_state() != State::Connected {
            return Ok(());
        }
        for rows in rows.chunk_by(|a, b| a.site_id == b.site_id) {
            self.send(rows).await?;
        }
        Ok(())
    }

    async fn send(&self, rows: &[Row]) -> Result<()> {
        let site: SiteId = rows[0].site_id.parse()?;
        let command = |row: &Row| {
            anyhow::Ok(Command {
                id: CommandId(row.command_id),
                author: row.author.clone(),
                expires_at: row.expires_at,
                kind: row.kind.clone(),
                args: RawValue::from_string(row.args.clone())?,
            })
        };
        let message = Commands {
            site: site.clone(),
            commands: rows.iter().map(command).collect::<Result<_>>()?,
        };
        let payload = serde_json::to_vec(&message)?;
        let subject = subjects::command(&site);
        self.client.publish(subject, payload.into()).await?;
        metrics::counter!(names::COMMANDS_SENT).increment(rows.len() as u64);
        let ids: Vec<Uuid> = rows.iter().map(|row| row.command_id).collect();
        sqlx::query(
            "update command set sent_at = now() where site_id = $1 and command_id = any($2)",
        )
        .bind(site.as_str())
        .bind(ids)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Gives up what no site has reported in time; should it have been applied all the same, the
    /// site's log will tell.
    async fn give_up(&self) -> Result<()> {
        let given_up = sqlx::query(
            "update command set state = 'expired', settled_at = now(),
                    detail = 'The site has not reported it in time.'
             where state in ('pending', 'delivered')
               and expires_at < now() - make_interval(secs => $1)",
        )
        .bind(f64::from(GRACE_SECONDS))
        .execute(&self.pool)
        .await?;
        let given_up = given_up.rows_affected();
        metrics::counter!(names::COMMANDS_EXPIRED).increment(given_up);
        Ok(())
    }

    /// Hears which commands have come.
    pub(super) async fn hear(&self) -> Result<()> {
        let group = subjects::RECEIVED_GROUP.to_owned();
        let mut heard = self
            .client
            .queue_subscribe(subjects::ALL_RECEIVED, group)
            .await?;
        while let Some(message) = heard.next().await {
            if let Err(error) = self.note_received(&message).await {
                // The site says so again with the next message.
                tracing::debug!("what a site has received was not noted: {error:#}");
            }
        }
        bail!("the NATS client was closed")
    }

    async fn note_received(&self, message: &Message) -> Result<()> {
        let Some(site) = subjects::site_of_received(&message.subject) else {
            return Ok(());
        };
        let Received { commands } = serde_json::from_slice(&message.payload)?;
        let ids = commands.iter().take(MAX_COMMANDS).map(|id| id.0);
        sqlx::query(
            "update command set state = 'delivered', delivered_at = now()
             where site_id = $1 and command_id = any($2) and state = 'pending'",
        )
        .bind(site.as_str())
        .bind(ids.collect::<Vec<_>>())
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
