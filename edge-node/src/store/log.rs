//! The site log in the store: reading it, cursors, epochs, retention.

use std::time::Duration;

use redis::streams::{StreamRangeReply, StreamReadReply};
use sunakku_common::chain::Chain;
use sunakku_common::event::cause;
use sunakku_common::ids::Epoch;

use super::entry::{LogEntry, entries};
use super::{Operation, Store, StoreError};

/// Where the log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which life of the store.
    pub epoch: Epoch,
    /// The last sequence.
    pub seq: u64,
    /// What the entries take in memory, about.
    pub bytes: u64,
}

/// A place in the log from which the chain can be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The last sequence before the first entry that is kept.
    pub seq: u64,
    /// The chain's value there.
    pub chain: Chain,
}

/// How far the hub has committed.
pub type HubCursor = Anchor;

impl Store {
    /// Where the log stands; `Unborn` when the store has no epoch, `SetBack` when it holds less
    /// than was seen of it.
    pub async fn head(&self) -> Result<Head, StoreError> {
        // Looked up before the question is sent: meanwhile more may be seen.
        let seen = self.inner.life.seen();
        let head = self.read_head().await?;
        if !seen.is_whole_at(head) {
            return Err(StoreError::SetBack);
        }
        self.inner.life.note_seq(head.epoch, head.seq);
        Ok(head)
    }

    pub(super) async fn read_head(&self) -> Result<Head, StoreError> {
        let mut command = redis::cmd("HMGET");
        command
            .arg(self.keys().meta())
            .arg("epoch")
            .arg("seq")
            .arg("bytes");
        let found: (Option<String>, Option<u64>, Option<u64>) =
            command.query_async(&mut self.connection()).await?;
        match found {
            (Some(epoch), Some(seq), bytes) => {
                let epoch = epoch.parse();
                let epoch = epoch.map_err(|_| StoreError::Unreadable("the epoch".to_owned()))?;
                Ok(Head {
                    epoch,
                    seq,
                    bytes: bytes.unwrap_or(0),
                })
            }
            _ => Err(StoreError::Unborn),
        }
    }

    /// Entries from a sequence on, at most `limit`.
    pub async fn log_from(&self, seq: u64, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        let mut command = redis::cmd("XRANGE");
        command
            .arg(self.keys().log())
            .arg(format!("{seq}-0"))
            .arg("+");
        command.arg("COUNT").arg(limit);
        let found: StreamRangeReply = command.query_async(&mut self.connection()).await?;
        Ok(entries(found.ids))
    }

    /// Entries before a sequence, the newest first; at most `limit`.
    pub async fn log_before(&self, seq: u64, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        let mut command = redis::cmd("XREVRANGE");
        command.arg(self.keys().log()).arg(format!("({seq}-0"));
        command.arg("-").arg("COUNT").arg(limit);
        let found: StreamRangeReply = command.query_async(&mut self.connection()).await?;
        Ok(entries(found.ids))
    }

    /// Waits on `connection` for entries after a sequence, at most `limit`; empty when none came.
    pub(super) async fn wait_for_entries(
        &self,
        connection: &mut redis::aio::MultiplexedConnection,
        after: u64,
        limit: usize,
        block: Duration,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let mut command = redis::cmd("XREAD");
        command
            .arg("COUNT")
            .arg(limit)
            .arg("BLOCK")
            .arg(block.as_millis() as u64);
        command
            .arg("STREAMS")
            .arg(self.keys().log())
            .arg(format!("{after}-0"));
        let found: Option<StreamReadReply> = command.query_async(connection).await?;
        let streams = found.map(|reply| reply.keys).unwrap_or_default();
        Ok(streams
            .into_iter()
            .flat_map(|stream| entries(stream.ids))
            .collect())
    }

    /// The last place whose chain is known without any entry before it.
    pub async fn anchor(&self) -> Result<Anchor, StoreError> {
        let mut command = redis::cmd("HMGET");
        command
            .arg(self.keys().meta())
            .arg("epoch")
            .arg("anchor_seq")
            .arg("anchor_chain");
        let (epoch, seq, chain): (Option<String>, Option<u64>, Option<String>) =
            command.query_async(&mut self.connection()).await?;
        let epoch = epoch
            .and_then(|epoch| epoch.parse().ok())
            .ok_or(StoreError::Unborn)?;
        let chain = chain.and_then(|chain| chain.parse().ok());
        Ok(match (seq, chain) {
            (Some(seq), Some(chain)) => Anchor { seq, chain },
            _ => Anchor {
                seq: 0,
                chain: Chain::genesis(self.site(), epoch),
            },
        })
    }

    /// How far the hub has committed the present epoch; `None` when it never answered.
    pub async fn hub_cursor(&self) -> Result<Option<HubCursor>, StoreError> {
        let present = *self.epoch().borrow();
        self.hub_cursor_in(present).await
    }

    pub(super) async fn hub_cursor_in(
        &self,
        wanted: Epoch,
    ) -> Result<Option<HubCursor>, StoreError> {
        let mut command = redis::cmd("HMGET");
        command
            .arg(self.keys().cursor("hub"))
            .arg("epoch")
            .arg("seq")
            .arg("chain");
        let (epoch, seq, chain): (Option<String>, Option<u64>, Option<String>) =
            command.query_async(&mut self.connection()).await?;
        let epoch: Option<Epoch> = epoch.and_then(|epoch| epoch.parse().ok());
        let chain: Option<Chain> = chain.and_then(|chain| chain.parse().ok());
        Ok(match (epoch, seq, chain) {
            (Some(epoch), Some(seq), Some(chain)) if epoch == wanted => {
                Some(HubCursor { seq, chain })
            }
            _ => None,
        })
    }

    /// Notes how far the hub has committed.
    pub async fn save_hub_cursor(&self, epoch: Epoch, cursor: HubCursor) -> Result<(), StoreError> {
        let mut command = redis::cmd("HSET");
        command
            .arg(self.keys().cursor("hub"))
            .arg("epoch")
            .arg(epoch.to_string());
        command
            .arg("seq")
            .arg(cursor.seq)
            .arg("chain")
            .arg(cursor.chain.to_string());
        Ok(command.query_async::<()>(&mut self.connection()).await?)
    }

    /// The epoch and sequence up to which a reader has come; `None` before its first note.
    pub(crate) async fn cursor_of(&self, reader: &str) -> Result<Option<(Epoch, u64)>, StoreError> {
        let mut command = redis::cmd("HMGET");
        command
            .arg(self.keys().cursor(reader))
            .arg("epoch")
            .arg("seq");
        let (epoch, seq): (Option<String>, Option<u64>) =
            command.query_async(&mut self.connection()).await?;
        let epoch = epoch.and_then(|epoch| epoch.parse().ok());
        Ok(epoch.zip(seq))
    }

    /// Takes note of how far a reader has come.
    pub(crate) async fn save_cursor_of(
        &self,
        reader: &str,
        epoch: Epoch,
        seq: u64,
    ) -> Result<(), StoreError> {
        let mut command = redis::cmd("HSET");
        command.arg(self.keys().cursor(reader));
        command
            .arg("epoch")
            .arg(epoch.to_string())
            .arg("seq")
            .arg(seq);
        Ok(command.exec_async(&mut self.connection()).await?)
    }

    /// How far the queue has been given the log of the present epoch.
    pub async fn work_cursor(&self, epoch: Epoch) -> Result<u64, StoreError> {
        let noted = self.cursor_of("work").await?;
        let same = noted.filter(|(noted, _)| *noted == epoch);
        Ok(same.map_or(0, |(_, seq)| seq))
    }

    /// Notes how far the queue has been given the log.
    pub async fn save_work_cursor(&self, epoch: Epoch, seq: u64) -> Result<(), StoreError> {
        self.save_cursor_of("work", epoch, seq).await
    }

    /// Forgets the log up to a sequence; `chain` is the chain's value after it.
    pub async fn trim_log(&self, epoch: Epoch, last: Anchor) -> Result<u64, StoreError> {
        let args = [
            epoch.to_string(),
            last.seq.to_string(),
            last.chain.to_string(),
        ];
        let script = &self.inner.scripts.trim_log;
        let reply = self
            .run(
                script,
                &Operation::system("edge", cause::UPKEEP),
                &[],
                &args,
            )
            .await?;
        Ok(reply
            .rest
            .first()
            .and_then(|count| count.parse().ok())
            .unwrap_or(0))
    }
}
