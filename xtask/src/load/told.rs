//! How long it takes from the answer to an order until screens show its stock.
//!
//! The answer names the order and frames of stock name a sequence; a screen that follows orders
//! tells which sequence an order has.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Deserialize;
use uuid::Uuid;

use super::record::Recording;

/// What the callers of one run know.
#[derive(Default)]
pub(crate) struct Told {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    accepted: HashMap<Uuid, Instant>,
    sequences: HashMap<u64, Uuid>,
    shown: Vec<(u64, Instant)>,
}

impl Told {
    /// An order was accepted with this answer.
    pub(crate) fn accepted(&self, answer: &[u8], at: Instant) {
        #[derive(Deserialize)]
        struct Accepted {
            id: Uuid,
        }
        if let Ok(Accepted { id }) = serde_json::from_slice(answer) {
            self.with(|inner| inner.accepted.insert(id, at));
        }
    }

    /// The event under this sequence placed this order.
    pub(crate) fn placed(&self, seq: u64, order: Uuid) {
        self.with(|inner| inner.sequences.insert(seq, order));
    }

    /// One screen was shown what came under these sequences.
    pub(crate) fn shown(&self, frames: &[(u64, Instant)]) {
        self.with(|inner| inner.shown.extend_from_slice(frames));
    }

    /// From each order's answer to its frame at each screen. A frame may come before the answer.
    pub(crate) fn delays(&self, recording: &mut Recording) {
        self.with(|inner| {
            for (seq, shown) in &inner.shown {
                let order = inner.sequences.get(seq);
                if let Some(accepted) = order.and_then(|order| inner.accepted.get(order)) {
                    recording.time(shown.saturating_duration_since(*accepted));
                }
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        // Each act leaves it whole.
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_delay_is_from_the_orders_answer_to_the_frame_of_its_sequence() {
        let (told, begin) = (Told::default(), Instant::now());
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let at = |ms| begin + Duration::from_millis(ms);
        told.accepted(
            format!(r#"{{"id": "{one}", "number": 3}}"#).as_bytes(),
            at(100),
        );
        told.accepted(b"nonsense", at(100));
        told.placed(7, one);
        told.placed(8, two);
        // A frame before the answer, one after it, of an order of others, of nobody.
        told.shown(&[(7, at(90)), (7, at(140)), (8, at(500)), (9, at(900))]);
        let mut recording = Recording::new().expect("bounds");
        told.delays(&mut recording);
        assert_eq!(recording.done(), 2);
        let max = recording.quantiles().expect("times").max;
        assert!((39.9..40.1).contains(&max), "{max}");
    }
}
