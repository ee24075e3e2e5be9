//! The proof: every chain computed again from the stored texts, and compared.

use std::fmt;

use anyhow::Result;
use futures::TryStreamExt as _;
use sqlx::{PgPool, Postgres, Transaction};
use sunakku_common::chain::Chain;
use sunakku_common::event::Event;
use sunakku_common::ids::{Epoch, SiteId};
use uuid::Uuid;

/// Faults of one log that are told; a broken log would name every event after the first.
const MAX_FAULTS: usize = 10;

/// What was found of one epoch of one site.
#[derive(Debug)]
pub struct Report {
    /// The site.
    pub site: SiteId,
    /// The epoch.
    pub epoch: Epoch,
    /// Events that were read.
    pub events: u64,
    /// The chain at the cursor, as it is stored.
    pub chain: String,
    /// What is wrong; empty when all is as the site sent it.
    pub faults: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            site,
            epoch,
            events,
            chain,
            ..
        } = self;
        let verdict = if self.faults.is_empty() {
            "ok"
        } else {
            "WRONG"
        };
        write!(
            f,
            "{site} {epoch} {verdict}: {events} events, chain {chain}"
        )?;
        self.faults
            .iter()
            .try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

/// Checks every epoch of every site, or of one. Runs beside the intake: it reads one moment.
///
/// # Errors
/// When the database fails.
pub async fn verify(pool: &PgPool, site: Option<&SiteId>) -> Result<Vec<Report>> {
    let mut tx = pool.begin().await?;
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *tx)
        .await?;
    sqlx::query("set local statement_timeout = 0")
        .execute(&mut *tx)
        .await?;
    let logs: Vec<(String, Uuid, i64, Vec<u8>)> = sqlx::query_as(
        "select site_id, epoch, cursor, chain from site_cursor
         where $1::text is null or site_id = $1
         order by site_id, first_seen_at",
    )
    .bind(site.map(SiteId::as_str))
    .fetch_all(&mut *tx)
    .await?;
    let mut reports = Vec::with_capacity(logs.len());
    for (site, epoch, cursor, chain) in logs {
        reports.push(verify_log(&mut tx, site.parse()?, Epoch(epoch), cursor, &chain).await?);
    }
    Ok(reports)
}

async fn verify_log(
    tx: &mut Transaction<'_, Postgres>,
    site: SiteId,
    epoch: Epoch,
    cursor: i64,
    stored: &[u8],
) -> Result<Report> {
    let mut chain = Chain::genesis(&site, epoch);
    let (mut faults, mut last, mut events) = (Vec::new(), 0_i64, 0_u64);
    {
        let mut rows = sqlx::query_as::<_, (i64, String, Vec<u8>)>(
            "select seq, event, chain from site_event
             where site_id = $1 and epoch = $2 order by seq",
        )
        .bind(site.as_str())
        .bind(epoch.0)
        .fetch(&mut **tx);
        while let Some((seq, text, link)) = rows.try_next().await? {
            events += 1;
            if seq != last + 1 {
                faults.push(format!("{seq} follows {last}"));
            }
            last = seq;
            if Event::decode(&text)
                .ok()
                .and_then(|event| i64::try_from(event.seq).ok())
                != Some(seq)
            {
                faults.push(format!("{seq} holds the text of another event"));
            }
            if chain.next(&text).0[..] != link[..] {
                faults.push(format!("{seq} is not the event that was chained here"));
            }
            // Goes on from what is stored, so that each change is told where it was made.
            chain = <[u8; 32]>::try_from(&link[..]).map_or_else(|_| chain.next(&text), Chain);
            if faults.len() >= MAX_FAULTS {
                faults.push("and perhaps more".to_owned());
                break;
            }
        }
    }
    if last != cursor {
        faults.push(format!(
            "the cursor stands at {cursor}, the log ends at {last}"
        ));
    } else if chain.0[..] != stored[..] {
        faults.push("the cursor's chain is not the log's".to_owned());
    }
    let chain = stored.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Report {
        site,
        epoch,
        events,
        chain,
        faults,
    })
}
