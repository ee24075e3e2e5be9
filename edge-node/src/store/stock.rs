//! Stock in the store.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::pricing::StockLevel;

use super::{Freshness, Operation, Store, StoreError};

/// A change of what is at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StockMove {
    /// Adds units or, negative, takes them.
    Adjust(i64),
    /// Sets the count; what was not counted is from now on.
    Set(u32),
    /// Stops counting: it never sells out.
    Uncount,
    /// Takes it off sale ("86"), until a time or until it is resumed.
    Suspend(Option<DateTime<Utc>>),
    /// Puts it on sale again.
    Resume,
    /// Puts it on sale again, if it is off sale until this time and no other.
    ResumeDue(DateTime<Utc>),
}

/// What is at hand of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StockRow {
    /// The SKU.
    pub sku: String,
    /// Units; null when it is not counted.
    pub on_hand: Option<i64>,
    /// Taken off sale by staff.
    pub suspended: bool,
    /// Until when; absent when it is on sale, or off sale without an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_until: Option<DateTime<Utc>>,
}

/// What became of a change of stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StockMoving {
    /// It was made.
    Made(StockRow, Freshness),
    /// The SKU is not counted, so there is nothing to add to.
    Uncounted,
    /// It is not off sale until that time any more.
    Changed,
    /// There are fewer than it takes.
    Negative {
        /// Units at hand.
        on_hand: i64,
    },
}

impl Store {
    /// Changes what is at hand of one SKU.
    pub async fn move_stock(
        &self,
        operation: &Operation,
        sku: &str,
        change: StockMove,
        reason: Option<&str>,
    ) -> Result<StockMoving, StoreError> {
        let keys = self.keys();
        let more_keys = [keys.stock(), keys.suspended(), keys.suspensions()];
        let (word, units, until) = match change {
            StockMove::Adjust(units) => ("adjust", units, None),
            StockMove::Set(units) => ("set", i64::from(units), None),
            StockMove::Uncount => ("uncount", 0, None),
            StockMove::Suspend(until) => ("suspend", 0, until),
            StockMove::Resume => ("resume", 0, None),
            StockMove::ResumeDue(until) => ("resume-due", 0, Some(until)),
        };
        let until = until.map(|until| until.timestamp_millis().to_string());
        let args = [
            sku.to_owned(),
            word.to_owned(),
            units.to_string(),
            serde_json::to_string(&reason)?,
            until.unwrap_or_default(),
        ];
        let script = &self.inner.scripts.move_stock;
        let reply = self.run(script, operation, &more_keys, &args).await?;
        match (reply.done(), reply.rest.as_slice()) {
            (Ok(freshness), [on_hand, suspended, until]) => {
                let (on_hand, suspended) = (on_hand.parse().ok(), suspended == "1");
                let row = StockRow {
                    sku: sku.to_owned(),
                    on_hand,
                    suspended,
                    suspended_until: until.parse().ok().and_then(from_millis),
                };
                Ok(StockMoving::Made(row, freshness))
            }
            (Err("uncounted"), _) => Ok(StockMoving::Uncounted),
            (Err("changed"), _) => Ok(StockMoving::Changed),
            (Err("negative"), [on_hand]) => Ok(StockMoving::Negative {
                on_hand: on_hand.parse().unwrap_or(0),
            }),
            _ => Err(reply.unexpected()),
        }
    }

    /// SKUs that are off sale for a time, with its end.
    pub async fn suspensions(&self) -> Result<BTreeMap<String, DateTime<Utc>>, StoreError> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.keys().suspensions()).arg(0).arg(-1);
        command.arg("WITHSCORES");
        let found: Vec<(String, i64)> = command.query_async(&mut self.connection()).await?;
        let until = |(sku, millis)| Some((sku, from_millis(millis)?));
        Ok(found.into_iter().filter_map(until).collect())
    }

    /// What is at hand of every SKU that is counted or off sale.
    pub async fn stock(&self) -> Result<BTreeMap<String, StockLevel>, StoreError> {
        let mut pipe = redis::pipe();
        pipe.cmd("HGETALL").arg(self.keys().stock());
        pipe.cmd("SMEMBERS").arg(self.keys().suspended());
        let (counts, suspended): (BTreeMap<String, i64>, BTreeSet<String>) =
            pipe.query_async(&mut self.connection()).await?;
        let skus: BTreeSet<&String> = counts.keys().chain(&suspended).collect();
        let level = |sku: &String| StockLevel {
            on_hand: counts.get(sku).copied(),
            suspended: suspended.contains(sku),
        };
        Ok(skus
            .into_iter()
            .map(|sku| (sku.clone(), level(sku)))
            .collect())
    }
}

fn from_millis(millis: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis)
}
