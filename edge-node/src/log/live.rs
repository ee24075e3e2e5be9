//! The `live` reader: keeps the stock view fresh and tells screens what happens.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use sunakku_common::ids::Epoch;
use sunakku_common::pricing::StockLevel;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::frames::{Frame, Told};
use super::{Tail, Tailed};
use crate::store::{LogEntry, Store, StoreError};

/// Events that a socket may lag behind before it is dropped and has to resume by sequence.
const BACKLOG: usize = 4_096;

/// The frames of one event.
#[derive(Debug)]
pub(crate) struct LiveEvent {
    pub(crate) epoch: Epoch,
    pub(crate) seq: u64,
    pub(crate) frames: Vec<Frame>,
}

/// Where the live reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) epoch: Epoch,
    pub(crate) seq: u64,
}

/// What is at hand, as of a sequence.
#[derive(Debug, Default)]
pub(crate) struct StockView {
    /// Counts up with every change.
    pub(crate) version: u64,
    /// SKUs that are counted or off sale.
    pub(crate) levels: BTreeMap<String, StockLevel>,
}

/// What screens and menu answers read. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Live {
    events: broadcast::Sender<Arc<LiveEvent>>,
    position: Arc<watch::Sender<Position>>,
    stock: Arc<RwLock<StockView>>,
}

impl Live {
    /// Starts from what the store holds now.
    pub(crate) async fn start(store: &Store) -> Result<(Self, LiveReader), StoreError> {
        // The head first: an event between the two reads is then seen twice, which is harmless
        // because events carry the counts after them.
        let head = store.head().await?;
        let levels = store.stock().await?;
        let live = Self {
            events: broadcast::Sender::new(BACKLOG),
            position: Arc::new(watch::Sender::new(Position {
                epoch: head.epoch,
                seq: head.seq,
            })),
            stock: Arc::new(RwLock::new(StockView { version: 0, levels })),
        };
        let tail = Tail::new(store.clone(), head.epoch, head.seq);
        Ok((
            live.clone(),
            LiveReader {
                live,
                store: store.clone(),
                tail,
            },
        ))
    }

    /// Every event from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<LiveEvent>> {
        self.events.subscribe()
    }

    /// The last event that was told.
    pub(crate) fn position(&self) -> Position {
        *self.position.borrow()
    }

    /// Looks at the stock.
    pub(crate) fn with_stock<T>(&self, look: impl FnOnce(&StockView) -> T) -> T {
        // A panic while looking leaves the view whole, so a poisoned lock is as good as another.
        look(
            &self
                .stock
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    fn change_stock(&self, change: impl FnOnce(&mut BTreeMap<String, StockLevel>)) {
        let mut view = self
            .stock
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        change(&mut view.levels);
        view.version += 1;
    }
}

/// The task behind [`Live`].
pub(crate) struct LiveReader {
    live: Live,
    store: Store,
    tail: Tail,
}

impl LiveReader {
    /// Reads until it is told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while let Some(tailed) = stop.run_until_cancelled(self.tail.next()).await {
            match tailed {
                Tailed::Entries(entries) => entries.iter().for_each(|entry| self.tell(entry)),
                Tailed::NewEpoch | Tailed::Lost { .. } => {
                    if !self.reload(&stop).await {
                        return;
                    }
                }
            }
        }
    }

    /// Begins anew from what the store holds, when the log cannot lead there. Screens notice by
    /// the epoch, or by the gap in sequence, and take a new snapshot.
    async fn reload(&mut self, stop: &CancellationToken) -> bool {
        loop {
            let read = async {
                Ok::<_, StoreError>((self.store.head().await?, self.store.stock().await?))
            };
            match stop.run_until_cancelled(read).await {
                None => return false,
                Some(Ok((head, levels))) => {
                    self.live.change_stock(|stock| *stock = levels);
                    self.tail = Tail::new(self.store.clone(), head.epoch, head.seq);
                    let position = Position {
                        epoch: head.epoch,
                        seq: head.seq,
                    };
                    self.live.position.send_replace(position);
                    let none = LiveEvent {
                        epoch: head.epoch,
                        seq: head.seq,
                        frames: Vec::new(),
                    };
                    // Nobody listening is fine.
                    let _listeners = self.live.events.send(Arc::new(none));
                    return true;
                }
                Some(Err(_)) => tokio::time::sleep(std::time::Duration::from_millis(200)).await,
            }
        }
    }

    fn tell(&self, entry: &LogEntry) {
        let epoch = self.tail.epoch();
        let told = Told::read(entry);
        if !told.stock.is_empty() {
            self.live.change_stock(|levels| {
                for change in &told.stock {
                    let level = StockLevel {
                        on_hand: change.on_hand,
                        suspended: change.suspended,
                    };
                    levels.insert(change.sku.clone(), level);
                }
            });
        }
        let (seq, frames) = (entry.seq, told.frames);
        // The place first: who begins to listen after the event was sent then finds it there.
        self.live.position.send_replace(Position { epoch, seq });
        let event = LiveEvent { epoch, seq, frames };
        let _listeners = self.live.events.send(Arc::new(event));
    }
}
