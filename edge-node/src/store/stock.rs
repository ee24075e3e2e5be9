//! Stock in the store.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Takes it off sale ("86").
    Suspend,
    /// Puts it on sale again.
    Resume,
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
}

/// What became of a change of stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StockMoving {
    /// It was made.
    Made(StockRow, Freshness),
    /// The SKU is not counted, so there is nothing to add to.
    Uncounted,
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
        let more_keys = [self.keys().stock(), self.keys().suspended()];
        let (word, units) = match change {
            StockMove::Adjust(units) => ("adjust", units),
            StockMove::Set(units) => ("set", i64::from(units)),
            StockMove::Uncount => ("uncount", 0),
            StockMove::Suspend => ("suspend", 0),
            StockMove::Resume => ("resume", 0),
        };
        let args = [
            sku.to_owned(),
            word.to_owned(),
            units.to_string(),
            serde_json::to_string(&reason)?,
        ];
        let script = &self.inner.scripts.move_stock;
        let reply = self.run(script, operation, &more_keys, &args).await?;
        match (reply.done(), reply.rest.as_slice()) {
            (Ok(freshness), [on_hand, suspended]) => {
                let (on_hand, suspended) = (on_hand.parse().ok(), suspended == "1");
                let row = StockRow {
                    sku: sku.to_owned(),
                    on_hand,
                    suspended,
                };
                Ok(StockMoving::Made(row, freshness))
            }
            (Err("uncounted"), _) => Ok(StockMoving::Uncounted),
            (Err("negative"), [on_hand]) => Ok(StockMoving::Negative {
                on_hand: on_hand.parse().unwrap_or(0),
            }),
            _ => Err(reply.unexpected()),
        }
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
