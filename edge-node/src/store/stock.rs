//! Stock in the store.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sunakku_common::enrol::StockLeft;
use sunakku_common::event::{By, cause, is_low};
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
    /// Gives it another low-stock mark, or none.
    Mark(Option<u32>),
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
    /// It is low when so many or fewer are at hand; null without such a mark.
    pub low_mark: Option<u32>,
    /// Whether it has come down to its low-stock mark.
    pub low: bool,
    /// Set while the count is what the box before left, and nobody has counted since. Live frames do
    /// not tell it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_count: bool,
}

impl StockRow {
    /// What is at hand of a SKU that is not off sale for a time.
    pub fn new(sku: String, level: StockLevel, low_mark: Option<u32>) -> Self {
        Self {
            sku,
            on_hand: level.on_hand,
            suspended: level.suspended,
            suspended_until: None,
            low_mark,
            low: is_low(level.on_hand, low_mark),
            to_count: false,
        }
    }
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
        let more_keys = [
            keys.stock(),
            keys.suspended(),
            keys.suspensions(),
            keys.to_count(),
        ];
        let (word, units, until) = match change {
            StockMove::Adjust(units) => ("adjust", Some(units), None),
            StockMove::Set(units) => ("set", Some(i64::from(units)), None),
            StockMove::Uncount => ("uncount", None, None),
            StockMove::Suspend(until) => ("suspend", None, until),
            StockMove::Resume => ("resume", None, None),
            StockMove::ResumeDue(until) => ("resume-due", None, Some(until)),
            StockMove::Mark(mark) => ("mark", mark.map(i64::from), None),
        };
        let until = until.map(|until| until.timestamp_millis().to_string());
        let args = [
            sku.to_owned(),
            word.to_owned(),
            units.map(|units| units.to_string()).unwrap_or_default(),
            serde_json::to_string(&reason)?,
            until.unwrap_or_default(),
        ];
        let script = &self.inner.scripts.move_stock;
        let reply = self.run(script, operation, &more_keys, &args).await?;
        match (reply.done(), reply.rest.as_slice()) {
            (Ok(freshness), [on_hand, suspended, until, low_mark, to_count]) => {
                let level = StockLevel {
                    on_hand: on_hand.parse().ok(),
                    suspended: suspended == "1",
                };
                let row = StockRow {
                    suspended_until: until.parse().ok().and_then(from_millis),
                    to_count: to_count == "1",
                    ..StockRow::new(sku.to_owned(), level, low_mark.parse().ok())
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

    /// Takes over what the box before left, once; all of it is to be counted.
    pub(crate) async fn hand_over(&self, left: &[StockLeft]) -> Result<(), StoreError> {
        let keys = self.keys();
        let operation = Operation::new(None, By::system("edge", cause::UPKEEP), &left);
        let more_keys = [
            keys.stock(),
            keys.suspended(),
            keys.to_count(),
            keys.seeded(),
        ];
        let mut args = vec![operation.fingerprint.clone()];
        for StockLeft {
            sku,
            on_hand,
            suspended,
        } in left
        {
            let on_hand = on_hand
                .map(|on_hand| on_hand.to_string())
                .unwrap_or_default();
            args.extend([sku.clone(), on_hand, u8::from(*suspended).to_string()]);
        }
        let script = &self.inner.scripts.hand_over;
        let reply = self.run(script, &operation, &more_keys, &args).await?;
        match reply.done() {
            Ok(_) | Err("known") => Ok(()),
            Err(_) => Err(reply.unexpected()),
        }
    }

    /// SKUs whose count the box before left, and that nobody has counted since.
    pub async fn to_count(&self) -> Result<BTreeSet<String>, StoreError> {
        let mut command = redis::cmd("SMEMBERS");
        command.arg(self.keys().to_count());
        Ok(command.query_async(&mut self.connection()).await?)
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

    /// Low-stock marks by SKU: the site's own, else the menu's.
    pub async fn low_marks(&self) -> Result<BTreeMap<String, u32>, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys().meta());
        let meta: Vec<(String, String)> = command.query_async(&mut self.connection()).await?;
        let of = |prefix: &'static str| {
            meta.iter().filter_map(move |(field, mark)| {
                Some((field.strip_prefix(prefix)?.to_owned(), mark.parse().ok()?))
            })
        };
        Ok(of("menu-low:").chain(of("low:")).collect())
    }

    /// SKUs that have come down to their low-stock mark, by name.
    pub async fn low_skus(&self) -> Result<Vec<String>, StoreError> {
        let marks = self.low_marks().await?;
        if marks.is_empty() {
            return Ok(Vec::new());
        }
        let stock = self.stock().await?;
        let on_hand = |sku: &String| stock.get(sku).and_then(|level| level.on_hand);
        let low = marks.into_iter();
        let low = low.filter(|(sku, mark)| is_low(on_hand(sku), Some(*mark)));
        Ok(low.map(|(sku, _)| sku).collect())
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
