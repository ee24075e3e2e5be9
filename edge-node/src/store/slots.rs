//! How much work the stations were given in each quarter of an hour.

use std::collections::HashMap;

use super::{Store, StoreError};

/// Seconds of work that were given away, by slot (quarters of an hour since 1970) and station.
pub type Used = HashMap<(i64, String), u64>;

/// Work that an order takes in one slot of one station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotClaim {
    /// Quarters of an hour since 1970.
    pub slot: i64,
    /// Code of the station.
    pub station: String,
    /// Seconds.
    pub work: u64,
    /// Seconds that the slot has in all.
    pub capacity: u64,
}

impl SlotClaim {
    /// Where the slot's use is counted.
    pub(super) fn field(&self) -> String {
        field(self.slot, &self.station)
    }
}

fn field(slot: i64, station: &str) -> String {
    format!("{slot}:{station}")
}

impl Store {
    /// What is used of every slot.
    pub async fn used_slots(&self) -> Result<Used, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.keys().slots());
        let flat: Vec<String> = command.query_async(&mut self.connection()).await?;
        Ok(read_slots(&flat))
    }

    /// Forgets the slots before the one that is named.
    pub(crate) async fn forget_slots(&self, before: i64) -> Result<(), StoreError> {
        let used = self.used_slots().await?;
        let over = used.keys().filter(|(slot, _)| *slot < before);
        let over: Vec<String> = over.map(|(slot, station)| field(*slot, station)).collect();
        if !over.is_empty() {
            let mut command = redis::cmd("HDEL");
            command.arg(self.keys().slots()).arg(over);
            command.query_async::<()>(&mut self.connection()).await?;
        }
        Ok(())
    }
}

/// The hash of slots, flattened.
pub(super) fn read_slots(flat: &[String]) -> Used {
    let slots = flat.chunks_exact(2).filter_map(|pair| {
        let (slot, station) = pair[0].split_once(':')?;
        Some((
            (slot.parse().ok()?, station.to_owned()),
            pair[1].parse().ok()?,
        ))
    });
    slots.collect()
}
