//! Pausing the queue. That it is paused stands in the store, so it outlives restarts and a wiped
//! JetStream; in nats-server the consumers are paused too, so that nothing is delivered to workers
//! who would not do it.

use crate::store::{Freshness, Operation, StoreError};

use super::Queue;

impl Queue {
    /// Whether jobs are held back.
    pub fn is_paused(&self) -> bool {
        *self.inner.paused.borrow()
    }

    /// Holds jobs back, or lets them go on; what was begun is finished.
    pub async fn switch(
        &self,
        operation: &Operation,
        pause: bool,
        reason: Option<String>,
    ) -> Result<Freshness, StoreError> {
        let store = &self.inner.store;
        let done = store.switch_queue(operation, pause, reason).await?;
        // What the store says, for a repetition may come after another switch.
        self.look_up_pause().await?;
        Ok(done)
    }

    /// Takes note of what the store says.
    pub(super) async fn look_up_pause(&self) -> Result<(), StoreError> {
        let paused = self.inner.store.queue_paused().await?.is_some();
        self.inner.paused.send_if_modified(|known| {
            let changed = *known != paused;
            if changed && !paused {
                // Nothing was taken because of the pause, not because the queue is stuck.
                self.note_taken();
            }
            *known = paused;
            changed
        });
        Ok(())
    }

    /// Returns when the queue is as wanted.
    pub(super) async fn until_paused(&self, wanted: bool) {
        let mut paused = self.inner.paused.subscribe();
        // The sender lives as long as the queue.
        let _always = paused.wait_for(|paused| *paused == wanted).await;
    }
}
