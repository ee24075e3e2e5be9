//! The live summary: one screen on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;
use sqlx::{PgPool, Row as _};
use tokio::time::sleep;

use super::guests::Told;
use super::tokens::Tokens;
use crate::world::World;

/// How often a terminal is redrawn.
const REDRAW: Duration = Duration::from_secs(1);
/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(10);

/// Shows how things stand; never returns.
pub(super) async fn show(
    world: &World,
    tokens: &Tokens,
    told: &Told,
    postgres: &PgPool,
    head: &str,
) {
    let terminal = std::io::stdout().is_terminal();
    let begin = Instant::now();
    loop {
        sleep(if terminal { REDRAW } else { LINE }).await;
        // What is away is shown as such; drawing goes on.
        let mut rows = Vec::new();
        for (n, site) in world.sites.iter().enumerate() {
            rows.push(Row::read(n, &site.id, tokens, told, postgres).await);
        }
        let text = draw(&rows, begin.elapsed(), terminal.then_some(head));
        let mut out = std::io::stdout().lock();
        // A closed terminal is no reason to end.
        let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// One site as it stands; `None` where somebody does not answer.
struct Row {
    site: String,
    accepted: usize,
    refused: usize,
    open: Option<u64>,
    queue: Option<u64>,
    lag: Option<u64>,
    hub: String,
    proof: Option<Proof>,
}

/// What Postgres says about the promises.
struct Proof {
    committed: i64,
    doubled: i64,
    oversold: i64,
}

impl Row {
    async fn read(n: usize, site: &str, tokens: &Tokens, told: &Told, postgres: &PgPool) -> Self {
        let (accepted, refused) = told.counts(n);
        let manager = &tokens.sites[n].manager;
        let get = async |path: &str| -> Option<Value> {
            manager
                .get(path)
                .await
                .ok()
                .filter(|answer| answer.status == 200)
                .map(|a| a.body)
        };
        let (queue, sync) = tokio::join!(get("/v1/queue"), get("/v1/sync"));
        let number = |value: &Option<Value>, name: &str| value.as_ref()?[name].as_u64();
        let hub = sync
            .as_ref()
            .and_then(|sync| sync["hub"].as_str())
            .unwrap_or("edge away");
        Self {
            site: site.to_owned(),
            accepted,
            refused,
            open: number(&queue, "orders_open"),
            queue: number(&queue, "orders_waiting"),
            lag: number(&sync, "lag_events"),
            hub: hub.to_owned(),
            proof: proof(postgres, site).await.ok(),
        }
    }

    /// Orders that guests saw accepted and that the hub lacks although it has the whole log.
    fn lost(&self) -> Option<i64> {
        let proof = self.proof.as_ref()?;
        let accepted = i64::try_from(self.accepted).ok()?;
        (self.lag == Some(0)).then(|| (accepted - proof.committed).max(0))
    }
}

async fn proof(postgres: &PgPool, site: &str) -> Result<Proof> {
    let row = sqlx::query(
        "select (select count(*) from site_order where site_id = $1) as committed, \
         (select count(*) - count(distinct idempotency_key) from site_order where site_id = $1) \
         as doubled, \
         (select coalesce(-sum(least(on_hand, 0)), 0)::bigint from stock where site_id = $1) \
         as oversold",
    );
    let row = row.bind(site).fetch_one(postgres).await?;
    Ok(Proof {
        committed: row.try_get("committed")?,
        doubled: row.try_get("doubled")?,
        oversold: row.try_get("oversold")?,
    })
}

fn draw(rows: &[Row], elapsed: Duration, head: Option<&str>) -> String {
    let number = |value: Option<i64>| value.map_or("-".to_owned(), |value| value.to_string());
    let unsigned = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
    let mut text = String::new();
    if let Some(head) = head {
        text.push_str("\x1b[2J\x1b[H");
        text.push_str(head);
        text.push_str(
            "\n\nsite              accepted refused   open  queue    lag  committed  lost doubled \
             oversold  hub\n",
        );
    }
    for row in rows {
        let proof = row.proof.as_ref();
        let cells = [
            (8, row.accepted.to_string(), "accepted"),
            (7, row.refused.to_string(), "refused"),
            (6, unsigned(row.open), "open"),
            (6, unsigned(row.queue), "queue"),
            (6, unsigned(row.lag), "lag"),
            (10, number(proof.map(|proof| proof.committed)), "committed"),
            (5, number(row.lost()), "lost"),
            (7, number(proof.map(|proof| proof.doubled)), "doubled"),
            (8, number(proof.map(|proof| proof.oversold)), "oversold"),
        ];
        if head.is_some() {
            text.push_str(&format!("{:<17}", row.site));
            for (width, cell, _) in &cells {
                text.push_str(&format!(" {cell:>width$}"));
            }
            text.push_str(&format!("  {}\n", row.hub));
        } else {
            text.push_str(&format!("{:>4} s  {}:", elapsed.as_secs(), row.site));
            for (_, cell, name) in &cells {
                text.push_str(&format!(" {name} {cell}"));
            }
            text.push_str(&format!(", hub {}\n", row.hub));
        }
    }
    if head.is_some() {
        text.push_str(&format!("\n{} s. Ctrl-C ends it.\n", elapsed.as_secs()));
    }
    text
}
