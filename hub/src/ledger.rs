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
    /// The chain at its end.
    pub chain: Chain,
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
    // Also logs whose cursor is gone: their events would otherwise be nobody's.
    let logs: Vec<LogRow> = sqlx::query_as(
        "select site_id, epoch, c.cursor, c.chain
         from site_cursor c
         full join (select distinct site_id, epoch from site_event) e using (site_id, epoch)
         where $1::text is null or site_id = $1
         order by site_id, c.first_seen_at",
    )
    .bind(site.map(SiteId::as_str))
    .fetch_all(&mut *tx)
    .await?;
    let mut reports = Vec::with_capacity(logs.len());
    for (site, epoch, cursor, chain) in logs {
        let stored = cursor.zip(chain);
        reports.push(verify_log(&mut tx, site.parse()?, Epoch(epoch), stored).await?);
    }
    Ok(reports)
}

/// Site, epoch, and the cursor with its chain as they are stored.
type LogRow = (String, Uuid, Option<i64>, Option<Vec<u8>>);

async fn verify_log(
    tx: &mut Transaction<'_, Postgres>,
    site: SiteId,
    epoch: Epoch,
    stored: Option<(i64, Vec<u8>)>,
) -> Result<Report> {
    let mut walk = Walk {
        chain: Chain::genesis(&site, epoch),
        last: 0,
        events: 0,
        faults: Vec::new(),
    };
    {
        let mut rows = sqlx::query_as::<_, (i64, String, Vec<u8>)>(
            "select seq, event, chain from site_event
             where site_id = $1 and epoch = $2 order by seq",
        )
        .bind(site.as_str())
        .bind(epoch.0)
        .fetch(&mut **tx);
        while let Some((seq, text, link)) = rows.try_next().await? {
            walk.pass(seq, &text, &link);
        }
    }
    walk.end(stored);
    let mut faults = walk.faults;
    if faults.len() > MAX_FAULTS {
        let more = faults.len() - MAX_FAULTS;
        faults.truncate(MAX_FAULTS);
        faults.push(format!("and {more} more"));
    }
    Ok(Report {
        site,
        epoch,
        events: walk.events,
        chain: walk.chain,
        faults,
    })
}

/// A walk along one log.
struct Walk {
    chain: Chain,
    last: i64,
    events: u64,
    faults: Vec<String>,
}

impl Walk {
    fn pass(&mut self, seq: i64, text: &str, link: &[u8]) {
        self.events += 1;
        if seq != self.last + 1 {
            self.fault(format!("{seq} follows {}", self.last));
        }
        self.last = seq;
        let inside = Event::decode(text).map(|event| event.seq);
        if inside.ok() != u64::try_from(seq).ok() {
            self.fault(format!("{seq} holds the text of another event"));
        }
        let expected = self.chain.next(text);
        if expected.0[..] != link[..] {
            self.fault(format!("{seq} is not the event that was chained here"));
        }
        // Goes on from what is stored, so that each change is told where it was made.
        self.chain = link.try_into().map_or(expected, Chain);
    }

    fn end(&mut self, stored: Option<(i64, Vec<u8>)>) {
        match stored {
            None => self.fault("no cursor is kept for it".to_owned()),
            Some((cursor, _)) if cursor != self.last => {
                let last = self.last;
                self.fault(format!(
                    "the cursor stands at {cursor}, the log ends at {last}"
                ));
            }
            Some((_, chain)) if chain[..] != self.chain.0[..] => {
                self.fault("the cursor's chain is not the log's".to_owned());
            }
            Some(_) => {}
        }
    }

    fn fault(&mut self, fault: String) {
        self.faults.push(fault);
    }
}
